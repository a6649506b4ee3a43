// Merging tables down in the background: what it leads to, and what it does with tables that cannot be read.

import { describe, expect, test } from 'vitest';
import { EngineError } from '../../../../src/engine/base/errors.ts';
import { tableKey } from '../../../../src/engine/lsm/core/table-name.ts';
import type { ManifestRef } from '../../../../src/engine/lsm/manifest/manifest.ts';
import type { TableInfo } from '../../../../src/engine/lsm/sst/table-info.ts';
import { prefix } from './crashing-process.ts';
import { openStoreUnderTest, type StoreUnderTest, settle } from './store-under-test.ts';

/** One table of level 0 per call. */
async function flushed(store: StoreUnderTest, rows: Readonly<Record<string, string>>): Promise<void> {
  store.write(rows);
  await store.lsm.flush();
}

const shape = (store: StoreUnderTest): number[] => store.lsm.stats().levels.map(({ tables }) => tables);
const allTables = (store: StoreUnderTest): readonly TableInfo[] => store.lsm.manifest?.levels.flat() ?? [];
const keyOf = ({ name }: TableInfo): string => tableKey(prefix, name);

describe('in the background', () => {
  test('tables of level 0 are merged down at the trigger, in one edit', async () => {
    await using store = await openStoreUnderTest({ rules: { level0Trigger: 3 } });
    await flushed(store, { a: '1', m: '1' });
    await flushed(store, { b: '1', m: '' });
    expect(shape(store)).toEqual([2]);
    await flushed(store, { c: '1', a: '2' });
    await settle();
    expect(shape(store)).toEqual([0, 1]);
    expect(store.lsm.stats().levels[1]).toMatchObject({ entries: 3 });
    expect(store.recorded.map(({ coveredIndex }) => coveredIndex)).toEqual([1, 2, 3, 3]);
    expect(store.lsm.stats().counters).toMatchObject({ compactions: 1, trivialMoves: 0 });
    expect(await Promise.all(['a', 'b', 'c', 'm'].map((key) => store.text(key)))).toEqual(['2', '1', '1', undefined]);
  });

  test('keys that come in order only move down: nothing is written twice', async () => {
    await using store = await openStoreUnderTest({ rules: { level0Trigger: 1, level0Slowdown: 4 } });
    for (let at = 100; at < 160; at++) {
      await flushed(store, { [`row${at}`]: 'x'.repeat(200) });
      await settle(5);
    }
    const { compactions, trivialMoves } = store.lsm.stats().counters;
    expect(compactions).toBe(0);
    expect(trivialMoves).toBeGreaterThan(100);
    expect(store.bucket.putsOf('sst')).toHaveLength(60);
    expect(await store.text('row123')).toBe('x'.repeat(200));
  });

  test('nothing is deleted from the bucket, and readers keep the tables that they stand in', async () => {
    await using store = await openStoreUnderTest({ rules: { level0Trigger: 2 } });
    await flushed(store, { a: 'old', b: 'old' });
    using iterator = store.lsm.iterator();
    await flushed(store, { a: 'new', b: '' });
    await settle();
    expect(shape(store)).toEqual([0, 1]);
    await iterator.first();
    expect([iterator.key, String(iterator.value())]).toEqual(['a', 'old']);
    await iterator.next();
    expect([iterator.key, String(iterator.value())]).toEqual(['b', 'old']);
    expect(store.bucket.putsOf('sst')).toHaveLength(3);
    for (const key of store.bucket.putsOf('sst')) expect(await store.bucket.head(key)).toBeDefined();
  });

  test('inputs that cannot be read for now are merged later', async () => {
    await using store = await openStoreUnderTest({ rules: { level0Trigger: 2 } });
    await flushed(store, { a: '1' });
    await settle();
    store.bucket.beforeGet = () => Promise.reject(new EngineError('store-unavailable', 'down'));
    store.write({ a: '2' });
    await expect(store.lsm.flush()).rejects.toMatchObject({ code: 'store-unavailable' });
    await store.clock.advance(3000);
    expect(store.lsm.coveredIndex).toBe(1);
    store.bucket.beforeGet = () => undefined;
    await store.clock.advance(10_000);
    expect(store.lsm.coveredIndex).toBe(2);
    expect(shape(store)).toEqual([0, 1]);
    expect(store.gaveUp).toEqual([]);
  });
});

