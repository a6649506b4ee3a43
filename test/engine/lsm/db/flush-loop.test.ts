// Writing memtables out: what is durable when, what is shared, and what happens when the bucket or the log refuse.

import { describe, expect, test } from 'vitest';
import type { ErrorCode } from '../../../../src/engine/base/error-table.ts';
import { EngineError } from '../../../../src/engine/base/errors.ts';
import { incarnation, term } from '../../../../src/engine/base/ids.ts';
import { nameText, tableKey } from '../../../../src/engine/lsm/core/table-name.ts';
import { prefix } from './crashing-process.ts';
import { openStoreUnderTest, settle } from './store-under-test.ts';

const error = (code: ErrorCode) => new EngineError(code, `injected ${code}`);
const tableName = (number: number) => ({ incarnation: incarnation(1), term: term(1), number });
const numberOf = (key: string): number => Number(key.slice(-16));

describe('a flush', () => {
  test('confirms, uploads tables, then the manifest, then records it, and only then resolves', async () => {
    const trace: string[] = [];
    await using store = await openStoreUnderTest({
      confirm: async () => void trace.push('confirm'),
      record: async (_, coveredIndex) => void trace.push(`record ${coveredIndex}`),
    });
    store.bucket.afterPut = (key) => void trace.push(key.includes('/sst/') ? 'table' : 'manifest');
    store.write({ a: '1', b: '2' });
    store.write({ b: '' });
    expect(store.lsm.stats()).toMatchObject({ coveredIndex: 0, appliedIndex: 2, memtable: { rows: 2 } });
    await store.lsm.flush();
    trace.push('resolved');
    expect(trace).toEqual(['confirm', 'table', 'confirm', 'manifest', 'record 2', 'resolved']);
    expect(store.lsm.coveredIndex).toBe(2);
    expect(store.lsm.stats()).toMatchObject({
      memtable: { rows: 0 },
      immutable: undefined,
      levels: [{ tables: 1, entries: 1 }],
      dirtySinceMs: undefined,
      flushedMs: store.clock.nowMs(),
      counters: { flushes: 1 },
    });
    expect([await store.text('a'), await store.text('b')]).toEqual(['1', undefined]);
  });

  test('has nothing to do in a new store, nor a second time', async () => {
    await using store = await openStoreUnderTest();
    await store.lsm.flush();
    expect(store.bucket.puts).toEqual([]);
    store.write({ a: '1' });
    await store.lsm.flush();
    const puts = store.bucket.puts.length;
    await store.lsm.flush();
    expect(store.bucket.puts).toHaveLength(puts);
  });

  test('covers entries that changed nothing, without a table', async () => {
    await using store = await openStoreUnderTest();
    store.lsm.apply({ index: 7, changes: [] });
    expect(store.lsm.stats().dirtySinceMs).toBe(store.clock.nowMs());
    await store.lsm.flush();
    expect(store.recorded.at(-1)?.coveredIndex).toBe(7);
    expect(store.bucket.putsOf('sst')).toEqual([]);
    // Nor is a tombstone worth a table when nothing below has the key.
    store.write({ a: '' });
    await store.lsm.flush();
    expect(store.recorded.at(-1)?.coveredIndex).toBe(8);
    expect(store.bucket.putsOf('sst')).toEqual([]);
  });

  test('is shared by all who ask while one is under way', async () => {
    await using store = await openStoreUnderTest();
    const held = Promise.withResolvers<void>();
    store.bucket.beforePut = () => held.promise;
    store.write({ a: '1' });
    const first = store.lsm.flush();
    await settle();
    const later = [1, 2, 3].map((number) => {
      store.write({ [`b${number}`]: 'x' });
      return store.lsm.flush();
    });
    held.resolve();
    await Promise.all([first, ...later]);
    expect(store.recorded.map(({ coveredIndex }) => coveredIndex)).toEqual([1, 4]);
    expect(store.lsm.stats().counters.flushes).toBe(2);
  });

  test('writes more than one table when one would be too large', async () => {
    await using store = await openStoreUnderTest({
      rules: { memtableBytesMax: 100_000, level0Trigger: 100, level0Slowdown: 100, level0Stop: 100 },
    });
    for (let at = 100; at < 140; at++) store.write({ [`row${at}`]: 'x'.repeat(100) });
    await store.lsm.flush();
    const level0 = store.lsm.manifest?.levels[0] ?? [];
    expect(level0.length).toBeGreaterThan(3);
    for (const { sizeBytes } of level0) expect(sizeBytes).toBeLessThan(1024 + 512);
    expect(await store.text('row123')).toBe('x'.repeat(100));
  });

  test('leaves the versions that a snapshot reads', async () => {
    await using store = await openStoreUnderTest();
    store.write({ a: 'old', b: 'old' });
    using snapshot = store.lsm.snapshot();
    store.write({ a: 'new', b: '' });
    await store.lsm.flush();
    expect(String(await store.lsm.get('a', snapshot))).toBe('old');
    expect(String(await store.lsm.get('b', snapshot))).toBe('old');
    expect([await store.text('a'), await store.text('b')]).toEqual(['new', undefined]);
  });
});

