// What compaction, leveling and retention see of a partition, of the settings of its topic, and of the metastore: the ports of this
// room, so that tests can stand in for what implements them.

import { type Offset, offset, type Term, type TopicId } from '../base/ids.ts';
import type { OffsetRange } from '../metastore/extent-row-format.ts';
import type { Metastore } from '../metastore/metastore.ts';

export type { Extent, OffsetRange } from '../metastore/extent-row-format.ts';

/** The leader of a partition, under one term. */
export interface MaintainedPartition {
  readonly topicId: TopicId;
  readonly index: number;
  readonly term: Term;
  readonly logStartOffset: Offset;
  readonly highWatermark: Offset;
  /** LRO + 1: what lies below is read from L1. */
  readonly reconciledEnd: Offset;
  /** Bytes that are only in L0. */
  readonly pendingBytes: number;
  /** Moves the log start, durably; answers with where it is then. */
  deleteRecords(before: Offset): Promise<Offset>;
  /** Resolves when no read of L0 data below the offset is under way; below reconciledEnd none begins. */
  noL0ReaderBelow(before: Offset, signal?: AbortSignal): Promise<void>;
}

/** The settings of a topic that clean it up. */
export interface CleanupRules {
  /** `cleanup.policy` contains compact, or delete. */
  readonly compacted: boolean;
  readonly deleted: boolean;
  /** −1 for no limit. */
  readonly retentionMs: number;
  readonly retentionBytes: number;
  readonly deleteRetentionMs: number;
  readonly minCleanableDirtyRatio: number;
  readonly minCompactionLagMs: number;
  readonly maxCompactionLagMs: number;
}

export type MaintainedMetastore = Pick<
  Metastore,
  | 'domainOf'
  | 'partition'
  | 'compactionInfo'
  | 'levelingInfo'
  | 'pageOfExtents'
  | 'firstExtentAtOrAbove'
  | 'firstExtentAtTimestamp'
  | 'offsetOfSuffix'
  | 'preregister'
  | 'compactObjects'
  | 'replaceObjects'
  | 'setStartOffset'
>;

export type LocatedExtent = Awaited<ReturnType<Metastore['pageOfExtents']>>['extents'][number];
export type CompactionInfo = NonNullable<Awaited<ReturnType<Metastore['compactionInfo']>>>;
export type NewObject = Parameters<Metastore['compactObjects']>[0]['objects'][number];

/** What two ranges have in common. */
export function common(a: OffsetRange, b: OffsetRange): OffsetRange | undefined {
  const baseOffset = offset(Math.max(a.baseOffset, b.baseOffset));
  const lastOffset = offset(Math.min(a.lastOffset, b.lastOffset));
  return baseOffset > lastOffset ? undefined : { baseOffset, lastOffset };
}

/** A partition as the metastore names it. */
export const placeOf = ({ topicId, index }: Pick<MaintainedPartition, 'topicId' | 'index'>) => ({
  topicId,
  partition: index,
});
