// The summaries of the extent index, and which extents are its posts. Page: docs/formats/metastore.md.
//
//   index := version u8 count i64 bytes i64 maxTimestamp i64 minTimestamp i64 minLength i64 maxLength i64
//
// An extent is a post of levels 1 … rankOf(base offset). Its summary at a level is over the extents that lie in front of it, back to
// and with the previous post of that level, or to the partition's beginning. So nothing is written for the open end of a partition,
// and the index is a function of the set of extents alone: whatever their history was, the same rows come out.

import type { Offset, TimestampMs } from '../base/ids.ts';
import type { Extent } from './extent-row-format.ts';
import type { TopicPartition } from './metastore-key-format.ts';
import { beginRow, closeRow, openRow, readCount, readTimestamp } from './row-frame-format.ts';

export const indexLevels = 5;
/** A post of a level is one of the next with chance 1 in 16. */
const bitsPerLevel = 4;

/** What a set of extents has in sum; of none, the counts are 0 and the bounds −1. */
export interface ExtentSummary {
  readonly count: number;
  readonly bytes: number;
  /** Over the extents' max timestamps. */
  readonly maxTimestamp: TimestampMs;
  readonly minTimestamp: TimestampMs;
  readonly minLength: number;
  readonly maxLength: number;
}

export interface SummaryRow extends TopicPartition, ExtentSummary {
  readonly level: number;
  /** Of the post, which itself is not in the summary. */
  readonly baseOffset: Offset;
}

export const emptySummary: ExtentSummary = {
  count: 0,
  bytes: 0,
  maxTimestamp: -1 as TimestampMs,
  minTimestamp: -1 as TimestampMs,
  minLength: -1,
  maxLength: -1,
};

/** How many levels an extent with this base offset is a post of; 0 for most. Part of the format. */
export function rankOf(baseOffset: number): number {
  const low = baseOffset % 0x1_0000_0000;
  const high = Math.floor(baseOffset / 0x1_0000_0000);
  const hash = mix(low ^ mix(high + 0x9e37_79b9));
  // The lowest bit that is set, counted from the right; a hash of zero has all ranks.
  const zeros = hash === 0 ? 32 : 31 - Math.clz32(hash & -hash);
  return Math.min(indexLevels, Math.floor(zeros / bitsPerLevel));
}

/** The finalizer of MurmurHash3 for 32 bits. */
function mix(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85eb_ca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

export function summaryOf(extent: Extent): ExtentSummary {
  return {
    count: 1,
    bytes: extent.length,
    maxTimestamp: extent.maxTimestamp,
    minTimestamp: extent.maxTimestamp,
    minLength: extent.length,
    maxLength: extent.length,
  };
}

export function addSummaries(a: ExtentSummary, b: ExtentSummary): ExtentSummary {
  if (a.count === 0) return b;
  if (b.count === 0) return a;
  return {
    count: a.count + b.count,
    bytes: a.bytes + b.bytes,
    maxTimestamp: Math.max(a.maxTimestamp, b.maxTimestamp) as TimestampMs,
    minTimestamp: Math.min(a.minTimestamp, b.minTimestamp) as TimestampMs,
    minLength: Math.min(a.minLength, b.minLength),
    maxLength: Math.max(a.maxLength, b.maxLength),
  };
}

export function sameSummary(a: ExtentSummary, b: ExtentSummary): boolean {
  return (
    a.count === b.count &&
    a.bytes === b.bytes &&
    a.maxTimestamp === b.maxTimestamp &&
    a.minTimestamp === b.minTimestamp &&
    a.minLength === b.minLength &&
    a.maxLength === b.maxLength
  );
}

export function encodeSummaryRow(summary: ExtentSummary): Buffer {
  return beginRow(49)
    .i64(summary.count)
    .i64(summary.bytes)
    .i64(summary.maxTimestamp)
    .i64(summary.minTimestamp)
    .i64(summary.minLength)
    .i64(summary.maxLength)
    .bytes();
}

export function decodeSummaryRow(key: string, value: Uint8Array): SummaryRow {
  const { reader, place } = openRow('index', key, value);
  const { topicId, partition, level, baseOffset } = place;
  if (level < 1 || level > indexLevels) throw reader.corrupt(`a summary of level ${level}`);
  const count = readCount(reader);
  const bytes = readCount(reader);
  const maxTimestamp = readTimestamp(reader);
  const minTimestamp = readTimestamp(reader);
  const minLength = reader.i64();
  const maxLength = reader.i64();
  closeRow(reader);
  return { topicId, partition, level, baseOffset, count, bytes, maxTimestamp, minTimestamp, minLength, maxLength };
}
