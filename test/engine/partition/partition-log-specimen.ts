// The specimens that docs/formats/partition-log.md shows: one commit of two batches, and the snapshot after it and a move of the LRO.

import { clusterEpoch, incarnation, offset, term, timestampMs } from '../../../src/engine/base/ids.ts';
import { CommittedState } from '../../../src/engine/partition/committed-state.ts';
import { ColdRuns, ExtentIndex } from '../../../src/engine/partition/extent-index.ts';
import type { PartitionEntry } from '../../../src/engine/partition/placeholder-format.ts';
import { ProducerTable } from '../../../src/engine/partition/producer-table.ts';
import type { StagedBatch } from '../../../src/engine/partition/staged-batch.ts';

const batch = (at: number, count: number, sequence: number) => ({
  stamp: { incarnation: incarnation(1), term: term(3), attempt: 0 },
  baseOffset: offset(at),
  lastOffset: offset(at + count - 1),
  position: at * 100,
  length: 100,
  producerId: 7,
  producerEpoch: 0,
  baseSequence: sequence,
  attributes: 0,
  maxTimestamp: timestampMs(1_700_000_000_000 + at),
});

export const entrySpecimen = {
  kind: 'placeholders',
  appendedAtMs: timestampMs(1_700_000_000_500),
  shares: [
    {
      object: {
        id: { shard: 0, epoch: clusterEpoch(5), name: '018bcfe5-6800-7000-8000-000000000000' },
        sizeBytes: 554,
      },
      batches: [batch(0, 1, 0), batch(1, 2, 1)],
    },
  ],
} as const satisfies PartitionEntry;

/** A partition's state after that entry, its first. */
export function stateSpecimen() {
  const state = new CommittedState(clusterEpoch(1));
  const extents = emptyIndex();
  const producers = emptyProducers();
  const [share] = entrySpecimen.shares;
  state.applyEpoch(share.object.id.epoch);
  for (const one of share.batches) {
    state.applyBatch(one);
    producers.apply(one, entrySpecimen.appendedAtMs);
  }
  state.applyReconciled(offset(1));
  const { object } = share;
  extents.addEntry(
    1,
    share.batches.map((one) => ({ ...one, object, term: one.stamp.term, records: undefined })),
  );
  return { state, extents, producers };
}

export const emptyIndex = () =>
  new ExtentIndex({
    recentMax: () => 16,
    readLog: async () => [],
    group: 'partition/specimen/0',
    cold: new ColdRuns(1),
  });

export const emptyProducers = () =>
  new ProducerTable<StagedBatch>(() => ({ expirationMs: 86_400_000, producersMax: 100 }));
