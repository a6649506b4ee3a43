// The promises, checked against what the bucket alone yields. Run at any instant of a history.

import type { ModelBatch } from './batch-model.ts';
import type { BucketModel } from './bucket-model.ts';
import { type HistoryModel, Violation } from './history-model.ts';
import type { LogModel } from './log-model.ts';
import type { Rules } from './rules.ts';

export function checkHistory(
  bucket: BucketModel,
  history: HistoryModel,
  incarnations: readonly (readonly LogModel[])[],
  rules: Rules,
): void {
  for (let partition = 0; partition < bucket.rows.length; partition++) {
    const row = bucket.rows[partition]!;
    const content = [...row.below, ...bucket.salvage(partition, rules).chain];
    const broken = (problem: string) => new Violation(`partition ${partition}: ${problem}`);

    checkContent(content, broken);
    const byBaseOffset = new Map(content.map((batch) => [batch.baseOffset, batch]));
    for (const { baseOffset, send } of history.acknowledged[partition]!) {
      if (byBaseOffset.get(baseOffset)?.send.payload !== send.payload) {
        throw broken(`batch ${send.payload} was acknowledged at offset ${baseOffset} and is not salvaged there`);
      }
    }
    for (const [baseOffset, send] of history.seen[partition]!) {
      if (byBaseOffset.get(baseOffset)?.send.payload !== send.payload) {
        throw broken(`a reader saw batch ${send.payload} at offset ${baseOffset} and it is not salvaged there`);
      }
    }
    for (const logs of incarnations) checkLog(logs[partition]!, byBaseOffset, broken);
    checkReadable(incarnations.at(-1)![partition]!, row.nextOffset, bucket, broken);
  }
}

/** Contiguous, terms in order, every idempotent producer's sequences in order and once. */
function checkContent(content: readonly ModelBatch[], broken: (problem: string) => Violation): void {
  let nextOffset = 0;
  let term = 0;
  const producers = new Map<number, { epoch: number; nextSequence: number }>();
  for (const { baseOffset, lastOffset, stamp, send } of content) {
    if (baseOffset !== nextOffset) throw broken(`offset ${nextOffset} is followed by a batch at ${baseOffset}`);
    nextOffset = lastOffset + 1;
    if (stamp.term < term) throw broken(`the leader epoch goes back from ${term} to ${stamp.term} at ${baseOffset}`);
    term = stamp.term;
    if (send.producerId < 0) continue;
    const known = producers.get(send.producerId);
    const expected = known?.epoch === send.producerEpoch ? known.nextSequence : 0;
    if (send.sequence !== expected || send.producerEpoch < (known?.epoch ?? 0)) {
      throw broken(
        `producer ${send.producerId} has sequence ${send.sequence} at offset ${baseOffset}, ${expected} should be there`,
      );
    }
    producers.set(send.producerId, { epoch: send.producerEpoch, nextSequence: send.sequence + send.count });
  }
}

/** A log, also that of an incarnation that is over, is part of what the bucket yields. */
function checkLog(
  log: LogModel,
  byBaseOffset: ReadonlyMap<number, ModelBatch>,
  broken: (problem: string) => Violation,
): void {
  let nextOffset = log.snapshot.nextOffset;
  for (const batch of log.kept) {
    if (batch.baseOffset !== nextOffset) {
      throw broken(`the log has a batch at ${batch.baseOffset} where ${nextOffset} should be`);
    }
    if (byBaseOffset.get(batch.baseOffset) !== batch) {
      throw broken(`the log has another batch at ${batch.baseOffset} than the bucket yields`);
    }
    nextOffset = batch.lastOffset + 1;
  }
}

/** What the flushed metastore does not cover must be in the log, and its objects in the bucket. */
function checkReadable(
  log: LogModel,
  flushed: number,
  bucket: BucketModel,
  broken: (problem: string) => Violation,
): void {
  if (log.snapshot.nextOffset > flushed) {
    throw broken(`the log was trimmed to ${log.snapshot.nextOffset}, the metastore is flushed to ${flushed} only`);
  }
  for (const batch of log.kept) {
    if (batch.baseOffset >= flushed && !bucket.objects.has(batch.object!.id)) {
      throw broken(
        `the object of the batch at ${batch.baseOffset} is gone, the metastore is flushed to ${flushed} only`,
      );
    }
  }
}
