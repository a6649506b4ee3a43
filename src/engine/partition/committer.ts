// Group commit over all partitions: whatever is ready goes into one append to the replicated log, and what becomes ready
// meanwhile into the next. One append is under way at a time, so that a flush is shared by as many as possible.

import { toEngineError } from '../base/errors.ts';
import type { AppendOutcome, GroupAppend, ReplicatedLog } from '../replicated-log/replicated-log.ts';

/** A partition with something to commit. */
export interface CommitSource {
  /** What is ready now, or undefined when there is nothing (any more). Called again only after `settled`. */
  takeReady(): GroupAppend | undefined;
  settled(outcome: AppendOutcome): void;
}

/** Groups in one append: bounds the size of a transaction. */
const groupsMax = 1000;

export class Committer {
  readonly #log: ReplicatedLog;
  readonly #ready = new Set<CommitSource>();
  #running = false;

  constructor(log: ReplicatedLog) {
    this.#log = log;
  }

  /** Says that a source has something to commit; it is asked soon. */
  submit(source: CommitSource): void {
    this.#ready.add(source);
    if (this.#running) return;
    this.#running = true;
    queueMicrotask(() => void this.#run());
  }

  async #run(): Promise<void> {
    while (this.#ready.size > 0) {
      const sources: CommitSource[] = [];
      const appends: GroupAppend[] = [];
      for (const source of this.#ready) {
        if (appends.length >= groupsMax) break;
        this.#ready.delete(source);
        const append = source.takeReady();
        if (append === undefined) continue;
        sources.push(source);
        appends.push(append);
      }
      if (appends.length === 0) continue;
      const outcomes = await this.#append(appends);
      for (const [at, source] of sources.entries()) source.settled(outcomes[at] as AppendOutcome);
    }
    this.#running = false;
  }

  /** A log that throws has not said what happened to any of the groups. */
  async #append(appends: GroupAppend[]): Promise<AppendOutcome[]> {
    try {
      return await this.#log.append(appends);
    } catch (error) {
      return appends.map(() => ({ status: 'unknown', error: toEngineError(error) }));
    }
  }
}
