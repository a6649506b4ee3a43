// The log's side of a flush (ManifestJournal of the LSM store): makes a manifest the group's snapshot and trims what it covers.
//
// - only a snapshot that is committed under the term counts; a term that is over records nothing any more
// - a snapshot that the log refuses (a full disk) is an outcome that is known: the record is *held*, tried again when `tryAgain` is
//   called, and whoever waits for a flush meanwhile is told why (`toldOfTrouble`). The term goes on
// - any other outcome ends the term: `fenced-term` for good, `outcome-unknown` until the log was opened again
// - a trim that is refused is left to the next one: what it would have dropped is covered and not read any more

import { EngineError, toEngineError } from '../base/errors.ts';
import type { Term } from '../base/ids.ts';
import type { Logger } from '../base/logger.ts';
import type { ManifestJournal, ManifestRef } from '../lsm/lsm.ts';
import type { AppendOutcome, ReplicatedLog } from '../replicated-log/replicated-log.ts';
import { encodeRecordedManifest } from './recorded-manifest-format.ts';

export interface ManifestInLogOptions {
  readonly log: ReplicatedLog;
  readonly group: string;
  readonly term: Term;
  readonly prefix: string;
  readonly logger: Logger;
  readonly confirmOwnership: () => Promise<void>;
  readonly onRecorded: (coveredIndex: number) => void;
  readonly onTrimmed: (first: number) => void;
  /** A record is held from now on. */
  readonly onHeld: () => void;
  /** Called before the record rejects. */
  readonly onEnd: (error: EngineError) => void;
}

export class ManifestInLog implements ManifestJournal {
  readonly #options: ManifestInLogOptions;
  readonly #watchers = new Set<(error: EngineError) => void>();
  #held: PromiseWithResolvers<void> | undefined;
  /** Of the record that is under way: resolves when it is committed. Records follow one another. */
  #committed: PromiseWithResolvers<void> | undefined;
  #over: EngineError | undefined;

  constructor(options: ManifestInLogOptions) {
    this.#options = options;
  }

  /** A manifest is in the bucket whose record the log refused. */
  get held(): boolean {
    return this.#held !== undefined;
  }

  async confirm(): Promise<void> {
    this.#mustLive();
    await this.#options.confirmOwnership();
    this.#mustLive();
  }

  async record(ref: ManifestRef, coveredIndex: number): Promise<void> {
    const { log, group, term, prefix } = this.#options;
    this.#committed = Promise.withResolvers();
    const snapshot = { index: coveredIndex, bytes: encodeRecordedManifest({ ref, prefix }) };
    for (;;) {
      this.#mustLive();
      const outcome = await outcomeOf(log.saveSnapshot(group, term, snapshot));
      if (outcome.status === 'committed') break;
      if (outcome.status !== 'refused') throw this.#end(outcome, 'recording a manifest');
      await this.#hold(toEngineError(outcome.error));
    }
    this.#committed.resolve();
    this.#options.onRecorded(coveredIndex);
    const outcome = await outcomeOf(log.trim(group, term, coveredIndex + 1));
    switch (outcome.status) {
      case 'committed':
        this.#options.onTrimmed(coveredIndex + 1);
        return;
      case 'refused':
        this.#warn(outcome.error, 'the log could not be trimmed; the next flush tries again');
        return;
      default:
        throw this.#end(outcome, 'trimming');
    }
  }

  /** Lets a record that is held try again now: resolves when it is committed, rejects when it is refused again. */
  async tryAgain(): Promise<void> {
    if (this.#held === undefined || this.#committed === undefined) return;
    // Whoever asks when the term has just ended would be told by nobody any more.
    this.#mustLive();
    this.#held.resolve();
    await this.toldOfTrouble(this.#committed.promise);
  }

  /** `work`, or the next refusal or the end of the term if that comes first: `work` goes on in the background then. */
  toldOfTrouble<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#watchers.add(reject);
      work.then(resolve, reject).finally(() => this.#watchers.delete(reject));
    });
  }

  /** The term is over: nothing is recorded any more; a record that is held, and whoever waits for a flush, is told so. */
  close(error: EngineError): void {
    this.#over ??= error;
    this.#held?.resolve();
    for (const tell of this.#watchers) tell(error);
  }

  async #hold(error: EngineError): Promise<void> {
    this.#mustLive();
    this.#warn(error, 'the log refused to record a manifest; it is tried again');
    this.#held = Promise.withResolvers();
    for (const tell of this.#watchers) tell(error);
    this.#options.onHeld();
    await this.#held.promise;
    this.#held = undefined;
  }

  #mustLive(): void {
    if (this.#over !== undefined) throw this.#over;
  }

  #end(outcome: Extract<AppendOutcome, { status: 'fenced' | 'unknown' }>, doing: string): EngineError {
    const { group, term } = this.#options;
    const context = { group, term };
    const error =
      outcome.status === 'fenced'
        ? new EngineError('fenced-term', `another leader has taken ${group}`, { context })
        : new EngineError('outcome-unknown', `whether ${doing} in ${group} happened is not known`, {
            context,
            cause: outcome.error,
          });
    this.#over ??= error;
    this.#options.onEnd(error);
    return error;
  }

  #warn(error: Error, message: string): void {
    const { group, term, logger } = this.#options;
    logger.warn({ group, term, error: error.message }, message);
  }
}

/** What a log throws instead of telling is an outcome that nobody knows. */
function outcomeOf(call: Promise<AppendOutcome>): Promise<AppendOutcome> {
  return call.catch((error: unknown) => ({ status: 'unknown', error: toEngineError(error) }));
}
