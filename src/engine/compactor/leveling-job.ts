// Leveling: the same batches in fewer extents. Looks for runs of small extents, lets the policy choose, and merges one choice after the
// other, each an object and a replacement of its own: what is done stays done when a job ends early.
//
// A compacted topic's clean extents are not merged with dirty ones: that would make clean bytes count as dirty again.

import { EngineError } from '../base/errors.ts';
import { type Offset, offset } from '../base/ids.ts';
import { type CompactorWork, type JobRun, mustLead } from './compactor-work.ts';
import { chooseMerges } from './leveling-policy.ts';
import {
  type CleanupRules,
  type LocatedExtent,
  type MaintainedPartition,
  type OffsetRange,
  placeOf,
} from './maintained-partition.ts';
import { batchesOf, oldExtents } from './old-extents.ts';
import { TileWriter } from './tile-writer.ts';

/** One merge: the offsets of its extents, which nobody may have changed until it is made. */
export interface PlannedMerge extends OffsetRange {
  readonly bytes: number;
  readonly extents: number;
}

export interface LevelingSurvey {
  readonly compactionEpoch: number;
  readonly smallExtents: number;
  readonly merges: readonly PlannedMerge[];
}

/** Runs that one question answers with, and extents that are looked at singly for it. */
const rangesAtATime = 64;
const extentsAtATime = 10_000;

/** Undefined where the metastore has nothing of the partition. Stops at the first page of runs that has something worth merging. */
export async function surveyLeveling(
  work: CompactorWork,
  partition: MaintainedPartition,
  rules: Pick<CleanupRules, 'compacted'>,
): Promise<LevelingSurvey | undefined> {
  const { metastore, settings } = work;
  const of = placeOf(partition);
  const extentBytesMin = settings.levelingExtentBytes();
  const sizes = { extentBytesMin, objectBytes: Math.max(extentBytesMin, settings.objectBytes()) };
  const border = rules.compacted ? await dirtyBorder(work, partition) : undefined;
  let smallExtents = 0;
  for (let from: Offset | undefined = offset(0); ; ) {
    const info = await metastore.levelingInfo(of, {
      extentBytesMin,
      rangeBytesMax: settings.levelingRangeBytes(),
      from,
      rangesMax: rangesAtATime,
      extentsMax: extentsAtATime,
    });
    if (info === undefined) return undefined;
    const merges: PlannedMerge[] = [];
    for (const range of info.ranges) {
      smallExtents += range.extentCount;
      if (range.extentCount < 4 && range.sizeBytes < extentBytesMin) continue;
      const { baseOffset: min, lastOffset: max } = range;
      const page = await oldExtents(work, partition, { min, max, limit: range.extentCount, bytesMax: Infinity });
      for (const run of splitAt(page.extents, border)) {
        const lengths = run.map(({ length }) => length);
        merges.push(
          ...chooseMerges(lengths, sizes).map(({ first, last, bytes }) => mergeOf(run.slice(first, last + 1), bytes)),
        );
      }
    }
    from = info.resumeAt;
    if (merges.length > 0 || from === undefined) {
      return { compactionEpoch: info.compactionEpoch, smallExtents, merges };
    }
  }
}

export async function levelPartition(
  work: CompactorWork,
  partition: MaintainedPartition,
  { merges, compactionEpoch }: LevelingSurvey,
  run: JobRun,
  onMerged: () => void,
): Promise<void> {
  for (const merge of merges) {
    run.signal.throwIfAborted();
    await mergeExtents(work, partition, merge, { compactionEpoch, run });
    onMerged();
    await work.step('level.replaced');
  }
}

async function mergeExtents(
  work: CompactorWork,
  partition: MaintainedPartition,
  { baseOffset, lastOffset, extents: count }: PlannedMerge,
  { compactionEpoch, run }: { readonly compactionEpoch: number; readonly run: JobRun },
): Promise<void> {
  const wanted = { min: baseOffset, max: lastOffset, limit: count + 1, bytesMax: Infinity };
  const { extents } = await oldExtents(work, partition, wanted);
  if (extents.length !== count || extents[0]?.baseOffset !== baseOffset || extents.at(-1)?.lastOffset !== lastOffset) {
    throw new EngineError('metastore-conflict', `the extents from ${baseOffset} to ${lastOffset} are others by now`, {
      context: { topicId: partition.topicId, partition: partition.index },
    });
  }
  const writer = new TileWriter(work, {
    partition,
    kind: 'leveled',
    stepPrefix: 'level',
    from: baseOffset,
    objectBytes: Infinity,
    run,
  });
  try {
    for (const extent of extents) {
      for await (const batch of batchesOf(work, partition, extent, { run })) {
        run.tally.batchesProcessed += 1;
        await writer.add(batch);
      }
      await writer.endExtent(extent);
    }
    await writer.end(lastOffset);
  } catch (error) {
    await writer.abort();
    throw error;
  }
  run.signal.throwIfAborted();
  mustLead(work, partition);
  await work.metastore.replaceObjects({
    objects: writer.objects,
    partitions: [
      {
        ...placeOf(partition),
        extents: writer.extents,
        emptyRanges: writer.emptyRanges,
        expectedCompactionEpoch: compactionEpoch,
      },
    ],
  });
  run.tally.extentsBefore += extents.length;
  run.tally.extentsAfter += writer.extents.length;
}

/** Where clean ends and dirty begins; undefined where nothing is clean. */
async function dirtyBorder(work: CompactorWork, partition: MaintainedPartition): Promise<Offset | undefined> {
  const info = await work.metastore.compactionInfo(placeOf(partition), -1);
  const dirtyFrom = info?.dirtyRanges[0]?.baseOffset;
  return info === undefined || dirtyFrom === info.startOffset ? undefined : dirtyFrom;
}

function splitAt(extents: readonly LocatedExtent[], border: Offset | undefined): (readonly LocatedExtent[])[] {
  const at = border === undefined ? -1 : extents.findIndex(({ lastOffset }) => lastOffset >= border);
  return at <= 0 ? [extents] : [extents.slice(0, at), extents.slice(at)];
}

function mergeOf(extents: readonly LocatedExtent[], bytes: number): PlannedMerge {
  const first = extents[0] as LocatedExtent;
  const last = extents.at(-1) as LocatedExtent;
  return { baseOffset: first.baseOffset, lastOffset: last.lastOffset, bytes, extents: extents.length };
}
