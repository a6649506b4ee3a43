// Which batches of a chunk a reader gets. Batches are walked over in place, header by header.

import { EngineError } from '../base/errors.ts';
import {
  batchHeaderBytes,
  readBaseOffset,
  readBatchSize,
  readLastOffsetDelta,
  readMaxTimestamp,
} from '../records/record-batch-format.ts';

export interface BatchWish {
  readonly from: number;
  /** Batches that begin at or above it are not given. */
  readonly until: number;
  readonly bytesMax: number;
  /** What the first batch may have. */
  readonly firstBytesMax: number;
}

export interface BatchSelection {
  /** Bytes [start, end) of the chunk; the same where no batch was selected. */
  readonly start: number;
  readonly end: number;
  /** Above the last batch that was selected; `from` where none was. */
  readonly nextOffset: number;
  /** Why it ended: with the chunk, at `until`, or because the next batch is too large. */
  readonly stop: 'chunk' | 'until' | 'full';
}

/** Walks from byte `at`, where a batch begins. `where` names the chunk in errors. */
export function selectBatches(chunk: Buffer, at: number, wish: BatchWish, where: string): BatchSelection {
  const { from, until, bytesMax } = wish;
  let start = at;
  let end = at;
  let nextOffset = from;
  while (end < chunk.length) {
    const size = sizeAt(chunk, end, where);
    const baseOffset = readBaseOffset(chunk, end);
    const lastOffset = baseOffset + readLastOffsetDelta(chunk, end);
    if (baseOffset >= until) return { start, end, nextOffset, stop: 'until' };
    if (lastOffset < from) {
      start = end + size;
    } else {
      if (end + size - start > (end > start ? bytesMax : wish.firstBytesMax)) {
        return { start, end, nextOffset, stop: 'full' };
      }
      nextOffset = lastOffset + 1;
    }
    end += size;
  }
  return { start, end, nextOffset, stop: 'chunk' };
}

/** The first batch that reaches up to an offset, and to a timestamp where one is given; not copied. */
export function findBatch(chunk: Buffer, from: number, timestamp: number | undefined, where: string) {
  for (let at = 0; at < chunk.length; ) {
    const size = sizeAt(chunk, at, where);
    const lastOffset = readBaseOffset(chunk, at) + readLastOffsetDelta(chunk, at);
    const late = timestamp === undefined || readMaxTimestamp(chunk, at) >= timestamp;
    if (lastOffset >= from && late) return chunk.subarray(at, at + size);
    at += size;
  }
  return undefined;
}

/** Each batch that ends at or above an offset, apart; not copied. */
export function splitBatches(chunk: Buffer, from: number, where: string, into: Buffer[]): void {
  for (let at = 0; at < chunk.length; ) {
    const size = sizeAt(chunk, at, where);
    const lastOffset = readBaseOffset(chunk, at) + readLastOffsetDelta(chunk, at);
    if (lastOffset >= from) into.push(chunk.subarray(at, at + size));
    at += size;
  }
}

function sizeAt(chunk: Buffer, at: number, where: string): number {
  const left = chunk.length - at;
  const size = left < batchHeaderBytes ? 0 : readBatchSize(chunk, at);
  if (size >= batchHeaderBytes && size <= left) return size;
  throw new EngineError('corrupt-object', `${where}: no whole batch lies at byte ${at} of the ${chunk.length}`, {
    context: { where, at, size, left },
  });
}
