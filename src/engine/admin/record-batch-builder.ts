// Collects records into one Kafka record batch (magic 2). Keys, values and headers go in as bytes and are copied once.
// A builder makes one batch; offsets inside it count from 0, the broker gives the batch its place.

import { crc32c } from '../base/checksum.ts';
import { batchHeaderBytes } from '../records/record-batch-format.ts';

/** The most that the fields around key, value and headers of one record can take: length, deltas and lengths. */
const recordOverheadMax = 40;
const smallestBuffer = 16 * 1024;

export interface ProducerState {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
}

export interface BuiltBatch {
  readonly bytes: Buffer;
  readonly count: number;
}

/** The bytes that stand for headers in every record of a run: the count, then each name and value. */
export function encodeHeaders(headers: readonly (readonly [name: string, value: Buffer])[]): Buffer {
  const parts: Buffer[] = [varintBytes(headers.length)];
  for (const [name, value] of headers) {
    const text = Buffer.from(name);
    parts.push(varintBytes(text.length), text, varintBytes(value.length), value);
  }
  return Buffer.concat(parts);
}

export class RecordBatchBuilder {
  #buffer = Buffer.allocUnsafe(smallestBuffer);
  #length = 0;
  #count = 0;
  #baseTimestamp = 0;
  #maxTimestamp = 0;

  get count(): number {
    return this.#count;
  }

  /** Size of the batch if it was built now, uncompressed. */
  get sizeBytes(): number {
    return batchHeaderBytes + this.#length;
  }

  /** An upper bound of what one more record adds. */
  static recordBytesMax(key: Uint8Array | null, value: Uint8Array | null, headers: Uint8Array): number {
    return recordOverheadMax + (key?.length ?? 0) + (value?.length ?? 0) + headers.length;
  }

  add(key: Uint8Array | null, value: Uint8Array | null, headers: Uint8Array, timestampMs: number): void {
    if (this.#count === 0) {
      this.#baseTimestamp = timestampMs;
      this.#maxTimestamp = timestampMs;
    } else if (timestampMs > this.#maxTimestamp) {
      this.#maxTimestamp = timestampMs;
    }
    const delta = timestampMs - this.#baseTimestamp;
    const bodyBytes =
      1 + varintLength(delta) + varintLength(this.#count) + fieldLength(key) + fieldLength(value) + headers.length;
    this.#reserve(bodyBytes + 5);
    this.#varint(bodyBytes);
    this.#buffer[this.#length++] = 0;
    this.#varint(delta);
    this.#varint(this.#count);
    this.#field(key);
    this.#field(value);
    this.#buffer.set(headers, this.#length);
    this.#length += headers.length;
    this.#count++;
  }

  /** `compress` gets the encoded records and returns what stands behind the header. */
  build(codec: number, compress: (records: Buffer) => Buffer, producer: ProducerState): BuiltBatch {
    const plain = this.#buffer.subarray(0, this.#length);
    const records = codec === 0 ? plain : compress(plain);
    const bytes = Buffer.allocUnsafe(batchHeaderBytes + records.length);
    bytes.writeBigInt64BE(0n, 0);
    bytes.writeInt32BE(bytes.length - 12, 8);
    bytes.writeInt32BE(-1, 12);
    bytes.writeInt8(2, 16);
    bytes.writeInt16BE(codec, 21);
    bytes.writeInt32BE(this.#count - 1, 23);
    bytes.writeBigInt64BE(BigInt(this.#baseTimestamp), 27);
    bytes.writeBigInt64BE(BigInt(this.#maxTimestamp), 35);
    bytes.writeBigInt64BE(BigInt(producer.producerId), 43);
    bytes.writeInt16BE(producer.producerEpoch, 51);
    bytes.writeInt32BE(producer.baseSequence, 53);
    bytes.writeInt32BE(this.#count, 57);
    records.copy(bytes, batchHeaderBytes);
    bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17);
    return { bytes, count: this.#count };
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + count));
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
  }

  #field(bytes: Uint8Array | null): void {
    if (bytes === null) {
      this.#buffer[this.#length++] = 1;
      return;
    }
    this.#varint(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Zigzag; values stay far below 2^52 here. */
  #varint(value: number): void {
    let left = value >= 0 ? value * 2 : -value * 2 - 1;
    while (left >= 0x80) {
      this.#buffer[this.#length++] = (left % 0x80) | 0x80;
      left = Math.floor(left / 0x80);
    }
    this.#buffer[this.#length++] = left;
  }
}

function varintLength(value: number): number {
  let left = value >= 0 ? value * 2 : -value * 2 - 1;
  let length = 1;
  while (left >= 0x80) {
    left = Math.floor(left / 0x80);
    length++;
  }
  return length;
}

const fieldLength = (bytes: Uint8Array | null): number =>
  bytes === null ? 1 : varintLength(bytes.length) + bytes.length;

function varintBytes(value: number): Buffer {
  const bytes: number[] = [];
  let left = value * 2;
  while (left >= 0x80) {
    bytes.push((left % 0x80) | 0x80);
    left = Math.floor(left / 0x80);
  }
  bytes.push(left);
  return Buffer.from(bytes);
}
