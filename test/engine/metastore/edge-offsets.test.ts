// Questions at the edges: offsets up to the largest there can be, extents of one record and of nearly all offsets, timestamps that are
// missing, equal or going back. Compared with a linear scan.

import { expect, test } from 'vitest';
import { offset, timestampMs } from '../../../src/engine/base/ids.ts';
import { addObjects } from '../../../src/engine/metastore/add-objects.ts';
import {
  firstExtentAtOrAbove,
  firstExtentAtTimestamp,
  offsetOfSuffix,
  pageOfExtents,
} from '../../../src/engine/metastore/extent-queries.ts';
import type { Extent, OffsetRange } from '../../../src/engine/metastore/extent-row-format.ts';
import { compactionInfo, levelingInfo } from '../../../src/engine/metastore/maintenance-queries.ts';
import type { Update } from '../../../src/engine/metastore/metastore-requests.ts';
import { preregisterObjects } from '../../../src/engine/metastore/object-lifecycle.ts';
import { type PartitionCheckPosition, validatePartition } from '../../../src/engine/metastore/partition-validator.ts';
import { compactObjects } from '../../../src/engine/metastore/replace-objects.ts';
import { setStartOffset } from '../../../src/engine/metastore/start-offset.ts';
import { MemoryDomain } from './memory-domain.ts';
import { HistoryDice } from './metastore-history.ts';
import { addition, compaction, idOf, now, object, place, range, stamp } from './metastore-requests.ts';

const top = Number.MAX_SAFE_INTEGER - 1;

const extentOf = (base: number, last: number, of: number, timestamp: number, length: number): Extent => ({
  ...range(base, last),
  maxTimestamp: timestampMs(timestamp),
  objectId: idOf(of),
  position: 0,
  length,
});

/** Tiles from 0 to the highest offset: most of them of one offset, around a few of trillions. */
function tilesTo(dice: HistoryDice): { extents: Extent[]; emptyRanges: OffsetRange[] } {
  const extents: Extent[] = [];
  const emptyRanges: OffsetRange[] = [];
  const jumps = [1000, 2 ** 31 - 3, 2 ** 32 - 5, 2 ** 40, 2 ** 52, top - 2000];
  for (let base = 0; base <= top; ) {
    const isFull = extents.length + emptyRanges.length > 2500;
    let last = base + (dice.chance(20) ? dice.below(9) : 0);
    if (isFull || (jumps.length > 0 && dice.chance(1))) last = Math.max(base, jumps.shift() ?? top);
    last = Math.min(last, top);
    const timestamp = dice.chance(10) ? -1 : dice.below(8) * 100;
    if (dice.chance(10)) emptyRanges.push(range(base, last));
    else extents.push(extentOf(base, last, 1, timestamp, 1 + dice.below(5)));
    base = last + 1;
  }
  return { extents, emptyRanges };
}

test.each([1, 2, 3])('a partition that reaches to the highest offset (seed %i)', async (seed) => {
  const dice = new HistoryDice(seed);
  const domain = new MemoryDomain();
  const run = async <T>({ changes, answer }: Update<T>): Promise<T> => {
    await domain.write(changes);
    return answer;
  };
  const tiles = tilesTo(dice);
  await run(await preregisterObjects(domain, { objectIds: [idOf(1), idOf(2)] }, now));
  await run(await addObjects(domain, { objects: [object(1)], partitions: [addition(tiles.extents, tiles)] }, now));
  // Nothing can follow.
  const behind = { ...addition([], { emptyRanges: [range(top, top)] }), lastStamp: stamp(1) };
  expect((await run(await addObjects(domain, { objects: [], partitions: [behind] }, now))).corrections).toEqual([
    { ...place, nextOffset: top + 1 },
  ]);

  const bases = [...tiles.extents, ...tiles.emptyRanges].map((tile): number => tile.baseOffset).sort((a, b) => a - b);
  const at = (part: number) => bases[Math.floor(bases.length * part)] as number;
  for (const start of [0, at(dice.random.fraction() / 3), at(0.4) + 1, at(0.8)]) {
    for (let hasMore = true; hasMore; ) {
      const moved = await run(await setStartOffset(domain, { ...place, startOffset: offset(start) }, now));
      hasMore = moved.hasMore;
    }
    const extents = tiles.extents.filter((one) => one.lastOffset >= start);
    const total = extents.reduce((sum, one) => sum + one.length, 0);
    for (const from of [
      0,
      Math.max(0, start - 1),
      start,
      start + 1,
      top - 1,
      top,
      top + 1,
      ...bases.slice(-5),
      at(0.9),
    ]) {
      const found = await firstExtentAtOrAbove(domain, place, offset(from));
      expect(found?.baseOffset, `from ${from}`).toBe(extents.find((one) => one.lastOffset >= from)?.baseOffset);
      for (const timestamp of [-5, -1, 0, 1, 300, 700, 701, Number.MAX_SAFE_INTEGER]) {
        const inTime = extents.find((one) => one.lastOffset >= from && one.maxTimestamp >= timestamp);
        const hit = await firstExtentAtTimestamp(domain, place, offset(from), timestamp);
        expect(hit?.baseOffset, `from ${from}, at ${timestamp}`).toBe(inTime?.baseOffset);
      }
    }
    for (const bytes of [0, 1, 2, total - 1, total, total + 1]) {
      let sum = 0;
      const first = extents.findLast((one) => {
        sum += one.length;
        return sum >= bytes;
      });
      const expected = bytes > total ? undefined : Math.max(start, first?.baseOffset ?? 0);
      expect(await offsetOfSuffix(domain, place, bytes), `${bytes} of ${total}`).toBe(bytes === 0 ? top + 1 : expected);
    }
    const page = await pageOfExtents(domain, place, { min: offset(start), max: offset(top), limit: 3, backward: true });
    expect(page.extents.map((one) => one.baseOffset)).toEqual(
      extents
        .slice(-3)
        .reverse()
        .map((one) => one.baseOffset),
    );
  }

  // All but the last extents become one that holds nearly every offset there is.
  const { startOffset, nextOffset } = (await compactionInfo(domain, place, 0)) as {
    startOffset: number;
    nextOffset: number;
  };
  expect(nextOffset).toBe(top + 1);
  const left = tiles.extents.filter((one) => one.lastOffset >= startOffset);
  const last = (left[left.length - 50] as Extent).lastOffset;
  const base = Math.min(startOffset, (left[0] as Extent).baseOffset);
  const cleanedRanges = [{ ...range(base, last), hasTombstones: true }];
  const one = compaction([extentOf(base, last, 2, -1, 100)], { cleanedRanges });
  await run(await compactObjects(domain, { objects: [object(2)], partitions: [one] }, now));
  const info = await compactionInfo(domain, place, now);
  expect(info?.dirtyRanges).toEqual([range(last + 1, top)]);
  expect(info?.dirtyBytes).toBe(left.slice(-49).reduce((sum, each) => sum + each.length, 0));
  const small = { extentBytesMin: 90, rangeBytesMax: 1e6, from: offset(0), rangesMax: 10, extentsMax: 1e6 };
  expect((await levelingInfo(domain, place, small))?.ranges).toMatchObject([{ extentCount: 49 }]);

  let position: PartitionCheckPosition | undefined;
  do {
    const check = await validatePartition(domain, place, { rowsMax: 300, ...(position ? { position } : {}) });
    expect(check.anomalies).toEqual([]);
    position = check.position;
  } while (position !== undefined);
});
