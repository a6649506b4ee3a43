// CRC32C (Castagnoli), the checksum of record batches and of every format of ours.

import { crc32c as native } from '@node-rs/crc32';

/** CRC32C of the bytes, continuing from `seed` where given; unsigned 32 bit. */
export function crc32c(bytes: Uint8Array, seed?: number): number {
  return native(bytes as Buffer, seed);
}
