// Leveling and compaction put new extents in the place of old ones: what must match, and what happens when the start has moved on.

import { beforeEach, describe, expect, test } from 'vitest';
import { offset } from '../../../src/engine/base/ids.ts';
import { addObjects } from '../../../src/engine/metastore/add-objects.ts';
import { pageOfExtents } from '../../../src/engine/metastore/extent-queries.ts';
import { compactionInfo } from '../../../src/engine/metastore/maintenance-queries.ts';
import type { Update } from '../../../src/engine/metastore/metastore-requests.ts';
import { preregisterObjects } from '../../../src/engine/metastore/object-lifecycle.ts';
import { compactObjects, replaceObjects } from '../../../src/engine/metastore/replace-objects.ts';
import { readObject, readPartition } from '../../../src/engine/metastore/row-reads.ts';
import { setStartOffset } from '../../../src/engine/metastore/start-offset.ts';
import { MemoryDomain } from './memory-domain.ts';
import { addition, compaction, extent, idOf, now, object, place, range } from './metastore-requests.ts';

let domain: MemoryDomain;

async function run<T>(update: Promise<Update<T>>): Promise<T> {
  const { changes, answer } = await update;
  await domain.write(changes);
  return answer;
}

/** Extents 0–9, 10–19, 30–39 in object 1, with nothing from 20 to 29. */
beforeEach(async () => {
  domain = new MemoryDomain();
  await run(preregisterObjects(domain, { objectIds: [1, 2, 3].map(idOf) }, now));
  const one = addition([extent(0, 9), extent(10, 19), extent(30, 39)], { emptyRanges: [range(20, 29)] });
  await run(addObjects(domain, { objects: [object(1)], partitions: [one] }, now));
});

const level = (change: Parameters<typeof compaction>[0], more: Parameters<typeof compaction>[1] = {}, of = 2) =>
  run(replaceObjects(domain, { objects: [object(of)], partitions: [compaction(change, more)] }, now));
const compact = (change: Parameters<typeof compaction>[0], more: Parameters<typeof compaction>[1] = {}, of = 2) =>
  run(compactObjects(domain, { objects: [object(of)], partitions: [compaction(change, more)] }, now));
const start = (at: number) => run(setStartOffset(domain, { ...place, startOffset: offset(at) }, now));

async function tiles(): Promise<string[]> {
  const { extents } = await pageOfExtents(domain, place, { min: offset(0), max: offset(100), limit: 100 });
  return extents.map((one) => `${one.baseOffset}–${one.lastOffset} in ${Number(one.objectId.slice(-2))}`);
}

describe('borders', () => {
  test('small extents become one, over the empty range between them', async () => {
    await level([extent(0, 39, 2)]);
    expect(await tiles()).toEqual(['0–39 in 2']);
    expect(await readPartition(domain, place)).toMatchObject({ extentCount: 1, sizeBytes: 100, compactionEpoch: 0 });
    expect(await readObject(domain, idOf(1))).toMatchObject({ totalBytes: 300, removedBytes: 300 });
    expect(domain.keys().some((key) => key.startsWith('empty/'))).toBe(false);
  });

  test('an interval may begin and end inside an empty range', async () => {
    await level([extent(25, 39, 2)]);
    expect(await tiles()).toEqual(['0–9 in 1', '10–19 in 1', '25–39 in 2']);
    const rows = await domain.scan({ prefix: 'empty/' });
    expect(rows.map(({ value }) => Number(value.readBigInt64BE(1)))).toEqual([24]);
  });

  test.each([
    ['cuts an extent in front', [extent(5, 19, 2)]],
    ['cuts an extent behind', [extent(0, 15, 2)]],
    ['reaches past the next offset', [extent(30, 40, 2)]],
    ['puts records where there were none', [extent(20, 29, 2)]],
  ])('what %s is refused', async (_, extents) => {
    await expect(level(extents)).rejects.toMatchObject({ code: 'metastore-conflict' });
  });

  test('an object that was added before is refused', async () => {
    await expect(level([extent(0, 9, 1)], {}, 1)).rejects.toMatchObject({ code: 'object-not-preregistered' });
  });

  test('a partition that is not known is refused', async () => {
    await expect(level([extent(0, 9, 2)], { partition: 5 })).rejects.toMatchObject({
      code: 'unknown-topic-or-partition',
    });
  });
});

