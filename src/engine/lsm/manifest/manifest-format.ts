// The bytes of a manifest. Specified with a worked example in docs/formats/manifest.md.
//
//   manifest := magic[8] "CTLSMMF\n" crc u32 version u8 body
//   body     := name prefix(u16 length, UTF-8) createdMs i64 coveredIndex i64 nextTableNumber i64 settledTableNumber i64
//               levelCount u8 { tableCount u32 table* }
//   table    := name sizeBytes i64 oldest i64 newest i64 entries i64 tombstones i64 smallest largest
//   name     := incarnation u32 term u32 number i64
//   smallest, largest := length u16, bytes
//
// crc is the CRC32C of everything but itself; in every version it stands there, so that damage is told from a newer version.

import { ByteReader } from '../../base/byte-reader.ts';
import { ByteWriter } from '../../base/byte-writer.ts';
import { crc32c } from '../../base/checksum.ts';
import { EngineError } from '../../base/errors.ts';
import { incarnation, term } from '../../base/ids.ts';
import { type Key, keyFromBytes } from '../core/row.ts';
import { nameText, type WriterName } from '../core/table-name.ts';
import type { TableInfo } from '../sst/table-info.ts';
import type { Manifest } from './manifest.ts';
import { manifestProblem } from './manifest-check.ts';

const magic = Buffer.from('CTLSMMF\n', 'latin1');
const version = 1;
const crcPosition = magic.length;
const checkedPosition = crcPosition + 4;
const nameBytes = 16;
/** A table with empty keys, which no manifest has. */
const tableBytesMin = nameBytes + 5 * 8 + 2 * 2;

export function encodeManifest(manifest: Manifest): Buffer {
  const problem = manifestProblem(manifest);
  if (problem !== undefined) throw new EngineError('bug', `manifest ${nameText(manifest.name)}: ${problem}`);
  const tables = manifest.levels.reduce((count, level) => count + level.length, 0);
  const writer = new ByteWriter(256 + tables * (tableBytesMin + 128));
  writer.copy(magic).u32(0).u8(version);
  writeName(writer, manifest.name);
  const prefix = Buffer.from(manifest.prefix, 'utf8');
  writer.u16(prefix.length).copy(prefix).i64(manifest.createdMs).i64(manifest.coveredIndex);
  writer.i64(manifest.nextTableNumber).i64(manifest.settledTableNumber).u8(manifest.levels.length);
  for (const level of manifest.levels) {
    writer.u32(level.length);
    for (const table of level) writeTable(writer, table);
  }
  const bytes = writer.bytes();
  bytes.writeUInt32BE(contentCrc(bytes), crcPosition);
  return bytes;
}

function writeName(writer: ByteWriter, name: WriterName): void {
  writer.u32(name.incarnation).u32(name.term).i64(name.number);
}

function writeTable(writer: ByteWriter, table: TableInfo): void {
  writeName(writer, table.name);
  writer.i64(table.sizeBytes).i64(table.oldest).i64(table.newest).i64(table.entries).i64(table.tombstones);
  writeKey(writer, table.smallest);
  writeKey(writer, table.largest);
}

function writeKey(writer: ByteWriter, key: Key): void {
  writer.u16(key.length).copy(Buffer.from(key, 'latin1'));
}

const contentCrc = (bytes: Buffer): number =>
  crc32c(bytes.subarray(checkedPosition), crc32c(bytes.subarray(0, crcPosition)));

/**
 * `key` names the object in errors. Throws `corrupt-object` for damage and for what no writer writes, `unsupported-format` for a
 * newer version.
 */
export function decodeManifest(bytes: Buffer, key: string): Manifest {
  const what = `manifest ${key}`;
  if (bytes.length < checkedPosition) throw corrupt(key, `is cut off: it has ${bytes.length} bytes`);
  if (!bytes.subarray(0, crcPosition).equals(magic)) throw corrupt(key, 'does not begin as a manifest does');
  const expected = bytes.readUInt32BE(crcPosition);
  const actual = contentCrc(bytes);
  if (actual !== expected) {
    throw new EngineError(
      'corrupt-object',
      `${what} is damaged or cut off: CRC32C ${hex(actual)} over its ${bytes.length} bytes, it says ${hex(expected)}`,
      { context: { key, sizeBytes: bytes.length, expected: hex(expected), actual: hex(actual) } },
    );
  }
  const reader = new ByteReader(bytes, what, checkedPosition);
  reader.version(version);
  const manifest = readBody(reader);
  if (reader.remaining > 0) throw reader.corrupt(`${reader.remaining} bytes are left over`);
  const problem = manifestProblem(manifest);
  if (problem !== undefined) throw corrupt(key, `has a right checksum and a wrong content: ${problem}`);
  return manifest;
}

function readBody(reader: ByteReader): Manifest {
  const name = readName(reader);
  const prefix = readText(reader);
  const createdMs = reader.i64();
  const coveredIndex = reader.i64();
  const nextTableNumber = reader.i64();
  const settledTableNumber = reader.i64();
  const levels = Array.from({ length: reader.u8() }, () => {
    const count = reader.u32();
    reader.need(count * tableBytesMin);
    return Array.from({ length: count }, () => readTable(reader));
  });
  return { name, prefix, createdMs, coveredIndex, nextTableNumber, settledTableNumber, levels };
}

function readText(reader: ByteReader): string {
  const bytes = reader.view(reader.u16());
  const text = bytes.toString('utf8');
  if (!Buffer.from(text, 'utf8').equals(bytes)) throw reader.corrupt('the prefix is no UTF-8');
  return text;
}

function readName(reader: ByteReader): WriterName {
  const name = { incarnation: incarnation(reader.u32()), term: term(reader.u32()), number: reader.i64() };
  if (name.number < 0) throw reader.corrupt(`a name has the number ${name.number}`);
  return name;
}

function readTable(reader: ByteReader): TableInfo {
  return {
    name: readName(reader),
    sizeBytes: reader.i64(),
    oldest: reader.i64(),
    newest: reader.i64(),
    entries: reader.i64(),
    tombstones: reader.i64(),
    smallest: keyFromBytes(reader.view(reader.u16())),
    largest: keyFromBytes(reader.view(reader.u16())),
  };
}

const hex = (crc: number): string => crc.toString(16).padStart(8, '0');

const corrupt = (key: string, problem: string): EngineError =>
  new EngineError('corrupt-object', `manifest ${key} ${problem}`, { context: { key } });
