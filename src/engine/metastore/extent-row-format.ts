// The rows that tile a partition's offsets: extents, explicit empty ranges; and where its terms begin. Page: docs/formats/metastore.md.
//
//   extent := version u8 lastOffset i64 maxTimestamp i64 objectId[16] position i64 length i64
//   empty  := version u8 lastOffset i64
//   term   := version u8 startOffset i64
// Base offset and term are in the key.

import type { Offset, Term, TimestampMs } from '../base/ids.ts';
import type { ObjectId, TopicPartition } from './metastore-key-format.ts';
import {
  beginRow,
  closeRow,
  openRow,
  readCount,
  readLastOffset,
  readOffset,
  readTimestamp,
} from './row-frame-format.ts';

/** Offsets from base to last, both included. */
export interface OffsetRange {
  readonly baseOffset: Offset;
  readonly lastOffset: Offset;
}

/** Consecutive offsets of one partition inside one L1 object. */
export interface Extent extends OffsetRange {
  /** −1 where no record has one. */
  readonly maxTimestamp: TimestampMs;
  readonly objectId: ObjectId;
  /** Where its bytes begin in the object. */
  readonly position: number;
  readonly length: number;
}

export interface TermStart {
  readonly term: Term;
  readonly startOffset: Offset;
}

export function encodeExtentRow(extent: Extent): Buffer {
  return beginRow(49)
    .i64(extent.lastOffset)
    .i64(extent.maxTimestamp)
    .uuid(extent.objectId)
    .i64(extent.position)
    .i64(extent.length)
    .bytes();
}

export function decodeExtentRow(key: string, value: Uint8Array): TopicPartition & Extent {
  const { reader, place } = openRow('extent', key, value);
  const { topicId, partition, baseOffset } = place;
  const lastOffset = readLastOffset(reader, baseOffset);
  const maxTimestamp = readTimestamp(reader);
  const objectId = reader.uuid();
  const position = readCount(reader);
  const length = readCount(reader);
  if (length === 0) throw reader.corrupt('an extent without bytes');
  closeRow(reader);
  return { topicId, partition, baseOffset, lastOffset, maxTimestamp, objectId, position, length };
}

export function encodeEmptyRangeRow(range: OffsetRange): Buffer {
  return beginRow(16).i64(range.lastOffset).bytes();
}

export function decodeEmptyRangeRow(key: string, value: Uint8Array): TopicPartition & OffsetRange {
  const { reader, place } = openRow('empty', key, value);
  const { topicId, partition, baseOffset } = place;
  const lastOffset = readLastOffset(reader, baseOffset);
  closeRow(reader);
  return { topicId, partition, baseOffset, lastOffset };
}

export function encodeTermRow(start: TermStart): Buffer {
  return beginRow(16).i64(start.startOffset).bytes();
}

export function decodeTermRow(key: string, value: Uint8Array): TopicPartition & TermStart {
  const { reader, place } = openRow('term', key, value);
  const startOffset = readOffset(reader);
  closeRow(reader);
  return { topicId: place.topicId, partition: place.partition, term: place.term, startOffset };
}
