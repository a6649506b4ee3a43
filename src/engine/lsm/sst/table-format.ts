// The tail of a table: what it says of itself and where its sections lie. Format page: docs/formats/sstable.md.
//
//   table  := block+ filter index facts footer
//   facts  := entries i64, tombstones i64, oldest i64, newest i64, smallestLength u16, smallest, largestLength u16, largest, crc u32
//   footer := dataBytes i64, filterBytes u32, indexBytes u32, factsBytes u32, version u16, crc u32, magic[8]
//
// The sections fill the object without gaps, so sizes are all it takes to find them.

import { ByteReader } from '../../base/byte-reader.ts';
import { ByteWriter } from '../../base/byte-writer.ts';
import { crc32c } from '../../base/checksum.ts';
import { EngineError } from '../../base/errors.ts';
import { checkSum, damage, decodeWithin, type ObjectRange } from '../block/object-damage.ts';
import { keyBytesMax, keyFromBytes } from '../core/row.ts';
import type { TableInfo } from './table-info.ts';

export const tableVersion = 1;
export const footerBytes = 34;
const magic = Buffer.from('CTSST01\n');
const versionAt = footerBytes - 14;

/** What the table itself knows: everything but its name. */
export type TableFacts = Omit<TableInfo, 'name'>;

/** Lengths of the sections, in the order in which they lie. */
export interface TableSections {
  readonly dataBytes: number;
  readonly filterBytes: number;
  readonly indexBytes: number;
  readonly factsBytes: number;
}

export function encodeFooter(sections: TableSections): Buffer {
  const writer = new ByteWriter(footerBytes)
    .i64(sections.dataBytes)
    .u32(sections.filterBytes)
    .u32(sections.indexBytes)
    .u32(sections.factsBytes)
    .u16(tableVersion);
  const fields = Buffer.from(writer.bytes());
  return new ByteWriter(footerBytes).copy(fields).u32(crc32c(fields)).copy(magic).bytes();
}

/** Of the object's last bytes. Throws `corrupt-object`, and `unsupported-format` for a newer version. */
export function decodeFooter(bytes: Buffer, objectBytes: number, key: string): TableSections {
  const range = footerRange(bytes, objectBytes, key);
  checkFooterVersion(bytes, range);
  checkFooterSum(bytes, range);
  return decodeFooterUnchecked(bytes, range);
}

export const footerRange = (bytes: Buffer, objectBytes: number, key: string): ObjectRange => ({
  key,
  start: objectBytes - bytes.length,
  length: bytes.length,
});

export function checkFooterSum(bytes: Buffer, range: ObjectRange): void {
  checkSum(bytes.subarray(0, footerBytes - magic.length), 'table footer', range);
}

/** That it is a footer, and of a version that is known. */
export function checkFooterVersion(bytes: Buffer, range: ObjectRange): void {
  const { key, start, length } = range;
  const objectBytes = start + length;
  const wrong = (problem: string) => damage('table footer', range, problem);
  if (bytes.length !== footerBytes) throw wrong(`an object of ${objectBytes} bytes is no table`);
  if (!bytes.subarray(footerBytes - magic.length).equals(magic)) throw wrong('is not the footer of a table');
  const version = bytes.readUInt16BE(versionAt);
  if (version !== tableVersion) {
    const problem = `the table ${key} has format version ${version}; this program knows ${tableVersion}`;
    throw new EngineError('unsupported-format', problem, { context: { ...range, version } });
  }
}

/** Without comparing the checksum: for inspecting what is damaged. */
export function decodeFooterUnchecked(bytes: Buffer, range: ObjectRange): TableSections {
  const reader = new ByteReader(bytes, 'footer');
  const sections = decodeWithin('table footer', range, () => ({
    dataBytes: reader.i64(),
    filterBytes: reader.u32(),
    indexBytes: reader.u32(),
    factsBytes: reader.u32(),
  }));
  const { dataBytes, filterBytes, indexBytes, factsBytes } = sections;
  const objectBytes = range.start + range.length;
  if (dataBytes < 0 || dataBytes + filterBytes + indexBytes + factsBytes + footerBytes !== objectBytes)
    throw damage('table footer', range, `its sections do not fill an object of ${objectBytes} bytes`);
  return sections;
}

export function encodeFacts(facts: Omit<TableFacts, 'sizeBytes'>): Buffer {
  const writer = new ByteWriter()
    .i64(facts.entries)
    .i64(facts.tombstones)
    .i64(facts.oldest)
    .i64(facts.newest)
    .u16(facts.smallest.length)
    .copy(Buffer.from(facts.smallest, 'latin1'))
    .u16(facts.largest.length)
    .copy(Buffer.from(facts.largest, 'latin1'));
  const fields = Buffer.from(writer.bytes());
  return new ByteWriter(fields.length + 4).copy(fields).u32(crc32c(fields)).bytes();
}

/** Throws `corrupt-object` that names the range. */
export function decodeFacts(bytes: Buffer, objectBytes: number, range: ObjectRange): TableFacts {
  checkSum(bytes, 'table facts', range);
  return decodeFactsUnchecked(bytes, objectBytes, range);
}

/** Without comparing the checksum: for inspecting what is damaged. */
export function decodeFactsUnchecked(bytes: Buffer, objectBytes: number, range: ObjectRange): TableFacts {
  return decodeWithin('table facts', range, () => readFacts(bytes, objectBytes, range));
}

function readFacts(bytes: Buffer, objectBytes: number, range: ObjectRange): TableFacts {
  const reader = new ByteReader(bytes.subarray(0, Math.max(0, bytes.length - 4)), 'facts');
  const entries = reader.i64();
  const tombstones = reader.i64();
  const oldest = reader.i64();
  const newest = reader.i64();
  const smallest = keyFromBytes(reader.view(reader.u16()));
  const largest = keyFromBytes(reader.view(reader.u16()));
  const facts = { sizeBytes: objectBytes, smallest, largest, oldest, newest, entries, tombstones };
  const problem = implausible(facts) ?? (reader.remaining > 0 ? 'bytes are left over' : undefined);
  if (problem !== undefined) throw damage('table facts', range, problem);
  return facts;
}

function implausible({ smallest, largest, oldest, newest, entries, tombstones }: TableFacts): string | undefined {
  if (entries < 1 || tombstones < 0 || tombstones > entries) return `${tombstones} tombstones in ${entries} entries`;
  if (oldest < 0 || oldest > newest) return `sequences ${oldest} to ${newest}`;
  const keysFit = [smallest, largest].every((key) => key.length > 0 && key.length <= keyBytesMax);
  return keysFit && smallest <= largest ? undefined : 'its bounds are no keys in order';
}

/** Throws `corrupt-object` where the table is another one than the manifest means. */
export function checkFacts(facts: TableFacts, info: TableFacts, key: string): void {
  for (const field of ['sizeBytes', 'entries', 'tombstones', 'oldest', 'newest', 'smallest', 'largest'] as const) {
    if (facts[field] === info[field]) continue;
    throw damage(
      'table',
      { key, start: 0, length: facts.sizeBytes },
      `it is not the table that was meant: ${field} differs`,
      { expected: info[field], actual: facts[field] },
    );
  }
}
