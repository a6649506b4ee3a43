// What a compaction that becomes visible does to the compaction state of a partition.
//
// - cleaned ranges and ranges whose tombstones are gone lie inside what was rewritten
// - a new cleaned range means that each of its keys is the only one from the log start on: the rewrite must have begun there
// - tombstone ranges never overlap; what lies below the start offset meanwhile is left out

import { EngineError } from '../base/errors.ts';
import type { Offset } from '../base/ids.ts';
import { type CompactionState, encodeCompactionRow, type TombstoneRange } from './compaction-row-format.ts';
import { compactionKey, type TopicPartition } from './metastore-key-format.ts';
import type { PartitionCompaction } from './metastore-requests.ts';
import type { PartitionRow } from './partition-row-format.ts';
import { contains, overlap, withoutBelow, withoutRange, withRange } from './range-arithmetic.ts';
import type { Interval } from './request-policy.ts';
import type { RowDraft } from './row-draft.ts';
import { readCompaction } from './row-reads.ts';
import { conflict } from './update-rules.ts';

/** Bounds the row; far beyond what a partition that is compacted at all comes to. */
const rangesMax = 4096;

export async function changeCompaction(
  draft: RowDraft,
  row: PartitionRow,
  change: PartitionCompaction,
  intervals: readonly Interval[],
): Promise<void> {
  const isRewritten = (range: PartitionCompaction['removedTombstoneRanges'][number]) =>
    intervals.some((interval) => contains(interval, range));
  const loose = [...change.cleanedRanges, ...change.removedTombstoneRanges].find((range) => !isRewritten(range));
  if (loose !== undefined) {
    throw conflict(`from ${loose.baseOffset} to ${loose.lastOffset} was not rewritten as a whole`, row);
  }
  const [first] = intervals;
  if (change.cleanedRanges.length > 0 && (first === undefined || first.baseOffset > row.startOffset)) {
    throw conflict(`ranges were cleaned, but not from the start offset ${row.startOffset} on`, row);
  }
  const before = await readCompaction(draft, row);
  let cleanedRanges = before.cleanedRanges;
  let tombstoneRanges = before.tombstoneRanges;
  for (const range of change.removedTombstoneRanges) tombstoneRanges = withoutRange(tombstoneRanges, range);
  for (const range of withoutBelow(change.cleanedRanges, row.startOffset)) {
    cleanedRanges = withRange(cleanedRanges, range);
    if (!range.hasTombstones) continue;
    const { baseOffset, lastOffset } = range;
    tombstoneRanges = addTombstones(row, tombstoneRanges, { baseOffset, lastOffset, cleanedAtMs: change.cleanedAtMs });
  }
  if (cleanedRanges.length > rangesMax || tombstoneRanges.length > rangesMax) {
    throw new EngineError('entry-too-large', `the compaction state would have more than ${rangesMax} ranges`, {
      context: { topicId: row.topicId, partition: row.partition },
    });
  }
  putCompaction(draft, row, { cleanedRanges, tombstoneRanges });
}

/** Forgets what lies below a new start offset. */
export async function truncateCompaction(draft: RowDraft, row: PartitionRow, startOffset: Offset): Promise<void> {
  if (row.compactionEpoch === 0) return;
  const { cleanedRanges, tombstoneRanges } = await readCompaction(draft, row);
  if (cleanedRanges.length === 0) return;
  putCompaction(draft, row, {
    cleanedRanges: withoutBelow(cleanedRanges, startOffset),
    tombstoneRanges: withoutBelow(tombstoneRanges, startOffset),
  });
}

function addTombstones(
  row: PartitionRow,
  ranges: readonly TombstoneRange[],
  added: TombstoneRange,
): readonly TombstoneRange[] {
  const other = ranges.find((range) => overlap(range, added));
  if (other !== undefined) {
    throw conflict(
      `tombstones from ${added.baseOffset} to ${added.lastOffset} are known from ${other.baseOffset} on`,
      row,
    );
  }
  return [...ranges, added].sort((a, b) => a.baseOffset - b.baseOffset);
}

function putCompaction(draft: RowDraft, of: TopicPartition, state: CompactionState): void {
  if (state.cleanedRanges.length === 0 && state.tombstoneRanges.length === 0) draft.delete(compactionKey(of));
  else draft.put(compactionKey(of), encodeCompactionRow(state));
}
