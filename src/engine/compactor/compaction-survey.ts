// Looks at a partition before it is compacted: what is dirty, what has to stay out, which tombstones may go.
//
// Out stays what the partition does not read from L1 yet, and from the first dirty extent on that is younger than the lag everything:
// the order of offsets is the order of compaction.

import { type Offset, offset } from '../base/ids.ts';
import type { CompactionFacts } from './compaction-policy.ts';
import type { CompactorWork } from './compactor-work.ts';
import {
  type CleanupRules,
  type CompactionInfo,
  common,
  type MaintainedPartition,
  type OffsetRange,
  placeOf,
} from './maintained-partition.ts';

export interface CompactionSurvey {
  readonly info: CompactionInfo;
  /** From here on everything stays out. */
  readonly end: Offset;
  /** Below the end. */
  readonly dirtyRanges: readonly OffsetRange[];
  readonly removableRanges: readonly OffsetRange[];
  readonly facts: CompactionFacts;
}

/** Extents that are summed up at a time where the index has no answer. */
const pageExtents = 1000;

/** Undefined where the metastore has nothing of the partition. Nothing from `endMax` on is looked at. */
export async function surveyCompaction(
  work: CompactorWork,
  partition: MaintainedPartition,
  rules: Pick<CleanupRules, 'deleteRetentionMs' | 'minCompactionLagMs'>,
  { nowMs, endMax = Infinity }: { readonly nowMs: number; readonly endMax?: number },
): Promise<CompactionSurvey | undefined> {
  const info = await work.metastore.compactionInfo(placeOf(partition), nowMs - rules.deleteRetentionMs);
  if (info === undefined) return undefined;
  const end = await endOfCompactable(work, partition, info, rules.minCompactionLagMs, nowMs, endMax);
  const [first] = info.dirtyRanges;
  const below = end > 0 ? { baseOffset: offset(0), lastOffset: offset(end - 1) } : undefined;
  const dirtyRanges = info.dirtyRanges.flatMap((range) => (below === undefined ? [] : (common(range, below) ?? [])));
  const removableRanges = info.removableTombstoneRanges.filter(({ lastOffset }) => lastOffset < end);
  const isNothingDirty = first === undefined || dirtyRanges.length === 0;
  const outBytes =
    isNothingDirty || end >= info.nextOffset ? 0 : await bytesFrom(work, partition, end, info.nextOffset);
  const facts: CompactionFacts = {
    dirtyBytes: isNothingDirty ? 0 : Math.max(0, info.dirtyBytes - outBytes),
    sizeBytes: Math.max(1, info.sizeBytes - outBytes),
    earliestDirtyTimestamp: info.earliestDirtyTimestamp,
    removableRanges: removableRanges.length,
    nowMs,
  };
  return { info, end, dirtyRanges, removableRanges, facts };
}

async function endOfCompactable(
  work: CompactorWork,
  partition: MaintainedPartition,
  { nextOffset, dirtyRanges }: CompactionInfo,
  lagMs: number,
  nowMs: number,
  endMax: number,
): Promise<Offset> {
  const of = placeOf(partition);
  let end: number = Math.min(nextOffset, partition.reconciledEnd, endMax);
  if (end < nextOffset) {
    const across = await work.metastore.firstExtentAtOrAbove(of, offset(end));
    if (across !== undefined) end = Math.min(end, across.baseOffset);
  }
  const [first] = dirtyRanges;
  if (lagMs > 0 && first !== undefined) {
    const young = await work.metastore.firstExtentAtTimestamp(of, first.baseOffset, nowMs - lagMs + 1);
    if (young !== undefined) end = Math.min(end, young.baseOffset);
  }
  return offset(end);
}

/** Of the extents that stay out: as many as a lag has brought. */
async function bytesFrom(
  work: CompactorWork,
  partition: MaintainedPartition,
  from: Offset,
  nextOffset: Offset,
): Promise<number> {
  const max = offset(nextOffset - 1);
  let bytes = 0;
  for (let min = from; ; ) {
    const page = await work.metastore.pageOfExtents(placeOf(partition), { min, max, limit: pageExtents });
    for (const extent of page.extents) bytes += extent.length;
    const last = page.extents.at(-1);
    if (page.isLast || last === undefined) return bytes;
    min = offset(last.lastOffset + 1);
  }
}
