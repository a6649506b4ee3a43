// Ranges of ranged reads: half-open, checked before and cut after the object's size is known.

import { EngineError } from '../base/errors.ts';
import type { ByteRange } from './object-store.ts';

export interface ResolvedRange {
  readonly start: number;
  readonly end: number;
}

/** Throws `usage` for what can be seen to be wrong without knowing the object. */
export function checkRange(key: string, range: ByteRange): void {
  const { start, end } = range;
  if (!Number.isSafeInteger(start) || start < 0)
    throw rangeError(key, range, 'the start is not a whole number of 0 or more');
  if (end !== undefined && (!Number.isSafeInteger(end) || end <= start)) {
    throw rangeError(key, range, 'the end is not a whole number above the start');
  }
}

/** The range inside an object of `sizeBytes`; the whole object where no range was asked for. */
export function resolveRange(key: string, range: ByteRange | undefined, sizeBytes: number): ResolvedRange {
  if (range === undefined) return { start: 0, end: sizeBytes };
  checkRange(key, range);
  if (range.start >= sizeBytes) throw rangeError(key, range, `the object has ${sizeBytes} bytes`);
  return { start: range.start, end: Math.min(range.end ?? sizeBytes, sizeBytes) };
}

export function rangeError(key: string, range: ByteRange, problem: string): EngineError {
  return new EngineError('usage', `cannot read bytes [${range.start}, ${range.end ?? 'end'}) of ${key}: ${problem}`, {
    context: { key, start: range.start, end: range.end },
  });
}

/** Where the bytes of an answer go: the caller's memory, or some of its own. */
export function answerMemory(key: string, length: number, into: Buffer | undefined): Buffer {
  if (into === undefined) return Buffer.allocUnsafe(length);
  if (into.length < length) {
    throw new EngineError('usage', `${key}: ${length} bytes do not fit into the ${into.length} given`, {
      context: { key },
    });
  }
  return into.subarray(0, length);
}
