// Keys and values of the embedded log inside LMDB, as bytes. Format page: docs/formats/replicated-log.md.
//
// Keys begin with one byte of type, numbers are big-endian, so LMDB's order is (type, group, index).
//   01                          header
//   02 group:u32                group record
//   03 group:u32 chunk:u32      snapshot; chunk 0 is its header, 1 … n its bytes
//   04 text                     meta
//   05 group:u32                a removal that is not finished
//   10 group:u32 index:u48      entry
// Every value begins with the CRC32C of its key followed by the rest of the value: bytes in the wrong place do not match either.

import { crc32c } from '../base/checksum.ts';
import { EngineError } from '../base/errors.ts';

export const embeddedLogVersion = 1;
/** Bytes of a snapshot per value: small enough that LMDB finds room for it in a fragmented file. */
export const snapshotChunkBytes = 256 * 1024;
/** CRC and term before the bytes of an entry. */
export const entryOverheadBytes = 8;

const magic = 'CTRL';
const indexMax = 2 ** 48 - 1;

export const headerKey = Buffer.from([0x01]);

export function groupKey(group: number): Buffer {
  return numbered(0x02, group);
}

export function snapshotKey(group: number, chunk: number): Buffer {
  const key = Buffer.allocUnsafe(9);
  key[0] = 0x03;
  key.writeUInt32BE(group, 1);
  key.writeUInt32BE(chunk, 5);
  return key;
}

export function metaKey(name: string): Buffer {
  return Buffer.concat([Buffer.from([0x04]), Buffer.from(name)]);
}

export function removalKey(group: number): Buffer {
  return numbered(0x05, group);
}

/** Writes into `key` where given (11 bytes), to spare an allocation per entry. */
export function entryKey(group: number, index: number, key: Buffer = Buffer.allocUnsafe(11)): Buffer {
  key[0] = 0x10;
  key.writeUInt32BE(group, 1);
  key.writeUIntBE(index, 5, 6);
  return key;
}

/** The range of all keys of one type. */
export function typeRange(type: number): { start: Buffer; end: Buffer } {
  return { start: Buffer.from([type]), end: Buffer.from([type + 1]) };
}

/** From the highest possible entry of a group downwards, for a reverse scan. */
export function lastEntryRange(group: number): { start: Buffer; end: Buffer } {
  return { start: entryKey(group, indexMax), end: entryKey(group, 0) };
}

export function indexOfEntryKey(key: Buffer): number {
  return key.readUIntBE(5, 6);
}

export function groupOfKey(key: Buffer): number {
  return key.readUInt32BE(1);
}

function numbered(type: number, number: number): Buffer {
  const key = Buffer.allocUnsafe(5);
  key[0] = type;
  key.writeUInt32BE(number, 1);
  return key;
}

/** Fills in the CRC of a value whose first four bytes were left free. */
function sealed(key: Buffer, value: Buffer): Buffer {
  value.writeUInt32BE(crc32c(value.subarray(4), crc32c(key)), 0);
  return value;
}

/** The value without its CRC; throws `corrupt-log` when it does not match or is shorter than `bytesMin`. */
function opened(
  key: Buffer,
  value: Buffer,
  what: string,
  bytesMin: number,
  context: Record<string, string | number>,
): Buffer {
  if (value.length < 4 + bytesMin) throw corruptLog(`${what} has only ${value.length} bytes`, context);
  const expected = value.readUInt32BE(0);
  const actual = crc32c(value.subarray(4), crc32c(key));
  if (actual !== expected) {
    throw corruptLog(`${what} does not match its checksum`, { ...context, expected, actual });
  }
  return value.subarray(4);
}

export function corruptLog(problem: string, context: Record<string, string | number>): EngineError {
  return new EngineError('corrupt-log', `the local log is damaged: ${problem}`, { context });
}

export interface LogHeader {
  readonly identity: string;
  /** Group numbers are never used twice. */
  readonly nextGroup: number;
  readonly highestRemovedTerm: number;
}

/** crc:u32 "CTRL" version:u16 nextGroup:u32 highestRemovedTerm:u32 identity:16 */
export function encodeHeader(header: LogHeader): Buffer {
  const value = Buffer.alloc(34);
  value.write(magic, 4, 'latin1');
  value.writeUInt16BE(embeddedLogVersion, 8);
  value.writeUInt32BE(header.nextGroup, 10);
  value.writeUInt32BE(header.highestRemovedTerm, 14);
  value.write(header.identity.replaceAll('-', ''), 18, 'hex');
  return sealed(headerKey, value);
}

