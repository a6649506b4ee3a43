// The rows of L1 objects and of removed topics. Page: docs/formats/metastore.md.
//
//   object  := version u8 state u8 totalBytes i64 removedBytes i64 sizeBytes i64 footerPosition i64 lastUpdatedMs i64
//   removed := version u8 removedAtMs i64
//
// total − removed is what extents of this domain still use of the object; at zero it may be collected. There are no references.

import type { TimestampMs, TopicId } from '../base/ids.ts';
import type { ObjectId } from './metastore-key-format.ts';
import { beginRow, closeRow, openRow, readCount, readTimestamp } from './row-frame-format.ts';

/**
 * preregistered: an upload may be under way, no extent points to it. partial: extents point to it, more are announced.
 * complete: nothing will be added to it any more.
 */
export type ObjectState = 'preregistered' | 'partial' | 'complete';

const states: readonly ObjectState[] = ['preregistered', 'partial', 'complete'];

export interface ObjectRow {
  readonly objectId: ObjectId;
  readonly state: ObjectState;
  /** Bytes of every extent that was ever offered for it. */
  readonly totalBytes: number;
  /** Bytes of those that were dropped, replaced or removed. */
  readonly removedBytes: number;
  /** Of the whole object; 0 while preregistered, like the position of its footer. */
  readonly sizeBytes: number;
  readonly footerPosition: number;
  readonly lastUpdatedMs: TimestampMs;
}

export function encodeObjectRow(row: ObjectRow): Buffer {
  return beginRow(42)
    .u8(states.indexOf(row.state))
    .i64(row.totalBytes)
    .i64(row.removedBytes)
    .i64(row.sizeBytes)
    .i64(row.footerPosition)
    .i64(row.lastUpdatedMs)
    .bytes();
}

/** Does not judge whether the counts agree: the validators report that by its name. */
export function decodeObjectRow(key: string, value: Uint8Array): ObjectRow {
  const { reader, place } = openRow('object', key, value);
  const code = reader.u8();
  const state = states[code];
  if (state === undefined) throw reader.corrupt(`an object in state ${code}`);
  const totalBytes = readCount(reader);
  const removedBytes = readCount(reader);
  const sizeBytes = readCount(reader);
  const footerPosition = readCount(reader);
  const lastUpdatedMs = readTimestamp(reader);
  closeRow(reader);
  return { objectId: place.objectId, state, totalBytes, removedBytes, sizeBytes, footerPosition, lastUpdatedMs };
}

export interface RemovedTopic {
  readonly topicId: TopicId;
  readonly removedAtMs: TimestampMs;
}

export function encodeRemovedTopicRow(removedAtMs: TimestampMs): Buffer {
  return beginRow(16).i64(removedAtMs).bytes();
}

export function decodeRemovedTopicRow(key: string, value: Uint8Array): RemovedTopic {
  const { reader, place } = openRow('removed', key, value);
  const removedAtMs = readTimestamp(reader);
  closeRow(reader);
  return { topicId: place.topicId, removedAtMs };
}
