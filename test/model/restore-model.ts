// Whole-cluster restore in the model, in the steps at which it can be killed or overtaken by a second run of itself:
// raise the incarnation · wait for the lease · read and choose · write the record · build the log · serve.

import { leaseSteps } from './broker-model.ts';
import type { BucketModel, RestoreRecord } from './bucket-model.ts';
import { LogModel } from './log-model.ts';
import type { Rules } from './rules.ts';

/** "Wide margin" above every term seen; wider than the terms that zombies reach in a run. */
const termMargin = 100;

export class RestoreRun {
  readonly incarnation: number;
  readonly #readsAt: number;
  #chosen: RestoreRecord | undefined;
  #recordWritten = false;

  constructor(incarnation: number, raisedAt: number, rules: Rules) {
    this.incarnation = incarnation;
    this.#readsAt = rules.restoreWaitsForLease ? raisedAt + leaseSteps + 1 : raisedAt;
  }

  /** Takes the next step, if it is time; returns the new logs when it has built them. */
  step(now: number, bucket: BucketModel, rules: Rules): LogModel[] | undefined {
    if (now < this.#readsAt) return undefined;
    if (this.#chosen === undefined) {
      this.#chosen = choose(this.incarnation, bucket, rules);
      return undefined;
    }
    if (!this.#recordWritten) {
      this.#recordWritten = true;
      const existing = bucket.records.get(this.incarnation);
      if (existing === undefined || !rules.restoreRecordCreateOnly) bucket.records.set(this.incarnation, this.#chosen);
      else this.#chosen = existing;
      return undefined;
    }
    return buildLogs(this.#chosen, bucket, rules);
  }
}

function choose(incarnation: number, bucket: BucketModel, rules: Rules): RestoreRecord {
  const chains = bucket.rows.map((_, partition) => bucket.salvage(partition, rules));
  const named = new Set(chains.flatMap(({ chain }) => chain));
  return { incarnation, rows: [...bucket.rows], chains, names: (batch) => named.has(batch) };
}

function buildLogs(record: RestoreRecord, bucket: BucketModel, rules: Rules): LogModel[] {
  let term = 0;
  if (rules.restoredTermsExceedSeen) {
    for (const { batches } of bucket.objects.values())
      for (const { stamp } of batches) term = Math.max(term, stamp.term);
    for (const row of record.rows) term = Math.max(term, row.stampBelow.term);
    term += termMargin;
  }
  return record.chains.map(({ chain }, partition) => {
    const row = record.rows[partition]!;
    const snapshot = { nextOffset: row.nextOffset, lastStamp: row.stampBelow, producers: row.producers };
    const log = new LogModel(snapshot, term, bucket.publishedM);
    log.kept.push(...chain);
    return log;
  });
}
