// The replicated log of one partition in the model: a term, placeholders, a snapshot in place of the trimmed prefix, and the
// epochs it still admits. What happened is decided here, at once and for good; who learns of it, and when, is not its business.

import { noStamp } from '../../src/engine/base/ids.ts';
import type { ModelBatch, PartitionState } from './batch-model.ts';
import { noProducers, withBatch } from './producer-table-model.ts';
import type { Rules } from './rules.ts';

export type AppendAnswer = 'committed' | 'fenced' | 'refused';

export const emptyState: PartitionState = { nextOffset: 0, lastStamp: noStamp, producers: noProducers };

export function stateAfter(state: PartitionState, batch: ModelBatch): PartitionState {
  return {
    nextOffset: batch.lastOffset + 1,
    lastStamp: batch.stamp,
    producers: withBatch(state.producers, batch.send, batch.baseOffset),
  };
}

export class LogModel {
  term: number;
  /** Effect of the trimmed prefix, as the snapshot kept it. */
  snapshot: PartitionState;
  /** How many entries were trimmed. */
  trimmed = 0;
  readonly kept: ModelBatch[] = [];
  /** Placeholders of objects at or below this cluster epoch are refused. */
  admitAbove: number;

  constructor(snapshot: PartitionState, term: number, admitAbove: number) {
    this.snapshot = snapshot;
    this.term = term;
    this.admitAbove = admitAbove;
  }

  get end(): number {
    return this.trimmed + this.kept.length;
  }

  open(rules: Rules): number {
    if (rules.higherTermOnOpen || this.term === 0) this.term++;
    return this.term;
  }

  append(term: number, expectedEnd: number, batches: readonly ModelBatch[], rules: Rules): AppendAnswer {
    if (rules.compareTerm && term !== this.term) return 'fenced';
    if (rules.compareLogEnd && expectedEnd !== this.end) return 'fenced';
    if (batches.some((batch) => (batch.object?.clusterEpoch ?? 0) <= this.admitAbove)) return 'refused';
    this.kept.push(...batches);
    return 'committed';
  }

  /** What a leader that opens the log knows. */
  state(): PartitionState {
    return this.kept.reduce(stateAfter, this.snapshot);
  }

  /** Drops placeholders below `offset`, keeping their effect. */
  trim(offset: number, rules: Rules): void {
    let state = this.snapshot;
    let count = 0;
    for (const batch of this.kept) {
      if (batch.lastOffset >= offset) break;
      state = stateAfter(state, batch);
      count++;
    }
    if (count === 0) return;
    this.kept.splice(0, count);
    this.trimmed += count;
    this.snapshot = {
      nextOffset: state.nextOffset,
      lastStamp: rules.snapshotKeepsLastStamp ? state.lastStamp : noStamp,
      producers: rules.snapshotKeepsProducers ? state.producers : noProducers,
    };
  }
}
