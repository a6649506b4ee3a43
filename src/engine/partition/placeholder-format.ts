// Entries of a partition's replicated log. Specified in docs/formats/partition-log.md. The log engine checks each entry's
// CRC32C; here lengths and versions are checked.
//
//   entry        := version u8 kind u8 body
//   placeholders (kind 1) := appendedAtMs i64 shareCount u16 share*
//   share        := shard u16 clusterEpoch i64 name[16] objectBytes u32 batchCount u32 batch*
//   batch        := stamp[12] baseOffset i64 lastOffsetDelta u32 position u32 length u32
//                   producerId i64 producerEpoch i16 baseSequence i32 attributes i16 maxTimestamp i64
//   log start (kind 2)    := logStartOffset i64
//   reconciled (kind 3)   := reconciledEnd i64
// Version 1 is written for the kinds that it has, 2 for what came later: a program from before refuses those by their version.

import { ByteReader } from '../base/byte-reader.ts';
import { ByteWriter } from '../base/byte-writer.ts';
import { EngineError } from '../base/errors.ts';
import { clusterEpoch, type Offset, offset, type Stamp, type TimestampMs, timestampMs } from '../base/ids.ts';
import { readStamp, writeStamp } from '../base/stamp-format.ts';
import type { L0Object } from '../l0/l0.ts';

const kindPlaceholders = 1;
const kindLogStart = 2;
const kindReconciled = 3;
/** The version that brought a kind, and the newest that is known. */
const versionOf: Readonly<Record<number, number>> = { [kindPlaceholders]: 1, [kindLogStart]: 1, [kindReconciled]: 2 };
const versionMax = 2;
const batchBytes = 56;
const shareBytes = 34;

/** A committed batch: where it lies and what its producer said. */
export interface Placeholder {
  readonly stamp: Stamp;
  readonly baseOffset: Offset;
  readonly lastOffset: Offset;
  readonly position: number;
  readonly length: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly attributes: number;
  readonly maxTimestamp: TimestampMs;
}

export interface PlaceholderShare {
  readonly object: L0Object;
  readonly batches: readonly Placeholder[];
}

export type PartitionEntry =
  | { readonly kind: 'placeholders'; readonly appendedAtMs: TimestampMs; readonly shares: readonly PlaceholderShare[] }
  | { readonly kind: 'log-start'; readonly logStartOffset: Offset }
  /** The LRO has moved: everything below is in the metastore. */
  | { readonly kind: 'reconciled'; readonly reconciledEnd: Offset };

/** Upper bound of an entry's size with one share of `batchCount` batches. */
export const placeholderEntryBytes = (batchCount: number): number => 12 + shareBytes + batchCount * batchBytes;

export function encodePartitionEntry(entry: PartitionEntry): Buffer {
  if (entry.kind === 'log-start') return begin(16, kindLogStart).i64(entry.logStartOffset).bytes();
  if (entry.kind === 'reconciled') return begin(16, kindReconciled).i64(entry.reconciledEnd).bytes();
  const batchCount = entry.shares.reduce((sum, share) => sum + share.batches.length, 0);
  const writer = begin(12 + entry.shares.length * shareBytes + batchCount * batchBytes, kindPlaceholders);
  writer.i64(entry.appendedAtMs).u16(entry.shares.length);
  for (const { object, batches } of entry.shares) {
    writer.u16(object.id.shard).i64(object.id.epoch).uuid(object.id.name).u32(object.sizeBytes).u32(batches.length);
    for (const batch of batches) writeBatch(writer, batch);
  }
  return writer.bytes();
}

const begin = (sizeHint: number, kind: number): ByteWriter =>
  new ByteWriter(sizeHint).u8(versionOf[kind] as number).u8(kind);

function writeBatch(writer: ByteWriter, batch: Placeholder): void {
  writeStamp(writer, batch.stamp);
  writer
    .i64(batch.baseOffset)
    .u32(batch.lastOffset - batch.baseOffset)
    .u32(batch.position)
    .u32(batch.length);
  writer.i64(batch.producerId).i16(batch.producerEpoch).i32(batch.baseSequence);
  writer.i16(batch.attributes).i64(batch.maxTimestamp);
}

/** Throws `corrupt-log` or `unsupported-format`, naming `where` (group and index). */
export function decodePartitionEntry(bytes: Buffer, where: string): PartitionEntry {
  const reader = new ByteReader(bytes, `log entry ${where}`);
  const found = reader.u8();
  if (found < 1 || found > versionMax) {
    throw new EngineError(
      'unsupported-format',
      `log entry ${where} has format version ${found}, this program knows 1 to ${versionMax}`,
    );
  }
  const kind = reader.u8();
  if (versionOf[kind] !== found) {
    throw new EngineError('corrupt-log', `log entry ${where} of version ${found} has unknown kind ${kind}`);
  }
  let entry: PartitionEntry;
  if (kind === kindLogStart) entry = { kind: 'log-start', logStartOffset: offset(reader.i64()) };
  else if (kind === kindReconciled) entry = { kind: 'reconciled', reconciledEnd: offset(reader.i64()) };
  else entry = readPlaceholders(reader);
  if (reader.remaining > 0)
    throw new EngineError('corrupt-log', `log entry ${where} has ${reader.remaining} bytes too many`);
  return entry;
}

function readPlaceholders(reader: ByteReader): PartitionEntry {
  const appendedAtMs = timestampMs(reader.i64());
  const shareCount = reader.u16();
  reader.need(shareCount * shareBytes);
  const shares = Array.from({ length: shareCount }, (): PlaceholderShare => {
    const id = { shard: reader.u16(), epoch: clusterEpoch(reader.i64()), name: reader.uuid() };
    const sizeBytes = reader.u32();
    const batchCount = reader.u32();
    reader.need(batchCount * batchBytes);
    return { object: { id, sizeBytes }, batches: Array.from({ length: batchCount }, () => readBatch(reader)) };
  });
  return { kind: 'placeholders', appendedAtMs, shares };
}

function readBatch(reader: ByteReader): Placeholder {
  const stamp = readStamp(reader);
  const baseOffset = offset(reader.i64());
  return {
    stamp,
    baseOffset,
    lastOffset: offset(baseOffset + reader.u32()),
    position: reader.u32(),
    length: reader.u32(),
    producerId: reader.i64(),
    producerEpoch: reader.i16(),
    baseSequence: reader.i32(),
    attributes: reader.i16(),
    maxTimestamp: timestampMs(reader.i64()),
  };
}
