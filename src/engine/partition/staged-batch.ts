// A batch between staging and its outcome.

import type { EngineError } from '../base/errors.ts';
import type { Offset, Stamp, TimestampMs } from '../base/ids.ts';
import type { SlabRange } from '../base/slab-pool.ts';
import type { L0Object, L0StagedBatch } from '../l0/l0.ts';
import type { Extent } from './extent-index.ts';
import type { AppendResult } from './partition.ts';
import type { Placeholder } from './placeholder-format.ts';

type StagedBatchFacts = L0StagedBatch & { readonly logAppendTimeMs: TimestampMs };

export class StagedBatch implements L0StagedBatch {
  readonly records: SlabRange;
  readonly stamp: Stamp;
  readonly link: Stamp;
  readonly baseOffset: Offset;
  readonly lastOffset: Offset;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly count: number;
  readonly attributes: number;
  readonly maxTimestamp: TimestampMs;
  readonly #logAppendTimeMs: TimestampMs;
  readonly #outcome = Promise.withResolvers<AppendResult>();

  constructor(facts: StagedBatchFacts) {
    this.records = facts.records;
    this.stamp = facts.stamp;
    this.link = facts.link;
    this.baseOffset = facts.baseOffset;
    this.lastOffset = facts.lastOffset;
    this.producerId = facts.producerId;
    this.producerEpoch = facts.producerEpoch;
    this.baseSequence = facts.baseSequence;
    this.count = facts.count;
    this.attributes = facts.attributes;
    this.maxTimestamp = facts.maxTimestamp;
    this.#logAppendTimeMs = facts.logAppendTimeMs;
    // Who asked may have stopped waiting; that must not count as an unhandled rejection.
    this.#outcome.promise.catch(() => {});
  }

  /** Settles when the batch is committed or has failed. */
  get outcome(): Promise<AppendResult> {
    return this.#outcome.promise;
  }

  succeed(logStartOffset: Offset): void {
    this.#outcome.resolve({ baseOffset: this.baseOffset, logAppendTimeMs: this.#logAppendTimeMs, logStartOffset });
  }

  fail(error: EngineError): void {
    this.#outcome.reject(error);
  }

  /** What the log keeps of it. */
  placeholder(position: number): Placeholder {
    return {
      stamp: this.stamp,
      baseOffset: this.baseOffset,
      lastOffset: this.lastOffset,
      position,
      length: this.records.length,
      producerId: this.producerId,
      producerEpoch: this.producerEpoch,
      baseSequence: this.baseSequence,
      attributes: this.attributes,
      maxTimestamp: this.maxTimestamp,
    };
  }

  /** What the index keeps of it: the bytes stay in reach as long as the batch cache has them. */
  extent(object: L0Object, position: number): Extent {
    return {
      baseOffset: this.baseOffset,
      lastOffset: this.lastOffset,
      object,
      position,
      length: this.records.length,
      attributes: this.attributes,
      maxTimestamp: this.maxTimestamp,
      term: this.stamp.term,
      records: this.records,
    };
  }
}
