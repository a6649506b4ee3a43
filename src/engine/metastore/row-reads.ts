// Rows of a domain, decoded: the few ways in which updates, queries and validators look at them.

import type { DomainReads, DomainRow, ScanOptions } from '../domain/domain.ts';
import { type CompactionState, decodeCompactionRow } from './compaction-row-format.ts';
import {
  decodeEmptyRangeRow,
  decodeExtentRow,
  decodeTermRow,
  type Extent,
  type OffsetRange,
  type TermStart,
} from './extent-row-format.ts';
import {
  compactionKey,
  emptyRangeKey,
  emptyRangesPrefix,
  extentKey,
  extentsPrefix,
  type ObjectId,
  objectKey,
  partitionKey,
  type TopicPartition,
  termsPrefix,
} from './metastore-key-format.ts';
import { decodeObjectRow, type ObjectRow } from './object-row-format.ts';
import { decodePartitionRow, type PartitionRow } from './partition-row-format.ts';

/** Rows fetched at a time where all of a range are wanted. */
const pageRows = 1000;

export async function readPartition(reads: DomainReads, of: TopicPartition): Promise<PartitionRow | undefined> {
  const key = partitionKey(of);
  const value = await reads.get(key);
  return value === undefined ? undefined : decodePartitionRow(key, value);
}

export async function readObject(reads: DomainReads, id: ObjectId): Promise<ObjectRow | undefined> {
  const key = objectKey(id);
  const value = await reads.get(key);
  return value === undefined ? undefined : decodeObjectRow(key, value);
}

const neverCompacted: CompactionState = { cleanedRanges: [], tombstoneRanges: [] };

export async function readCompaction(reads: DomainReads, of: TopicPartition): Promise<CompactionState> {
  const key = compactionKey(of);
  const value = await reads.get(key);
  return value === undefined ? neverCompacted : decodeCompactionRow(key, value);
}

/** All rows within the bounds, a page at a time. */
export async function* scanAll(reads: DomainReads, options: Omit<ScanOptions, 'limit'>): AsyncGenerator<DomainRow> {
  let bounds = options;
  while (true) {
    const page = await reads.scan({ ...bounds, limit: pageRows });
    yield* page;
    if (page.length < pageRows) return;
    const { key } = page.at(-1) as DomainRow;
    bounds = options.reverse === true ? { ...options, before: key } : { ...options, after: key };
  }
}

/** Extents whose base offset is at or above `from` and below `before`, at most `limit`. */
export async function readExtents(
  reads: DomainReads,
  of: TopicPartition,
  bounds: { readonly from?: number; readonly before?: number; readonly reverse?: boolean; readonly limit: number },
): Promise<Extent[]> {
  const rows = await reads.scan({
    prefix: extentsPrefix(of),
    ...(bounds.from === undefined ? {} : { from: extentKey(of, bounds.from) }),
    ...(bounds.before === undefined ? {} : { before: extentKey(of, bounds.before) }),
    ...(bounds.reverse === true ? { reverse: true } : {}),
    limit: bounds.limit,
  });
  return rows.map(({ key, value }) => decodeExtentRow(key, value));
}

/**
 * The extent that holds the offset, or else the first behind it. Between two reads a leveling may have merged the extent behind with
 * one in front, so what lies in front is looked at once more before all up to the extent behind is taken for empty.
 */
export async function firstExtentFrom(
  reads: DomainReads,
  of: TopicPartition,
  offset: number,
): Promise<Extent | undefined> {
  const lastBelow = async (before: number) => (await readExtents(reads, of, { before, reverse: true, limit: 1 }))[0];
  const below = await lastBelow(offset + 1);
  if (below !== undefined && below.lastOffset >= offset) return below;
  const [above] = await readExtents(reads, of, { from: offset + 1, limit: 1 });
  const since = await lastBelow(above?.baseOffset ?? Number.MAX_SAFE_INTEGER);
  return since !== undefined && since.lastOffset >= offset ? since : above;
}

/** Explicit empty ranges with the same bounds as for extents. */
export async function readEmptyRanges(
  reads: DomainReads,
  of: TopicPartition,
  bounds: { readonly from?: number; readonly before?: number; readonly reverse?: boolean; readonly limit: number },
): Promise<OffsetRange[]> {
  const rows = await reads.scan({
    prefix: emptyRangesPrefix(of),
    ...(bounds.from === undefined ? {} : { from: emptyRangeKey(of, bounds.from) }),
    ...(bounds.before === undefined ? {} : { before: emptyRangeKey(of, bounds.before) }),
    ...(bounds.reverse === true ? { reverse: true } : {}),
    limit: bounds.limit,
  });
  return rows.map(({ key, value }) => decodeEmptyRangeRow(key, value));
}

/** The newest term of a partition. */
export async function lastTerm(reads: DomainReads, of: TopicPartition): Promise<TermStart | undefined> {
  const [row] = await reads.scan({ prefix: termsPrefix(of), reverse: true, limit: 1 });
  return row === undefined ? undefined : decodeTermRow(row.key, row.value);
}
