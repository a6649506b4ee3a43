// An L1 object: sections of record batches sorted by partition then offset, a footer with their index, a trailer.

import type { Offset, TimestampMs, TopicId } from '../base/ids.ts';

export type L1Kind = 'reconciled' | 'compacted' | 'leveled';

/** Consecutive offsets of one partition. */
export interface L1BuiltSection {
  readonly partition: number;
  /** Of the extent: there may be less in it. */
  readonly baseOffset: Offset;
  readonly lastOffset: Offset;
  readonly maxTimestamp: TimestampMs;
  readonly position: number;
  readonly length: number;
  readonly batchCount: number;
  readonly recordCount: number;
}

export interface L1FooterSection extends L1BuiltSection {
  /** Numbers of its chunks, which are counted through the object. */
  readonly firstChunk: number;
  readonly chunkCount: number;
}

/** Whole batches, about 1 MiB: the unit of reading and checking. */
export interface L1FooterChunk {
  readonly position: number;
  readonly length: number;
  /** Of its first batch. */
  readonly baseOffset: Offset;
  readonly maxTimestamp: TimestampMs;
  readonly crc: number;
}

export interface L1Footer {
  readonly clusterId: string;
  readonly objectId: string;
  readonly topicId: TopicId;
  readonly kind: L1Kind;
  readonly createdMs: number;
  readonly sectionCount: number;
  readonly chunkCount: number;
  section(at: number): L1FooterSection;
  chunk(number: number): L1FooterChunk;
}
