// One term of a domain: the LSM store that was opened in it, the end of its log, and its journal. A term that is over is thrown
// away and another one is opened from the log (domain-opening.ts); nothing is carried over but what the log and the bucket hold.

import type { EngineError } from '../base/errors.ts';
import type { Term } from '../base/ids.ts';
import type { Change, LsmStore } from '../lsm/lsm.ts';
import type { ManifestInLog } from './manifest-in-log.ts';
import type { TailLedger } from './tail-ledger.ts';

export interface DomainTermParts {
  readonly term: Term;
  readonly lsm: LsmStore;
  readonly journal: ManifestInLog;
  readonly tail: TailLedger;
  readonly first: number;
  readonly end: number;
  /** Entries up to here were found behind the manifest; 0 where none was. */
  readonly replayedEnd: number;
}

/** A write as the log took it. */
export interface CommittedWrite {
  readonly changes: readonly Change[];
  readonly entry: Buffer;
}

export class DomainTerm {
  readonly term: Term;
  readonly lsm: LsmStore;
  readonly journal: ManifestInLog;
  readonly tail: TailLedger;
  readonly replayedEnd: number;
  /** Index of the first entry that the log keeps. */
  first: number;
  /** Index of the last entry that is committed. */
  end: number;
  #over: EngineError | undefined;
  #disposing: Promise<void> | undefined;

  constructor(parts: DomainTermParts) {
    this.term = parts.term;
    this.lsm = parts.lsm;
    this.journal = parts.journal;
    this.tail = parts.tail;
    this.replayedEnd = parts.replayedEnd;
    this.first = parts.first;
    this.end = parts.end;
  }

  /** Why nothing may be done in this term any more. */
  get over(): EngineError | undefined {
    return this.#over;
  }

  /** Makes writes visible that were committed directly behind `end`. Throws when the store has given up. */
  apply(writes: readonly CommittedWrite[]): void {
    for (const { changes, entry } of writes) {
      this.lsm.apply({ index: this.end + 1, changes });
      this.end += 1;
      this.tail.add(entry.length);
    }
  }

  /** Rejects as soon as it is known that it does not get on for now; the work itself goes on. */
  async flush(): Promise<void> {
    await this.journal.tryAgain();
    await this.journal.toldOfTrouble(this.lsm.flush());
  }

  async compact(): Promise<void> {
    await this.journal.tryAgain();
    await this.journal.toldOfTrouble(this.lsm.compact());
  }

  /** Ends the term, once. What is under way comes to nothing. */
  finish(error: EngineError): void {
    if (this.#over !== undefined) return;
    this.#over = error;
    this.journal.close(error);
  }

  /** Resolves when nothing of the store is under way any more; for terms that are over. */
  dispose(): Promise<void> {
    this.#disposing ??= Promise.resolve(this.lsm[Symbol.asyncDispose]()).catch(() => {});
    return this.#disposing;
  }
}
