// A domain that answers only as the owner of the cluster: its log is this machine's own and would take everything that a
// process has to say which lost the cluster long ago.
//
// - a write resolves when it is durable and ownership was confirmed after that: no stale owner acknowledges a topic or an offset
// - without a confirmation younger than the lease nothing is written at all: the refusal is then plain, the store's own error
// - a write that is durable and could not be confirmed is `outcome-unknown`; what may show it, reads of the domain, waits for
//   the next confirmation, so the caller who reads back is told the truth or refused
// - a flush begins, and is said to be done, only as the owner. That nothing goes to the bucket in between without a confirmation
//   is the inner domain's: it asks `confirmOwnership` before each upload
// - once another owner was seen everything rejects with `fenced-owner`
// What it leaves to its callers: the order of writes that overlap.

import { EngineError, toEngineError } from '../base/errors.ts';
import type { Domain, DomainChange, DomainRow, ScanOptions } from '../domain/domain.ts';
import type { Ownership } from './ownership.ts';

export class OwnedDomain implements Domain {
  readonly name: string;
  readonly #inner: Domain;
  readonly #ownership: Pick<Ownership, 'confirm' | 'fresh' | 'lost'>;
  /** Writes that may be visible inside and are not confirmed yet. */
  #unconfirmed = 0;
  /** Counts writes that ended without being confirmed; and up to which of them ownership was confirmed later. */
  #doubts = 0;
  #doubtsSettled = 0;

  /** Closes `inner` when it is closed. */
  constructor(inner: Domain, ownership: Pick<Ownership, 'confirm' | 'fresh' | 'lost'>) {
    this.name = inner.name;
    this.#inner = inner;
    this.#ownership = ownership;
  }

  get(key: string): Promise<Buffer | undefined> {
    return this.#read(() => this.#inner.get(key));
  }

  scan(options: ScanOptions): Promise<DomainRow[]> {
    return this.#read(() => this.#inner.scan(options));
  }

  async write(changes: readonly DomainChange[]): Promise<void> {
    const [outcome] = await this.writeAll([changes]);
    if (outcome?.status === 'rejected') throw outcome.reason;
  }

  async writeAll(batches: readonly (readonly DomainChange[])[]): Promise<PromiseSettledResult<void>[]> {
    try {
      if (!this.#ownership.fresh) await this.#ownership.confirm();
    } catch (reason) {
      return batches.map(() => ({ status: 'rejected', reason }));
    }
    this.#unconfirmed++;
    try {
      const outcomes = await this.#writeInside(batches);
      if (outcomes.some(({ status }) => status === 'rejected')) this.#doubts++;
      if (outcomes.every(({ status }) => status === 'rejected')) return outcomes;
      const unconfirmed = await this.#confirmWritten();
      if (unconfirmed === undefined) return outcomes;
      this.#doubts++;
      return outcomes.map((outcome) =>
        outcome.status === 'rejected' ? outcome : { status: 'rejected', reason: unconfirmed },
      );
    } finally {
      this.#unconfirmed--;
    }
  }

  async flush(): Promise<void> {
    if (!this.#ownership.fresh) await this.#ownership.confirm();
    await this.#inner.flush();
    await this.#ownership.confirm();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inner[Symbol.asyncDispose]();
  }

  #writeInside(batches: readonly (readonly DomainChange[])[]): Promise<PromiseSettledResult<void>[]> {
    const [first] = batches;
    if (batches.length === 1 && first !== undefined) return Promise.allSettled([this.#inner.write(first)]);
    if (this.#inner.writeAll !== undefined) return this.#inner.writeAll(batches);
    return Promise.allSettled(batches.map((changes) => this.#inner.write(changes)));
  }

  /** Why what is durable may not be acknowledged; undefined when it may. */
  async #confirmWritten(): Promise<EngineError | undefined> {
    try {
      await this.#ownership.confirm();
      return undefined;
    } catch (error) {
      const cause = toEngineError(error);
      if (cause.code === 'fenced-owner') return cause;
      return new EngineError(
        'outcome-unknown',
        `a write to ${this.name} is in the log, but whether the cluster is still ours is not known: ${cause.message}`,
        { context: { domain: this.name, confirmation: cause.code }, cause },
      );
    }
  }

  async #read<T>(read: () => Promise<T>): Promise<T> {
    const rows = await read();
    // Looked at behind the read: a write that it shows and that counts no more has been confirmed by now.
    const doubts = this.#doubts;
    if (this.#unconfirmed > 0 || doubts > this.#doubtsSettled || this.#ownership.lost !== undefined) {
      await this.#ownership.confirm();
      this.#doubtsSettled = Math.max(this.#doubtsSettled, doubts);
    }
    return rows;
  }
}
