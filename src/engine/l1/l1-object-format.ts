// An L1 object: sections of record batches, sorted by partition then offset, a footer that holds their index, a trailer by which the
// footer is found. Specified with a worked example in docs/formats/l1-object.md.
//
//   object  := batch* footer trailer
//   footer  := clusterId[16] objectId[16] topicId[16] kind u8 createdMs i64 sectionCount u32 chunkCount u32 section* chunk*
//   section := partition u32 baseOffset i64 lastOffset i64 position i64 length i64 maxTimestamp i64
//              batchCount u32 recordCount i64 firstChunk u32
//   chunk   := position i64 baseOffset i64 maxTimestamp i64 crc u32
//   trailer := footerLength u32 footerCrc u32 version u32 magic[8] "CTL1OBJ\n"
//
// Sections lie one behind the other and fill the object up to the footer; chunks, counted through the object, fill their sections. So
// a chunk ends where the next one begins. Entries have fixed widths: a footer is looked into where it lies, never unpacked, and takes
// no more memory than it has bytes. Everything that a look-up relies on is checked once, when it is decoded.

import { ByteReader } from '../base/byte-reader.ts';
import { ByteWriter } from '../base/byte-writer.ts';
import { crc32c } from '../base/checksum.ts';
import { EngineError } from '../base/errors.ts';
import { type Offset, type TimestampMs, type TopicId, topicId } from '../base/ids.ts';

export const l1TrailerBytes = 20;
const magic = Buffer.from('CTL1OBJ\n', 'latin1');
const version = 1;
const headBytes = 65;
const sectionBytes = 60;
const chunkBytes = 28;

const kinds = ['reconciled', 'compacted', 'leveled'] as const;
/** What made the object. */
export type L1Kind = (typeof kinds)[number];

/** An extent, as it was written: consecutive offsets of one partition. */
export interface L1BuiltSection {
  readonly partition: number;
  /** Of the extent: there may be no batch at its ends. */
  readonly baseOffset: Offset;
  readonly lastOffset: Offset;
  readonly maxTimestamp: TimestampMs;
  /** Place in the object, bytes. */
  readonly position: number;
  readonly length: number;
  readonly batchCount: number;
  readonly recordCount: number;
}

export interface L1FooterSection extends L1BuiltSection {
  readonly firstChunk: number;
  readonly chunkCount: number;
}

/** Whole batches, about 1 MiB of them: what a reader reads and checks at least. */
export interface L1FooterChunk {
  readonly position: number;
  readonly length: number;
  /** Of its first batch. */
  readonly baseOffset: Offset;
  /** The greatest of its batches; −1 where they have none. */
  readonly maxTimestamp: TimestampMs;
  /** CRC32C of its bytes. */
  readonly crc: number;
}

export interface L1FooterFacts {
  readonly clusterId: string;
  readonly objectId: string;
  readonly topicId: TopicId;
  readonly kind: L1Kind;
  readonly createdMs: number;
}

export interface L1FooterContent extends L1FooterFacts {
  readonly sections: readonly Omit<L1FooterSection, 'chunkCount'>[];
  readonly chunks: readonly Omit<L1FooterChunk, 'length'>[];
}

/** Footer and trailer, to be written behind the batches. */
export function encodeL1Footer({ sections, chunks, ...facts }: L1FooterContent): Buffer {
  const writer = new ByteWriter(
    headBytes + sections.length * sectionBytes + chunks.length * chunkBytes + l1TrailerBytes,
  );
  writer.uuid(facts.clusterId).uuid(facts.objectId).uuid(facts.topicId).u8(kinds.indexOf(facts.kind));
  writer.i64(facts.createdMs).u32(sections.length).u32(chunks.length);
  for (const section of sections) {
    writer.u32(section.partition).i64(section.baseOffset).i64(section.lastOffset);
    writer.i64(section.position).i64(section.length).i64(section.maxTimestamp);
    writer.u32(section.batchCount).i64(section.recordCount).u32(section.firstChunk);
  }
  for (const chunk of chunks) {
    writer.i64(chunk.position).i64(chunk.baseOffset).i64(chunk.maxTimestamp).u32(chunk.crc);
  }
  const footerLength = writer.length;
  const footer = writer.bytes();
  const trailer = new ByteWriter(l1TrailerBytes).u32(footerLength).u32(crc32c(footer)).u32(version).copy(magic);
  return Buffer.concat([footer, trailer.bytes()]);
}

