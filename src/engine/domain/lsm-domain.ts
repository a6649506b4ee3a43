// A domain on the LSM store: changes go into its replicated log first, then into the store's memtable; tables and manifests go to
// the bucket in the background.
//
// - One append at a time; the writes that wait share the next one. A write is one entry, so it happens whole or not at all; one
//   that does not fit 1 MiB is refused (`entry-too-large`). While the store has no room, writes wait; their queue is bounded.
// - After an unknown outcome the term is given up and another one opened from the log (domain-terms.ts): every write's entry carries
//   an id, so each write in doubt is told how it really went. Until that is done nothing is read.
// - Where every change is flushed at once (at-once-gate.ts), a write resolves when it is flushed, and nobody sees it before.
// - What ends the domain for good: another leader (`fenced-term`), another owner (`fenced-owner`), damage. Everything rejects with
//   it from then on.

import { EngineError, toEngineError } from '../base/errors.ts';
import type { Incarnation, Term } from '../base/ids.ts';
import type { Random } from '../base/random.ts';
import type { LsmReads, LsmSnapshot, LsmStats, Manifest } from '../lsm/lsm.ts';
import { AtOnceGate } from './at-once-gate.ts';
import type { Domain, DomainChange, DomainRow, ScanOptions } from './domain.ts';
import { type DomainOpeningOptions, tailBytesMax } from './domain-opening.ts';
import type { DomainTerm } from './domain-term.ts';
import { DomainTerms } from './domain-terms.ts';
import { FlushLoop } from './flush-loop.ts';
import { getRow, scanRows } from './row-scan.ts';
import { type WaitingWrite, WriteQueue } from './write-queue.ts';

/** At once: no change is visible before it is flushed. Else: at the latest this long after the oldest change that is not. */
export type FlushPolicy = 'at-once' | { readonly everyMs: () => number };

export interface LsmDomainOptions extends DomainOpeningOptions {
  readonly random: Random;
  readonly flush: FlushPolicy;
}

export interface DomainStats {
  readonly term: Term;
  readonly incarnation: Incarnation;
  readonly lsm: LsmStats;
  readonly log: {
    /** Index of the last entry. */
    readonly end: number;
    /** Index of the first entry that is kept: the recovery point. */
    readonly first: number;
    /** What an opening would replay. */
    readonly tailEntries: number;
    readonly tailBytes: number;
    /** Of writes that wait to be appended. */
    readonly queuedBytes: number;
  };
  /** 0: at once. */
  readonly flushEveryMs: number;
  /** How long the last flush took that was asked for, by the loop or from outside, and succeeded. */
  readonly lastFlushMs: number | undefined;
  /** Terms that were opened after one was given up. */
  readonly reopenings: number;
}

export async function openLsmDomain(options: LsmDomainOptions): Promise<LsmDomain> {
  const domain = new LsmDomain(options);
  try {
    await domain.start();
    return domain;
  } catch (error) {
    await domain[Symbol.asyncDispose]();
    throw error;
  }
}

export class LsmDomain implements Domain {
  readonly name: string;
  readonly #options: LsmDomainOptions;
  readonly #queue: WriteQueue;
  readonly #gate: AtOnceGate | undefined;
  readonly #terms: DomainTerms;
  readonly #loop: FlushLoop;
  #running: Promise<void> | undefined;
  /** Ends the waiting for room. */
  #stopWaiting = (): void => {};
  #lastFlushMs: number | undefined;

