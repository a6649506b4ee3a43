// The front door of a partition's leader: what the broker asks of it. The leader is the only writer under its term.
// Errors are EngineErrors; their Kafka code is in the error table.

import type { Offset, Term, TimestampMs, TopicId } from '../base/ids.ts';
import type { SlabRange } from '../base/slab-pool.ts';
import type { PendingBatch, PendingLimits } from './pending-batches.ts';

export type { PendingBatch, PendingLimits };

export interface PartitionName {
  readonly topicId: TopicId;
  readonly index: number;
}

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

export interface Partition extends PartitionName {
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
}

/** A partition as the work on its history sees it: what is not reconciled, and the moves that only its leader can make. */
export interface LedPartition extends Partition {
  /** LRO + 1: reads below it go to L1. */
  readonly reconciledEnd: Offset;
  /** Bytes that are in L0 only, and about when the oldest of them was committed. */
  readonly pendingBytes: number;
  readonly pendingSinceMs: number | undefined;
  /** Entries that its log keeps. */
  readonly logEntries: number;

  /** Whether an idempotent producer has committed something that is remembered. */
  knowsProducer(id: number): boolean;

  /** Batches that are not reconciled, from the LRO on up to the last stable offset. */
  readPending(limits: PendingLimits): Promise<PendingBatch[]>;

  /** Moves the LRO to just below `end`, durably: the metastore has everything below. Resolves with LRO + 1. */
  reconciledTo(end: Offset): Promise<Offset>;

  /** Resolves when nobody is served L0 data below an offset any more; everything below it must be reconciled. */
  noL0ReaderBelow(below: Offset, signal?: AbortSignal): Promise<void>;

  /** Trims the log below what is reconciled, flushed and read by nobody; resolves to whether entries went. */
  trimLog(flushed: Offset): Promise<boolean>;
}