export interface L1Trailer {
  readonly footerPosition: number;
  readonly footerLength: number;
  readonly footerCrc: number;
}

/** Reads the last `l1TrailerBytes` of an object of `objectBytes`. */
export function decodeL1Trailer(trailer: Buffer, objectBytes: number, key: string): L1Trailer {
  const what = `L1 object ${key}`;
  if (trailer.length !== l1TrailerBytes || objectBytes < l1TrailerBytes) {
    throw new EngineError('corrupt-object', `${what}: ${objectBytes} bytes are too few for a trailer`, {
      context: { key },
    });
  }
  const reader = new ByteReader(trailer, `${what}, trailer`);
  const footerLength = reader.u32();
  const footerCrc = reader.u32();
  const found = reader.u32();
  if (!reader.view(8).equals(magic)) throw reader.corrupt('the magic at the end is missing: cut off, or no L1 object');
  if (found !== version) {
    throw new EngineError('unsupported-format', `${what} has format version ${found}, this program knows ${version}`, {
      context: { key },
    });
  }
  const footerPosition = objectBytes - l1TrailerBytes - footerLength;
  if (footerPosition < 0) throw reader.corrupt(`a footer of ${footerLength} bytes does not fit into ${objectBytes}`);
  return { footerPosition, footerLength, footerCrc };
}

/** Decodes the end of an object from `footerPosition` on, trailer included. Keeps the bytes: they must not change any more. */
export function decodeL1Footer(bytes: Buffer, footerPosition: number, key: string): L1Footer {
  const objectBytes = footerPosition + bytes.length;
  const trailer = decodeL1Trailer(bytes.subarray(Math.max(0, bytes.length - l1TrailerBytes)), objectBytes, key);
  const context = { key, position: footerPosition, length: bytes.length };
  if (trailer.footerPosition !== footerPosition) {
    throw new EngineError(
      'corrupt-object',
      `L1 object ${key}: its trailer says that the footer begins at ${trailer.footerPosition}, it is expected at ${footerPosition}`,
      { context },
    );
  }
  const footer = bytes.subarray(0, trailer.footerLength);
  const actual = crc32c(footer);
  if (actual !== trailer.footerCrc) {
    throw new EngineError(
      'corrupt-object',
      `L1 object ${key}, footer: CRC32C ${actual.toString(16)}, the trailer says ${trailer.footerCrc.toString(16)}`,
      { context },
    );
  }
  return new L1Footer(footer, footerPosition, key);
}

/** A signed 64-bit field that was checked when the footer was decoded. */
const int64 = (bytes: Buffer, at: number): number => bytes.readInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4);

/** What an object says of itself, looked up in its bytes. Sections and chunks are named by their number. */
export class L1Footer implements L1FooterFacts {
  readonly clusterId: string;
  readonly objectId: string;
  readonly topicId: TopicId;
  readonly kind: L1Kind;
  readonly createdMs: number;
  readonly sectionCount: number;
  readonly chunkCount: number;
  /** Where the sections end. */
  readonly bodyBytes: number;
  readonly #bytes: Buffer;
  readonly #chunksAt: number;

