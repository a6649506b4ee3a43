// Salvage: which uploaded batches make up a partition's history, judged from L0 footers alone. A pure function.
//
// From the flushed next offset and the stamp of the batch below it: append batch after batch, at each offset the one with
// the highest stamp among those that start there and whose link equals the stamp of the chain's last batch. Stop where none
// is. The result is a superset of what was acknowledged, in order, without duplicates (why: docs/invariants.md).

import { compareStamps, type Offset, type Stamp } from '../base/ids.ts';

export interface SalvageStart {
  readonly nextOffset: Offset;
  /** Stamp of the batch that ends below `nextOffset`. */
  readonly stamp: Stamp;
}

export interface SalvageBatch {
  readonly stamp: Stamp;
  readonly link: Stamp;
  readonly baseOffset: Offset;
  readonly lastOffset: Offset;
}

/** The chain, in offset order. `batches` are those of one partition, in any order, doubles allowed. */
export function salvageChain<Batch extends SalvageBatch>(start: SalvageStart, batches: Iterable<Batch>): Batch[] {
  const byBase = new Map<number, Batch[]>();
  for (const batch of batches) {
    const list = byBase.get(batch.baseOffset);
    if (list === undefined) byBase.set(batch.baseOffset, [batch]);
    else list.push(batch);
  }
  const chain: Batch[] = [];
  let next: number = start.nextOffset;
  let last = start.stamp;
  for (;;) {
    let best: Batch | undefined;
    for (const candidate of byBase.get(next) ?? []) {
      if (compareStamps(candidate.link, last) !== 0) continue;
      if (best === undefined || compareStamps(candidate.stamp, best.stamp) > 0) best = candidate;
    }
    if (best === undefined) return chain;
    chain.push(best);
    next = best.lastOffset + 1;
    last = best.stamp;
  }
}
