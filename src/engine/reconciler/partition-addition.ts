// What a stretch of a partition's committed batches becomes in the metastore: terms, the stamp below its end, producers as of its end.

import { type Offset, offset, type Stamp, type TimestampMs } from '../base/ids.ts';
import type { TermStart } from '../metastore/extent-row-format.ts';
import type { MetastoreQueries } from '../metastore/metastore.ts';
import { type ProducerBatch, type ProducerSnapshot, producerBatchesMax } from '../metastore/producer-row-format.ts';
import type { LedPartition, PendingBatch } from '../partition/partition.ts';

/** A partition adds some 4,000 producers at a time at most; a stretch with more is cut. */
export const producersMax = 2000;
/** Producers looked at in one sweep of those that the partition has forgotten. */
const sweepMax = 1000;
const sequenceModulus = 0x8000_0000;

export interface Stretch {
  readonly end: Offset;
  readonly terms: readonly TermStart[];
  readonly lastStamp: Stamp;
}

/** Batches without a gap from `from` on; at least one. */
export function stretchOf(from: Offset, batches: readonly PendingBatch[]): Stretch {
  const last = batches.at(-1) as PendingBatch;
  const terms: TermStart[] = [];
  for (const { stamp, baseOffset } of batches) {
    if (terms.at(-1)?.term === stamp.term) continue;
    terms.push({ term: stamp.term, startOffset: terms.length === 0 ? from : baseOffset });
  }
  return { end: offset(last.lastOffset + 1), terms, lastStamp: last.stamp };
}

/** As many of the batches from the beginning as have no more producers than one addition holds. */
export function withinProducers(batches: readonly PendingBatch[]): readonly PendingBatch[] {
  const seen = new Set<number>();
  for (const [at, { producerId }] of batches.entries()) {
    if (producerId < 0) continue;
    seen.add(producerId);
    if (seen.size > producersMax) return batches.slice(0, at);
  }
  return batches;
}

/** The producers with a batch in the stretch, as of its end: the last five batches of each under its newest epoch. */
export async function producersOf(
  metastore: MetastoreQueries,
  { topicId, index }: LedPartition,
  batches: readonly PendingBatch[],
): Promise<ProducerSnapshot[]> {
  const from = batches[0]?.baseOffset ?? 0;
  const touched = new Map<
    number,
    { epoch: number; usedAtMs: TimestampMs; batches: ProducerBatch[]; begins: boolean }
  >();
  for (const batch of batches) {
    if (batch.producerId < 0) continue;
    let known = touched.get(batch.producerId);
    if (known === undefined || known.epoch !== batch.producerEpoch) {
      known = { epoch: batch.producerEpoch, usedAtMs: batch.appendedAtMs, batches: [], begins: known !== undefined };
      touched.set(batch.producerId, known);
    }
    known.usedAtMs = batch.appendedAtMs;
    known.batches.push({
      firstSequence: batch.baseSequence,
      lastSequence: (batch.baseSequence + (batch.lastOffset - batch.baseOffset)) % sequenceModulus,
      baseOffset: batch.baseOffset,
    });
    if (known.batches.length > producerBatchesMax) known.batches.shift();
  }
  const snapshots: ProducerSnapshot[] = [];
  for (const [producerId, one] of touched) {
    // What it did before counts too, unless a new epoch began since.
    const isShort = one.batches.length < producerBatchesMax && !one.begins;
    const before = isShort ? await metastore.producer({ topicId, partition: index }, producerId) : undefined;
    // The metastore may be ahead of the LRO, where an acknowledgement was lost: what it knows of these offsets is not earlier.
    const known = before?.producerEpoch === one.epoch ? before.batches : [];
    const earlier = known.filter(({ baseOffset }) => baseOffset < from);
    snapshots.push({
      producerId,
      producerEpoch: one.epoch,
      usedAtMs: one.usedAtMs,
      batches: [...earlier, ...one.batches].slice(-producerBatchesMax),
    });
  }
  return snapshots;
}

/** Where a look through the producers that the metastore has of a partition goes on: behind this id, undefined for the first. */
export interface ProducerSweep {
  readonly after: number | undefined;
}

/** Producers that the metastore has and the partition has forgotten: of a bounded number, and where to go on if there are more. */
export async function forgottenProducers(
  metastore: MetastoreQueries,
  leader: LedPartition,
  touched: readonly ProducerSnapshot[],
  { after }: ProducerSweep,
): Promise<{ readonly forgotten: number[]; readonly next: ProducerSweep | undefined }> {
  const of = { topicId: leader.topicId, partition: leader.index };
  const added = new Set(touched.map(({ producerId }) => producerId));
  const known = await metastore.producers(of, { limit: sweepMax, ...(after === undefined ? {} : { after }) });
  const forgotten = known
    .map(({ producerId }) => producerId)
    .filter((id) => !added.has(id) && !leader.knowsProducer(id));
  const last = known.at(-1);
  return { forgotten, next: last === undefined || known.length < sweepMax ? undefined : { after: last.producerId } };
}
