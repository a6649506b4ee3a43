// Record batches for tests of the write path: a real header and checksum around one opaque payload.

import { computeBatchCrc } from '../../src/engine/records/record-batch-format.ts';

export interface BatchOptions {
  readonly payload: string;
  readonly count?: number;
  readonly producerId?: number;
  readonly producerEpoch?: number;
  readonly baseSequence?: number;
  readonly timestampMs?: number;
  readonly attributes?: number;
}

/** A batch as a producer would send it; the payload stands where the records do. */
export function makeBatch(options: BatchOptions): Buffer {
  const payload = Buffer.from(options.payload);
  const count = options.count ?? 1;
  const timestamp = BigInt(options.timestampMs ?? 1_700_000_000_000);
  const bytes = Buffer.alloc(61 + payload.length);
  bytes.writeInt32BE(bytes.length - 12, 8);
  bytes.writeInt32BE(-1, 12);
  bytes.writeInt8(2, 16);
  bytes.writeInt16BE(options.attributes ?? 0, 21);
  bytes.writeInt32BE(count - 1, 23);
  bytes.writeBigInt64BE(timestamp, 27);
  bytes.writeBigInt64BE(timestamp, 35);
  bytes.writeBigInt64BE(BigInt(options.producerId ?? -1), 43);
  bytes.writeInt16BE(options.producerEpoch ?? -1, 51);
  bytes.writeInt32BE(options.baseSequence ?? -1, 53);
  bytes.writeInt32BE(count, 57);
  payload.copy(bytes, 61);
  bytes.writeUInt32BE(computeBatchCrc(bytes), 17);
  return bytes;
}

/** The payloads of batches that lie one behind the other, with their offsets. */
export function readPayloads(parts: readonly Buffer[]): { baseOffset: number; payload: string }[] {
  const bytes = Buffer.concat(parts);
  const found: { baseOffset: number; payload: string }[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = bytes.readInt32BE(at + 8) + 12;
    found.push({
      baseOffset: Number(bytes.readBigInt64BE(at)),
      payload: bytes.toString('utf8', at + 61, at + size),
    });
    at += size;
  }
  return found;
}
