// A move of the log start that is on its way into the log. One at a time.

import type { EngineError } from '../base/errors.ts';
import type { Offset } from '../base/ids.ts';
import type { CommittedState } from './committed-state.ts';
import { encodePartitionEntry } from './placeholder-format.ts';

export class LogStartMove {
  readonly #state: CommittedState;
  #pending: { readonly to: Offset; readonly settled: PromiseWithResolvers<Offset> } | undefined;
  #committing = false;

  constructor(state: CommittedState) {
    this.#state = state;
  }

  /** Whether there is something to commit. */
  get waiting(): boolean {
    return this.#pending !== undefined && !this.#committing;
  }

  get committing(): boolean {
    return this.#committing;
  }

  /** Resolves when no move is under way. */
  async idle(): Promise<void> {
    while (this.#pending !== undefined) await this.#pending.settled.promise.catch(() => {});
  }

  /** Resolves with the log start once the move is durable. Only when idle. */
  begin(to: Offset): Promise<Offset> {
    const settled = Promise.withResolvers<Offset>();
    this.#pending = { to, settled };
    return settled.promise;
  }

  /** The entry to commit, where one waits. */
  take(): Buffer | undefined {
    if (this.#pending === undefined) return undefined;
    this.#committing = true;
    return encodePartitionEntry({ kind: 'log-start', logStartOffset: this.#pending.to });
  }

  /** The commit that took the entry, if one did, has succeeded. */
  committed(): void {
    const pending = this.#pending;
    if (pending === undefined || !this.#committing) return;
    this.#clear();
    this.#state.applyLogStart(pending.to);
    pending.settled.resolve(this.#state.logStartOffset);
  }

  fail(error: EngineError): void {
    const pending = this.#pending;
    this.#clear();
    pending?.settled.reject(error);
  }

  #clear(): void {
    this.#pending = undefined;
    this.#committing = false;
  }
}
