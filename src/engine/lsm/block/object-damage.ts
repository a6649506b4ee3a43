// How damage in an object is told: always `corrupt-object`, always with the object's key and the bytes it is about.

import { crc32c } from '../../base/checksum.ts';
import { EngineError, hasCode } from '../../base/errors.ts';

/** Bytes [start, start + length) of an object. */
export interface ObjectRange {
  readonly key: string;
  readonly start: number;
  readonly length: number;
}

interface Sums {
  readonly expected: string | number;
  readonly actual: string | number;
}

/** `what` is the part of the object: "block", "index". */
export function damage(what: string, range: ObjectRange, problem: string, sums?: Sums): EngineError {
  const found = sums === undefined ? '' : `: expected ${sums.expected}, found ${sums.actual}`;
  return new EngineError(
    'corrupt-object',
    `${what} at ${range.start}+${range.length} of ${range.key}: ${problem}${found}`,
    { context: { key: range.key, start: range.start, length: range.length, ...sums } },
  );
}

const hex = (sum: number): string => `0x${sum.toString(16).padStart(8, '0')}`;

/** The last four bytes are the CRC32C of those before. Throws `corrupt-object` when they are not. */
export function checkSum(bytes: Buffer, what: string, range: ObjectRange): void {
  if (bytes.length < 4) throw damage(what, range, 'is too short to have a checksum');
  const expected = bytes.readUInt32BE(bytes.length - 4);
  const actual = crc32c(bytes.subarray(0, bytes.length - 4));
  if (expected !== actual)
    throw damage(what, range, 'the checksum does not match', { expected: hex(expected), actual: hex(actual) });
}

/** Runs a decoder, and adds the object's key and range to what it refuses. */
export function decodeWithin<T>(what: string, range: ObjectRange, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (!hasCode(error, 'corrupt-object') || error.context['key'] !== undefined) throw error;
    throw damage(what, range, error.message);
  }
}
