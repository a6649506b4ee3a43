// The row of a partition: what the metastore holds of it, in sum. Page: docs/formats/metastore.md.
//
//   partition := version u8 startOffset i64 nextOffset i64 compactionEpoch u32 sizeBytes i64 extentCount i64 lastStamp[12]
//
// Offsets below start are gone; next offset is where the reconciler goes on. The stamp is that of the batch directly below next
// offset: salvage continues its chain from there.

import type { Offset, Stamp } from '../base/ids.ts';
import { readStamp, writeStamp } from '../base/stamp-format.ts';
import type { TopicPartition } from './metastore-key-format.ts';
import { beginRow, closeRow, openRow, readCount, readOffset } from './row-frame-format.ts';

export interface PartitionRow extends TopicPartition {
  readonly startOffset: Offset;
  readonly nextOffset: Offset;
  /** Counts compactions that became visible; a replacement must name the one it has read. */
  readonly compactionEpoch: number;
  /** Bytes of all extents. */
  readonly sizeBytes: number;
  readonly extentCount: number;
  readonly lastStamp: Stamp;
}

export function encodePartitionRow(row: PartitionRow): Buffer {
  const writer = beginRow(49);
  writer.i64(row.startOffset).i64(row.nextOffset).u32(row.compactionEpoch).i64(row.sizeBytes).i64(row.extentCount);
  writeStamp(writer, row.lastStamp);
  return writer.bytes();
}

export function decodePartitionRow(key: string, value: Uint8Array): PartitionRow {
  const { reader, place } = openRow('partition', key, value);
  const startOffset = readOffset(reader);
  const nextOffset = readOffset(reader);
  if (startOffset > nextOffset) {
    throw reader.corrupt(`the start offset ${startOffset} lies above the next offset ${nextOffset}`);
  }
  const compactionEpoch = reader.u32();
  const sizeBytes = readCount(reader);
  const extentCount = readCount(reader);
  const lastStamp = readStamp(reader);
  closeRow(reader);
  const { topicId, partition } = place;
  return { topicId, partition, startOffset, nextOffset, compactionEpoch, sizeBytes, extentCount, lastStamp };
}
