// A move of one of a partition's offsets (log start, LRO) that is on its way into the log. Moves that are asked for before it is taken
// become one; later ones wait for it.

import type { EngineError } from '../base/errors.ts';
import type { Offset } from '../base/ids.ts';
import { encodePartitionEntry, type PartitionEntry } from './placeholder-format.ts';

export interface MovedOffset {
  readonly current: () => Offset;
  readonly entry: (to: Offset) => PartitionEntry;
  readonly apply: (to: Offset) => void;
}

export class OffsetMove {
  readonly #moved: MovedOffset;
  #pending: { to: Offset; readonly settled: PromiseWithResolvers<Offset> } | undefined;
  #committing = false;

  constructor(moved: MovedOffset) {
    this.#moved = moved;
  }

  /** Whether there is something to commit. */
  get waiting(): boolean {
    return this.#pending !== undefined && !this.#committing;
  }

  get committing(): boolean {
    return this.#committing;
  }

  /** Resolves with the offset once it is at `to` or above, durably. */
  async move(to: Offset, submit: () => void): Promise<Offset> {
    while (this.#committing) await this.#pending?.settled.promise.catch(() => {});
    if (to <= this.#moved.current()) return this.#moved.current();
    if (this.#pending === undefined) this.#pending = { to, settled: Promise.withResolvers<Offset>() };
    else if (to > this.#pending.to) this.#pending.to = to;
    submit();
    return this.#pending.settled.promise;
  }

  /** The entry to commit, where one waits. */
  take(): Buffer | undefined {
    if (this.#pending === undefined) return undefined;
    this.#committing = true;
    return encodePartitionEntry(this.#moved.entry(this.#pending.to));
  }

  /** The commit that took the entry, if one did, has succeeded. */
  committed(): void {
    const pending = this.#pending;
    if (pending === undefined || !this.#committing) return;
    this.#clear();
    this.#moved.apply(pending.to);
    pending.settled.resolve(this.#moved.current());
  }

  fail(error: EngineError): void {
    const pending = this.#pending;
    this.#clear();
    // Whoever asked may have stopped waiting.
    pending?.settled.promise.catch(() => {});
    pending?.settled.reject(error);
  }

  #clear(): void {
    this.#pending = undefined;
    this.#committing = false;
  }
}
