// The succession of a domain's terms: which one is current, what ends it, and how the next one is opened.
//
// - A term that is over is not used any more, and nothing is read or appended until the next one is opened from the log.
// - Openings and appends take turns: what an append did must be known before another term is opened, else our own opening would
//   look like another leader.
// - Writes in doubt are told by the next opening how they really went; when it fails they are `outcome-unknown`, and the next use
//   of the domain, or the flush loop, tries again.
// - Another leader, another owner and damage end the domain: there is no next term.

import { EngineError, toEngineError } from '../base/errors.ts';
import type { AtOnceGate } from './at-once-gate.ts';
import { type DomainOpeningOptions, openTerm } from './domain-opening.ts';
import type { DomainTerm } from './domain-term.ts';
import { ReopeningPace } from './reopening-pace.ts';
import type { WaitingWrite } from './write-queue.ts';

export interface DomainTermsOptions {
  readonly opening: DomainOpeningOptions;
  readonly gate: AtOnceGate | undefined;
  /** A flush is due, or another term must be opened. */
  readonly wake: () => void;
  /** The domain is closed for good, by this. */
  readonly onClosed: (error: EngineError) => void;
}

export class DomainTerms {
  readonly #options: DomainTermsOptions;
  readonly #name: string;
  readonly #pace: ReopeningPace;
  #current: DomainTerm | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #readingBack: Promise<void> | undefined;
  /** The stores of terms that are over. */
  #leaving: Promise<unknown> = Promise.resolve();
  #closedBy: EngineError | undefined;
  /** Our own stop, not trouble: what waits may still be finished. */
  #stopping = false;
  #openings = 0;

  constructor(options: DomainTermsOptions) {
    this.#options = options;
    this.#name = options.opening.name;
    this.#pace = new ReopeningPace(options.opening.clock);
  }

  /** Whether there was a first term. */
  get opened(): boolean {
    return this.#current !== undefined;
  }

