// Lengths and counts on the wire. Classic versions have a signed INT16 or INT32, −1 for null; flexible versions an unsigned
// varint of length + 1, 0 for null. Here −1 is null in both.

import type { ByteWriter } from '../base/byte-writer.ts';
import type { WireReader } from './wire-reader.ts';

export interface LengthPrefix {
  readonly bytesMin: number;
  read(reader: WireReader): number;
  write(writer: ByteWriter, length: number): void;
}

const refuseNegative = (reader: WireReader, length: number): number => {
  if (length < -1) throw reader.corrupt(`a length of ${length}`);
  return length;
};

export const shortLength: LengthPrefix = {
  bytesMin: 2,
  read: (reader) => refuseNegative(reader, reader.i16()),
  write: (writer, length) => void writer.i16(length),
};

export const longLength: LengthPrefix = {
  bytesMin: 4,
  read: (reader) => refuseNegative(reader, reader.i32()),
  write: (writer, length) => void writer.i32(length),
};

export const compactLength: LengthPrefix = {
  bytesMin: 1,
  read: (reader) => reader.uvarint() - 1,
  write: (writer, length) => void writer.uvarint(length + 1),
};

/** The length that was read, or null; refuses null where the version does not allow it. */
export function lengthOrNull(reader: WireReader, prefix: LengthPrefix, nullable: boolean): number | null {
  const length = prefix.read(reader);
  if (length >= 0) return length;
  if (nullable) return null;
  throw reader.corrupt('null where the version allows none');
}

export function writeNull(writer: ByteWriter, prefix: LengthPrefix, nullable: boolean): void {
  if (!nullable) throw new TypeError('null where the version allows none');
  prefix.write(writer, -1);
}
