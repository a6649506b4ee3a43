// Takes the records out of what a fetch brought: whole record batches one after the other, the last one perhaps cut off.
// Every batch is checked against its CRC32C before it is believed. Control batches carry no records of users.

import { EngineError } from '../base/errors.ts';
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
import { decompressSync } from '../records/records.ts';

export interface IncomingRecord {
  readonly offset: number;
  /** Milliseconds; −1 where there is none. */
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly IncomingHeader[];
}

export interface IncomingHeader {
  readonly name: string;
  readonly value: Buffer | null;
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
const noHeaders: readonly IncomingHeader[] = [];

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
  const cursor = new RecordCursor(plain, options);
  const baseTimestamp = readBaseTimestamp(batch);
  for (let index = 0; index < facts.count; index++) {
    const record = cursor.record(facts.baseOffset, baseTimestamp, appendTime);
    if (record.offset >= options.from && record.offset < options.until) into.push(record);
  }
  return next;
}

function corrupt(problem: string, { topic, partition, from }: DecodeOptions): EngineError {
  return new EngineError('corrupt-batch', `${topic}-${partition} near offset ${from}: ${problem}`, {
    context: { topic, partition, offset: from },
  });
}

/** Reads records one after the other; a length is compared with what is there before it is used. */
class RecordCursor {
  readonly #bytes: Buffer;
  readonly #options: DecodeOptions;
  #at = 0;

  constructor(bytes: Buffer, options: DecodeOptions) {
    this.#bytes = bytes;
    this.#options = options;
  }

  record(baseOffset: number, baseTimestamp: number, appendTime: number | undefined): IncomingRecord {
    const length = this.#varint();
    const end = this.#at + length;
    if (length < 1 || end > this.#bytes.length) throw corrupt(`a record says it has ${length} bytes`, this.#options);
    this.#at++;
    const timestamp = appendTime ?? baseTimestamp + this.#varint();
    if (appendTime !== undefined) this.#varint();
    const offset = baseOffset + this.#varint();
    const key = this.#field();
    const value = this.#field();
    const headerCount = this.#varint();
    const headers = headerCount === 0 ? noHeaders : this.#headers(headerCount);
    if (this.#at !== end) throw corrupt('a record is longer or shorter than it says', this.#options);
    return { offset, timestamp, key, value, headers };
  }

  #headers(count: number): IncomingHeader[] {
    if (count < 0 || count > this.#bytes.length - this.#at)
      throw corrupt(`a record with ${count} headers`, this.#options);
    const headers: IncomingHeader[] = [];
    for (let index = 0; index < count; index++) {
      const name = this.#field();
      headers.push({ name: name?.toString('utf8') ?? '', value: this.#field() });
    }
    return headers;
  }

  #field(): Buffer | null {
    const length = this.#varint();
    if (length < 0) return null;
    const start = this.#at;
    this.#at += length;
    if (this.#at > this.#bytes.length) throw corrupt(`a field of ${length} bytes is cut off`, this.#options);
    return this.#bytes.subarray(start, this.#at);
  }

  /** Zigzag, up to 2^53; arithmetic instead of shifts because timestamps exceed 32 bits. */
  #varint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      if (this.#at >= this.#bytes.length || scale > 2 ** 63)
        throw corrupt('a number in a record is cut off', this.#options);
      const byte = this.#bytes[this.#at++] as number;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
      scale *= 128;
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}
