// Texts and byte strings inside the rows of groups: a varint of length + 1, then the bytes; 0 stands for null.

import type { ByteReader } from '../base/byte-reader.ts';
import type { ByteWriter } from '../base/byte-writer.ts';

export function writeText(writer: ByteWriter, value: string | null): void {
  if (value === null) {
    writer.uvarint(0);
    return;
  }
  writer.uvarint(Buffer.byteLength(value) + 1).text(value);
}

export function readNullableText(reader: ByteReader): string | null {
  const length = reader.uvarint();
  return length === 0 ? null : reader.text(length - 1);
}

export function readText(reader: ByteReader): string {
  const value = readNullableText(reader);
  if (value === null) throw reader.corrupt('a text that must be there is null');
  return value;
}

export function writeBytes(writer: ByteWriter, value: Uint8Array): void {
  writer.uvarint(value.length + 1).copy(value);
}

/** A copy: rows outlive the buffer that they were read from. */
export function readBytes(reader: ByteReader): Buffer {
  const length = reader.uvarint();
  if (length === 0) throw reader.corrupt('bytes that must be there are null');
  return Buffer.from(reader.view(length - 1));
}
