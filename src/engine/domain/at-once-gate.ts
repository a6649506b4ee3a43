// What a domain shows whose changes are invisible to everyone until they are flushed: rows as of the last flush that was recorded.
//
// - a committed write waits here for its flush; those that wait share one, and what comes while it is under way shares the next
// - a flush that fails for now leaves its writes in doubt: they are in the log and may become visible. From then on until a flush
//   succeeds nothing is read: readers wait for the flush under way, or try one, and are refused when it fails
// - when the term ends under a flush, its writes wait on: the next term brings them (`enter`), or they are in doubt (`abandon`)

import type { Clock } from '../base/clock.ts';
import { EngineError, toEngineError } from '../base/errors.ts';
import type { LsmReads, LsmSnapshot } from '../lsm/lsm.ts';
import type { DomainTerm } from './domain-term.ts';

export interface FlushWaiter {
  readonly resolve: () => void;
  readonly reject: (error: EngineError) => void;
}

export interface AtOnceGateOptions {
  readonly name: string;
  readonly clock: Clock;
  /** A flush has failed for now. */
  readonly onDoubt: () => void;
}

/** The rows as of a flush; released when a newer one has taken its place and nobody reads it any more. */
class Picture {
  readonly #snapshot: LsmSnapshot;
  readonly #reads: LsmReads;
  #holds = 1;

  constructor(reads: LsmReads) {
    this.#reads = reads;
    this.#snapshot = reads.snapshot();
  }

  async read<T>(read: (reads: LsmReads, snapshot: LsmSnapshot) => Promise<T>): Promise<T> {
    this.#holds++;
    try {
      return await read(this.#reads, this.#snapshot);
    } finally {
      this.release();
    }
  }

  release(): void {
    this.#holds--;
    if (this.#holds === 0) this.#snapshot[Symbol.dispose]();
  }
}

export class AtOnceGate {
  readonly #options: AtOnceGateOptions;
  #term: DomainTerm | undefined;
  #picture: Picture | undefined;
  #waiting: FlushWaiter[] = [];
  #round: Promise<void> | undefined;
  /** Committed entries are not flushed, and somebody was told so. */
  #doubt: EngineError | undefined;

  /** What everybody who still waits is told. */
  #closedBy: EngineError | undefined;
  #lastFlushMs: number | undefined;

  constructor(options: AtOnceGateOptions) {
    this.#options = options;
  }

  /** How long the last flush took that succeeded. */
  get lastFlushMs(): number | undefined {
    return this.#lastFlushMs;
  }

  get doubtful(): boolean {
    return this.#doubt !== undefined;
  }

  /**
   * Takes over a term that was just opened: what is in its log is flushed first. `found` are writes that are in it, told like those
   * that wait. Rejects when the flush fails.
   */
  async enter(term: DomainTerm, found: readonly FlushWaiter[]): Promise<void> {
    this.#term = term;
    this.#waiting.push(...found);
    this.#picture?.release();
    this.#picture = undefined;
    this.#doubt = new EngineError('outcome-unknown', `the log of ${this.#options.name} is not flushed yet`);
    await this.flush();
  }

  /** The term is over and could not be opened again: nobody knows when what waits will be visible. */
  abandon(cause: EngineError): void {
    for (const waiter of this.#waiting.splice(0)) waiter.reject(this.#inDoubt(cause));
  }

  /** Ends the waiting for good. What is in the log may still become visible, to another leader or after the next start. */
  close(error: EngineError): void {
    this.#closedBy ??= error.kind === 'fenced' ? error : this.#inDoubt(error);
    this.#refuseWhenClosed();
  }

  /** Resolves when no write waits for a flush that may still come. */
  async settled(): Promise<void> {
    while (this.#round !== undefined) await this.#round.catch(() => {});
  }

  /** Writes that were applied; each is told when its flush is recorded. */
  add(waiters: readonly FlushWaiter[]): void {
    this.#waiting.push(...waiters);
    if (this.#round === undefined) this.#begin().catch(() => {});
  }

  /** Everything applied before is flushed and visible when it resolves. */
  async flush(): Promise<void> {
    // The round under way may have begun before.
    await this.#round?.catch(() => {});
    const term = this.#term;
    if (this.#doubt === undefined && term !== undefined && term.lsm.coveredIndex >= term.end) return;
    await (this.#round ?? this.#begin());
  }

  async read<T>(read: (reads: LsmReads, snapshot: LsmSnapshot) => Promise<T>): Promise<T> {
    if (this.#doubt !== undefined) {
      // A round under way began behind the doubt: it settles it.
      await (this.#round ?? this.#begin());
    }
    const picture = this.#picture;
    if (picture === undefined) throw this.#term?.over ?? new EngineError('bug', `${this.#options.name} is not open`);
    return await picture.read(read);
  }

  #refuseWhenClosed(): void {
    if (this.#closedBy === undefined) return;
    for (const waiter of this.#waiting.splice(0)) waiter.reject(this.#closedBy);
  }

  #begin(): Promise<void> {
    const round = this.#flushOnce().finally(() => {
      this.#round = undefined;
      if (this.#waiting.length > 0 && this.#term?.over === undefined) this.#begin().catch(() => {});
    });
    this.#round = round;
    return round;
  }

  async #flushOnce(): Promise<void> {
    // Writes that are applied in the same turn share the flush.
    await Promise.resolve();
    const term = this.#term;
    if (term === undefined) throw new EngineError('bug', `${this.#options.name} is not open`);
    if (term.over !== undefined) throw term.over;
    const waiters = this.#waiting.splice(0);
    const { clock } = this.#options;
    const began = clock.monotonicMs();
    const picture = new Picture(term.lsm);
    try {
      await term.flush();
      if (term.over !== undefined) throw term.over;
    } catch (reason) {
      picture.release();
      const error = toEngineError(reason);
      if (term.over !== undefined) {
        this.#waiting.unshift(...waiters);
        this.#refuseWhenClosed();
        throw error;
      }
      this.#doubt = this.#inDoubt(error);
      for (const waiter of waiters) waiter.reject(this.#doubt);
      this.#options.onDoubt();
      throw this.#doubt;
    }
    this.#picture?.release();
    this.#picture = picture;
    this.#doubt = undefined;
    this.#lastFlushMs = clock.monotonicMs() - began;
    for (const waiter of waiters) waiter.resolve();
  }

  #inDoubt(cause: EngineError): EngineError {
    return new EngineError(
      'outcome-unknown',
      `changes of domain ${this.#options.name} are in its log and could not be flushed: ${cause.message}`,
      { context: { domain: this.#options.name, flush: cause.code }, cause },
    );
  }
}