describe('a bucket that refuses for now', () => {
  test.each<ErrorCode>(['store-unavailable', 'store-timeout', 'store-conflict', 'store-denied'])(
    '%s: the flush rejects with it, stays queued, and comes through by itself',
    async (code) => {
      await using store = await openStoreUnderTest();
      const refusal = error(code);
      store.bucket.beforePut = () => Promise.reject(refusal);
      store.write({ a: '1' });
      await expect(store.lsm.flush()).rejects.toBe(refusal);
      expect(await store.text('a')).toBe('1');
      await store.clock.advance(1000);
      expect(store.lsm.coveredIndex).toBe(0);
      store.bucket.beforePut = () => undefined;
      await store.clock.advance(2000);
      expect(store.lsm.coveredIndex).toBe(1);
      expect(store.gaveUp).toEqual([]);
      expect(store.lsm.stats().counters.retries).toBeGreaterThan(3);
    },
  );

  test('a new flush does not wait for the next try', async () => {
    await using store = await openStoreUnderTest();
    store.bucket.beforePut = () => Promise.reject(error('store-unavailable'));
    store.write({ a: '1' });
    await expect(store.lsm.flush()).rejects.toMatchObject({ code: 'store-unavailable' });
    store.bucket.beforePut = () => undefined;
    await store.lsm.flush();
    expect(store.lsm.coveredIndex).toBe(1);
  });

  test('a journal that cannot confirm for now is asked again', async () => {
    let confirmations = 0;
    await using store = await openStoreUnderTest({
      confirm: async () => {
        confirmations += 1;
        if (confirmations < 3) throw error('store-timeout');
      },
    });
    store.write({ a: '1' });
    await expect(store.lsm.flush()).rejects.toMatchObject({ code: 'store-timeout' });
    await store.clock.advance(500);
    expect(store.lsm.coveredIndex).toBe(1);
  });

  test('a table whose upload has no answer is uploaded under the next name; the lost one is in no manifest', async () => {
    await using store = await openStoreUnderTest();
    let answers = 0;
    store.bucket.afterPut = (key) => {
      if (key.includes('/sst/') && answers++ === 0) throw error('store-timeout');
    };
    store.write({ a: '1' });
    await expect(store.lsm.flush()).rejects.toMatchObject({ code: 'store-timeout' });
    await store.clock.advance(100);
    expect(store.bucket.putsOf('sst').map(numberOf)).toEqual([1, 2]);
    expect(store.lsm.manifest?.levels[0]?.map(({ name }) => name.number)).toEqual([2]);
    expect(store.lsm.manifest).toMatchObject({ nextTableNumber: 3, settledTableNumber: 3 });
  });

  test('a manifest whose upload has no answer is written again under its name, and found there', async () => {
    await using store = await openStoreUnderTest();
    let answers = 0;
    store.bucket.afterPut = (key) => {
      if (key.includes('/manifest/') && answers++ === 0) throw error('store-timeout');
    };
    store.write({ a: '1' });
    await expect(store.lsm.flush()).rejects.toMatchObject({ code: 'store-timeout' });
    await store.clock.advance(100);
    expect(store.bucket.putsOf('manifest').map(numberOf)).toEqual([1, 1]);
    expect(store.recorded).toHaveLength(1);
  });
});

describe('the store gives up', () => {
  const writes = async (store: Awaited<ReturnType<typeof openStoreUnderTest>>, code: ErrorCode) => {
    store.write({ a: '1' });
    await expect(store.lsm.flush()).rejects.toMatchObject({ code });
    expect(store.gaveUp).toHaveLength(1);
    expect(store.gaveUp[0]?.code).toBe(code);
    const same = store.gaveUp[0];
    await expect(store.lsm.flush()).rejects.toBe(same);
    await expect(store.lsm.compact()).rejects.toBe(same);
    await expect(store.lsm.room()).rejects.toBe(same);
    expect(() => store.write({ b: '1' })).toThrow(same);
    expect(() => store.lsm.get('a')).toThrow(same);
    expect(() => store.lsm.iterator()).toThrow(same);
    await store.clock.advance(60_000);
    expect(store.gaveUp).toHaveLength(1);
    expect(store.recorded).toEqual([]);
  };

  test.each<ErrorCode>(['outcome-unknown', 'fenced-term', 'store-unavailable', 'bug'])(
    'when the log answers a record with %s',
    async (code) => {
      await using store = await openStoreUnderTest({ record: () => Promise.reject(error(code)) });
      await writes(store, code);
    },
  );

  test.each<ErrorCode>(['fenced-owner', 'fenced-term'])('when it is told %s before an upload', async (code) => {
    await using store = await openStoreUnderTest({ confirm: () => Promise.reject(error(code)) });
    await writes(store, code);
    expect(store.bucket.puts).toEqual([]);
  });

  test('when somebody else has taken the name of its table', async () => {
    await using store = await openStoreUnderTest();
    await store.bucket.put(tableKey(prefix, tableName(1)), [Buffer.from('foreign')]);
    await writes(store, 'precondition-failed');
    expect((await store.bucket.get(tableKey(prefix, tableName(1)))).bytes.toString()).toBe('foreign');
  });

  test('when a table that was just uploaded does not read back', async () => {
    await using store = await openStoreUnderTest();
    store.bucket.afterPut = async (key) => {
      if (!key.includes('/sst/')) return;
      const { bytes } = await store.bucket.get(key);
      const damaged = Buffer.from(bytes).fill(0xff, bytes.length - 30, bytes.length - 20);
      store.bucket.afterPut = () => undefined;
      await store.bucket.put(key, [damaged]);
    };
    await writes(store, 'corrupt-object');
  });
});

