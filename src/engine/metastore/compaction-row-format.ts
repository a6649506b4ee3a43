// What compaction has done to a partition. Page: docs/formats/metastore.md.
//
//   compaction := version u8 cleanedCount u32 (base i64 last i64)* tombstoneCount u32 (base i64 last i64 cleanedAtMs i64)*
//
// Both lists are sorted and do not overlap; cleaned ranges that touch are one. There is a row only where there is a range.

import type { ByteReader } from '../base/byte-reader.ts';
import type { TimestampMs } from '../base/ids.ts';
import type { OffsetRange } from './extent-row-format.ts';
import type { TopicPartition } from './metastore-key-format.ts';
import { beginRow, closeRow, openRow, readLastOffset, readOffset, readTimestamp } from './row-frame-format.ts';

/** A cleaned range that still holds tombstones, and since when it is clean. */
export interface TombstoneRange extends OffsetRange {
  readonly cleanedAtMs: TimestampMs;
}

export interface CompactionState {
  /** Every key in here occurs once from the log start up to the end of its range. */
  readonly cleanedRanges: readonly OffsetRange[];
  readonly tombstoneRanges: readonly TombstoneRange[];
}

export function encodeCompactionRow(state: CompactionState): Buffer {
  const writer = beginRow(16 + state.cleanedRanges.length * 16 + state.tombstoneRanges.length * 24);
  writer.u32(state.cleanedRanges.length);
  for (const { baseOffset, lastOffset } of state.cleanedRanges) writer.i64(baseOffset).i64(lastOffset);
  writer.u32(state.tombstoneRanges.length);
  for (const range of state.tombstoneRanges) {
    writer.i64(range.baseOffset).i64(range.lastOffset).i64(range.cleanedAtMs);
  }
  return writer.bytes();
}

/** Does not judge whether ranges overlap: the validator reports that by its name. */
export function decodeCompactionRow(key: string, value: Uint8Array): TopicPartition & CompactionState {
  const { reader, place } = openRow('compaction', key, value);
  const cleanedRanges = readList(reader, 16, () => readRange(reader));
  const tombstoneRanges = readList(reader, 24, () => ({ ...readRange(reader), cleanedAtMs: readTimestamp(reader) }));
  closeRow(reader);
  return { topicId: place.topicId, partition: place.partition, cleanedRanges, tombstoneRanges };
}

function readList<T>(reader: ByteReader, itemBytes: number, read: () => T): T[] {
  const count = reader.u32();
  reader.need(count * itemBytes);
  return Array.from({ length: count }, read);
}

function readRange(reader: ByteReader): OffsetRange {
  const baseOffset = readOffset(reader);
  return { baseOffset, lastOffset: readLastOffset(reader, baseOffset) };
}
