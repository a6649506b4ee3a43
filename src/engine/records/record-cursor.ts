// Walks the records of one batch without making an object for each: for work that looks at every record of a partition's history,
// where only keys, tombstones and the bytes of whole records matter. Their layout is in record-format.ts.
//
// Unpacking walks once through everything, so that a cursor that was handed out cannot fail any more: every record fills its length,
// the records fill the bytes, there are as many as the header says, and their offsets go up inside the batch's range. A batch that
// is not like that, or does not unpack, or whose checksum is wrong, has no cursor; nor has a control batch.

import { ByteReader } from '../base/byte-reader.ts';
import { EngineError } from '../base/errors.ts';
import { decompress, decompressSync } from './compression.ts';
import {
  batchHeaderBytes,
  codecOf,
  computeBatchCrc,
  isControl,
  readBaseTimestamp,
  readBatchCrc,
  readBatchFacts,
  readBatchSize,
  readMagic,
} from './record-batch-format.ts';

/** What the records of one batch may unpack to; a batch with more is left as it is. */
const unpackedBytesMax = 256 * 1024 * 1024;
/** Smaller ones are unpacked at once: the way to the thread pool and back takes longer. */
const unpackElsewhereBytes = 32 * 1024;
/** Every record has at least its length, attributes, two deltas, two lengths and the count of headers. */
const recordBytesMin = 7;

export class RecordCursor extends ByteReader {
  readonly baseOffset: number;
  readonly baseTimestamp: number;
  /** Number of records. */
  readonly count: number;
  /** Where the record begins and ends in `bytes`, its length field included. */
  start = 0;
  end = 0;
  offsetDelta = 0;
  timestampDelta = 0;
  isTombstone = false;
  /** −1 where there is no key. */
  keyLength = -1;
  #keyAt = 0;
  #passed = 0;

  constructor(records: Buffer, batch: { baseOffset: number; baseTimestamp: number; count: number }) {
    super(records, 'records');
    this.baseOffset = batch.baseOffset;
    this.baseTimestamp = batch.baseTimestamp;
    this.count = batch.count;
  }

  get offset(): number {
    return this.baseOffset + this.offsetDelta;
  }

  get timestamp(): number {
    return this.baseTimestamp + this.timestampDelta;
  }

  /** A view; undefined where the record has no key. */
  get key(): Buffer | undefined {
    return this.keyLength < 0 ? undefined : this.bytes.subarray(this.#keyAt, this.#keyAt + this.keyLength);
  }

  /** Moves to the next record; false behind the last. */
  next(): boolean {
    if (this.#passed === this.count) return false;
    this.#passed += 1;
    this.start = this.position;
    const length = this.varint();
    this.need(length);
    this.end = this.position + length;
    this.position += 1;
    this.timestampDelta = this.varlong();
    this.offsetDelta = this.varint();
    this.keyLength = this.varint();
    this.#keyAt = this.position;
    this.#skip(this.keyLength);
    const valueLength = this.varint();
    this.isTombstone = valueLength < 0;
    this.#skip(valueLength);
    if (this.position >= this.end) throw this.corrupt('a record is longer than its length');
    this.position = this.end;
    return true;
  }

  /** Back to before the first record. */
  rewind(): void {
    this.position = 0;
    this.#passed = 0;
  }

  override corrupt(problem: string): EngineError {
    return new EngineError('invalid-record', `record ${this.#passed - 1} of a batch: ${problem}`);
  }

  #skip(length: number): void {
    if (length === -1) return;
    this.need(length);
    this.position += length;
  }
}

/** Undefined where the records cannot be looked at one by one. The batch must stay in place until this resolves. */
export async function unpackBatch(batch: Buffer): Promise<RecordCursor | undefined> {
  if (batch.length < batchHeaderBytes || readMagic(batch) !== 2 || readBatchSize(batch) !== batch.length)
    return undefined;
  const { attributes, baseOffset, lastOffsetDelta, count } = readBatchFacts(batch);
  const baseTimestamp = readBaseTimestamp(batch);
  if (isControl(attributes) || !Number.isSafeInteger(baseOffset) || !Number.isSafeInteger(baseTimestamp))
    return undefined;
  if (computeBatchCrc(batch) !== readBatchCrc(batch)) return undefined;
  try {
    const records = await unpack(codecOf(attributes), batch.subarray(batchHeaderBytes));
    if (count < 0 || count * recordBytesMin > records.length) return undefined;
    const cursor = new RecordCursor(records, { baseOffset, baseTimestamp, count });
    let delta = -1;
    while (cursor.next()) {
      if (cursor.offsetDelta <= delta || cursor.offsetDelta > lastOffsetDelta) return undefined;
      if (!Number.isSafeInteger(cursor.timestamp)) return undefined;
      delta = cursor.offsetDelta;
    }
    if (cursor.remaining > 0) return undefined;
    cursor.rewind();
    return cursor;
  } catch (error) {
    if (error instanceof EngineError) return undefined;
    throw error;
  }
}

async function unpack(codec: number, bytes: Buffer): Promise<Buffer> {
  return bytes.length < unpackElsewhereBytes
    ? decompressSync(codec, bytes, unpackedBytesMax)
    : decompress(codec, bytes, unpackedBytesMax);
}