export function decodeHeader(value: Buffer): LogHeader {
  // Magic and version are judged before the checksum, so that a newer format is named as such.
  if (value.length < 10 || value.toString('latin1', 4, 8) !== magic) {
    throw corruptLog('its header is not that of a log', { bytes: value.length });
  }
  const version = value.readUInt16BE(8);
  if (version !== embeddedLogVersion) {
    throw new EngineError('unsupported-format', `the local log has format version ${version}`, {
      context: { version, known: embeddedLogVersion },
    });
  }
  const body = opened(headerKey, value, 'its header', 30, {});
  const hex = body.toString('hex', 14, 30);
  return {
    nextGroup: body.readUInt32BE(6),
    highestRemovedTerm: body.readUInt32BE(10),
    identity: `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`,
  };
}

export interface GroupRecord {
  readonly name: string;
  readonly term: number;
  readonly first: number;
}

/** crc:u32 term:u32 first:u48 name */
export function encodeGroup(group: number, record: GroupRecord): Buffer {
  const name = Buffer.from(record.name);
  const value = Buffer.allocUnsafe(14 + name.length);
  value.writeUInt32BE(record.term, 4);
  value.writeUIntBE(record.first, 8, 6);
  name.copy(value, 14);
  return sealed(groupKey(group), value);
}

export function decodeGroup(group: number, value: Buffer): GroupRecord {
  const body = opened(groupKey(group), value, `the record of group number ${group}`, 11, { group });
  return { term: body.readUInt32BE(0), first: body.readUIntBE(4, 6), name: body.toString('utf8', 10) };
}

/** Writes crc:u32 term:u32 bytes into `target`, which has exactly the room; `key` is the entry's. */
export function encodeEntry(key: Buffer, term: number, bytes: Uint8Array, target: Buffer): void {
  target.writeUInt32BE(term, 4);
  target.set(bytes, entryOverheadBytes);
  sealed(key, target);
}

export function decodeEntry(group: string, key: Buffer, value: Buffer): { term: number; bytes: Buffer } {
  const index = indexOfEntryKey(key);
  const body = opened(key, value, `entry ${index} of ${group}`, 4, { group, index });
  return { term: body.readUInt32BE(0), bytes: body.subarray(4) };
}

/** Values of a snapshot, chunk 0 first: crc:u32 index:u48 length:u48, then crc:u32 bytes for each chunk. */
export function encodeSnapshot(group: number, index: number, bytes: Buffer): Buffer[] {
  const header = Buffer.allocUnsafe(16);
  header.writeUIntBE(index, 4, 6);
  header.writeUIntBE(bytes.length, 10, 6);
  const values = [sealed(snapshotKey(group, 0), header)];
  for (let at = 0; at < bytes.length; at += snapshotChunkBytes) {
    const part = bytes.subarray(at, at + snapshotChunkBytes);
    const value = Buffer.allocUnsafe(4 + part.length);
    part.copy(value, 4);
    values.push(sealed(snapshotKey(group, values.length), value));
  }
  return values;
}

export function decodeSnapshotHeader(name: string, group: number, value: Buffer): { index: number; length: number } {
  const body = opened(snapshotKey(group, 0), value, `the snapshot of ${name}`, 12, { group: name });
  return { index: body.readUIntBE(0, 6), length: body.readUIntBE(6, 6) };
}

export function snapshotChunks(length: number): number {
  return Math.ceil(length / snapshotChunkBytes);
}

export function decodeSnapshotChunk(name: string, group: number, chunk: number, value: Buffer): Buffer {
  return opened(snapshotKey(group, chunk), value, `chunk ${chunk} of the snapshot of ${name}`, 1, {
    group: name,
    chunk,
  });
}

/** crc:u32 first:u48 end:u48 */
export function encodeRemoval(group: number, first: number, end: number): Buffer {
  const value = Buffer.allocUnsafe(16);
  value.writeUIntBE(first, 4, 6);
  value.writeUIntBE(end, 10, 6);
  return sealed(removalKey(group), value);
}

export function decodeRemoval(group: number, value: Buffer): { first: number; end: number } {
  const body = opened(removalKey(group), value, `the removal of group number ${group}`, 12, { group });
  return { first: body.readUIntBE(0, 6), end: body.readUIntBE(6, 6) };
}

/** crc:u32 text */
export function encodeMeta(key: Buffer, text: string): Buffer {
  return sealed(key, Buffer.concat([Buffer.alloc(4), Buffer.from(text)]));
}

export function decodeMeta(key: Buffer, value: Buffer): string {
  return opened(key, value, `the setting ${key.toString('utf8', 1)}`, 0, {}).toString('utf8');
}