describe('memory', () => {
  test('two memtables at most: writes wait behind the second', async () => {
    await using store = await openStoreUnderTest({ rules: { memtableBytesMax: 10_000 } });
    const held = Promise.withResolvers<void>();
    store.bucket.beforePut = () => held.promise;
    let written = 0;
    for (; store.lsm.room() === undefined; written++) store.write({ [`row${written}`]: 'x'.repeat(100) });
    const { memtable, immutable } = store.lsm.stats();
    expect(memtable.bytes + (immutable?.bytes ?? 0)).toBeGreaterThan(20_000);
    expect(memtable.bytes + (immutable?.bytes ?? 0)).toBeLessThan(21_000);
    const room = store.lsm.room();
    held.resolve();
    await room;
    expect(store.lsm.stats().memtable.bytes).toBeLessThan(1000);
    for (let at = 0; at < written; at++) expect(await store.text(`row${at}`)).toBe('x'.repeat(100));
  });

  test('of tables on their way there are one being uploaded and one being built', async () => {
    await using store = await openStoreUnderTest({ rules: { memtableBytesMax: 1_000_000 } });
    for (let at = 0; at < 400; at++) store.write({ [`row${at}`]: 'x'.repeat(100) });
    store.bucket.beforePut = () => settle(3);
    await store.lsm.flush();
    await store.lsm.compact();
    expect(store.bucket.putsOf('sst').length).toBeGreaterThan(60);
    // Memtables are written out beside one compaction.
    expect(store.bucket.bytesUnderWayMost).toBeLessThan(2 * (1024 + 300));
  });
});

describe('replay', () => {
  const entries = (from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, at) => ({
      index: from + at,
      changes: [
        { key: `row${(from + at) % 50}`, value: Buffer.from(`${from + at}`) },
        { key: 'last', value: Buffer.from(`${from + at}`) },
      ],
    }));

  test('makes the entries readable, in one go', async () => {
    await using store = await openStoreUnderTest({ rules: { memtableBytesMax: 1_000_000 } });
    store.lsm.replay(entries(1, 120));
    expect(store.lsm.stats()).toMatchObject({ appliedIndex: 120, coveredIndex: 0, memtable: { rows: 51 } });
    expect([await store.text('row7'), await store.text('last')]).toEqual(['107', '120']);
    store.write({ last: 'newer' });
    expect(await store.text('last')).toBe('newer');
  });

  test('what is more than a memtable is written out right away', async () => {
    await using store = await openStoreUnderTest();
    store.lsm.replay(entries(1, 120));
    expect(store.lsm.room()).toBeUndefined();
    store.write({ last: 'newer' });
    await settle(200);
    expect(store.lsm.coveredIndex).toBe(120);
    expect([await store.text('row7'), await store.text('last')]).toEqual(['107', 'newer']);
  });

  test('entries that are out of order, or come after an apply, are refused', async () => {
    await using store = await openStoreUnderTest();
    expect(() => store.lsm.replay([...entries(3, 3), ...entries(2, 2)])).toThrow('entry 2 was applied behind entry 3');
    store.write({ a: '1' });
    expect(() => store.lsm.replay(entries(2, 3))).toThrow('before any is applied');
    expect(() => store.lsm.apply({ index: 1, changes: [] })).toThrow('entry 1 was applied behind entry 1');
  });
});

test('names say who wrote, and numbers go on over terms', async () => {
  const bucket = await (async () => {
    await using first = await openStoreUnderTest({ term: 3 });
    first.write({ a: '1' });
    await first.lsm.flush();
    return { bucket: first.bucket, ref: first.recorded[0]?.ref };
  })();
  await using second = await openStoreUnderTest({
    bucket: bucket.bucket,
    term: 5,
    ...(bucket.ref && { manifest: bucket.ref }),
  });
  second.write({ b: '1' });
  await second.lsm.flush();
  const tables = second.lsm.manifest?.levels.flat().map(({ name }) => nameText(name).slice(11));
  expect(tables).toEqual(['0000000005-0000000000000002', '0000000003-0000000000000001']);
  expect(second.lsm.stats().manifest?.name).toBe('0000000001-0000000005-0000000000000002');
});