describe('while the start moves', () => {
  test('new extents wholly below it are dropped, and one it lies in is taken', async () => {
    await start(15);
    await level([extent(0, 9, 2), extent(10, 39, 2, { length: 150 })]);
    expect(await tiles()).toEqual(['10–39 in 2']);
    expect(await readObject(domain, idOf(2))).toMatchObject({ totalBytes: 250, removedBytes: 100, state: 'complete' });
  });

  test('what begins below it is matched from the first extent that is left', async () => {
    await start(10);
    await level([extent(0, 39, 2)]);
    expect(await tiles()).toEqual(['0–39 in 2']);
  });

  test('when all lies below it, the request is refused', async () => {
    await start(12);
    await expect(level([extent(0, 9, 2)])).rejects.toMatchObject({ code: 'metastore-conflict' });
  });
});

describe('compaction', () => {
  const clean = { cleanedRanges: [{ ...range(0, 19), hasTombstones: true }] };

  test('raises the compaction epoch, so that what was read before it comes too late', async () => {
    await compact([extent(0, 19, 2)], clean);
    expect(await readPartition(domain, place)).toMatchObject({ compactionEpoch: 1 });
    await expect(level([extent(0, 19, 3)], {}, 3)).rejects.toMatchObject({ code: 'metastore-conflict' });
    await level([extent(0, 19, 3)], { expectedCompactionEpoch: 1 }, 3);
    const info = await compactionInfo(domain, place, 500);
    expect(info).toMatchObject({ compactionEpoch: 1, dirtyRanges: [range(20, 39)], dirtyBytes: 100, dirtyRatio: 0.5 });
    expect(info?.removableTombstoneRanges).toEqual([{ ...range(0, 19), cleanedAtMs: 500 }]);
    expect((await compactionInfo(domain, place, 499))?.removableTombstoneRanges).toEqual([]);
  });

  test('tombstones go, and come back only with another cleaning', async () => {
    await compact([extent(0, 19, 2)], clean);
    await expect(compact([extent(0, 19, 3)], { ...clean, expectedCompactionEpoch: 1 }, 3)).rejects.toMatchObject({
      message: expect.stringContaining('tombstones from 0 to 19 are known'),
    });
    const removed = { removedTombstoneRanges: [range(0, 9)], expectedCompactionEpoch: 1 };
    await compact([extent(0, 19, 3)], removed, 3);
    expect((await compactionInfo(domain, place, 500))?.removableTombstoneRanges).toEqual([
      { ...range(10, 19), cleanedAtMs: 500 },
    ]);
  });

  test('a dirty range that turns out empty is clean too', async () => {
    await compact([extent(0, 39, 2)], { cleanedRanges: [{ ...range(0, 39), hasTombstones: false }] });
    await run(addObjects(domain, { objects: [], partitions: [addition([], { emptyRanges: [range(40, 49)] })] }, now));
    const cleanedRanges = [{ ...range(0, 49), hasTombstones: false }];
    await compact([extent(0, 39, 3)], { emptyRanges: [range(40, 49)], cleanedRanges, expectedCompactionEpoch: 1 }, 3);
    expect((await compactionInfo(domain, place, 0))?.dirtyRanges).toEqual([]);
  });

  test.each([
    ['that do not begin at the log start', [extent(10, 19, 2)], range(10, 19)],
    ['that were not rewritten as a whole', [extent(0, 9, 2)], range(0, 19)],
  ])('cleaned ranges %s are refused', async (_, extents, cleaned) => {
    const cleanedRanges = [{ ...cleaned, hasTombstones: false }];
    await expect(compact(extents, { cleanedRanges })).rejects.toMatchObject({ code: 'metastore-conflict' });
  });
});
