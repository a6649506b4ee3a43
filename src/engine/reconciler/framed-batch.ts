// A poison batch: its bytes in L0 are not what its placeholder and its own checksum say. It must not stop what comes behind it, so it is
// carried as it is. Only its frame is put right from the placeholder, where that was hit: place, length, format and count of offsets, by
// which readers walk from batch to batch, and the greatest time, by which retention and queries judge all that is around it. Its checksum
// stays as it was, so every reader sees the damage, at that offset.

import type { PendingBatch } from '../partition/partition.ts';
import { batchPrefixBytes, patchPlace } from '../records/record-batch-format.ts';

/** A copy of the bytes with the frame that the placeholder tells. */
export function framed(bytes: Buffer, batch: PendingBatch): Buffer {
  const copy = Buffer.from(bytes);
  patchPlace(copy, batch.baseOffset, batch.stamp.term);
  copy.writeInt32BE(batch.length - batchPrefixBytes, 8);
  copy.writeInt8(2, 16);
  copy.writeInt32BE(batch.lastOffset - batch.baseOffset, 23);
  copy.writeBigInt64BE(BigInt(batch.maxTimestamp), 35);
  return copy;
}
