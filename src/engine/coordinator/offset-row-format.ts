// The row of one committed offset (docs/formats/groups.md). Group, topic id and partition are in its key.
//
// What it refuses: a newer version by name, bytes that are left over.

import { ByteReader } from '../base/byte-reader.ts';
import { ByteWriter } from '../base/byte-writer.ts';
import { readText, writeText } from './row-text-format.ts';

const version = 1;

export interface OffsetRow {
  /** What the client said; −1 and −2 ("latest", "earliest") are in use, so this is no `Offset`. */
  readonly committedOffset: number;
  /** −1 for none. */
  readonly leaderEpoch: number;
  readonly metadata: string;
  readonly committedAtMs: number;
  /** Only where the request carried a retention of its own (versions 2 to 4); else −1. */
  readonly expiresAtMs: number;
}

export function encodeOffsetRow(row: OffsetRow): Buffer {
  const writer = new ByteWriter(32 + row.metadata.length);
  writer.u8(version).i64(row.committedOffset).i32(row.leaderEpoch).i64(row.committedAtMs).i64(row.expiresAtMs);
  writeText(writer, row.metadata);
  return writer.bytes();
}

export function decodeOffsetRow(bytes: Buffer, key: string): OffsetRow {
  const reader = new ByteReader(bytes, `row ${key}`);
  reader.version(version);
  const row: OffsetRow = {
    committedOffset: reader.i64(),
    leaderEpoch: reader.i32(),
    committedAtMs: reader.i64(),
    expiresAtMs: reader.i64(),
    metadata: readText(reader),
  };
  if (reader.remaining > 0) throw reader.corrupt(`${reader.remaining} bytes are left over`);
  return row;
}
