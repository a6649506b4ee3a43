// Every acknowledged record is found, live and in the bucket alone, after any of many random histories (write-path-history.ts):
// over a store in memory, and over the file store on a file system that loses at a crash what was not flushed.
//
// CLOUDTOPICS_HISTORIES sets how many of each kind, CLOUDTOPICS_FIRST_SEED where they begin; a failure names its seed.

import { describe, expect, it } from 'vitest';
import { hasCode } from '../../../src/engine/base/errors.ts';
import type { FileSystem, OpenDirectory, OpenFile } from '../../../src/engine/store/file-system.ts';
import { runHistory } from './write-path-history.ts';
import type { WorldOptions } from './write-path-world.ts';

const histories = Number(process.env['CLOUDTOPICS_HISTORIES'] ?? 60);
const firstSeed = Number(process.env['CLOUDTOPICS_FIRST_SEED'] ?? 1);

async function runAll(options: WorldOptions) {
  const told = { acked: 0, crashes: 0, operations: 0 };
  for (let seed = firstSeed; seed < firstSeed + histories; seed++) {
    try {
      const { acked, crashes, operations } = await runHistory(seed, options);
      told.acked += acked;
      told.crashes += crashes;
      told.operations += operations;
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
  return told;
}

/** How the first history ends that loses something. */
async function firstLoss(options: WorldOptions): Promise<Error | undefined> {
  for (let seed = 1; seed <= 200; seed++) {
    try {
      await runHistory(seed, options);
    } catch (error) {
      return error as Error;
    }
  }
  return undefined;
}

describe('acked-in-bucket', () => {
  it(`holds over ${histories} random histories`, { timeout: 3_600_000 }, async () => {
    const told = await runAll({ store: 'memory' });
    expect(told.acked).toBeGreaterThan(histories * 20);
  });

  it(`holds over ${histories} random histories with power failures`, { timeout: 3_600_000 }, async () => {
    const told = await runAll({ store: 'files' });
    expect(told.acked).toBeGreaterThan(histories * 20);
    expect(told.crashes).toBeGreaterThan(histories * 2);
    expect(told.operations).toBeGreaterThan(histories * 500);
  });
});

describe('a file store that', () => {
  const without = (lost: { file?: keyof OpenFile; directory?: keyof OpenDirectory }) => (inner: FileSystem) =>
    overridden(inner, {
      create: async (path: string) => {
        const file = await inner.create(path);
        return lost.file === undefined ? file : overridden(file, { [lost.file]: async () => {} });
      },
      openDirectory: async (path: string) => {
        const directory = await inner.openDirectory(path);
        return lost.directory === undefined ? directory : overridden(directory, { [lost.directory]: async () => {} });
      },
    });

  it.each([
    ['does not flush its files', { file: 'flushData' }],
    ['does not flush its directories', { directory: 'flush' }],
  ] as const)('%s is caught', async (_, lost) => {
    const loss = await firstLoss({ store: 'files', weaken: without(lost) });
    // An acknowledged record is not where it was, or what is there is not whole.
    if (!hasCode(loss, 'corrupt-object', 'object-not-found')) expect(loss?.name).toBe('AssertionError');
  });
});

function overridden<T extends object>(target: T, overrides: Partial<T>): T {
  return new Proxy(target, {
    get: (_, name) => {
      const value: unknown = Reflect.get(overrides, name) ?? Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
