// Requests as a reconciler or compactor would make them, from few words; for tests that tell a story.

import { type Incarnation, offset, type Stamp, term, timestampMs, topicId } from '../../../src/engine/base/ids.ts';
import type { Extent, OffsetRange } from '../../../src/engine/metastore/extent-row-format.ts';
import type { TopicPartition } from '../../../src/engine/metastore/metastore-key-format.ts';
import type {
  NewObject,
  PartitionAddition,
  PartitionCompaction,
} from '../../../src/engine/metastore/metastore-requests.ts';

export const topic = topicId('6f1c2a34-5b6d-4e7f-8a9b-0c1d2e3f4a5b');
export const place: TopicPartition = { topicId: topic, partition: 0 };
export const now = timestampMs(1_000_000);

/** A valid id for any small number. */
export const idOf = (at: number): string => `00000000-0000-4000-8000-${String(at).padStart(12, '0')}`;

export const object = (at: number, more: Partial<NewObject> = {}): NewObject => ({
  objectId: idOf(at),
  sizeBytes: 1_000_000,
  footerPosition: 990_000,
  ...more,
});

export const range = (base: number, last: number): OffsetRange => ({
  baseOffset: offset(base),
  lastOffset: offset(last),
});

export const extent = (base: number, last: number, of = 1, more: Partial<Extent> = {}): Extent => ({
  ...range(base, last),
  maxTimestamp: timestampMs(1000 + last),
  objectId: idOf(of),
  position: 0,
  length: 100,
  ...more,
});

export const stamp = (attempt: number): Stamp => ({ incarnation: 1 as Incarnation, term: term(1), attempt });

/** Term 1 throughout, no producers, unless said otherwise. */
export function addition(extents: readonly Extent[], more: Partial<PartitionAddition> = {}): PartitionAddition {
  const bases = [...extents, ...(more.emptyRanges ?? [])].map((tile) => tile.baseOffset);
  return {
    ...place,
    extents,
    emptyRanges: [],
    terms: [{ term: term(1), startOffset: offset(Math.min(...bases)) }],
    lastStamp: stamp(0),
    producers: [],
    forgottenProducers: [],
    ...more,
  };
}

export function compaction(extents: readonly Extent[], more: Partial<PartitionCompaction> = {}): PartitionCompaction {
  return {
    ...place,
    extents,
    emptyRanges: [],
    expectedCompactionEpoch: 0,
    cleanedRanges: [],
    removedTombstoneRanges: [],
    cleanedAtMs: timestampMs(500),
    ...more,
  };
}
