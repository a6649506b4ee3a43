// The life of one partition as its reconciler, compactor and retention will lead it, on a real domain that is restarted in between:
// everything they need to know comes from the metastore's answers.

import { expect, test } from 'vitest';
import { type Offset, offset, term, timestampMs } from '../../../src/engine/base/ids.ts';
import { seededRandom } from '../../../src/engine/base/random.ts';
import { VirtualClock } from '../../../src/engine/base/virtual-clock.ts';
import type { LsmDomain } from '../../../src/engine/domain/domain.ts';
import type { Extent, OffsetRange } from '../../../src/engine/metastore/extent-row-format.ts';
import type { CompactionInfo } from '../../../src/engine/metastore/maintenance-queries.ts';
import { type Metastore, openMetastore, validateObjects } from '../../../src/engine/metastore/metastore.ts';
import { DomainStage } from '../domain/domain-stage.ts';
import { addition, compaction, extent, object, place, range, stamp } from './metastore-requests.ts';

const stage = new DomainStage();
const clock = new VirtualClock();
let domain: LsmDomain;
let metastore: Metastore;

/** The process dies, and comes back with what its log has. */
async function restart(): Promise<void> {
  stage.crash();
  domain = await stage.open();
  metastore = openMetastore({ domains: [domain], clock, random: seededRandom(clock.nowMs()) });
}

async function upload(): Promise<string> {
  await clock.advance(1);
  return (await metastore.preregister(0, 1))[0] as string;
}

async function add(extents: readonly Extent[], more: Parameters<typeof addition>[1] = {}, of?: string) {
  const objectId = of ?? (await upload());
  const own = extents.map((one) => ({ ...one, objectId }));
  return metastore.addObjects({ objects: [{ ...object(1), objectId }], partitions: [addition(own, more)] });
}

async function compact(
  extents: readonly Extent[],
  emptyRanges: OffsetRange[],
  cleaned: OffsetRange[],
  more: { removed?: readonly OffsetRange[]; hasTombstones?: boolean } = {},
): Promise<void> {
  const objectId = await upload();
  const { compactionEpoch } = await info();
  const one = compaction(
    extents.map((each) => ({ ...each, objectId })),
    {
      emptyRanges,
      expectedCompactionEpoch: compactionEpoch,
      cleanedRanges: cleaned.map((each) => ({ ...each, hasTombstones: more.hasTombstones === true })),
      removedTombstoneRanges: more.removed ?? [],
      cleanedAtMs: timestampMs(clock.nowMs()),
    },
  );
  await metastore.compactObjects({ objects: [{ ...object(1), objectId }], partitions: [one] });
}

const info = async (cleanedAtMost = 0) => (await metastore.compactionInfo(place, cleanedAtMost)) as CompactionInfo;
const termsFrom = (...starts: [number, number][]) =>
  starts.map(([one, start]) => ({ term: term(one), startOffset: offset(start) }));

