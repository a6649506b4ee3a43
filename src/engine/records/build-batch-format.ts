// Builds whole record batches of magic 2 (their layout is in record-batch-format.ts, the records' in record-format.ts), for
// tests, tools, control records, and stretches of offsets that hold nothing. The write path never needs it: producers send whole batches.

import { ByteWriter } from '../base/byte-writer.ts';
import { crc32c } from '../base/checksum.ts';
import { codecs, compressSync } from './compression.ts';
import { type RecordToWrite, writeRecord } from './record-format.ts';

export interface BatchRecord extends Pick<RecordToWrite, 'key' | 'value' | 'headers'> {
  /** Milliseconds; the batch's `timestamp` where not given. */
  readonly timestamp?: number | undefined;
  /** The record's place in the batch where not given; compacted batches have gaps. */
  readonly offsetDelta?: number | undefined;
}

export interface BatchOptions {
  readonly baseOffset?: number;
  readonly leaderEpoch?: number;
  /** Number of the compression codec; 0 for none. */
  readonly codec?: number;
  /** For records that have no time of their own; 0 where not given. */
  readonly timestamp?: number;
  readonly logAppendTime?: boolean;
  readonly transactional?: boolean;
  readonly control?: boolean;
  readonly producerId?: number;
  readonly producerEpoch?: number;
  readonly baseSequence?: number;
}

/** Key and value of a marker that ends a transaction by committing it, versions 0: type 1, coordinator epoch 0. */
const commitMarker = { key: Buffer.from([0, 0, 0, 1]), value: Buffer.alloc(6) };

/**
 * A batch that covers offsets from base to last and holds nothing for consumers, who pass over it: a control batch, the commit marker of no
 * producer. Some pass only over batches with a record, so one without any would not do. At most 2^31 offsets.
 */
export function encodeGapBatch(baseOffset: number, lastOffset: number, leaderEpoch: number): Buffer {
  const marker = { ...commitMarker, offsetDelta: lastOffset - baseOffset };
  return encodeBatch([marker], { baseOffset, leaderEpoch, control: true, transactional: true, timestamp: -1 });
}

export function encodeBatch(records: readonly BatchRecord[], options: BatchOptions = {}): Buffer {
  const { codec = codecs.none, timestamp = 0 } = options;
  const times = records.map((record) => record.timestamp ?? timestamp);
  const baseTimestamp = times[0] ?? timestamp;
  const deltas = records.map((record, index) => record.offsetDelta ?? index);
  const inner = new ByteWriter(64 * records.length + 64);
  records.forEach((record, index) => {
    const timestampDelta = (times[index] as number) - baseTimestamp;
    writeRecord(inner, { ...record, timestampDelta, offsetDelta: deltas[index] as number });
  });
  const covered = new ByteWriter(inner.length + 64)
    .i16(
      codec |
        (options.logAppendTime === true ? 0x08 : 0) |
        (options.transactional === true ? 0x10 : 0) |
        (options.control === true ? 0x20 : 0),
    )
    .i32(deltas.at(-1) ?? 0)
    .i64(baseTimestamp)
    .i64(times.reduce((max, time) => Math.max(max, time), baseTimestamp))
    .i64(options.producerId ?? -1)
    .i16(options.producerEpoch ?? -1)
    .i32(options.baseSequence ?? -1)
    .i32(records.length)
    .copy(compressSync(codec, inner.bytes()))
    .bytes();
  return new ByteWriter(covered.length + 32)
    .i64(options.baseOffset ?? 0)
    .i32(covered.length + 9)
    .i32(options.leaderEpoch ?? -1)
    .i8(2)
    .u32(crc32c(covered))
    .copy(covered)
    .bytes();
}
