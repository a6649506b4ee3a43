// The leader of one partition under one term: it assigns offsets when it stages, and knows what is committed only from its own
// commits and from the log it opened. A deposed leader is an object of this class that does not know it yet.

import { type ModelBatch, type ModelObject, type PartitionState, type Send, stampOf } from './batch-model.ts';
import type { HistoryModel } from './history-model.ts';
import { type LogModel, stateAfter } from './log-model.ts';
import { judgeSequence } from './producer-table-model.ts';
import type { Rules } from './rules.ts';

export interface Staged {
  readonly batch: ModelBatch;
  readonly leader: LeaderModel;
  /** The staged state just before this batch. */
  readonly before: PartitionState;
  uploaded: boolean;
}

/** A commit under way: its tries travel to the log on their own. */
export interface Commit {
  readonly leader: LeaderModel;
  readonly items: readonly Staged[];
  readonly expectedEnd: number;
  /** Tries that have been sent. */
  tries: number;
  anyUnknown: boolean;
}

export class LeaderModel {
  readonly partition: number;
  readonly incarnation: number;
  readonly term: number;
  readonly log: LogModel;
  readonly #rules: Rules;
  readonly #history: HistoryModel;
  attempt = 0;
  closed = false;
  committed: PartitionState;
  committedLogEnd: number;
  tip: PartitionState;
  staged: Staged[] = [];
  commit: Commit | undefined;

  constructor(partition: number, incarnation: number, log: LogModel, rules: Rules, history: HistoryModel) {
    this.partition = partition;
    this.incarnation = incarnation;
    this.log = log;
    this.#rules = rules;
    this.#history = history;
    this.term = log.open(rules);
    this.committed = log.state();
    this.tip = this.committed;
    this.committedLogEnd = log.end;
    for (const batch of log.kept) history.serve(batch);
  }

  /** Returns the staged batch, or undefined where the send was answered, refused, or joined to a staged one. */
  stage(send: Send): Staged | undefined {
    if (this.closed) return undefined;
    const verdict = judgeSequence(this.tip.producers, send, this.#rules);
    if (verdict === 'refused') return undefined;
    if (verdict !== 'next') {
      // A duplicate of a staged batch is acknowledged when that batch is: nothing to do now.
      const isStaged = this.staged.some((item) => item.batch.baseOffset === verdict);
      if (!isStaged || !this.#rules.duplicateWaitsForStaged) this.#history.acknowledge(send, verdict);
      return undefined;
    }
    const batch: ModelBatch = {
      send,
      baseOffset: this.tip.nextOffset,
      lastOffset: this.tip.nextOffset + send.count - 1,
      stamp: stampOf(this.incarnation, this.term, this.attempt),
      link: this.tip.lastStamp,
      object: undefined,
    };
    const item: Staged = { batch, leader: this, before: this.tip, uploaded: false };
    this.staged.push(item);
    this.tip = stateAfter(this.tip, batch);
    return item;
  }

  /** An upload or a commit of this batch failed for good. Batches that were thrown away before are no news. */
  fail(item: Staged): void {
    const at = this.staged.indexOf(item);
    if (this.closed || at < 0) return;
    if (!this.#rules.failEverythingBehind) {
      this.staged.splice(at, 1);
      return;
    }
    this.staged.length = at;
    this.tip = this.#rules.fallBackToJustBeforeFailed ? item.before : this.committed;
    if (this.#rules.raiseAttempt) this.attempt++;
  }

  /** Whole shares of objects that are uploaded, from the front; at most `sharesMax` of them. */
  readyToCommit(sharesMax: number): Staged[] {
    const ready: Staged[] = [];
    let share: ModelObject | undefined;
    let shares = 0;
    for (const item of this.staged) {
      if (!item.uploaded) break;
      if (item.batch.object !== share && ++shares > sharesMax) break;
      share = item.batch.object;
      ready.push(item);
    }
    return ready;
  }

  startCommit(items: readonly Staged[]): Commit {
    this.commit = { leader: this, items, expectedEnd: this.committedLogEnd, tries: 1, anyUnknown: false };
    return this.commit;
  }

  /** The last try of the commit was answered, or given up. */
  finishCommit(answer: 'committed' | 'fenced' | 'refused' | 'unknown'): void {
    const commit = this.commit;
    this.commit = undefined;
    if (this.closed || commit === undefined) return;
    const outcome = commit.anyUnknown && this.#rules.unknownTryMakesUnknown ? 'unknown' : answer;
    const givesUp = outcome === 'fenced' || (outcome === 'unknown' && this.#rules.giveUpTermOnUnknown);
    if (outcome === 'committed') this.#apply(commit.items);
    else if (givesUp) this.close();
    else this.fail(commit.items[0]!);
  }

  #apply(items: readonly Staged[]): void {
    for (const { batch } of items) {
      this.committed = stateAfter(this.committed, batch);
      this.committedLogEnd++;
      this.#history.serve(batch);
      this.#history.acknowledge(batch.send, batch.baseOffset);
    }
    this.staged = this.staged.filter((item) => !items.includes(item));
  }

  /** Everybody who waits gets a retriable error; a new leader has to open the log. */
  close(): void {
    this.closed = true;
    this.staged = [];
    this.commit = undefined;
  }
}
