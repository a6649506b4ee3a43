// SlateDB (Rust) on a directory through its Node binding. Every call is asynchronous; an iterator gives one row a call. It gathers
// writes for its flush interval before it makes them durable: 1 ms here, because batches are written one after the other.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { loadPeer } from './load-peer.ts';
import { type BenchRow, type LsmSubject, type SubjectOptions, type Timing, timedAsync } from './subject.ts';

interface SlateIterator {
  next(): Promise<{ readonly key: Uint8Array; readonly value: Uint8Array } | undefined>;
  dispose?(): void;
}

interface SlateDb {
  write_with_options(batch: object, options: { await_durable: boolean }): Promise<unknown>;
  get(key: Uint8Array): Promise<Uint8Array | undefined>;
  scan(range: object): Promise<SlateIterator>;
  scan_with_options(range: object, options: object): Promise<SlateIterator>;
  flush_with_options(options: object): Promise<void>;
  shutdown(): Promise<void>;
  dispose(): void;
}

interface SlateBatch {
  put(key: Uint8Array, value: Uint8Array): void;
}

interface SlateSettings {
  set(key: string, valueJson: string): void;
}

interface SlateBuilder {
  with_settings(settings: SlateSettings): void;
  build(): Promise<SlateDb>;
}

interface Slate {
  readonly ObjectStore: { resolve(url: string): object };
  readonly DbBuilder: new (path: string, store: object) => SlateBuilder;
  readonly Settings: { default(): SlateSettings };
  readonly WriteBatch: new () => SlateBatch;
  readonly IterationOrder: { readonly Descending: unknown };
  readonly FlushType: { readonly MemTable: unknown };
  readonly DurabilityLevel: { readonly Memory: unknown };
}

const everything = { start: undefined, start_inclusive: true, end: undefined, end_inclusive: false };

export async function openSlateDb(options: SubjectOptions): Promise<LsmSubject> {
  const slate = await loadPeer<Slate>('@slatedb/uniffi');
  const directory = join(options.directory, 'slatedb');
  await mkdir(directory, { recursive: true });
  const open = (): Promise<SlateDb> => {
    const settings = slate.Settings.default();
    settings.set('flush_interval', '"1ms"');
    const builder = new slate.DbBuilder('db', slate.ObjectStore.resolve(pathToFileURL(directory).href));
    builder.with_settings(settings);
    return builder.build();
  };
  let db = await open();
  const flush = () => db.flush_with_options({ flush_type: slate.FlushType.MemTable });
  const from = (key: string) => ({ ...everything, start: Buffer.from(key) });
  return {
    async write(rows: readonly BenchRow[]): Promise<void> {
      const batch = new slate.WriteBatch();
      for (const { key, value } of rows) batch.put(Buffer.from(key), value);
      await db.write_with_options(batch, { await_durable: options.durable });
    },
    settle: flush,
    compact: flush,
    async reopen(): Promise<number> {
      await db.shutdown();
      db.dispose();
      const began = performance.now();
      db = await open();
      return performance.now() - began;
    },
    async readRandom(keys: readonly string[], timing: Timing): Promise<number> {
      let found = 0;
      await timedAsync(keys, timing, async (key) => {
        if ((await db.get(Buffer.from(key))) !== undefined) found++;
      });
      return found;
    },
    async readMany(keys, batch, { latenciesMs }): Promise<number> {
      let found = 0;
      for (let at = 0; at < keys.length; at += batch) {
        const began = performance.now();
        const values = await Promise.all(keys.slice(at, at + batch).map((key) => db.get(Buffer.from(key))));
        for (const value of values) if (value !== undefined) found++;
        latenciesMs[at / batch] = performance.now() - began;
      }
      return found;
    },
    async scan(reverse: boolean): Promise<number> {
      let rows = 0;
      const iterator = await db.scan_with_options(everything, {
        durability_filter: slate.DurabilityLevel.Memory,
        dirty: false,
        read_ahead_bytes: 1024 * 1024,
        cache_blocks: true,
        max_fetch_tasks: 4,
        order: reverse ? slate.IterationOrder.Descending : undefined,
      });
      while ((await iterator.next()) !== undefined) rows++;
      iterator.dispose?.();
      return rows;
    },
    async seekRandom(keys: readonly string[], timing: Timing): Promise<number> {
      let found = 0;
      await timedAsync(keys, timing, async (key) => {
        const iterator = await db.scan(from(key));
        if ((await iterator.next()) !== undefined) found++;
        iterator.dispose?.();
      });
      return found;
    },
    async close(): Promise<void> {
      await db.shutdown();
      db.dispose();
    },
  };
}
