// What the metastore is asked to change, and what it answers. Every change of a request is made in one batch, or none is; only an
// addition that is too large for one is split between its partitions.
//
// All partitions of a request, and so all extents of an object, belong to one domain; the caller splits (`domainOfPartition`).

import type { Offset, Stamp, TimestampMs, TopicId } from '../base/ids.ts';
import type { DomainChange } from '../domain/domain.ts';
import type { Extent, OffsetRange, TermStart } from './extent-row-format.ts';
import type { ObjectId, TopicPartition } from './metastore-key-format.ts';
import type { ObjectRow } from './object-row-format.ts';
import type { ProducerSnapshot } from './producer-row-format.ts';

/** What a request comes to: the changes to commit, and the answer that holds once they are. */
export interface Update<Answer> {
  readonly changes: DomainChange[];
  readonly answer: Answer;
}

/** An object that was preregistered and is uploaded now. */
export interface NewObject {
  readonly objectId: ObjectId;
  readonly sizeBytes: number;
  readonly footerPosition: number;
  /** More extents of it follow in later requests: what does not fit one request is added in several. */
  readonly partial?: boolean;
}

/** Extents and explicit empty ranges of a partition, each list in offset order; together they leave no gap and do not overlap. */
export interface PartitionTiles extends TopicPartition {
  readonly extents: readonly Extent[];
  readonly emptyRanges: readonly OffsetRange[];
}

export interface PartitionAddition extends PartitionTiles {
  /** The terms of these offsets: the first begins where they do. A term that is known already is not a new one. */
  readonly terms: readonly TermStart[];
  /** Of the batch directly below the new next offset, also where an empty range ends there. */
  readonly lastStamp: Stamp;
  /**
   * Producers with a batch in these offsets, as of the new next offset. What a partition adds is one change, which holds some 4,000
   * of them: who has more ends an extent before, and adds in two requests.
   */
  readonly producers: readonly ProducerSnapshot[];
  /** Producers that the partition has forgotten since. */
  readonly forgottenProducers: readonly number[];
}

export interface AddObjectsRequest {
  readonly objects: readonly NewObject[];
  readonly partitions: readonly PartitionAddition[];
}

export interface AddObjectsAnswer {
  /**
   * Partitions whose offsets were not taken, because they do not continue what is there or lie in an object that is complete already;
   * and where to go on. That is where the request began when the object has expired: another one must be uploaded.
   */
  readonly corrections: readonly (TopicPartition & { readonly nextOffset: Offset })[];
  /** Topics of the request that are removed: nothing of them was taken. */
  readonly removedTopics: readonly TopicId[];
}

export interface PartitionReplacement extends PartitionTiles {
  readonly expectedCompactionEpoch: number;
}

export interface ReplaceObjectsRequest {
  readonly objects: readonly NewObject[];
  readonly partitions: readonly PartitionReplacement[];
}

export interface CleanedRange extends OffsetRange {
  readonly hasTombstones: boolean;
}

export interface PartitionCompaction extends PartitionReplacement {
  /**
   * Only what was dirty, inside what is rewritten; and that begins at the start offset, with an empty range where no extent does.
   * Who rewrites more than one request holds sends the rest before, without cleaned ranges: each raises the compaction epoch by one.
   */
  readonly cleanedRanges: readonly CleanedRange[];
  readonly removedTombstoneRanges: readonly OffsetRange[];
  readonly cleanedAtMs: TimestampMs;
}

export interface CompactObjectsRequest {
  readonly objects: readonly NewObject[];
  readonly partitions: readonly PartitionCompaction[];
}

export interface SetStartOffsetRequest extends TopicPartition {
  readonly startOffset: Offset;
}

export interface SetStartOffsetAnswer {
  /** How far the start offset is now. */
  readonly startOffset: Offset;
  /** Ask again: a request moves past a bounded number of extents. */
  readonly hasMore: boolean;
}

export interface RemoveTopicsRequest {
  readonly topicIds: readonly TopicId[];
}

export interface RemoveTopicsAnswer {
  /** Topics with rows left: ask again. */
  readonly notRemoved: readonly TopicId[];
}

export interface ExpirePreregistrationsRequest {
  readonly objectIds: readonly ObjectId[];
  /** Only those that nothing has happened to since. */
  readonly lastUpdatedAtMost: TimestampMs;
}

export interface RemoveObjectsRequest {
  /** As a flushed manifest shows them: what has changed since is kept. */
  readonly flushedRows: readonly ObjectRow[];
}

/** Steps of the operations that work in steps. */
export const stepRowsMax = 1000;
/** What the changes of one request may come to: an entry of the log is 1 MiB, and the domain frames it. */
export const updateBytesMax = 960 * 1024;
