// What tests remember of a record's value: short ones as they are; of long ones the beginning, the length and a checksum of the whole,
// which tells them apart as well, and lets an oracle remember gigabytes.

import { crc32c } from '../../src/engine/base/checksum.ts';

const wholeMax = 200;
const beginning = 40;

/** Undefined for a tombstone. */
export function toldValue(value: Uint8Array | null): string | undefined {
  if (value === null) return undefined;
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (bytes.length <= wholeMax) return bytes.toString();
  return `${bytes.toString('latin1', 0, beginning)}… ${bytes.length} bytes, crc32c ${crc32c(bytes).toString(16)}`;
}