  /** The last one that was opened, be it over or not. */
  get current(): DomainTerm {
    if (this.#current === undefined) throw new EngineError('bug', `domain ${this.#name} is not open`);
    return this.#current;
  }

  get closedBy(): EngineError | undefined {
    return this.#closedBy;
  }

  /** After a term has ended: how long the next one should wait where nobody asks for it. */
  get reopenInMs(): number {
    return this.#pace.waitMs;
  }

  /** Terms that were opened after one was given up. */
  get reopenings(): number {
    return Math.max(0, this.#openings - 1);
  }

  /** The first term. */
  async open(): Promise<void> {
    await this.inTurn(() => this.#open([], Number.POSITIVE_INFINITY));
  }

  /** Does something in a term that is not over, and once more in the next one when it ends under it. */
  async use<T>(work: (term: DomainTerm) => Promise<T>): Promise<T> {
    const term = await this.#live();
    try {
      return await work(term);
    } catch (error) {
      this.assertOpen();
      if (term.over === undefined) throw error;
    }
    return work(await this.#live());
  }

  assertOpen(): void {
    if (this.#closedBy !== undefined) throw this.#closedBy;
  }

  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => {});
    return turn;
  }

  /** In turn. A term to append in; opens the next one when the last is over. */
  async usable(): Promise<DomainTerm> {
    this.#mustGoOn();
    if (this.current.over !== undefined) await this.#reopen([], this.current.end);
    return this.current;
  }

  /** In turn. Gives the current term up; the next one tells writes in doubt, appended behind `before`, how they went. */
  async giveUp(error: EngineError, inDoubt: readonly WaitingWrite[], before: number): Promise<void> {
    this.#end(this.current, error);
    this.#mustGoOn();
    await this.#reopen(inDoubt, before);
  }

  /** A term's own store or journal says that it cannot go on; at any time. */
  #ended(term: DomainTerm, error: EngineError): void {
    if (term.over !== undefined) return;
    this.#end(term, error);
    if (term !== this.#current || this.#closedBy !== undefined) return;
    // Somebody may wait for what the next term brings. When opening it fails, the flush loop tries again.
    if (this.#pace.waitMs === 0) this.#live().catch(() => {});
    else this.#options.wake();
  }

  #end(term: DomainTerm, error: EngineError): void {
    if (term.over !== undefined) return;
    this.#leave(term, error);
    if (term !== this.#current) return;
    this.#pace.ended();
    if (error.kind === 'fenced' || error.kind === 'corruption') {
      this.close(error);
      return;
    }
    const { code, message } = error;
    this.#options.opening.logger.warn(
      { domain: this.#name, term: term.term, code, error: message },
      'a domain gives up its term and reads back from the log',
    );
  }

  /** Closed for good; our own stop lets what waits finish. */
  #mustGoOn(): void {
    if (!this.#stopping) this.assertOpen();
  }

  async #reopen(inDoubt: readonly WaitingWrite[], before: number): Promise<void> {
    try {
      await this.#open(inDoubt, before);
    } catch (reason) {
      const cause = toEngineError(reason);
      if (cause.kind === 'corruption' || cause.kind === 'fenced') throw this.close(cause);
      this.#options.gate?.abandon(cause);
      this.#options.wake();
      const message = `writes to domain ${this.#name} could not be read back: ${cause.message}`;
      throw new EngineError('outcome-unknown', message, {
        context: { domain: this.#name, reason: cause.code },
        cause,
      });
    }
  }

  /** Ends the domain for good; everything rejects with the error from now on. */
  close(error: EngineError): EngineError {
    if (this.#closedBy === undefined || this.#stopping) {
      this.#closedBy = error;
      const { code, message, context } = error;
      this.#options.opening.logger.error(
        { domain: this.#name, code, error: message, ...context },
        'a domain is closed for good: everything it is asked is refused until the next start',
      );
    }
    this.#stopping = false;
    if (this.#current !== undefined) this.#leave(this.#current, error);
    this.#options.gate?.close(error);
    this.#options.onClosed(error);
    return error;
  }

  /** Nothing new is begun from now on; appends that wait may still take their turn. */
  stop(): void {
    if (this.#closedBy !== undefined) return;
    this.#closedBy = new EngineError('shutting-down', `domain ${this.#name} is closed`);
    this.#stopping = true;
  }

  /** After `stop`: resolves when nothing is under way any more. */
  async settle(): Promise<void> {
    await this.#turn;
    const { gate } = this.#options;
    await gate?.settled();
    const error = this.#closedBy ?? new EngineError('bug', `domain ${this.#name} was not stopped`);
    gate?.close(error);
    if (this.#current !== undefined) this.#leave(this.#current, error);
    await this.#leaving;
  }

  async #live(): Promise<DomainTerm> {
    this.assertOpen();
    if (this.current.over !== undefined) {
      this.#readingBack ??= this.inTurn(() => this.usable()).then(
        () => {
          this.#readingBack = undefined;
        },
        (error: unknown) => {
          this.#readingBack = undefined;
          throw error;
        },
      );
      await this.#readingBack;
      this.assertOpen();
    }
    return this.current;
  }

  async #open(inDoubt: readonly WaitingWrite[], before: number): Promise<void> {
    const { opening, gate, wake } = this.#options;
    const found = new Set<string>();
    const term = await openTerm(opening, {
      lookBehind: before,
      onWrite: (writeId) => found.add(writeId),
      onHeld: wake,
      onEnd: (ended, error) => this.#ended(ended, error),
    });
    // Its store may have given up before anybody knew the term.
    if (term.over !== undefined) throw term.over;
    this.#current = term;
    this.#openings += 1;
    this.#pace.opened();
    wake();
    const happened: WaitingWrite[] = [];
    for (const write of inDoubt) {
      if (found.has(write.writeId)) happened.push(write);
      else write.reject(this.#notFound(term.first > before + 1));
    }
    if (gate === undefined) {
      for (const write of happened) write.resolve();
      return;
    }
    const entering = gate.enter(term, happened);
    // Later terms are in doubt until their flush succeeds, and say so themselves; the first one is not served before.
    if (this.#openings === 1) await entering;
    else await entering.catch(() => {});
  }

  #leave(term: DomainTerm, error: EngineError): void {
    term.finish(error);
    this.#leaving = Promise.all([this.#leaving, term.dispose()]);
  }

  /** Nothing under the old term can be written any more, so what is not there never will be; unless it was there and trimmed. */
  #notFound(trimmed: boolean): EngineError {
    const context = { domain: this.#name };
    return trimmed
      ? new EngineError('outcome-unknown', `a write to domain ${this.#name} may have been trimmed`, { context })
      : new EngineError('log-unavailable', `a write to domain ${this.#name} was not written`, { context });
  }
}