  /** For decodeL1Footer: `bytes` have matched their checksum. */
  constructor(bytes: Buffer, bodyBytes: number, key: string) {
    const reader = new ByteReader(bytes, `L1 object ${key}, footer`);
    this.clusterId = reader.uuid();
    this.objectId = reader.uuid();
    this.topicId = topicId(reader.uuid());
    const kind = reader.u8();
    this.createdMs = reader.i64();
    this.sectionCount = reader.u32();
    this.chunkCount = reader.u32();
    const named = kinds[kind];
    if (named === undefined) throw reader.corrupt(`kind ${kind} is not known`);
    this.kind = named;
    const expected = this.sectionCount * sectionBytes + this.chunkCount * chunkBytes;
    if (reader.remaining !== expected) {
      throw reader.corrupt(
        `${this.sectionCount} sections and ${this.chunkCount} chunks take ${expected} bytes, ${reader.remaining} remain`,
      );
    }
    this.bodyBytes = bodyBytes;
    this.#bytes = bytes;
    this.#chunksAt = headBytes + this.sectionCount * sectionBytes;
    this.#check(reader);
  }

  get memoryBytes(): number {
    return this.#bytes.length + l1TrailerBytes;
  }

  section(at: number): L1FooterSection {
    const bytes = this.#bytes;
    const place = this.#sectionAt(at);
    const firstChunk = this.firstChunk(at);
    return {
      partition: bytes.readUInt32BE(place),
      baseOffset: int64(bytes, place + 4) as Offset,
      lastOffset: int64(bytes, place + 12) as Offset,
      position: int64(bytes, place + 20),
      length: int64(bytes, place + 28),
      maxTimestamp: int64(bytes, place + 36) as TimestampMs,
      batchCount: bytes.readUInt32BE(place + 44),
      recordCount: int64(bytes, place + 48),
      firstChunk,
      chunkCount: this.endChunk(at) - firstChunk,
    };
  }

  chunk(number: number): L1FooterChunk {
    const bytes = this.#bytes;
    const place = this.#chunkAt(number);
    const position = int64(bytes, place);
    return {
      position,
      length: this.chunkEnd(number) - position,
      baseOffset: int64(bytes, place + 8) as Offset,
      maxTimestamp: int64(bytes, place + 16) as TimestampMs,
      crc: bytes.readUInt32BE(place + 24),
    };
  }

