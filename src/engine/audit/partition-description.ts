// What the metastore holds of a partition, in a few figures: `metastore describe`. Reads a handful of rows, however long the
// partition is; whether they agree with each other is for `metastore verify` to say.

import type { DomainReads } from '../domain/domain.ts';
import { decodeCompactionRow } from '../metastore/compaction-row-format.ts';
import { decodeEmptyRangeRow, decodeExtentRow, decodeTermRow, type Extent } from '../metastore/extent-row-format.ts';
import {
  compactionKey,
  emptyRangesPrefix,
  extentsPrefix,
  partitionKey,
  producersPrefix,
  type TopicPartition,
  termsPrefix,
} from '../metastore/metastore-key-format.ts';
import { decodePartitionRow } from '../metastore/partition-row-format.ts';
import { pagedRows } from './paged-rows.ts';

/** Everything is null where nothing was reconciled yet. */
export interface PartitionSummary {
  readonly partition: number;
  readonly domain: string;
  readonly reconciled: boolean;
  readonly startOffset: number | null;
  readonly nextOffset: number | null;
  readonly term: number | null;
  readonly extents: number | null;
  readonly sizeBytes: number | null;
  readonly compactionEpoch: number | null;
  /** Of the batch below next offset: "<incarnation>/<term>/<attempt>". */
  readonly lastStamp: string | null;
}

export interface ExtentNote {
  readonly baseOffset: number;
  readonly lastOffset: number;
  /** RFC 3339; null where no record has a time. */
  readonly maxTimestamp: string | null;
  readonly bytes: number;
  readonly object: string;
}

/** One partition in more words. */
export interface PartitionDetail extends PartitionSummary {
  readonly terms: readonly { readonly term: number; readonly startOffset: number }[];
  readonly firstExtent: ExtentNote | null;
  readonly lastExtent: ExtentNote | null;
  readonly emptyRanges: number;
  readonly producers: number;
  readonly cleanedRanges: readonly { readonly baseOffset: number; readonly lastOffset: number }[];
  readonly tombstoneRanges: number;
}

export async function summarizePartition(
  reads: DomainReads | undefined,
  domain: string,
  of: TopicPartition,
): Promise<PartitionSummary> {
  const key = partitionKey(of);
  const value = await reads?.get(key);
  if (reads === undefined || value === undefined) {
    const nothing = { startOffset: null, nextOffset: null, term: null, extents: null, sizeBytes: null };
    return { partition: of.partition, domain, reconciled: false, ...nothing, compactionEpoch: null, lastStamp: null };
  }
  const row = decodePartitionRow(key, value);
  const [newest] = await reads.scan({ prefix: termsPrefix(of), reverse: true, limit: 1 });
  const { incarnation, term, attempt } = row.lastStamp;
  return {
    partition: of.partition,
    domain,
    reconciled: true,
    startOffset: row.startOffset,
    nextOffset: row.nextOffset,
    term: newest === undefined ? null : decodeTermRow(newest.key, newest.value).term,
    extents: row.extentCount,
    sizeBytes: row.sizeBytes,
    compactionEpoch: row.compactionEpoch,
    lastStamp: `${incarnation}/${term}/${attempt}`,
  };
}

export async function describePartition(
  reads: DomainReads | undefined,
  domain: string,
  of: TopicPartition,
): Promise<PartitionDetail> {
  const summary = await summarizePartition(reads, domain, of);
  if (reads === undefined) return { ...summary, ...noDetail };
  const terms: PartitionDetail['terms'][number][] = [];
  for await (const { key, value } of pagedRows(reads, { prefix: termsPrefix(of) })) {
    const { term, startOffset } = decodeTermRow(key, value);
    terms.push({ term, startOffset });
  }
  const compaction = await reads.get(compactionKey(of));
  const { cleanedRanges, tombstoneRanges } =
    compaction === undefined
      ? { cleanedRanges: [], tombstoneRanges: [] }
      : decodeCompactionRow(compactionKey(of), compaction);
  return {
    ...summary,
    terms,
    firstExtent: await extentAtEnd(reads, of, false),
    lastExtent: await extentAtEnd(reads, of, true),
    emptyRanges: await countRows(reads, emptyRangesPrefix(of), decodeEmptyRangeRow),
    producers: await countRows(reads, producersPrefix(of)),
    cleanedRanges: cleanedRanges.map(({ baseOffset, lastOffset }) => ({ baseOffset, lastOffset })),
    tombstoneRanges: tombstoneRanges.length,
  };
}

const noDetail = {
  terms: [],
  firstExtent: null,
  lastExtent: null,
  emptyRanges: 0,
  producers: 0,
  cleanedRanges: [],
  tombstoneRanges: 0,
};

async function extentAtEnd(reads: DomainReads, of: TopicPartition, reverse: boolean): Promise<ExtentNote | null> {
  const [row] = await reads.scan({ prefix: extentsPrefix(of), reverse, limit: 1 });
  return row === undefined ? null : noteOf(decodeExtentRow(row.key, row.value));
}

function noteOf({ baseOffset, lastOffset, maxTimestamp, length, objectId }: Extent): ExtentNote {
  const time = maxTimestamp < 0 || maxTimestamp > 8.64e15 ? null : new Date(maxTimestamp).toISOString();
  return { baseOffset, lastOffset, maxTimestamp: time, bytes: length, object: objectId };
}

async function countRows(
  reads: DomainReads,
  prefix: string,
  check?: (key: string, value: Buffer) => unknown,
): Promise<number> {
  let count = 0;
  for await (const { key, value } of pagedRows(reads, { prefix })) {
    check?.(key, value);
    count++;
  }
  return count;
}
