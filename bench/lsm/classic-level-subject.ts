// LevelDB in C++ through classic-level: the fast sync reads, `nextv` for scans.

import { join } from 'node:path';
import { loadPeer } from './load-peer.ts';
import { type BenchRow, type LsmSubject, type SubjectOptions, type Timing, timed, timedAsync } from './subject.ts';

interface LevelIterator {
  nextv(size: number): Promise<[string, Buffer][]>;
  seek(target: string): void;
  next(): Promise<[string, Buffer] | undefined>;
  close(): Promise<void>;
}

interface Level {
  open(): Promise<void>;
  close(): Promise<void>;
  batch(operations: readonly object[], options: { sync: boolean }): Promise<void>;
  getSync(key: string): Buffer | undefined;
  getMany(keys: readonly string[]): Promise<(Buffer | undefined)[]>;
  iterator(options?: { reverse: boolean }): LevelIterator;
  compactRange(start: string, end: string): Promise<void>;
}

interface ClassicLevel {
  readonly ClassicLevel: new (directory: string, options: object) => Level;
}

const rowsPerStep = 1000;

export async function openClassicLevel(options: SubjectOptions): Promise<LsmSubject> {
  const { ClassicLevel } = await loadPeer<ClassicLevel>('classic-level');
  const open = async (): Promise<Level> => {
    const level = new ClassicLevel(join(options.directory, 'level'), {
      keyEncoding: 'utf8',
      valueEncoding: 'buffer',
      cacheSize: options.cacheBytes,
      writeBufferSize: 16 * 1024 * 1024,
    });
    await level.open();
    return level;
  };
  let level = await open();
  return {
    async write(rows: readonly BenchRow[]): Promise<void> {
      await level.batch(
        rows.map(({ key, value }) => ({ type: 'put', key, value })),
        { sync: options.durable },
      );
    },
    settle: () => Promise.resolve(),
    compact: () => level.compactRange('', '~'),
    async reopen(): Promise<number> {
      await level.close();
      const began = performance.now();
      level = await open();
      return performance.now() - began;
    },
    async readRandom(keys: readonly string[], timing: Timing): Promise<number> {
      let found = 0;
      timed(keys, timing, (key) => {
        if (level.getSync(key) !== undefined) found++;
      });
      return found;
    },
    async readMany(keys, batch, { latenciesMs }): Promise<number> {
      let found = 0;
      for (let at = 0; at < keys.length; at += batch) {
        const began = performance.now();
        for (const value of await level.getMany(keys.slice(at, at + batch))) if (value !== undefined) found++;
        latenciesMs[at / batch] = performance.now() - began;
      }
      return found;
    },
    async scan(reverse: boolean): Promise<number> {
      let rows = 0;
      const iterator = level.iterator({ reverse });
      for (;;) {
        const some = await iterator.nextv(rowsPerStep);
        if (some.length === 0) break;
        rows += some.length;
      }
      await iterator.close();
      return rows;
    },
    async seekRandom(keys: readonly string[], timing: Timing): Promise<number> {
      let found = 0;
      const iterator = level.iterator();
      await timedAsync(keys, timing, async (key) => {
        iterator.seek(key);
        if ((await iterator.next()) !== undefined) found++;
      });
      await iterator.close();
      return found;
    },
    close: () => level.close(),
  };
}
