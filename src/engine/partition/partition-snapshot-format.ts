// A partition's state as of one index of its log, so that opening replays only what follows.
// Specified in docs/formats/partition-log.md.
//
//   snapshot := version u8 nextOffset i64 logStart i64 reconciledEnd i64 lastStamp[12] appliedEpoch i64 previousEpoch i64
//               maxTimestamp i64 maxTimestampOffset i64
//               termCount u32 (term u32 startOffset i64)* entriesPerSegment u32
//               segmentCount u32 (baseOffset i64 firstEntry i64 entries u32 bytes i64 maxTimestamp i64)* producers crc u32
// Version 1 has no reconciledEnd (nothing was reconciled) and no previousEpoch (taken to be the applied one); it is read, not written.

import { ByteReader } from '../base/byte-reader.ts';
import { ByteWriter } from '../base/byte-writer.ts';
import { crc32c } from '../base/checksum.ts';
import { EngineError } from '../base/errors.ts';
import { clusterEpoch, offset, term, timestampMs } from '../base/ids.ts';
import { readStamp, writeStamp } from '../base/stamp-format.ts';
import type { CommittedState } from './committed-state.ts';
import type { ExtentIndex } from './extent-index.ts';
import type { ProducerFacts, ProducerTable } from './producer-table.ts';

const version = 2;

export function encodePartitionSnapshot(
  state: CommittedState,
  index: ExtentIndex,
  producers: ProducerTable<ProducerFacts>,
): Buffer {
  const writer = new ByteWriter(256 + index.segments.length * 36 + producers.size * 100);
  writer.u8(version).i64(state.nextOffset).i64(state.logStartOffset).i64(state.reconciledEnd);
  writeStamp(writer, state.lastStamp);
  writer
    .i64(state.appliedEpoch)
    .i64(state.previousEpoch)
    .i64(state.maxTimestamp)
    .i64(state.maxTimestampOffset)
    .u32(state.terms.length);
  for (const one of state.terms) writer.u32(one.term).i64(one.startOffset);
  writer.u32(index.entriesPerSegment).u32(index.segments.length);
  for (const segment of index.segments) {
    writer
      .i64(segment.baseOffset)
      .i64(segment.firstEntry)
      .u32(segment.entries)
      .i64(segment.bytes)
      .i64(segment.maxTimestamp);
  }
  producers.encode(writer);
  const bytes = writer.bytes();
  return Buffer.concat([bytes, new ByteWriter(4).u32(crc32c(bytes)).bytes()]);
}

/** Fills state, index and producers. Throws `corrupt-log` or `unsupported-format`. */
export function decodePartitionSnapshot(
  bytes: Buffer,
  where: string,
  state: CommittedState,
  index: ExtentIndex,
  producers: ProducerTable<ProducerFacts>,
): void {
  const body = bytes.subarray(0, Math.max(0, bytes.length - 4));
  if (bytes.length < 5 || crc32c(body) !== bytes.readUInt32BE(bytes.length - 4)) {
    throw new EngineError('corrupt-log', `snapshot of ${where}: the CRC32C does not match`, {
      context: { group: where },
    });
  }
  const reader = new ByteReader(body, `snapshot of ${where}`);
  const found = reader.u8();
  if (found < 1 || found > version) {
    throw new EngineError(
      'unsupported-format',
      `snapshot of ${where} has format version ${found}, this program knows 1 to ${version}`,
    );
  }
  state.nextOffset = offset(reader.i64());
  state.logStartOffset = offset(reader.i64());
  state.reconciledEnd = offset(found === 1 ? 0 : reader.i64());
  state.lastStamp = readStamp(reader);
  state.appliedEpoch = clusterEpoch(reader.i64());
  state.previousEpoch = found === 1 ? state.appliedEpoch : clusterEpoch(reader.i64());
  state.maxTimestamp = timestampMs(reader.i64());
  state.maxTimestampOffset = offset(reader.i64());
  const termCount = reader.u32();
  reader.need(termCount * 12);
  state.terms.length = 0;
  for (let at = 0; at < termCount; at++)
    state.terms.push({ term: term(reader.u32()), startOffset: offset(reader.i64()) });
  const entriesPerSegment = reader.u32();
  const segmentCount = reader.u32();
  reader.need(segmentCount * 36);
  index.restore(
    Array.from({ length: segmentCount }, () => ({
      baseOffset: offset(reader.i64()),
      firstEntry: reader.i64(),
      entries: reader.u32(),
      bytes: reader.i64(),
      maxTimestamp: reader.i64(),
    })),
    entriesPerSegment,
  );
  producers.decode(reader);
}