  chunkPosition(number: number): number {
    return int64(this.#bytes, this.#chunkAt(number));
  }

  /** Of the chunk's first batch. */
  chunkBaseOffset(number: number): number {
    return int64(this.#bytes, this.#chunkAt(number) + 8);
  }

  /** Where the chunk ends. */
  chunkEnd(number: number): number {
    return number + 1 < this.chunkCount ? this.chunkPosition(number + 1) : this.bodyBytes;
  }

  firstChunk(section: number): number {
    return this.#bytes.readUInt32BE(this.#sectionAt(section) + 56);
  }

  /** The number behind the section's last chunk. */
  endChunk(section: number): number {
    return section + 1 < this.sectionCount ? this.firstChunk(section + 1) : this.chunkCount;
  }

  /** The section that an offset of a partition lies in. */
  sectionOf(partition: number, at: number): number | undefined {
    const found = lastWhere(0, this.sectionCount, (number) => {
      const place = this.#sectionAt(number);
      const its = this.#bytes.readUInt32BE(place);
      return its < partition || (its === partition && int64(this.#bytes, place + 4) <= at);
    });
    if (found === undefined) return undefined;
    const place = this.#sectionAt(found);
    return this.#bytes.readUInt32BE(place) === partition && int64(this.#bytes, place + 12) >= at ? found : undefined;
  }

  /** The chunk of a section that holds an offset, if any does: the last that does not begin above it, else the first. */
  chunkOf(section: number, at: number): number {
    const first = this.firstChunk(section);
    const begins = (number: number) => this.chunkBaseOffset(number) <= at;
    return lastWhere(first, this.endChunk(section), begins) ?? first;
  }

  #sectionAt(section: number): number {
    if (section < 0 || section >= this.sectionCount) throw new EngineError('bug', `no section ${section} in a footer`);
    return headBytes + section * sectionBytes;
  }

  #chunkAt(number: number): number {
    if (number < 0 || number >= this.chunkCount) throw new EngineError('bug', `no chunk ${number} in a footer`);
    return this.#chunksAt + number * chunkBytes;
  }

  /** Sections fill the body, chunks their sections, both in order: look-ups take it for granted. */
  #check(reader: ByteReader): void {
    for (; reader.position < this.#bytes.length; ) {
      const field = reader.position < this.#chunksAt ? sectionFields : chunkFields;
      for (const bytes of field)
        if (bytes === 8) reader.i64();
        else reader.u32();
    }
    let end = 0;
    let before: L1FooterSection | undefined;
    for (let at = 0; at < this.sectionCount; at++) {
      const section = this.section(at);
      reader.position = this.#sectionAt(at);
      const problem = sectionProblem(section, before, end);
      if (problem !== undefined) throw reader.corrupt(problem);
      this.#checkChunks(reader, section);
      end = section.position + section.length;
      before = section;
    }
    const chunksEnd = before === undefined ? 0 : before.firstChunk + before.chunkCount;
    if (end !== this.bodyBytes || chunksEnd !== this.chunkCount) {
      throw reader.corrupt(`the sections end at byte ${end}, the footer begins at ${this.bodyBytes}`);
    }
  }

  #checkChunks(reader: ByteReader, section: L1FooterSection): void {
    let position = section.position;
    let least: number = section.baseOffset;
    for (let number = section.firstChunk; number < section.firstChunk + section.chunkCount; number++) {
      const chunk = this.chunk(number);
      reader.position = this.#chunkAt(number);
      if (chunk.position !== position || chunk.length <= 0) {
        throw reader.corrupt(
          `chunk ${number} lies at ${chunk.position}+${chunk.length}, the one before ends at ${position}`,
        );
      }
      if (chunk.baseOffset < least || chunk.baseOffset > section.lastOffset || chunk.maxTimestamp < -1) {
        throw reader.corrupt(
          `chunk ${number} begins at offset ${chunk.baseOffset}, which is not in its order or section`,
        );
      }
      position += chunk.length;
      least = chunk.baseOffset + 1;
    }
    if (position !== section.position + section.length) throw reader.corrupt('the chunks do not fill their section');
  }
}

/** Bytes of each field. */
const sectionFields = [4, 8, 8, 8, 8, 8, 4, 8, 4];
const chunkFields = [8, 8, 8, 4];

function sectionProblem(
  section: L1FooterSection,
  before: L1FooterSection | undefined,
  end: number,
): string | undefined {
  const { partition, baseOffset, lastOffset, position, length, firstChunk, chunkCount } = section;
  if (baseOffset < 0 || lastOffset < baseOffset) return `a section holds offsets ${baseOffset} to ${lastOffset}`;
  if (position !== end || length <= 0) return `a section lies at ${position}+${length}, the one before ends at ${end}`;
  if (section.maxTimestamp < -1 || section.recordCount < 0) return 'a section has a timestamp or count below its least';
  if (chunkCount <= 0 || firstChunk !== (before === undefined ? 0 : before.firstChunk + before.chunkCount)) {
    return `a section has ${chunkCount} chunks from number ${firstChunk} on`;
  }
  if (before === undefined || before.partition < partition) return undefined;
  if (before.partition === partition && before.lastOffset < baseOffset) return undefined;
  return `a section of partition ${partition} begins at offset ${baseOffset}, which is not in order`;
}

/** The last number in [low, high) for which `holds`, which must not go back to true; undefined where it does for none. */
function lastWhere(low: number, high: number, holds: (number: number) => boolean): number | undefined {
  let from = low;
  let to = high;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (holds(middle)) from = middle + 1;
    else to = middle;
  }
  return from === low ? undefined : from - 1;
}
