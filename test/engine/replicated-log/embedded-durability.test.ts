// The embedded log against processes that die, disks that are full and flushes that fail. SIGKILL alone shows only that
// nothing acknowledged is still in the process; that it is on the disk is shown by the system calls, and by strace failing them.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemRandom } from '../../../src/engine/base/random.ts';
import { openEmbeddedLog } from '../../../src/engine/replicated-log/embedded-log.ts';
import { Child } from './child-process.ts';

const strace = spawnSync('strace', ['-f', '-o', '/dev/null', 'true']).status === 0;
const straceMissing = strace ? '' : ' (skipped: strace is not installed or may not trace)';

async function scratch(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'cloudtopics-durability-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  return root;
}

function start(directory: string, args: readonly string[], wrapper?: readonly string[]): Child {
  const child = new Child('log-writer-child.ts', [directory, ...args], wrapper);
  onTestFinished(() => child.kill());
  return child;
}

async function openHere(directory: string) {
  return openEmbeddedLog({
    directory,
    random: systemRandom,
    onFatal: (error) => {
      throw error;
    },
  });
}

it('keeps every acknowledged entry, in order, once, through rounds of SIGKILL', async () => {
  const directory = join(await scratch(), 'log');
  const acknowledged = new Map([
    ['a', 0],
    ['b', 0],
    ['c', 0],
  ]);
  for (let round = 1; round <= 4; round++) {
    const child = start(directory, ['0']);
    const lines: string[] = [];
    while (lines.length < 3 + 40 * round) lines.push((await child.line()) ?? 'ended');
    child.process.kill('SIGKILL');
    lines.push(...(await child.rest()));
    await child.exited;
    for (const line of lines) {
      const [word, group = '', number = '', end = ''] = line.split(' ');
      if (word === 'open') {
        expect(Number(number)).toBe(round);
        expect(Number(end)).toBeGreaterThanOrEqual(acknowledged.get(group) as number);
      } else {
        expect(word).toBe('ack');
        acknowledged.set(group, Number(number));
      }
    }
  }
  await using log = await openHere(directory);
  for (const [group, end] of acknowledged) {
    const entries = await log.read(group, 1, 1 << 30);
    expect(entries.length).toBeGreaterThanOrEqual(end);
    for (const [at, entry] of entries.entries()) {
      expect(entry.index).toBe(at + 1);
      expect(entry.bytes.toString()).toBe(Buffer.alloc(100, `${group}/${at + 1};`).toString());
    }
  }
}, 60_000);

