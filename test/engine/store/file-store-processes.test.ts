// Several processes on one directory, and processes that die by SIGKILL in the middle of what they do.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/engine/base/clock.ts';
import { silentLogger } from '../../../src/engine/base/logger.ts';
import { systemRandom } from '../../../src/engine/base/random.ts';
import { openFileStore } from '../../../src/engine/store/file-store.ts';
import { nodeFileSystem } from '../../../src/engine/store/node-file-system.ts';
import type { ObjectStore } from '../../../src/engine/store/object-store.ts';

const program = join(import.meta.dirname, 'store-writer-process.ts');
let directory: string;
let store: ObjectStore;
const children = new Set<ChildProcess>();

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'file-store-'));
  const deps = { clock: systemClock, random: systemRandom, logger: silentLogger };
  store = await openFileStore({ ...deps, directory, fileSystem: nodeFileSystem(deps.clock) });
});

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  await store[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

function start(task: string, number: number) {
  const child = spawn(process.execPath, [program, directory, task, String(number)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.add(child);
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout });
  reader.on('line', (line) => lines.push(line));
  const ended = Promise.all([once(child, 'exit'), once(reader, 'close')]).then(([[code]]) => {
    children.delete(child);
    return code as number | null;
  });
  return { child, lines, ended, reader };
}

describe('several processes on one directory', () => {
  it('create each object once', async () => {
    const racers = [1, 2, 3].map((number) => start('create', number));
    expect(await Promise.all(racers.map(({ ended }) => ended))).toEqual([0, 0, 0]);
    const wins = racers.flatMap(({ lines }, index) =>
      lines.map((line) => [line.replace('won ', ''), String(index + 1)] as const),
    );
    expect(wins.length).toBe(50);
    expect(new Set(wins.map(([key]) => key)).size).toBe(50);
    for (const [key, winner] of wins) expect((await store.get(key)).bytes.toString()).toBe(winner);
  });

  it('lose no update when they compare and swap', async () => {
    await store.put('counter', [Buffer.from('0')]);
    const writers = [1, 2, 3].map((number) => start('increment', number));
    expect(await Promise.all(writers.map(({ ended }) => ended))).toEqual([0, 0, 0]);
    expect((await store.get('counter')).bytes.toString()).toBe('75');
  });
});

describe('processes that are killed', () => {
  it('leave whole objects, everything they had an answer for, and no lock', async () => {
    for (let round = 1; round <= 8; round++) {
      const pair = [start('churn', round * 2), start('churn', round * 2 + 1)];
      await Promise.all(pair.map(({ reader }) => once(reader, 'line')));
      // Anywhere in the work of the next few milliseconds.
      const delayMs = Math.random() * 40;
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      for (const { child } of pair) child.kill('SIGKILL');
      await Promise.all(pair.map(({ ended }) => ended));
      for (const line of pair.flatMap(({ lines }) => lines)) {
        const [key, value] = line.split(' ') as [string, string];
        expect((await store.get(key)).bytes.equals(Buffer.alloc(300_000, Number(value) % 251))).toBe(true);
      }
      for await (const { key, sizeBytes } of store.list({ prefix: '' })) {
        const { bytes } = await store.get(key);
        expect(bytes.length).toBe(sizeBytes);
        expect(bytes.equals(Buffer.alloc(bytes.length, bytes[0]))).toBe(true);
      }
      // Replacing takes the lock, which died with its holder.
      await store.put('replaced', [Buffer.alloc(4, 'm')]);
    }
  });
});
