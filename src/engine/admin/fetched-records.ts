// Takes the records out of what a fetch brought: whole record batches one after the other, the last one perhaps cut off.
// Every batch is checked against its CRC32C before it is believed. Control batches carry no records of users.

import { EngineError, hasCode } from '../base/errors.ts';
import {
  batchHeaderBytes,
  codecOf,
  computeBatchCrc,
  isControl,
  isLogAppendTime,
  readBaseTimestamp,
  readBatchCrc,
  readBatchFacts,
  readBatchSize,
  readMagic,
} from '../records/record-batch-format.ts';
import { iterateRecords, type RecordHeader } from '../records/record-format.ts';
import { decompressSync } from '../records/records.ts';

export interface IncomingRecord {
  readonly offset: number;
  /** Milliseconds; −1 where there is none. */
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly RecordHeader[];
}

export interface DecodeOptions {
  readonly topic: string;
  readonly partition: number;
  /** Records below are left out: a batch may begin before the offset that was asked for. */
  readonly from: number;
  /** Records at or above are left out. */
  readonly until: number;
}

const unpackedBytesMax = 1024 * 1024 * 1024;

/** The records, and the offset behind the last whole batch. Throws `corrupt-batch`, `unsupported-codec`. */
export function decodeBatches(bytes: Buffer, options: DecodeOptions): { records: IncomingRecord[]; next: number } {
  const records: IncomingRecord[] = [];
  let next = options.from;
  let at = 0;
  while (bytes.length - at >= batchHeaderBytes) {
    const size = readBatchSize(bytes, at);
    if (size < batchHeaderBytes) throw corrupt(`a record batch says it has ${size} bytes`, options);
    if (size > bytes.length - at) break;
    const batch = bytes.subarray(at, at + size);
    next = Math.max(next, decodeBatch(batch, options, records));
    at += size;
  }
  if (at === 0 && bytes.length > 0) throw corrupt('a fetch brought less than one record batch', options);
  return { records, next };
}

function decodeBatch(batch: Buffer, options: DecodeOptions, into: IncomingRecord[]): number {
  if (readMagic(batch) !== 2) {
    throw new EngineError('unsupported-message-format', `a record batch of magic ${readMagic(batch)} was fetched`);
  }
  if (computeBatchCrc(batch) !== readBatchCrc(batch))
    throw corrupt('the CRC32C of a fetched batch does not match', options);
  const facts = readBatchFacts(batch);
  const next = facts.baseOffset + facts.lastOffsetDelta + 1;
  if (isControl(facts.attributes)) return next;
  const codec = codecOf(facts.attributes);
  const packed = batch.subarray(batchHeaderBytes);
  const plain = codec === 0 ? packed : decompressSync(codec, packed, unpackedBytesMax);
  const appendTime = isLogAppendTime(facts.attributes) ? facts.maxTimestamp : undefined;
  const baseTimestamp = readBaseTimestamp(batch);
  try {
    for (const record of iterateRecords(plain, facts.count)) {
      const offset = facts.baseOffset + record.offsetDelta;
      if (offset < options.from || offset >= options.until) continue;
      const timestamp = appendTime ?? baseTimestamp + record.timestampDelta;
      into.push({ offset, timestamp, key: record.key, value: record.value, headers: record.headers });
    }
  } catch (error) {
    // A producer is answered `invalid-record`; whoever reads such a batch has been given a damaged one.
    throw hasCode(error, 'invalid-record') ? corrupt(error.message, options) : error;
  }
  return next;
}

function corrupt(problem: string, { topic, partition, from }: DecodeOptions): EngineError {
  return new EngineError('corrupt-batch', `${topic}-${partition} near offset ${from}: ${problem}`, {
    context: { topic, partition, offset: from },
  });
}