describe('a full compaction', () => {
  test('leaves one level, and no tombstones', async () => {
    await using store = await openStoreUnderTest();
    for (let at = 0; at < 300; at++) {
      for (let wait = store.lsm.room(); wait !== undefined; wait = store.lsm.room()) await wait;
      store.write({ [`row${at % 97}`]: at % 3 === 0 ? '' : `${at}`, [`gone${at}`]: 'x' });
      store.write({ [`gone${at}`]: '' });
      await store.clock.advance(100);
    }
    await store.lsm.compact();
    expect(shape(store).filter((tables) => tables > 0)).toHaveLength(1);
    expect(allTables(store).reduce((sum, { tombstones }) => sum + tombstones, 0)).toBe(0);
    const rows: string[] = [];
    using iterator = store.lsm.iterator();
    for (await iterator.first(); iterator.valid; await iterator.next()) rows.push(iterator.key);
    expect(store.lsm.stats().levels.at(-1)?.entries).toBe(rows.length);
    expect(store.lsm.stats().memtable.rows).toBe(0);
  });

  test('keeps what a snapshot reads, and drops it the next time', async () => {
    await using store = await openStoreUnderTest();
    await flushed(store, { a: 'old', b: 'old' });
    const snapshot = store.lsm.snapshot();
    await flushed(store, { a: 'new', b: '' });
    await store.lsm.compact();
    expect(store.lsm.stats().levels.at(-1)).toMatchObject({ entries: 4 });
    expect(String(await store.lsm.get('b', snapshot))).toBe('old');
    snapshot[Symbol.dispose]();
    await store.lsm.compact();
    expect(store.lsm.stats().levels.at(-1)).toMatchObject({ entries: 1 });
    expect([await store.text('a'), await store.text('b')]).toEqual(['new', undefined]);
  });

  test('an empty store has nothing to do', async () => {
    await using store = await openStoreUnderTest();
    await store.lsm.compact();
    expect(store.bucket.puts).toEqual([]);
  });
});

describe('a damaged table', () => {
  const rules = { level0Trigger: 2, level0Slowdown: 4, level0Stop: 5 };

  /** The bucket of a process whose only table was damaged since, and that table as it was. */
  async function damagedBucket(rows: Readonly<Record<string, string>>, level0Trigger: number) {
    await using store = await openStoreUnderTest({ rules: { ...rules, level0Trigger } });
    await flushed(store, rows);
    await settle();
    const [table] = allTables(store) as [TableInfo];
    const { bytes } = await store.bucket.get(keyOf(table));
    const whole = Buffer.from(bytes);
    const damaged = Buffer.from(bytes);
    damaged[20] = (damaged[20] as number) ^ 0xff;
    await store.bucket.put(keyOf(table), [damaged]);
    const manifest = store.recorded.at(-1)?.ref as ManifestRef;
    return { bucket: store.bucket, manifest, mend: () => store.bucket.put(keyOf(table), [whole]) };
  }

  test('is merged no more, said once; reads and writes go on until level 0 is full', async () => {
    const { bucket, manifest, mend } = await damagedBucket({ a: '1', z: '1' }, 2);
    await using store = await openStoreUnderTest({ bucket, manifest, term: 2, rules });
    for (let at = 0; at < 4; at++) {
      expect(store.lsm.room()).toBeUndefined();
      await flushed(store, { [`row${at}`]: '1', [`row${at + 1}`]: '1' });
      await store.clock.advance(1000);
    }
    const errors = store.logged.filter(({ level }) => level === 'error');
    expect(errors.map(({ message }) => message)).toEqual(['tables cannot be merged any more: one of them is damaged']);
    expect(store.gaveUp).toEqual([]);
    expect(await store.text('row2')).toBe('1');
    await expect(store.text('a')).rejects.toMatchObject({ code: 'corrupt-object' });
    // What overlaps the damaged table waits with it.
    expect(shape(store)).toEqual([5]);
    await expect(store.lsm.room()).rejects.toMatchObject({ code: 'corrupt-object' });
    await expect(store.lsm.compact()).rejects.toMatchObject({ code: 'corrupt-object' });

    // Somebody puts the object right, and asks for a compaction.
    await mend();
    await store.lsm.compact();
    expect(store.lsm.room()).toBeUndefined();
    expect(shape(store)).toEqual([0, 1]);
    expect(await store.text('a')).toBe('1');
  });

  test('does not keep other tables from being merged', async () => {
    const { bucket, manifest } = await damagedBucket({ a: '1' }, 1);
    await using store = await openStoreUnderTest({ bucket, manifest, term: 2, rules: { ...rules, level0Trigger: 1 } });
    expect(shape(store)).toEqual([0, 1]);
    for (const key of ['a', 'm', 'n', 'o']) {
      await flushed(store, { [key]: '2' });
      await settle();
    }
    expect(shape(store)).toEqual([1, 4]);
    expect(await store.text('a')).toBe('2');
    expect(store.lsm.room()).toBeUndefined();
    expect(store.lsm.stats().counters.trivialMoves).toBe(3);
  });
});
