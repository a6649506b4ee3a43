import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { VirtualClock } from '../../../src/engine/base/virtual-clock.ts';
import { lockDataDirectory } from '../../../src/engine/replicated-log/data-directory-lock.ts';
import { Child } from './child-process.ts';

async function scratch(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'cloudtopics-lock-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  return join(root, 'data');
}

function lockInChild(directory: string): Child {
  const child = new Child('lock-child.ts', [directory]);
  onTestFinished(() => child.kill());
  return child;
}

it('refuses a second process while the first lives, and names it', async () => {
  const directory = await scratch();
  const first = lockInChild(directory);
  expect(await first.line()).toBe('locked');
  const second = lockInChild(directory);
  const answer = await second.line();
  expect(answer).toContain(`refused ${directory} is used by process ${first.process.pid}, which started at 20`);
  await expect(lockDataDirectory(directory, new VirtualClock())).rejects.toMatchObject({
    code: 'directory-locked',
    context: { directory, pid: first.process.pid },
  });
});

it('is free at once when its holder is killed', async () => {
  const directory = await scratch();
  for (let round = 0; round < 3; round++) {
    const holder = lockInChild(directory);
    expect(await holder.line()).toBe('locked');
    await holder.kill();
  }
  using lock = await lockDataDirectory(directory, new VirtualClock());
  expect(lock.directory).toBe(directory);
});

it('is free when its holder lets go, and prints nothing', async () => {
  const directory = await scratch();
  const holder = lockInChild(directory);
  expect(await holder.line()).toBe('locked');
  holder.process.stdin?.end();
  expect(await holder.line()).toBe('released');
  await holder.exited;
  expect(holder.stderr).toBe('');
  const next = lockInChild(directory);
  expect(await next.line()).toBe('locked');
});

it('lasts as long as the process, also when nobody holds on to it', async () => {
  const directory = await scratch();
  const holder = new Child('lock-dropping-child.ts', [directory]);
  onTestFinished(() => holder.kill());
  expect(await holder.line()).toBe('locked');
  expect(await lockInChild(directory).line()).toContain('refused');
});

it('refuses a second lock in the same process, and keeps the first', async () => {
  const directory = await scratch();
  const lock = await lockDataDirectory(directory, new VirtualClock());
  await expect(lockDataDirectory(directory, new VirtualClock())).rejects.toMatchObject({ code: 'directory-locked' });
  expect(await lockInChild(directory).line()).toContain('refused');
  lock[Symbol.dispose]();
  lock[Symbol.dispose]();
  (await lockDataDirectory(directory, new VirtualClock()))[Symbol.dispose]();
});

it('locks two directories apart from each other', async () => {
  const clock = new VirtualClock();
  using left = await lockDataDirectory(await scratch(), clock);
  using right = await lockDataDirectory(await scratch(), clock);
  expect(left.directory).not.toBe(right.directory);
});
