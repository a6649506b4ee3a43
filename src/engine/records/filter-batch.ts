// Takes records out of a batch, for compaction. What stays has its bytes, its offset and its time; the batch keeps its base offset,
// its range of offsets, leader epoch, producer, base timestamp and codec. New are the number of records, the highest timestamp
// (unless the broker gave it: LogAppendTime), and the checksum.
//
// A batch that loses nothing is given back as it is, byte for byte; so is one whose records cannot be looked at (record-cursor.ts).

import { crc32c } from '../base/checksum.ts';
import { compress, compressSync } from './compression.ts';
import { batchHeaderBytes, batchPrefixBytes, codecOf, isLogAppendTime, readBatchFacts } from './record-batch-format.ts';
import { type RecordCursor, unpackBatch } from './record-cursor.ts';

export interface FilteredBatch {
  /** `unread`: its records could not be looked at. */
  readonly outcome: 'whole' | 'unread' | 'rewritten' | 'emptied';
  /** The batch itself where it is whole or unread; undefined where nothing is left. */
  readonly bytes: Buffer | undefined;
  /** How many records it has, and how many went. 0 where unread. */
  readonly records: number;
  readonly removed: number;
}

const attributesAt = 21;
const maxTimestampAt = 35;
const countAt = 57;
/** Smaller ones are packed at once: the way to the thread pool and back takes longer. */
const packElsewhereBytes = 32 * 1024;

/** `keep` is asked for every record in order, and must not hold on to the cursor. The batch must stay in place until this resolves. */
export async function filterBatch(batch: Buffer, keep: (record: RecordCursor) => boolean): Promise<FilteredBatch> {
  const cursor = await unpackBatch(batch);
  if (cursor === undefined) return { outcome: 'unread', bytes: batch, records: 0, removed: 0 };
  const runs: Buffer[] = [];
  let runStart = 0;
  let runEnd = 0;
  let kept = 0;
  let maxTimestamp = -1;
  while (cursor.next()) {
    if (!keep(cursor)) continue;
    kept += 1;
    maxTimestamp = Math.max(maxTimestamp, cursor.timestamp);
    if (cursor.start !== runEnd) {
      if (runEnd > runStart) runs.push(cursor.bytes.subarray(runStart, runEnd));
      runStart = cursor.start;
    }
    runEnd = cursor.end;
  }
  const removed = cursor.count - kept;
  if (removed === 0) return { outcome: 'whole', bytes: batch, records: kept, removed };
  if (kept === 0) return { outcome: 'emptied', bytes: undefined, records: removed, removed };
  runs.push(cursor.bytes.subarray(runStart, runEnd));
  const bytes = await rebuild(batch, runs, { kept, maxTimestamp });
  return { outcome: 'rewritten', bytes, records: cursor.count, removed };
}

async function rebuild(
  batch: Buffer,
  runs: readonly Buffer[],
  { kept, maxTimestamp }: { readonly kept: number; readonly maxTimestamp: number },
): Promise<Buffer> {
  const { attributes } = readBatchFacts(batch);
  const codec = codecOf(attributes);
  const joined = Buffer.concat(runs);
  const packed = joined.length < packElsewhereBytes ? compressSync(codec, joined) : await compress(codec, joined);
  const bytes = Buffer.allocUnsafe(batchHeaderBytes + packed.length);
  batch.copy(bytes, 0, 0, batchHeaderBytes);
  packed.copy(bytes, batchHeaderBytes);
  bytes.writeInt32BE(bytes.length - batchPrefixBytes, 8);
  if (!isLogAppendTime(attributes)) bytes.writeBigInt64BE(BigInt(maxTimestamp), maxTimestampAt);
  bytes.writeInt32BE(kept, countAt);
  bytes.writeUInt32BE(crc32c(bytes.subarray(attributesAt)), 17);
  return bytes;
}
