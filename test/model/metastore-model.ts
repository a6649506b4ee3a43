// The metastore and the collector of the model, both much simplified: rows of committed batches that are flushed now and then,
// logs trimmed behind them, and L0 objects deleted once no log can need them. That the logs refuse placeholders at or below M
// from the moment M is chosen stands for the whole admission protocol of DESIGN §9.

import { noStamp } from '../../src/engine/base/ids.ts';
import type { BucketModel, FlushedRow } from './bucket-model.ts';
import type { Dice } from './dice.ts';
import { type LogModel, stateAfter } from './log-model.ts';
import { noProducers } from './producer-table-model.ts';
import type { Rules } from './rules.ts';

export class MetastoreModel {
  readonly #bucket: BucketModel;
  readonly #logs: readonly LogModel[];
  readonly #rules: Rules;
  /** What is applied and not flushed yet. */
  readonly #rows: FlushedRow[];
  #m: number;
  /** Objects whose deletion was asked for; the requests may arrive late, also after a restore. */
  readonly #deletions: number[];

  constructor(bucket: BucketModel, logs: readonly LogModel[], rules: Rules, predecessor?: MetastoreModel) {
    this.#bucket = bucket;
    this.#logs = logs;
    this.#rules = rules;
    this.#rows = [...bucket.rows];
    this.#m = bucket.publishedM;
    this.#deletions = predecessor === undefined ? [] : predecessor.#deletions;
  }

  /** Moves some committed batches below the row's next offset. */
  reconcile(partition: number, dice: Dice): void {
    const row = this.#rows[partition]!;
    const log = this.#logs[partition]!;
    const above = log.kept.filter((batch) => batch.baseOffset >= row.nextOffset);
    const taken = above.slice(0, 1 + dice.below(above.length + 1));
    let state = { nextOffset: row.nextOffset, lastStamp: row.stampBelow, producers: row.producers };
    for (const batch of taken) state = stateAfter(state, batch);
    this.#rows[partition] = {
      nextOffset: state.nextOffset,
      stampBelow: this.#rules.rowKeepsStamp ? state.lastStamp : noStamp,
      producers: this.#rules.rowKeepsProducers ? state.producers : noProducers,
      below: [...row.below, ...taken],
    };
  }

  flush(): void {
    for (const [partition, row] of this.#rows.entries()) this.#bucket.rows[partition] = row;
  }

  trim(partition: number): void {
    this.#logs[partition]!.trim(this.#safe(this.#rules.trimBelowFlushed)[partition]!.nextOffset, this.#rules);
  }

  /** Chooses a higher M, closes the logs to it, and asks for the deletion of what is at or below it. */
  collect(clusterEpoch: number, dice: Dice): void {
    const m = this.#m + 1 + dice.below(clusterEpoch - this.#m);
    if (m >= clusterEpoch) return;
    const safe = this.#safe(this.#rules.collectBelowFlushed);
    for (const [partition, log] of this.#logs.entries()) {
      const { nextOffset } = safe[partition]!;
      if (log.kept.some((batch) => batch.object!.clusterEpoch <= m && batch.baseOffset >= nextOffset)) return;
    }
    this.#m = m;
    for (const log of this.#logs) log.admitAbove = m;
    if (this.#rules.publishBeforeDelete) this.publish();
    for (const object of this.#bucket.objects.values()) {
      if (object.clusterEpoch <= m) this.#deletions.push(object.id);
    }
  }

  publish(): void {
    this.#bucket.publishedM = Math.max(this.#bucket.publishedM, this.#m);
  }

  deleteOne(dice: Dice): boolean {
    const id = dice.take(this.#deletions);
    if (id !== undefined) this.#bucket.objects.delete(id);
    return id !== undefined;
  }

  #safe(flushedOnly: boolean): readonly FlushedRow[] {
    return flushedOnly ? this.#bucket.rows : this.#rows;
  }
}
