// Log entries of a domain, as bytes, and the snapshots of rows that its log had before there were tables, which are still read.
// Format page: docs/formats/domain-log.md.
//
//   entry    = magic "CTDE" version:u16 crc:u32 writeId:16 count:u32 change*
//   change   = keyLength:u32 key kind:u8 [valueLength:u32 value]          kind 0 deletes, 1 sets
//   snapshot = magic "CTDS" version:u16 crc:u32 count:u32 row*
//   row      = keyLength:u32 key valueLength:u32 value
// The CRC32C covers what follows it. A newer version is refused by name; lengths are compared with what remains.

import { beginChecked, checkedHeaderBytes, finishChecked, openChecked } from './checked-format.ts';
import type { DomainChange, DomainRow } from './domain.ts';

const version = 1;
/** What an entry needs beyond its changes. */
export const entryHeaderBytes = checkedHeaderBytes + 20;
const entryMagic = 'CTDE';
const snapshotMagic = 'CTDS';

export interface DomainEntry {
  /** Names this write, so that reading back tells whether it happened. */
  readonly writeId: string;
  readonly changes: readonly DomainChange[];
}

/** What a change needs beyond its key and its value with that one's length. */
export const changeHeadBytes = 5;

/** How many bytes a change takes in an entry. */
export function changeBytes(change: DomainChange): number {
  const value = change.value === undefined ? 0 : 4 + change.value.length;
  return changeHeadBytes + Buffer.byteLength(change.key) + value;
}

/** `bytes`: about how many it will have. */
export function encodeEntry(entry: DomainEntry, bytes?: number): Buffer {
  const writer = beginChecked(entryMagic, version, bytes);
  writer.uuid(entry.writeId).u32(entry.changes.length);
  for (const { key, value } of entry.changes) {
    writer.u32(Buffer.byteLength(key)).text(key);
    if (value === undefined) writer.u8(0);
    else writer.u8(1).u32(value.length).copy(value);
  }
  return finishChecked(writer);
}

/** The values are views of the bytes. */
export function decodeEntry(bytes: Uint8Array, what: string): DomainEntry {
  const reader = openChecked(bytes, entryMagic, version, what);
  const writeId = reader.uuid();
  const changes: DomainChange[] = [];
  const count = reader.u32();
  // A change has at least five bytes: a count that cannot fit is refused before anything is kept for it.
  reader.need(count * 5);
  for (let at = 0; at < count; at++) {
    const key = reader.text(reader.u32());
    const kind = reader.u8();
    if (kind > 1) throw reader.corrupt(`a change of kind ${kind}`);
    changes.push({ key, value: kind === 0 ? undefined : reader.view(reader.u32()) });
  }
  if (reader.remaining > 0) throw reader.corrupt('bytes behind the last change');
  return { writeId, changes };
}

/** The values are views of the bytes. */
export function decodeRowSnapshot(bytes: Uint8Array, what: string): DomainRow[] {
  const reader = openChecked(bytes, snapshotMagic, version, what);
  const count = reader.u32();
  reader.need(count * 8);
  const rows: DomainRow[] = [];
  for (let at = 0; at < count; at++) {
    const key = reader.text(reader.u32());
    rows.push({ key, value: reader.view(reader.u32()) });
  }
  if (reader.remaining > 0) throw reader.corrupt('bytes behind the last row');
  return rows;
}
