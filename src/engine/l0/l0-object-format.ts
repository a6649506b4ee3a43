// An L0 object: record batches of many partitions in arrival order, then a footer that explains them, then a trailer.
// Specified with a worked example in docs/formats/l0-object.md.
//
//   object  := batch* footer trailer
//   footer  := clusterId[16] sealedAtMs i64 partitionCount u32 partition*
//   partition := topicId[16] index u32 committedEnd i64 logStart i64 batchCount u32 entry*
//   entry   := kind u8 stamp[12] link[12] baseOffset i64 lastOffsetDelta u32 position u32 length u32
//              producerId i64 producerEpoch i16 baseSequence i32 count u32 attributes i16 maxTimestamp i64 headerCrc u32
//   stamp, link := incarnation u32 term u32 attempt u32
//   trailer := footerLength u32 footerCrc u32 version u16 reserved u16 magic[8] "CTL0OBJ\n"
//
// headerCrc is the CRC32C of the batch's first 61 bytes, which hold the batch's own CRC32C of everything after them: together
// they cover the batch in its final form.

import { ByteReader } from '../base/byte-reader.ts';
import { ByteWriter } from '../base/byte-writer.ts';
import { crc32c } from '../base/checksum.ts';
import { EngineError } from '../base/errors.ts';
import { type Offset, offset, type Stamp, type TimestampMs, type TopicId, timestampMs, topicId } from '../base/ids.ts';
import { readStamp, writeStamp } from '../base/stamp-format.ts';

export const l0TrailerBytes = 20;
const magic = Buffer.from('CTL0OBJ\n', 'latin1');
const version = 1;
const entryBytes = 77;
const partitionBytes = 40;
const headerCrcBytes = 61;

/** Entry kinds. Kind 1 is reserved for entries of domain logs. */
export const l0KindRecords = 0;

export interface L0FooterBatch {
  readonly kind: number;
  readonly stamp: Stamp;
  readonly link: Stamp;
  readonly baseOffset: Offset;
  readonly lastOffset: Offset;
  /** Place in the object, bytes. */
  readonly position: number;
  readonly length: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly count: number;
  readonly attributes: number;
  readonly maxTimestamp: TimestampMs;
  readonly headerCrc: number;
}

export interface L0FooterPartition {
  readonly topicId: TopicId;
  readonly index: number;
  /** High watermark and log start when the object was sealed. */
  readonly committedEnd: Offset;
  readonly logStart: Offset;
  readonly batches: readonly L0FooterBatch[];
}

export interface L0Footer {
  readonly clusterId: string;
  readonly sealedAtMs: number;
  readonly partitions: readonly L0FooterPartition[];
}

/** CRC32C of a batch's header, as the footer keeps it. `bytes` begins with the batch. */
export const batchHeaderCrc = (bytes: Buffer): number => crc32c(bytes.subarray(0, headerCrcBytes));

/** Footer and trailer, to be written behind the batches. */
export function encodeL0Footer(footer: L0Footer): Buffer {
  const batchCount = footer.partitions.reduce((sum, partition) => sum + partition.batches.length, 0);
  const writer = new ByteWriter(
    28 + footer.partitions.length * partitionBytes + batchCount * entryBytes + l0TrailerBytes,
  );
  writer.uuid(footer.clusterId).i64(footer.sealedAtMs).u32(footer.partitions.length);
  for (const partition of footer.partitions) {
    writer.uuid(partition.topicId).u32(partition.index).i64(partition.committedEnd).i64(partition.logStart);
    writer.u32(partition.batches.length);
    for (const batch of partition.batches) writeEntry(writer, batch);
  }
  const footerLength = writer.length;
  const bytes = writer.bytes();
  const trailer = new ByteWriter(l0TrailerBytes).u32(footerLength).u32(crc32c(bytes)).u16(version).u16(0).copy(magic);
  return Buffer.concat([bytes, trailer.bytes()]);
}

function writeEntry(writer: ByteWriter, batch: L0FooterBatch): void {
  writer.u8(batch.kind);
  writeStamp(writer, batch.stamp);
  writeStamp(writer, batch.link);
  writer
    .i64(batch.baseOffset)
    .u32(batch.lastOffset - batch.baseOffset)
    .u32(batch.position)
    .u32(batch.length);
  writer.i64(batch.producerId).i16(batch.producerEpoch).i32(batch.baseSequence).u32(batch.count);
  writer.i16(batch.attributes).i64(batch.maxTimestamp).u32(batch.headerCrc);
}

