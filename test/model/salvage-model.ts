// Salvage as DESIGN §4 and §10 state it, kept as short as the text: the specification that the engine's salvage is compared
// with. It knows nothing of bytes or buckets: whoever reads a bucket (the model's or a real one) hands in, per partition, the
// flushed metastore row's next offset and the stamp of the batch below it, and every batch found in L0 footers.
//
// What it refuses to do: judge sequences, change stamps, read anything.

import { compareStamps, noStamp, type Stamp } from '../../src/engine/base/ids.ts';

/** Where the chain of one partition begins: the flushed metastore row. */
export interface SalvageStart {
  readonly nextOffset: number;
  /** Stamp of the batch directly below `nextOffset`; `noStamp` at the beginning of a partition. */
  readonly stampBelow: Stamp;
}

/** Nothing flushed yet: the chain begins at offset 0. */
export const salvageFromNothing: SalvageStart = { nextOffset: 0, stampBelow: noStamp };

/** What salvage needs of a batch in an L0 footer; callers pass richer batches and get the same ones back. */
export interface SalvageBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly stamp: Stamp;
  /** Stamp of the batch directly before this one in its leader's staged order. */
  readonly link: Stamp;
}

export interface Salvaged<Batch extends SalvageBatch> {
  readonly chain: readonly Batch[];
  /** Offset after the last batch of the chain. */
  readonly nextOffset: number;
  /** Stamp of the last batch of the chain: what the next batch must link to. */
  readonly endStamp: Stamp;
  /**
   * Offsets where two batches with the same stamp and link both could have been appended. A leader that keeps the rules
   * never makes such a pair, so a test that reads a real bucket expects none.
   */
  readonly ambiguousAt: readonly number[];
}

/** Both on except in the tests that show what goes wrong without them. */
export interface SalvageRules {
  readonly followLinks: boolean;
  readonly highestStampWins: boolean;
}

const bothRules: SalvageRules = { followLinks: true, highestStampWins: true };

/** The chain of one partition: batch after batch, each the highest stamp among those that link to the one before. */
export function salvage<Batch extends SalvageBatch>(
  start: SalvageStart,
  batches: Iterable<Batch>,
  rules: SalvageRules = bothRules,
): Salvaged<Batch> {
  const byBaseOffset = new Map<number, Batch[]>();
  for (const batch of batches) {
    if (batch.baseOffset < start.nextOffset) continue;
    const there = byBaseOffset.get(batch.baseOffset);
    if (there === undefined) byBaseOffset.set(batch.baseOffset, [batch]);
    else there.push(batch);
  }

  const chain: Batch[] = [];
  const ambiguousAt: number[] = [];
  let nextOffset = start.nextOffset;
  let endStamp = start.stampBelow;
  for (;;) {
    let best: Batch | undefined;
    let tied = false;
    for (const candidate of byBaseOffset.get(nextOffset) ?? []) {
      if (rules.followLinks && compareStamps(candidate.link, endStamp) !== 0) continue;
      const order = best === undefined ? 1 : compareStamps(candidate.stamp, best.stamp);
      if (order === 0) tied = true;
      if (rules.highestStampWins ? order <= 0 : best !== undefined && order >= 0) continue;
      best = candidate;
      tied = false;
    }
    if (best === undefined) return { chain, nextOffset, endStamp, ambiguousAt };
    if (tied) ambiguousAt.push(nextOffset);
    if (best.lastOffset < best.baseOffset) throw new Error(`batch at ${best.baseOffset} ends before it begins`);
    chain.push(best);
    nextOffset = best.lastOffset + 1;
    endStamp = best.stamp;
  }
}

/** What a restore wrote down before it served: which batches of older incarnations count from then on. */
export interface NamedChains<Batch> {
  /** The incarnation that the restore took. */
  readonly incarnation: number;
  names(batch: Batch): boolean;
}

/** The batches that a salvage may use after a restore: those of its incarnation or newer, and those it named. */
export function* batchesAfterRestore<Batch extends SalvageBatch>(
  batches: Iterable<Batch>,
  record: NamedChains<Batch> | undefined,
): Iterable<Batch> {
  for (const batch of batches) {
    if (record === undefined || batch.stamp.incarnation >= record.incarnation || record.names(batch)) yield batch;
  }
}
