// The front door of a partition's leader: what the broker asks of it. The leader is the only writer under its term.
// Errors are EngineErrors; their Kafka code is in the error table.

import type { Offset, Term, TimestampMs, TopicId } from '../base/ids.ts';
import type { SlabRange } from '../base/slab-pool.ts';

export interface AppendResult {
  readonly baseOffset: Offset;
  /** The broker's time where the topic says LogAppendTime, else −1. */
  readonly logAppendTimeMs: TimestampMs;
  readonly logStartOffset: Offset;
}

export interface ReadOptions {
  readonly from: Offset;
  /** Stop before this offset (exclusive); the high watermark where not given. */
  readonly until?: Offset;
  /** About how many bytes; the first batch is always whole, unless `atLeastOne` is false and it does not fit. */
  readonly bytesMax: number;
  readonly atLeastOne: boolean;
  readonly signal?: AbortSignal;
}

export interface ReadResult extends Disposable {
  /** Whole record batches as they lie, for a gathered write. The first may begin below `from`. Valid until disposed. */
  readonly parts: readonly Buffer[];
  readonly bytes: number;
  readonly highWatermark: Offset;
  readonly lastStableOffset: Offset;
  readonly logStartOffset: Offset;
}

export interface FoundOffset {
  readonly offset: Offset;
  readonly timestamp: TimestampMs;
  readonly leaderEpoch: Term;
}

export interface Partition {
  readonly topicId: TopicId;
  readonly index: number;
  readonly term: Term;
  readonly highWatermark: Offset;
  readonly lastStableOffset: Offset;
  readonly logStartOffset: Offset;

  /**
   * Stages one record batch and resolves when it is committed: uploaded, ownership confirmed, placeholder durable.
   * Validation, deduplication and the assignment of offsets happen before the call returns, so calls made one after the
   * other are staged in that order. The caller holds a pin on `records` until the promise has settled; the leader patches
   * base offset and leader epoch (for LogAppendTime also timestamps) into the bytes.
   */
  append(records: SlabRange): Promise<AppendResult>;

  /** Committed batches from an offset on. Throws `offset-out-of-range`. */
  read(options: ReadOptions): Promise<ReadResult>;

  /** Bytes committed at or above `from`, cheap and approximate upwards; for fetch's min_bytes. */
  bytesAvailable(from: Offset): number;

  /** Calls `listener` whenever the high watermark moved or the partition closed; returns the way to stop that. */
  onAdvance(listener: () => void): () => void;

  /** First record with a timestamp at or after the given one; undefined when there is none. */
  offsetForTimestamp(timestamp: TimestampMs): Promise<FoundOffset | undefined>;

  /** The record with the greatest timestamp; undefined when the partition is empty. */
  offsetOfMaxTimestamp(): Promise<FoundOffset | undefined>;

  /** Moves the log start forward, durably; −1 as `before` means the high watermark. Returns the new log start. */
  deleteRecords(before: number): Promise<Offset>;

  /** The largest term at or below `requested` and its end offset (exclusive), as OffsetForLeaderEpoch wants it. */
  endOffsetOfTerm(requested: Term): { readonly term: Term; readonly endOffset: Offset } | undefined;

  /** Committed bytes kept, as far as known; for DescribeLogDirs and retention. */
  readonly sizeBytes: number;
}