export interface L0Trailer {
  readonly footerPosition: number;
  readonly footerLength: number;
  readonly footerCrc: number;
}

/** Reads the last `l0TrailerBytes` of an object of `objectBytes`. */
export function decodeL0Trailer(trailer: Buffer, objectBytes: number, key: string): L0Trailer {
  const what = `L0 object ${key}`;
  if (trailer.length !== l0TrailerBytes || objectBytes < l0TrailerBytes) {
    throw new EngineError('corrupt-object', `${what}: ${objectBytes} bytes are too few for a trailer`, {
      context: { key },
    });
  }
  const reader = new ByteReader(trailer, `${what}, trailer`);
  const footerLength = reader.u32();
  const footerCrc = reader.u32();
  const found = reader.u16();
  reader.u16();
  if (!reader.view(8).equals(magic)) throw reader.corrupt('the magic at the end is missing: cut off, or no L0 object');
  if (found !== version) {
    throw new EngineError('unsupported-format', `${what} has format version ${found}, this program knows ${version}`, {
      context: { key },
    });
  }
  const footerPosition = objectBytes - l0TrailerBytes - footerLength;
  if (footerPosition < 0) throw reader.corrupt(`a footer of ${footerLength} bytes does not fit into ${objectBytes}`);
  return { footerPosition, footerLength, footerCrc };
}

/** Decodes the footer's bytes, exactly as long as the trailer says. */
export function decodeL0Footer(bytes: Buffer, trailer: L0Trailer, key: string): L0Footer {
  const what = `L0 object ${key}, footer`;
  const actual = crc32c(bytes);
  if (actual !== trailer.footerCrc) {
    throw new EngineError(
      'corrupt-object',
      `${what}: CRC32C ${actual.toString(16)}, the trailer says ${trailer.footerCrc.toString(16)}`,
      {
        context: { key, position: trailer.footerPosition, length: trailer.footerLength },
      },
    );
  }
  const reader = new ByteReader(bytes, what);
  const clusterId = reader.uuid();
  const sealedAtMs = reader.i64();
  const partitions = readMany(reader, partitionBytes, () => {
    const id = topicId(reader.uuid());
    const index = reader.u32();
    const committedEnd = offset(reader.i64());
    const logStart = offset(reader.i64());
    const batches = readMany(reader, entryBytes, () => readEntry(reader, trailer.footerPosition));
    return { topicId: id, index, committedEnd, logStart, batches };
  });
  if (reader.remaining > 0) throw reader.corrupt(`${reader.remaining} bytes are left over`);
  return { clusterId, sealedAtMs, partitions };
}

function readMany<T>(reader: ByteReader, itemBytesMin: number, read: () => T): T[] {
  const count = reader.u32();
  reader.need(count * itemBytesMin);
  return Array.from({ length: count }, read);
}

function readEntry(reader: ByteReader, bodyBytes: number): L0FooterBatch {
  const kind = reader.u8();
  const stamp = readStamp(reader);
  const link = readStamp(reader);
  const baseOffset = offset(reader.i64());
  const lastOffset = offset(baseOffset + reader.u32());
  const position = reader.u32();
  const length = reader.u32();
  if (position + length > bodyBytes)
    throw reader.corrupt(`a batch at ${position}+${length} lies outside the ${bodyBytes} bytes`);
  return {
    kind,
    stamp,
    link,
    baseOffset,
    lastOffset,
    position,
    length,
    producerId: reader.i64(),
    producerEpoch: reader.i16(),
    baseSequence: reader.i32(),
    count: reader.u32(),
    attributes: reader.i16(),
    maxTimestamp: timestampMs(reader.i64()),
    headerCrc: reader.u32(),
  };
}

/** The footer of an object that is there as a whole. */
export function decodeL0Object(bytes: Buffer, key: string): L0Footer {
  const trailerBytes = bytes.subarray(Math.max(0, bytes.length - l0TrailerBytes));
  const trailer = decodeL0Trailer(trailerBytes, bytes.length, key);
  return decodeL0Footer(
    bytes.subarray(trailer.footerPosition, trailer.footerPosition + trailer.footerLength),
    trailer,
    key,
  );
}
