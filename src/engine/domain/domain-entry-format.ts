// Log entries and snapshots of a simple domain, as bytes. Format page: docs/formats/replicated-log.md.
//
//   entry    = magic "CTDE" version:u16 crc:u32 writeId:16 count:u32 change*
//   change   = keyLength:u32 key kind:u8 [valueLength:u32 value]          kind 0 deletes, 1 sets
//   snapshot = magic "CTDS" version:u16 crc:u32 count:u32 row*
//   row      = keyLength:u32 key valueLength:u32 value
// The CRC32C covers what follows it. A newer version is refused by name; lengths are compared with what remains.

import { ByteReader } from '../base/byte-reader.ts';
import { ByteWriter } from '../base/byte-writer.ts';
import { crc32c } from '../base/checksum.ts';
import { EngineError } from '../base/errors.ts';
import type { DomainChange, DomainRow } from './domain.ts';

export const domainFormatVersion = 1;
/** What an entry needs beyond its changes. */
export const entryHeaderBytes = 30;
const headerBytes = 10;
const entryMagic = 'CTDE';
const snapshotMagic = 'CTDS';

export interface DomainEntry {
  /** Names this write, so that reading back tells whether it happened. */
  readonly writeId: string;
  readonly changes: readonly DomainChange[];
}

/** How many bytes a change takes in an entry. */
export function changeBytes(change: DomainChange): number {
  const value = change.value === undefined ? 0 : 4 + change.value.length;
  return 4 + Buffer.byteLength(change.key) + 1 + value;
}

export function encodeEntry(entry: DomainEntry): Buffer {
  const writer = begin(entryMagic);
  writer.uuid(entry.writeId).u32(entry.changes.length);
  for (const { key, value } of entry.changes) {
    writer.u32(Buffer.byteLength(key)).text(key);
    if (value === undefined) writer.u8(0);
    else writer.u8(1).u32(value.length).copy(value);
  }
  return finish(writer);
}

export function decodeEntry(bytes: Uint8Array, what: string): DomainEntry {
  const reader = check(bytes, entryMagic, what);
  const writeId = reader.uuid();
  const changes: DomainChange[] = [];
  const count = reader.u32();
  // A change has at least five bytes: a count that cannot fit is refused before anything is kept for it.
  reader.need(count * 5);
  for (let at = 0; at < count; at++) {
    const key = reader.text(reader.u32());
    const kind = reader.u8();
    if (kind > 1) throw reader.corrupt(`a change of kind ${kind}`);
    changes.push({ key, value: kind === 0 ? undefined : Buffer.from(reader.view(reader.u32())) });
  }
  if (reader.remaining > 0) throw reader.corrupt('bytes behind the last change');
  return { writeId, changes };
}

export function encodeSnapshot(rows: readonly DomainRow[]): Buffer {
  let bytes = headerBytes + 4;
  for (const { key, value } of rows) bytes += 8 + Buffer.byteLength(key) + value.length;
  const writer = begin(snapshotMagic, bytes);
  writer.u32(rows.length);
  for (const { key, value } of rows) {
    writer.u32(Buffer.byteLength(key)).text(key).u32(value.length).copy(value);
  }
  return finish(writer);
}

export function decodeSnapshot(bytes: Uint8Array, what: string): DomainRow[] {
  const reader = check(bytes, snapshotMagic, what);
  const count = reader.u32();
  reader.need(count * 8);
  const rows: DomainRow[] = [];
  for (let at = 0; at < count; at++) {
    const key = reader.text(reader.u32());
    rows.push({ key, value: Buffer.from(reader.view(reader.u32())) });
  }
  if (reader.remaining > 0) throw reader.corrupt('bytes behind the last row');
  return rows;
}

function begin(magic: string, sizeHint?: number): ByteWriter {
  return new ByteWriter(sizeHint).text(magic).u16(domainFormatVersion).u32(0);
}

function finish(writer: ByteWriter): Buffer {
  const bytes = writer.bytes();
  bytes.writeUInt32BE(crc32c(bytes.subarray(headerBytes)), headerBytes - 4);
  return bytes;
}

function check(bytes: Uint8Array, magic: string, what: string): ByteReader {
  const reader = new ByteReader(bytes, what);
  if (reader.remaining < headerBytes) throw reader.corrupt('shorter than its header');
  if (reader.text(4) !== magic) throw reader.corrupt(`the magic ${magic} is missing`);
  const version = reader.u16();
  if (version !== domainFormatVersion) {
    throw new EngineError('unsupported-format', `${what} has format version ${version}`, {
      context: { version, known: domainFormatVersion },
    });
  }
  const expected = reader.u32();
  const actual = crc32c(reader.bytes.subarray(headerBytes));
  if (actual !== expected) {
    throw new EngineError('corrupt-log', `${what} does not match its checksum`, { context: { expected, actual } });
  }
  return reader;
}
