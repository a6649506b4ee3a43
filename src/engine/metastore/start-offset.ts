// Moves a partition's start offset forward, in bounded steps: every step leaves a whole partition behind.
//
// Extents and empty ranges wholly below the start go; one that the start lies in stays as it is. The term that holds the start stays
// too, with its old start offset.

import { type Offset, offset, type TimestampMs } from '../base/ids.ts';
import type { DomainReads } from '../domain/domain.ts';
import { truncateCompaction } from './compaction-change.ts';
import { refreshIndex } from './extent-index.ts';
import { decodeTermRow, type OffsetRange } from './extent-row-format.ts';
import { emptyRangeKey, extentKey, partitionKey, termKey, termsPrefix } from './metastore-key-format.ts';
import {
  type SetStartOffsetAnswer,
  type SetStartOffsetRequest,
  stepRowsMax,
  type Update,
} from './metastore-requests.ts';
import { ObjectLedger } from './object-ledger.ts';
import { encodePartitionRow, type PartitionRow } from './partition-row-format.ts';
import { checkPartition, refuse } from './request-policy.ts';
import { RowDraft } from './row-draft.ts';
import { readEmptyRanges, readExtents } from './row-reads.ts';
import { conflict, finishUpdate, livePartition } from './update-rules.ts';

export async function setStartOffset(
  reads: DomainReads,
  request: SetStartOffsetRequest,
  nowMs: TimestampMs,
): Promise<Update<SetStartOffsetAnswer>> {
  checkPartition(request);
  const { startOffset } = request;
  if (!Number.isSafeInteger(startOffset) || startOffset < 0) throw refuse(`not an offset: ${startOffset}`, request);
  const draft = new RowDraft(reads);
  const row = await livePartition(draft, request);
  if (startOffset > row.nextOffset) {
    throw conflict(`start offset ${startOffset} lies above the next offset ${row.nextOffset}`, row);
  }
  if (startOffset <= row.startOffset) return finishUpdate(draft, { startOffset: row.startOffset, hasMore: false });
  const ledger = new ObjectLedger(draft, nowMs);
  const { row: moved } = await advanceStart(draft, row, startOffset, ledger, stepRowsMax);
  ledger.save();
  return finishUpdate(draft, { startOffset: moved.startOffset, hasMore: moved.startOffset < startOffset });
}

/** Moves as far as `rowsMax` tiles allow, and gives the row as it is then, with the number of tiles and terms that went. */
export async function advanceStart(
  draft: RowDraft,
  row: PartitionRow,
  target: Offset,
  ledger: ObjectLedger,
  rowsMax: number,
): Promise<{ row: PartitionRow; rowsGone: number }> {
  // One more of each than may go tells how far the start can move.
  const limit = rowsMax + 1;
  const extents = await tilesFrom(draft, row, readExtents, { before: target, limit });
  const ranges = await tilesFrom(draft, row, readEmptyRanges, { before: target, limit });
  const below = [...extents, ...ranges]
    .filter((tile) => tile.lastOffset < target)
    .sort((a, b) => a.baseOffset - b.baseOffset);
  const startOffset = below[rowsMax]?.baseOffset ?? target;
  const gone = extents.filter((extent) => extent.lastOffset < startOffset);
  const goneRanges = ranges.filter((range) => range.lastOffset < startOffset);
  for (const extent of gone) {
    await ledger.retire(extent);
    draft.delete(extentKey(row, extent.baseOffset));
  }
  for (const range of goneRanges) draft.delete(emptyRangeKey(row, range.baseOffset));
  if (gone.length > 0) await refreshIndex(draft, row, { removed: gone.map((one) => one.baseOffset), added: [] });
  const terms = await dropTerms(draft, row, startOffset);
  await truncateCompaction(draft, row, startOffset);
  const moved: PartitionRow = {
    ...row,
    startOffset: offset(startOffset),
    sizeBytes: row.sizeBytes - gone.reduce((sum, one) => sum + one.length, 0),
    extentCount: row.extentCount - gone.length,
  };
  draft.put(partitionKey(row), encodePartitionRow(moved));
  return { row: moved, rowsGone: gone.length + goneRanges.length + terms };
}

/** The tiles of one kind from the one that holds the start on. It is sought: below lies what was removed and not yet merged away. */
async function tilesFrom<Tile extends OffsetRange>(
  draft: RowDraft,
  row: PartitionRow,
  read: (
    reads: RowDraft,
    of: PartitionRow,
    bounds: { from?: number; before: number; reverse?: boolean; limit: number },
  ) => Promise<Tile[]>,
  bounds: { readonly before: number; readonly limit: number },
): Promise<Tile[]> {
  const [holding] = await read(draft, row, { before: row.startOffset + 1, reverse: true, limit: 1 });
  const from = Math.min(holding?.baseOffset ?? row.startOffset, row.startOffset);
  return read(draft, row, { from, ...bounds });
}

/**
 * Drops terms that end at or below the start, and gives their number. Beyond the bound they stay until the start moves again, which
 * harms nobody.
 */
async function dropTerms(draft: RowDraft, row: PartitionRow, startOffset: number): Promise<number> {
  const rows = await draft.scan({ prefix: termsPrefix(row), limit: stepRowsMax });
  const terms = rows.map(({ key, value }) => decodeTermRow(key, value));
  for (const [at, { term }] of terms.entries()) {
    const next = terms[at + 1];
    if (next === undefined || next.startOffset > startOffset) return at;
    draft.delete(termKey(row, term));
  }
  return terms.length;
}
