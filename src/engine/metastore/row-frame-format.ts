// What all metastore values have in common: a version byte first, nothing behind the end, numbers that are in range.
// A newer version is refused by name (`unsupported-format`); everything else that does not fit is damage (`corrupt-object`).

import { ByteReader } from '../base/byte-reader.ts';
import { ByteWriter } from '../base/byte-writer.ts';
import type { Offset, TimestampMs } from '../base/ids.ts';
import { type MetastoreKey, parseMetastoreKey } from './metastore-key-format.ts';

export const metastoreFormatVersion = 1;

export function beginRow(sizeHint: number): ByteWriter {
  return new ByteWriter(sizeHint).u8(metastoreFormatVersion);
}

/** Opens the value of a row of this kind, whose key must be one of this kind too. */
export function openRow<Kind extends MetastoreKey['kind']>(
  kind: Kind,
  key: string,
  value: Uint8Array,
): { readonly reader: ByteReader; readonly place: Extract<MetastoreKey, { kind: Kind }> } {
  const reader = new ByteReader(value, `metastore row ${key}`);
  const place = parseMetastoreKey(key);
  if (place.kind !== kind) throw reader.corrupt(`a row of kind ${place.kind} where one of kind ${kind} belongs`);
  reader.version(metastoreFormatVersion);
  return { reader, place: place as Extract<MetastoreKey, { kind: Kind }> };
}

export function closeRow(reader: ByteReader): void {
  if (reader.remaining > 0) throw reader.corrupt(`${reader.remaining} bytes behind the end`);
}

/** A 64-bit number that is a count, a size or a position. */
export function readCount(reader: ByteReader): number {
  const value = reader.i64();
  if (value < 0) throw reader.corrupt(`a negative count ${value}`);
  return value;
}

export function readOffset(reader: ByteReader): Offset {
  return readCount(reader) as Offset;
}

/** The last offset of something that begins at `baseOffset`. */
export function readLastOffset(reader: ByteReader, baseOffset: number): Offset {
  const last = readOffset(reader);
  if (last < baseOffset) throw reader.corrupt(`the last offset ${last} lies below the base offset ${baseOffset}`);
  return last;
}

export function readTimestamp(reader: ByteReader): TimestampMs {
  const value = reader.i64();
  if (value < -1) throw reader.corrupt(`a timestamp of ${value}`);
  return value as TimestampMs;
}