test('a partition from its first record to its last', async () => {
  await restart();
  // Records up to 99 were deleted before anything was reconciled: what there is begins with nothing.
  await add([extent(100, 149), extent(150, 199)], { emptyRanges: [range(0, 99)], terms: termsFrom([1, 0]) });
  expect(await metastore.setStartOffset({ ...place, startOffset: offset(100) })).toMatchObject({ startOffset: 100 });

  // An extent goes on over two changes of the leader; the acknowledgement is lost with the process.
  const third = { terms: termsFrom([1, 200], [3, 230], [4, 260]), lastStamp: stamp(5) };
  const objectId = await upload();
  await add([extent(200, 299)], third, objectId);
  await restart();
  expect((await add([extent(200, 299)], third, objectId)).corrections).toEqual([{ ...place, nextOffset: 300 }]);
  expect(await metastore.partition(place)).toMatchObject({ nextOffset: 300, lastStamp: stamp(5) });
  expect(await metastore.termForOffset(place, offset(245))).toBe(3);
  expect(await metastore.endOffsetOfTerm(place, term(3))).toBe(260);
  expect(await metastore.endOffsetOfTerm(place, term(2))).toBe(230);

  // Records were deleted beyond the last extent: an empty range carries the next offset there, then the start may follow.
  const start = () => metastore.setStartOffset({ ...place, startOffset: offset(350) });
  await expect(start()).rejects.toMatchObject({ code: 'metastore-conflict' });
  await add([extent(350, 399)], { emptyRanges: [range(300, 349)], terms: termsFrom([4, 300]), lastStamp: stamp(9) });
  expect(await start()).toEqual({ startOffset: 350, hasMore: false });
  expect(await metastore.partition(place)).toMatchObject({ startOffset: 350, extentCount: 1 });

  // Only control batches: the next offset moves all the same.
  await add([], { emptyRanges: [range(400, 409)], terms: termsFrom([4, 400]), lastStamp: stamp(10) });
  for (let base = 410; base < 500; base += 10) {
    await add([extent(base, base + 9)], { terms: termsFrom([4, base]), lastStamp: stamp(base) });
  }
  await restart();

  // Keys in two passes, because the map of keys was full after offset 449; then nothing is dirty.
  expect((await info()).dirtyRanges).toEqual([range(350, 499)]);
  await clock.advance(1000);
  await compact([extent(350, 449)], [], [range(350, 449)], { hasTombstones: true });
  expect(await info()).toMatchObject({ dirtyRanges: [range(450, 499)], compactionEpoch: 1 });
  await clock.advance(1000);
  await compact([extent(350, 449), extent(450, 489)], [range(490, 499)], [range(450, 499)], { hasTombstones: true });
  expect(await info()).toMatchObject({ dirtyRanges: [], dirtyRatio: 0 });
  // The first tombstones have been clean long enough, the second have not.
  const { removableTombstoneRanges } = await info(clock.nowMs() - 500);
  expect(removableTombstoneRanges).toMatchObject([range(350, 449)]);
  await compact([extent(360, 449)], [range(350, 359)], [], { removed: removableTombstoneRanges });
  expect((await info(clock.nowMs())).removableTombstoneRanges).toMatchObject([range(450, 499)]);
  await restart();

  // More comes, and is cleaned while the log begins with an empty range.
  await metastore.setStartOffset({ ...place, startOffset: offset(355) });
  await add([extent(500, 509)], { terms: termsFrom([4, 500]), lastStamp: stamp(600) });
  const dirty = (await info()).dirtyRanges;
  expect(dirty).toEqual([range(500, 509)]);
  const rest = [extent(360, 449), extent(450, 489), extent(500, 509)];
  await compact(rest, [range(355, 359), range(490, 499)], [...dirty]);

  // Leveling makes one of the small ones; retention by size and time then says where to begin.
  const leveling = { extentBytesMin: 1000, rangeBytesMax: 1e9, from: offset(0), rangesMax: 10, extentsMax: 100 };
  const [small] = (await metastore.levelingInfo(place, leveling))?.ranges ?? [];
  expect(small).toMatchObject({ ...range(360, 509), extentCount: 3 });
  const fresh = await upload();
  const { compactionEpoch } = await info();
  const level = compaction([extent(360, 509, 1, { objectId: fresh, length: 300 })], {
    expectedCompactionEpoch: compactionEpoch,
  });
  await metastore.replaceObjects({ objects: [{ ...object(1), objectId: fresh }], partitions: [level] });
  await add([extent(510, 519)], { terms: termsFrom([5, 510]), lastStamp: stamp(601) });
  expect(await metastore.offsetOfSuffix(place, 100)).toBe(510);
  expect(await metastore.offsetOfSuffix(place, 101)).toBe(360);
  expect(await metastore.firstExtentAtTimestamp(place, offset(355), 1510)).toMatchObject({ baseOffset: 510 });
  expect(await metastore.firstExtentAtTimestamp(place, offset(355), 2000)).toBeUndefined();
  await metastore.setStartOffset({ ...place, startOffset: 520 as Offset });

  // Nothing is left but where to go on, and the collector may take every object.
  expect(await metastore.partition(place)).toMatchObject({ startOffset: 520, nextOffset: 520, extentCount: 0 });
  expect(await metastore.terms(place)).toEqual(termsFrom([5, 510]));
  const check = await validateObjects(domain, { objectsMax: 1000 });
  expect(check.anomalies).toEqual([]);
  expect(check.collectable).toHaveLength((await metastore.objects(0, { limit: 1000 })).length);
  await domain[Symbol.asyncDispose]();
});
