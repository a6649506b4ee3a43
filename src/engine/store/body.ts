// Bodies of puts and parts: a list of views, never joined on the way to the store.

import { crc32c } from '../base/checksum.ts';
import type { Body } from './object-store.ts';

export function bodyLength(body: Body): number {
  let length = 0;
  for (const part of body) length += part.length;
  return length;
}

/** CRC32C over all parts in order. */
export function bodyCrc32c(body: Body): number {
  let checksum = crc32c(new Uint8Array(0));
  for (const part of body) checksum = crc32c(part, checksum);
  return checksum;
}

/** Whether `bytes` is exactly the body. */
export function bodyEquals(body: Body, bytes: Uint8Array): boolean {
  if (bodyLength(body) !== bytes.length) return false;
  let position = 0;
  for (const part of body) {
    if (Buffer.compare(part, bytes.subarray(position, position + part.length)) !== 0) return false;
    position += part.length;
  }
  return true;
}

/** The body as fresh memory of its own. */
export function copyBody(body: Body): Buffer {
  return Buffer.concat(body);
}
