// How a block's payload lies in the object: perhaps compressed, then a trailer. Format page: docs/formats/sstable.md.
//
//   sealed := body compression u8, payloadLength u32, crc u32
//
// The checksum covers everything before it. Nothing of a block is believed before it matched, and the length that a compressed
// payload claims is compared with the limit before memory is taken for it.

import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { crc32c } from '../../base/checksum.ts';
import { checkSum, damage, type ObjectRange } from './object-damage.ts';

export const compressions = { none: 0, zstd: 1 } as const;
export const blockTrailerBytes = 9;
/** No block is larger than this when it is opened: room for a block of entries and the largest value behind it. */
export const payloadBytesMax = 16 * 1024 * 1024;

/** The least that zstd takes. */
const windowLogMin = 10;
/** A frame is never larger than the window, so the smallest window that holds the block makes the cheapest context. */
const windowLogOf = (bytes: number): number => Math.max(windowLogMin, Math.ceil(Math.log2(bytes + 1)));

function compressed(payload: Buffer): Buffer {
  return zstdCompressSync(payload, {
    chunkSize: Math.max(1024, payload.length),
    params: {
      [constants.ZSTD_c_compressionLevel]: 1,
      [constants.ZSTD_c_windowLog]: windowLogOf(payload.length),
      // The checksum of the block covers the frame.
      [constants.ZSTD_c_checksumFlag]: 0,
    },
  });
}

/** A copy, with its trailer. The payload stays as it is where compression saves less than an eighth. */
export function sealBlock(payload: Buffer, compression: 'none' | 'zstd'): Buffer {
  const packed = compression === 'zstd' ? compressed(payload) : payload;
  const shrunk = packed.length < payload.length - (payload.length >>> 3);
  const body = shrunk ? packed : payload;
  const sealed = Buffer.allocUnsafeSlow(body.length + blockTrailerBytes);
  sealed.set(body);
  sealed[body.length] = shrunk ? compressions.zstd : compressions.none;
  sealed.writeUInt32BE(payload.length, body.length + 1);
  sealed.writeUInt32BE(crc32c(sealed.subarray(0, body.length + 5)), body.length + 5);
  return sealed;
}

export interface UnsealedBlock {
  readonly payload: Buffer;
  readonly compression: keyof typeof compressions;
}

/** Whether a payload is kept, in memory that it does not share with much else, or used soon, and may be a part of what was read. */
export type PayloadUse = 'kept' | 'soon';

/** Throws `corrupt-object`. */
export function unsealBlock(sealed: Buffer, range: ObjectRange, use: PayloadUse = 'kept'): UnsealedBlock {
  if (sealed.length !== range.length || sealed.length < blockTrailerBytes)
    throw damage('block', range, `${sealed.length} bytes are not a block`);
  checkSum(sealed, 'block', range);
  return unsealUnchecked(sealed, range, use);
}

/** Without comparing the checksum: for inspecting what is damaged. */
export function unsealUnchecked(sealed: Buffer, range: ObjectRange, use: PayloadUse = 'kept'): UnsealedBlock {
  const body = sealed.subarray(0, sealed.length - blockTrailerBytes);
  const compression = sealed[body.length] as number;
  const length = sealed.readUInt32BE(body.length + 1);
  if (length > payloadBytesMax) throw damage('block', range, `claims to hold ${length} bytes`);
  if (compression === compressions.none) {
    if (length !== body.length)
      throw damage('block', range, 'has another length than it claims', { expected: length, actual: body.length });
    return { payload: use === 'kept' ? alone(body) : body, compression: 'none' };
  }
  if (compression !== compressions.zstd) throw damage('block', range, `has the unknown compression ${compression}`);
  return { payload: decompressed(body, length, range), compression: 'zstd' };
}

/** A block that is kept must not keep the megabytes it was fetched with, nor a slab that small buffers are cut from. */
function alone(bytes: Buffer): Buffer {
  if (bytes.buffer.byteLength <= bytes.length + (bytes.length >>> 2) + 64) return bytes;
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  copy.set(bytes);
  return copy;
}

function decompressed(body: Buffer, length: number, range: ObjectRange): Buffer {
  let payload: Buffer;
  try {
    payload = zstdDecompressSync(body, { maxOutputLength: Math.max(1, length), chunkSize: Math.max(64, length) });
  } catch (error) {
    throw damage('block', range, `does not decompress to the ${length} bytes it claims (${(error as Error).message})`);
  }
  if (payload.length !== length)
    throw damage('block', range, 'decompresses to another length', { expected: length, actual: payload.length });
  return alone(payload);
}
