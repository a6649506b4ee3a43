// One idempotent producer of a partition as of next offset: what a restore needs to judge its next batch. Page: docs/formats/metastore.md.
//
//   producer := version u8 producerEpoch i16 usedAtMs i64 batchCount u8 (firstSequence i32 lastSequence i32 baseOffset i64)*
//
// The same facts that the partition itself keeps: the last five batches, oldest first.

import type { Offset, TimestampMs } from '../base/ids.ts';
import type { TopicPartition } from './metastore-key-format.ts';
import { beginRow, closeRow, openRow, readOffset, readTimestamp } from './row-frame-format.ts';

export const producerBatchesMax = 5;

export interface ProducerBatch {
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly baseOffset: Offset;
}

export interface ProducerSnapshot {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly usedAtMs: TimestampMs;
  readonly batches: readonly ProducerBatch[];
}

export function encodeProducerRow(producer: ProducerSnapshot): Buffer {
  const writer = beginRow(12 + producer.batches.length * 16);
  writer.i16(producer.producerEpoch).i64(producer.usedAtMs).u8(producer.batches.length);
  for (const one of producer.batches) writer.i32(one.firstSequence).i32(one.lastSequence).i64(one.baseOffset);
  return writer.bytes();
}

export function decodeProducerRow(key: string, value: Uint8Array): TopicPartition & ProducerSnapshot {
  const { reader, place } = openRow('producer', key, value);
  const producerEpoch = reader.i16();
  const usedAtMs = readTimestamp(reader);
  const count = reader.u8();
  if (count > producerBatchesMax) throw reader.corrupt(`${count} batches of a producer`);
  const batches = Array.from({ length: count }, () => ({
    firstSequence: reader.i32(),
    lastSequence: reader.i32(),
    baseOffset: readOffset(reader),
  }));
  closeRow(reader);
  const { topicId, partition, producerId } = place;
  return { topicId, partition, producerId, producerEpoch, usedAtMs, batches };
}
