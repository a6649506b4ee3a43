// Puts rewritten extents in the place of old ones, for leveling (`replaceObjects`) and compaction (`compactObjects`).
//
// - every object must be preregistered (or partial), every partition live, and its compaction epoch the expected one
// - new tiles form intervals; an interval begins and ends where extents do: it never cuts one. Inside an empty range it may begin or
//   end anywhere, because empty ranges grow together
// - what lies wholly below the start offset meanwhile is ignored, new extents down there are dropped; when nothing is left of the
//   request it is refused
// - only compaction raises the compaction epoch: leveling changes no record, so what a compaction has read still holds

import { EngineError } from '../base/errors.ts';
import type { TimestampMs } from '../base/ids.ts';
import type { DomainReads } from '../domain/domain.ts';
import { changeCompaction } from './compaction-change.ts';
import { refreshIndex } from './extent-index.ts';
import { type Extent, encodeExtentRow } from './extent-row-format.ts';
import { extentKey, partitionKey } from './metastore-key-format.ts';
import type {
  CompactObjectsRequest,
  PartitionCompaction,
  PartitionReplacement,
  ReplaceObjectsRequest,
  Update,
} from './metastore-requests.ts';
import { ObjectLedger } from './object-ledger.ts';
import { encodePartitionRow, type PartitionRow } from './partition-row-format.ts';
import { checkCompaction, checkItems, checkNewObjects, type Interval, intervalsOf } from './request-policy.ts';
import { RowDraft } from './row-draft.ts';
import { readExtents } from './row-reads.ts';
import { conflict, cutEmptyRanges, finishUpdate, livePartition, putEmptyRange } from './update-rules.ts';

/** Leveling: the same records in fewer extents. */
export async function replaceObjects(
  reads: DomainReads,
  request: ReplaceObjectsRequest,
  nowMs: TimestampMs,
): Promise<Update<void>> {
  checkNewObjects(request.objects, request.partitions);
  return replace(reads, request, nowMs, async () => 0);
}

/** Compaction: fewer records in the same offsets, and what is clean now. */
export async function compactObjects(
  reads: DomainReads,
  request: CompactObjectsRequest,
  nowMs: TimestampMs,
): Promise<Update<void>> {
  checkNewObjects(request.objects, request.partitions);
  for (const one of request.partitions) checkCompaction(one);
  return replace<PartitionCompaction>(reads, request, nowMs, async (draft, row, one, intervals) => {
    await changeCompaction(draft, row, one, intervals);
    return 1;
  });
}

/** `after` gives what is added to the compaction epoch. */
async function replace<Replacement extends PartitionReplacement>(
  reads: DomainReads,
  request: Omit<ReplaceObjectsRequest, 'partitions'> & { readonly partitions: readonly Replacement[] },
  nowMs: TimestampMs,
  after: (draft: RowDraft, row: PartitionRow, one: Replacement, intervals: readonly Interval[]) => Promise<number>,
): Promise<Update<void>> {
  const draft = new RowDraft(reads);
  const ledger = new ObjectLedger(draft, nowMs);
  await ledger.admit(request.objects);
  let kept = 0;
  for (const one of request.partitions) {
    const row = await livePartition(draft, one);
    if (row.compactionEpoch !== one.expectedCompactionEpoch) {
      throw conflict(`compaction epoch ${row.compactionEpoch}, not ${one.expectedCompactionEpoch}`, one);
    }
    const intervals = intervalsOf(one);
    let { sizeBytes, extentCount } = row;
    for (const interval of intervals) {
      const change = await replaceInterval(draft, row, interval, ledger);
      kept += change.kept;
      sizeBytes += change.bytes;
      extentCount += change.extents;
    }
    const compactionEpoch = row.compactionEpoch + (await after(draft, row, one, intervals));
    draft.put(partitionKey(one), encodePartitionRow({ ...row, sizeBytes, extentCount, compactionEpoch }));
  }
  if (kept === 0) {
    throw new EngineError('metastore-conflict', 'all offsets of the replacement lie below the start offset');
  }
  ledger.save();
  return finishUpdate(draft, undefined);
}

async function replaceInterval(
  draft: RowDraft,
  row: PartitionRow,
  interval: Interval,
  ledger: ObjectLedger,
): Promise<{ kept: number; bytes: number; extents: number }> {
  const tiles = interval.tiles.filter((tile) => tile.lastOffset >= row.startOffset);
  for (const { extent } of interval.tiles) {
    if (extent !== undefined && extent.lastOffset < row.startOffset) ledger.drop(extent);
  }
  if (tiles.length === 0) return { kept: 0, bytes: 0, extents: 0 };
  if (interval.lastOffset >= row.nextOffset) {
    throw conflict(`offset ${interval.lastOffset} is not below the next offset ${row.nextOffset}`, row);
  }
  const old = await extentsInside(draft, row, interval);
  const fresh = tiles.flatMap(({ extent }) => (extent === undefined ? [] : [extent]));
  if (old.length === 0 && fresh.length > 0) {
    throw conflict(`from ${interval.baseOffset} to ${interval.lastOffset} there is no extent to replace`, row);
  }
  for (const extent of old) {
    await ledger.retire(extent);
    draft.delete(extentKey(row, extent.baseOffset));
  }
  await cutEmptyRanges(draft, row, interval, row.startOffset);
  for (const tile of tiles) {
    if (tile.extent === undefined) await putEmptyRange(draft, row, tile);
    else {
      ledger.use(tile.extent);
      draft.put(extentKey(row, tile.baseOffset), encodeExtentRow(tile.extent));
    }
  }
  await refreshIndex(draft, row, { removed: old.map(baseOf), added: fresh.map(baseOf) });
  return { kept: tiles.length, bytes: bytesOf(fresh) - bytesOf(old), extents: fresh.length - old.length };
}

/** The extents of an interval; refuses when one lies across its border. */
async function extentsInside(draft: RowDraft, row: PartitionRow, interval: Interval): Promise<Extent[]> {
  const { baseOffset, lastOffset } = interval;
  const [before] = await readExtents(draft, row, { before: baseOffset, reverse: true, limit: 1 });
  const found: Extent[] = [];
  for (let from: number = baseOffset; ; ) {
    const page = await readExtents(draft, row, { from, before: lastOffset + 1, limit: 1000 });
    found.push(...page);
    checkItems(found.length);
    if (page.length < 1000) break;
    from = baseOf(page.at(-1) as Extent) + 1;
  }
  const across = [before, found.at(-1)].find(
    (one, at) => one !== undefined && one.lastOffset >= (at === 0 ? baseOffset : lastOffset + 1),
  );
  if (across === undefined) return found;
  throw conflict(
    `from ${baseOffset} to ${lastOffset} cuts the extent from ${across.baseOffset} to ${across.lastOffset}`,
    row,
  );
}

const baseOf = (extent: Extent): number => extent.baseOffset;
const bytesOf = (extents: readonly Extent[]): number => extents.reduce((sum, one) => sum + one.length, 0);