describe(`watching the system calls${straceMissing}`, () => {
  it.skipIf(!strace)('flushes data and root page before each acknowledgement is written', async () => {
    const root = await scratch();
    const trace = join(root, 'trace');
    const calls = 'trace=fdatasync,msync,fsync,write,writev,pwrite64,pwritev,openat';
    const child = start(join(root, 'log'), ['20'], ['strace', '-f', '-e', calls, '-o', trace]);
    await child.rest();
    expect(await child.exited).toMatchObject({ code: 0 });

    // Each line is seen when its call has returned; one that was interrupted by another thread ends in "… resumed>".
    let rootDescriptor: string | undefined;
    const opened = new Map<string, string>();
    const unfinished = new Map<string, string>();
    let state: 'nothing' | 'flushed' | 'rooted' = 'nothing';
    /** Groups acknowledged since the last root page: a second acknowledgement needs a commit of its own. */
    const answered = new Set<string>();
    let acknowledgements = 0;
    for (const line of readFileSync(trace, 'utf8').split('\n')) {
      const [, thread = '', rest = ''] = /^(\d+)\s+(.*)$/.exec(line) ?? [];
      if (rest.endsWith('<unfinished ...>')) {
        unfinished.set(thread, rest.replace(' <unfinished ...>', ''));
        continue;
      }
      const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest);
      const call = resumed === null ? rest : `${unfinished.get(thread)}${resumed[1]}`;
      const open = /^openat\(.*data\.mdb", ([A-Z_|]+).* = (\d+)$/.exec(call);
      if (open !== null) {
        opened.set(open[2] as string, open[1] as string);
        if ((open[1] as string).includes('O_DSYNC')) rootDescriptor = open[2];
        continue;
      }
      const done = /^(\w+)\((\d+)[,)]?.* = (-?\d+)$/.exec(call);
      if (done === null) continue;
      const [, name, descriptor = '', result] = done;
      if (name === 'fdatasync' && opened.has(descriptor) && result === '0') state = 'flushed';
      // The root page goes through a descriptor that is synchronous by itself, and only after the data was flushed.
      if (name === 'pwrite64' && descriptor === rootDescriptor && state === 'flushed') {
        state = 'rooted';
        answered.clear();
      }
      if (name === 'write' && descriptor === '1' && call.includes('"ack ')) {
        acknowledgements += 1;
        const group = /"ack (\w+)/.exec(call)?.[1] ?? '';
        expect(answered, call).not.toContain(group);
        answered.add(group);
        expect(state, call).toBe('rooted');
      }
      if (name === 'writev' || name === 'pwritev' || (name === 'pwrite64' && descriptor !== rootDescriptor)) {
        if (opened.has(descriptor)) state = 'nothing';
      }
    }
    expect(acknowledgements).toBe(60);
  });

  it.skipIf(!strace)('ends the process when a flush fails, and acknowledges nothing after it', async () => {
    const root = await scratch();
    const directory = join(root, 'log');
    const inject = ['-e', 'trace=fdatasync', '-e', 'inject=fdatasync:error=EIO:when=8'];
    const child = start(directory, ['0'], ['strace', '-f', ...inject, '-o', join(root, 'trace')]);
    const lines = await child.rest();
    expect((await child.exited).code).toBe(70);
    expect(lines.at(-1)).toMatch(/^fatal the log could not be flushed/);
    const acknowledged = lines.filter((line) => line.startsWith('ack ')).length;
    expect(acknowledged).toBeGreaterThan(0);
    await using log = await openHere(directory);
    let kept = 0;
    for (const group of ['a', 'b', 'c']) kept += (await log.read(group, 1, 1 << 30)).length;
    expect(kept).toBeGreaterThanOrEqual(acknowledged);
  });

  it.skipIf(!strace)('ends the process when the root page cannot be written', async () => {
    const root = await scratch();
    const directory = join(root, 'log');
    // The root page is the only thing written with pwrite64 that has 128 bytes; data of one page goes that way too, so the
    // call is chosen by its number and the outcome must be right whichever it hits.
    const inject = ['-e', 'trace=pwrite64', '-e', 'inject=pwrite64:error=EIO:when=20+'];
    const child = start(directory, ['0'], ['strace', '-f', ...inject, '-o', join(root, 'trace')]);
    const lines = await child.rest();
    expect((await child.exited).code).toBe(70);
    expect(lines.at(-1)).toMatch(/^fatal/);
  });

  it.skipIf(!strace)('refuses on ENOSPC, keeps its term, and goes on when there is room', async () => {
    const root = await scratch();
    const directory = join(root, 'log');
    // strace counts for each thread of the pool: the fourth write of each fails, and every ninth after it.
    const inject = ['-e', 'trace=writev,pwritev', '-e', 'inject=writev,pwritev:error=ENOSPC:when=4+9'];
    const child = start(directory, ['60', '3000'], ['strace', '-f', ...inject, '-o', join(root, 'trace')]);
    const lines: string[] = [];
    for (let line = await child.line(); line !== undefined; line = await child.line()) {
      lines.push(line);
      if (line.startsWith('refused')) child.process.stdin?.write('again\n');
    }
    expect((await child.exited).code, lines.join('\n')).toBe(0);
    expect(lines.some((line) => line.startsWith('refused') && line.includes('no room'))).toBe(true);
    expect(lines.filter((line) => line.startsWith('fenced') || line.startsWith('unknown'))).toEqual([]);
    expect(lines.at(-1)).toBe('done');
  });
});

const root = process.platform === 'linux' && process.getuid?.() === 0;

describe(`a disk that is really full${root ? '' : ' (skipped: only root can mount a small one)'}`, () => {
  it.skipIf(!root)('refuses, stays up, and goes on by itself once there is room', async (context) => {
    const path = join(tmpdir(), `cloudtopics-small-disk-${process.pid}`);
    mkdirSync(path, { recursive: true });
    onTestFinished(() => rm(path, { recursive: true, force: true }));
    const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', path]);
    if (mount.status !== 0) context.skip(`a small disk cannot be mounted here: ${mount.stderr}`);
    onTestFinished(() => void spawnSync('umount', ['-l', path]));
    const child = start(join(path, 'log'), ['0', '20000']);
    const ends = new Map<string, number>();
    const refused: string[] = [];
    while (refused.length < 3) {
      const line = (await child.line()) ?? 'ended';
      const [word = '', group = '', index = ''] = line.split(' ');
      expect(['open', 'ack', 'refused'], line).toContain(word);
      if (word === 'ack') ends.set(group, Number(index));
      if (word === 'refused') refused.push(line);
    }
    expect(refused[0]).toContain('no room on the disk');
    expect(existsSync(join(path, 'log', 'space-probe'))).toBe(false);

    child.process.stdin?.write('again\n');
    expect(await child.line()).toMatch(/^refused/);
    while (refused.length < 5) refused.push((await child.line()) ?? 'ended');
    expect(spawnSync('mount', ['-o', 'remount,size=16m', path]).status).toBe(0);
    child.process.stdin?.write('again\n');
    for (let more = 0; more < 30; more++) {
      const [word, group = '', index = ''] = ((await child.line()) ?? 'ended').split(' ');
      expect(word).toBe('ack');
      expect(Number(index)).toBe((ends.get(group) as number) + 1);
      ends.set(group, Number(index));
    }
    await child.kill();
    await using log = await openHere(join(path, 'log'));
    for (const [group, end] of ends) {
      expect((await log.read(group, 1, 1 << 30)).length).toBeGreaterThanOrEqual(end);
    }
  });
});
