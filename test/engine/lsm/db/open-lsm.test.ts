// Opening and closing the writer's store, and two writers on one bucket.

import { describe, expect, test } from 'vitest';
import { EngineError } from '../../../../src/engine/base/errors.ts';
import { manifestKey } from '../../../../src/engine/lsm/core/table-name.ts';
import type { ManifestRef } from '../../../../src/engine/lsm/manifest/manifest.ts';
import { prefix } from './crashing-process.ts';
import { type JudgedBucket, openStoreUnderTest, settle } from './store-under-test.ts';

/** A bucket with a few rows, and the reference of its manifest. */
async function written(): Promise<{ bucket: JudgedBucket; ref: ManifestRef }> {
  await using store = await openStoreUnderTest();
  for (let at = 0; at < 100; at++) {
    for (let wait = store.lsm.room(); wait !== undefined; wait = store.lsm.room()) await wait;
    store.write({ [`row${at}`]: `${at}` });
    await store.clock.advance(10);
  }
  await store.lsm.flush();
  await settle();
  return { bucket: store.bucket, ref: store.recorded.at(-1)?.ref as ManifestRef };
}

describe('opening', () => {
  test('gives what was flushed, at the index that the manifest covers', async () => {
    const { bucket, ref } = await written();
    await using store = await openStoreUnderTest({ bucket, term: 2, manifest: ref });
    expect(store.lsm).toMatchObject({ appliedIndex: 100, coveredIndex: 100 });
    expect(store.lsm.stats()).toMatchObject({ dirtySinceMs: undefined, flushedMs: store.lsm.manifest?.createdMs });
    expect(await store.text('row42')).toBe('42');
    expect(bucket.putsUnderWay).toBe(0);
  });

  test('does not wait for tables; they are fetched at the same time, and the first read waits for its own', async () => {
    const { bucket, ref } = await written();
    const held = Promise.withResolvers<void>();
    const asked: string[] = [];
    bucket.beforeGet = async (key) => {
      if (!key.includes('/sst/')) return;
      asked.push(key);
      await held.promise;
    };
    await using store = await openStoreUnderTest({ bucket, term: 2, manifest: ref });
    await settle();
    const tables = store.lsm.manifest?.levels.flat().length ?? 0;
    expect(tables).toBeGreaterThan(2);
    expect(new Set(asked).size).toBe(Math.min(tables, 16));
    const read = store.text('row42');
    held.resolve();
    expect(await read).toBe('42');
  });

  test('refuses a manifest that is missing, damaged, or not the one of the log', async () => {
    const { bucket, ref } = await written();
    const key = manifestKey(prefix, ref.name);
    const open = (manifest: ManifestRef) => openStoreUnderTest({ bucket, term: 2, manifest });
    await expect(open({ ...ref, crc: ref.crc ^ 1 })).rejects.toMatchObject({ code: 'corrupt-object' });
    const { bytes } = await bucket.get(key);
    await bucket.put(key, [bytes.subarray(0, bytes.length - 5)]);
    await expect(open(ref)).rejects.toMatchObject({ code: 'corrupt-object', context: { key } });
    await bucket.deleteMany([key]);
    await expect(open(ref)).rejects.toMatchObject({ code: 'object-not-found', context: { key } });
  });

  test('refuses the manifest of a later term', async () => {
    const { bucket, ref } = await written();
    await expect(openStoreUnderTest({ bucket, term: 0, manifest: ref })).rejects.toMatchObject({ code: 'fenced-term' });
  });

  test('a missing table is told with its key by whoever reads it; what else there is can be read', async () => {
    const { bucket, ref } = await written();
    const [key] = bucket.putsOf('sst').slice(-1) as [string];
    await bucket.deleteMany([key]);
    await using store = await openStoreUnderTest({ bucket, term: 2, manifest: ref });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 100 }, (_, at) => store.text(`row${at}`).then((text) => expect(text).toBe(`${at}`))),
    );
    const failed = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(failed.length).toBeGreaterThan(0);
    expect(failed.length).toBeLessThan(100);
    for (const { reason } of failed) expect(String(reason)).toContain(key);
    expect(store.gaveUp).toEqual([]);
  });

  test.each([{ level0Stop: 1 }, { level0Slowdown: 1 }, { levels: 1 }, { levelRatio: 1 }, { tableBytes: 0 }])(
    'refuses rules that contradict each other: %o',
    async (rules) => {
      await expect(openStoreUnderTest({ rules })).rejects.toMatchObject({ code: 'usage' });
    },
  );
});

describe('closing', () => {
  test('ends what is waited for, and nothing is written afterwards', async () => {
    const store = await openStoreUnderTest();
    store.bucket.beforePut = () => Promise.reject(new EngineError('store-unavailable', 'down'));
    store.write({ a: '1' });
    await expect(store.lsm.flush()).rejects.toMatchObject({ code: 'store-unavailable' });
    const flushed = store.lsm.flush();
    const refused = expect(flushed).rejects.toBeInstanceOf(EngineError);
    await settle();
    await store.lsm[Symbol.asyncDispose]();
    await refused;
    store.bucket.beforePut = () => undefined;
    const puts = store.bucket.puts.length;
    await store.clock.advance(100_000);
    expect(store.bucket.puts).toHaveLength(puts);
    await expect(store.lsm.flush()).rejects.toMatchObject({ code: 'shutting-down' });
    expect(() => store.lsm.get('a')).toThrow('closed');
    expect(store.gaveUp).toEqual([]);
  });

  test('waits for the upload that is under way', async () => {
    const store = await openStoreUnderTest();
    const held = Promise.withResolvers<void>();
    store.bucket.beforePut = () => held.promise;
    store.write({ a: '1' });
    store.lsm.flush().catch(() => undefined);
    await settle();
    let isClosed = false;
    const closed = store.lsm[Symbol.asyncDispose]().then(() => {
      isClosed = true;
    });
    await settle();
    expect(isClosed).toBe(false);
    held.resolve();
    await closed;
    expect(store.recorded).toEqual([]);
  });
});

test('two writers on one bucket: the one that was replaced shares no name, replaces nothing, and records nothing', async () => {
  let term = 1;
  const mayRecord = (own: number) => async () => {
    if (own < term) throw new EngineError('fenced-term', `term ${own} is over`);
  };
  await using old = await openStoreUnderTest({ term: 1, record: mayRecord(1) });
  const { bucket } = old;
  old.write({ a: 'old', b: 'old' });
  await old.lsm.flush();
  const ref = old.recorded[0]?.ref as ManifestRef;

  term = 2;
  await using next = await openStoreUnderTest({ bucket, term: 2, manifest: ref, record: mayRecord(2) });
  // Both believe to be the writer, and write at the same time.
  old.write({ a: 'stale', c: 'stale' });
  next.write({ a: 'new' });
  const [stale, fresh] = await Promise.allSettled([old.lsm.flush(), next.lsm.flush()]);
  expect(fresh.status).toBe('fulfilled');
  expect(stale).toMatchObject({ status: 'rejected', reason: { code: 'fenced-term' } });
  expect(old.gaveUp).toHaveLength(1);
  expect(new Set(bucket.puts).size).toBe(bucket.puts.length);
  expect(bucket.putsOf('sst')).toHaveLength(3);

  await using reader = await openStoreUnderTest({ bucket, term: 3, manifest: next.recorded[0]?.ref as ManifestRef });
  expect([await reader.text('a'), await reader.text('b'), await reader.text('c')]).toEqual(['new', 'old', undefined]);
});