  constructor(options: LsmDomainOptions) {
    const { name, clock, random, logger } = options;
    this.name = name;
    this.#options = options;
    this.#queue = new WriteQueue(name, random);
    const wake = (): void => this.#loop.wake();
    this.#gate = options.flush === 'at-once' ? new AtOnceGate({ name, clock, onDoubt: wake }) : undefined;
    this.#terms = new DomainTerms({
      opening: options,
      gate: this.#gate,
      wake,
      onClosed: (error) => {
        this.#queue.rejectAll(error);
        this.#stopWaiting();
      },
    });
    const dueMs = (): number | undefined => this.#flushDueMs();
    this.#loop = new FlushLoop({ domain: name, dueMs, flush: () => this.flush(), clock, random, logger });
  }

  /** Opens the first term; once, before anything else. */
  async start(): Promise<void> {
    await this.#terms.open();
  }

  get term(): Term {
    return this.#terms.current.term;
  }

  /** The one that is recorded; undefined before the first flush ever. */
  get manifest(): Manifest | undefined {
    return this.#terms.current.lsm.manifest;
  }

  get(key: string): Promise<Buffer | undefined> {
    return this.#read((reads, snapshot) => getRow(reads, key, snapshot));
  }

  scan(options: ScanOptions): Promise<DomainRow[]> {
    return this.#read((reads, snapshot) => scanRows(reads, options, this.#options.pause, snapshot));
  }

  async write(changes: readonly DomainChange[]): Promise<void> {
    await this.#enqueue([changes])[0];
  }

  writeAll(batches: readonly (readonly DomainChange[])[]): Promise<PromiseSettledResult<void>[]> {
    return Promise.allSettled(this.#enqueue(batches));
  }

  async flush(): Promise<void> {
    const { clock } = this.#options;
    const began = clock.monotonicMs();
    await this.#terms.use(async (term) => {
      // Also where everything is flushed: a merge of tables may be what the log refused to record.
      await term.journal.tryAgain();
      await (this.#gate?.flush() ?? term.flush());
    });
    this.#lastFlushMs = clock.monotonicMs() - began;
  }

  /** Merges everything into the deepest level; flushes first. */
  async compact(): Promise<void> {
    await this.#terms.use((term) => term.compact());
  }

  stats(): DomainStats {
    const { flush, incarnation } = this.#options;
    const { term, lsm, first, end, tail } = this.#terms.current;
    return {
      term,
      incarnation,
      lsm: lsm.stats(),
      log: { end, first, tailEntries: tail.entries, tailBytes: tail.bytes, queuedBytes: this.#queue.bytes },
      flushEveryMs: flush === 'at-once' ? 0 : flush.everyMs(),
      lastFlushMs: this.#gate === undefined ? this.#lastFlushMs : this.#gate.lastFlushMs,
      reopenings: this.#terms.reopenings,
    };
  }

  /**
   * Lets the writes that wait finish, as far as the store has room; everything later is refused. What is not flushed stays in the
   * log: whoever wants it in the bucket calls `flush` before.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#terms.stop();
    this.#stopWaiting();
    await this.#running;
    await this.#terms.settle();
    await this.#loop[Symbol.asyncDispose]();
  }

  #flushDueMs(): number | undefined {
    const { clock, flush } = this.#options;
    if (this.#terms.closedBy !== undefined || !this.#terms.opened) return undefined;
    const { over, journal, lsm, tail, replayedEnd } = this.#terms.current;
    if (over !== undefined) return clock.nowMs() + this.#terms.reopenInMs;
    if (journal.held || this.#gate?.doubtful === true) return clock.nowMs();
    if (flush === 'at-once') return undefined;
    // How long replayed entries have waited nobody knows.
    const isDue = lsm.coveredIndex < replayedEnd || tail.bytes > tailBytesMax(this.#options.rules);
    if (isDue) return clock.nowMs();
    const { dirtySinceMs } = lsm.stats();
    return dirtySinceMs === undefined ? undefined : dirtySinceMs + flush.everyMs();
  }

  #read<T>(read: (reads: LsmReads, snapshot: LsmSnapshot | undefined) => Promise<T>): Promise<T> {
    return this.#terms.use((term) => this.#gate?.read(read) ?? read(term.lsm, undefined));
  }

  #enqueue(batches: readonly (readonly DomainChange[])[]): Promise<void>[] {
    const { closedBy } = this.#terms;
    if (closedBy !== undefined) return batches.map(() => Promise.reject(closedBy));
    const outcomes = this.#queue.add(batches);
    if (!this.#queue.empty) this.#running ??= this.#run();
    return outcomes;
  }

  async #run(): Promise<void> {
    // Writes issued in the same turn share the append.
    await Promise.resolve();
    while (!this.#queue.empty) {
      await this.#room();
      // While it waited, the domain may have been closed and the writes refused.
      if (this.#queue.empty) break;
      const writes = this.#queue.take();
      try {
        await this.#terms.inTurn(() => this.#append(writes));
      } catch (error) {
        for (const write of writes) write.reject(toEngineError(error));
      }
      if (!this.#loop.awake) this.#loop.wake();
    }
    this.#running = undefined;
  }

  /** Waits until the store takes an entry; a domain that is stopped meanwhile refuses what waits. */
  async #room(): Promise<void> {
    const term = this.#terms.current;
    if (term.over !== undefined) return;
    try {
      const room = term.lsm.room();
      if (room === undefined) return;
      await this.#waitFor(room);
      const { closedBy } = this.#terms;
      if (closedBy !== undefined && term.over === undefined && term.lsm.room() !== undefined) {
        this.#queue.rejectAll(closedBy);
      }
    } catch (error) {
      // A store that has given up ends its term, and the append opens the next one. One that cannot make room refuses writes.
      if (term.over === undefined) this.#queue.rejectAll(toEngineError(error));
    }
  }

  /** At the latest until the domain is stopped. A race with one long promise would keep something of every wait. */
  #waitFor(room: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#stopWaiting = resolve;
      room.then(resolve, reject);
      if (this.#terms.closedBy !== undefined) resolve();
    });
  }

  async #append(writes: readonly WaitingWrite[]): Promise<void> {
    const term = await this.#terms.usable();
    const group = `domain/${this.name}`;
    const entries = writes.map(({ entry }) => entry);
    const before = term.end;
    const [outcome] = await this.#options.log.append([{ group, term: term.term, expectedEnd: before, entries }]);
    switch (outcome?.status) {
      case 'committed':
        return this.#committed(term, writes, before);
      case 'refused':
        for (const write of writes) write.reject(toEngineError(outcome.error));
        return;
      case 'fenced': {
        const context = { domain: this.name, term: term.term };
        throw this.#terms.close(new EngineError('fenced-term', `another leader has taken ${group}`, { context }));
      }
      default: {
        const message = `whether writes to ${group} happened is not known`;
        const cause = outcome?.error ?? new Error('the log told nothing');
        await this.#terms.giveUp(new EngineError('outcome-unknown', message, { cause }), writes, before);
      }
    }
  }

  async #committed(term: DomainTerm, writes: readonly WaitingWrite[], before: number): Promise<void> {
    try {
      if (term.over !== undefined) throw term.over;
      term.apply(writes);
    } catch (error) {
      // They are in the log, and the next term has them.
      return this.#terms.giveUp(toEngineError(error), writes, before);
    }
    if (this.#gate !== undefined) this.#gate.add(writes);
    else for (const write of writes) write.resolve();
  }
}
