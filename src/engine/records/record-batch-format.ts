// The header of a Kafka record batch, magic 2: fixed offsets, read and patched in place, no objects on the hot path.
//
//   0 baseOffset i64 · 8 batchLength i32 (bytes after this field) · 12 partitionLeaderEpoch i32 · 16 magic i8 · 17 crc u32
//  21 attributes i16 · 23 lastOffsetDelta i32 · 27 baseTimestamp i64 · 35 maxTimestamp i64 · 43 producerId i64
//  51 producerEpoch i16 · 53 baseSequence i32 · 57 recordsCount i32 · 61 records
//
// The CRC32C covers everything from the attributes on: base offset and leader epoch can be patched without touching it.

import { crc32c } from '../base/checksum.ts';
import { EngineError } from '../base/errors.ts';

export const batchHeaderBytes = 61;
/** Bytes before the part that batchLength counts. */
export const batchPrefixBytes = 12;
const crcOffset = 17;
const attributesOffset = 21;

export const timestampTypeBit = 0x08;
const transactionalBit = 0x10;
const controlBit = 0x20;
const codecMask = 0x07;

/** What the write path and the indexes need to know of a batch. */
export interface BatchFacts {
  readonly baseOffset: number;
  readonly lastOffsetDelta: number;
  readonly attributes: number;
  readonly maxTimestamp: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly count: number;
}

/** A signed 64-bit field that must fit a safe integer; NaN where it does not. */
function readInt64(bytes: Buffer, at: number): number {
  const value = bytes.readInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4);
  return Number.isSafeInteger(value) ? value : Number.NaN;
}

function writeInt64(bytes: Buffer, at: number, value: number): void {
  const high = Math.floor(value / 0x1_0000_0000);
  bytes.writeInt32BE(high, at);
  bytes.writeUInt32BE(value - high * 0x1_0000_0000, at + 4);
}

export const readBaseOffset = (bytes: Buffer, at = 0): number => readInt64(bytes, at);
/** Size of the whole batch in bytes, as its header says. */
export const readBatchSize = (bytes: Buffer, at = 0): number => bytes.readInt32BE(at + 8) + batchPrefixBytes;
export const readLeaderEpoch = (bytes: Buffer, at = 0): number => bytes.readInt32BE(at + 12);
export const readMagic = (bytes: Buffer, at = 0): number => bytes.readInt8(at + 16);
export const readBatchCrc = (bytes: Buffer, at = 0): number => bytes.readUInt32BE(at + crcOffset);
export const readLastOffsetDelta = (bytes: Buffer, at = 0): number => bytes.readInt32BE(at + 23);
export const readBaseTimestamp = (bytes: Buffer, at = 0): number => readInt64(bytes, at + 27);
/** NaN where it is no safe integer. */
export const readMaxTimestamp = (bytes: Buffer, at = 0): number => readInt64(bytes, at + 35);
export const readRecordCount = (bytes: Buffer, at = 0): number => bytes.readInt32BE(at + 57);

/** Reads the facts; the caller has made sure that `batchHeaderBytes` are there. Fields that do not fit are NaN. */
export function readBatchFacts(bytes: Buffer, at = 0): BatchFacts {
  return {
    baseOffset: readInt64(bytes, at),
    lastOffsetDelta: bytes.readInt32BE(at + 23),
    attributes: bytes.readInt16BE(at + attributesOffset),
    maxTimestamp: readInt64(bytes, at + 35),
    producerId: readInt64(bytes, at + 43),
    producerEpoch: bytes.readInt16BE(at + 51),
    baseSequence: bytes.readInt32BE(at + 53),
    count: bytes.readInt32BE(at + 57),
  };
}

export const codecOf = (attributes: number): number => attributes & codecMask;
export const isTransactional = (attributes: number): boolean => (attributes & transactionalBit) !== 0;
export const isControl = (attributes: number): boolean => (attributes & controlBit) !== 0;
export const isLogAppendTime = (attributes: number): boolean => (attributes & timestampTypeBit) !== 0;

/** CRC32C over what the batch's own checksum covers. `bytes` is exactly one batch. */
export const computeBatchCrc = (bytes: Buffer): number => crc32c(bytes.subarray(attributesOffset));

/** Gives a batch its place: outside the checksum, so the checksum stays. */
export function patchPlace(bytes: Buffer, baseOffset: number, leaderEpoch: number): void {
  writeInt64(bytes, 0, baseOffset);
  bytes.writeInt32BE(leaderEpoch, 12);
}

/** Sets the timestamp type, and for LogAppendTime the time; recomputes the checksum. */
export function patchTimestampType(bytes: Buffer, logAppendTimeMs: number | undefined): void {
  const attributes = bytes.readInt16BE(attributesOffset);
  if (logAppendTimeMs === undefined) {
    bytes.writeInt16BE(attributes & ~timestampTypeBit, attributesOffset);
  } else {
    bytes.writeInt16BE(attributes | timestampTypeBit, attributesOffset);
    writeInt64(bytes, 35, logAppendTimeMs);
  }
  bytes.writeUInt32BE(computeBatchCrc(bytes), crcOffset);
}

/** Checks a stored batch against its place and its checksum; throws `corrupt-object` naming both. */
export function verifyStoredBatch(bytes: Buffer, baseOffset: number, where: string): void {
  const problem = findDamage(bytes, baseOffset);
  if (problem !== undefined) {
    throw new EngineError('corrupt-object', `${where}: ${problem}`, { context: { where, baseOffset } });
  }
}

function findDamage(bytes: Buffer, baseOffset: number): string | undefined {
  if (bytes.length < batchHeaderBytes) return `a record batch of ${bytes.length} bytes is shorter than its header`;
  if (readBatchSize(bytes) !== bytes.length) {
    return `a record batch says it has ${readBatchSize(bytes)} bytes, the index says ${bytes.length}`;
  }
  if (readBaseOffset(bytes) !== baseOffset) {
    return `a record batch begins at offset ${readBaseOffset(bytes)}, the index says ${baseOffset}`;
  }
  const expected = readBatchCrc(bytes);
  const actual = computeBatchCrc(bytes);
  return expected === actual
    ? undefined
    : `the CRC32C of the batch at offset ${baseOffset} is ${hex(actual)}, its header says ${hex(expected)}`;
}

const hex = (value: number): string => value.toString(16).padStart(8, '0');
