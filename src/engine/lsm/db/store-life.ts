// Whether a store still works: it may be closed by its owner, or give up because of an error that only opening again can settle.
// Either happens once, and everything afterwards rejects with the same error.

import { EngineError } from '../../base/errors.ts';

export class StoreLife {
  readonly #onGiveUp: (error: EngineError) => void;
  readonly #ending = new AbortController();
  #over: EngineError | undefined;

  constructor(onGiveUp: (error: EngineError) => void) {
    this.#onGiveUp = onGiveUp;
  }

  /** Why the store does not work any more; undefined while it does. */
  get over(): EngineError | undefined {
    return this.#over;
  }

  /** Aborts when the store is over. */
  get ending(): AbortSignal {
    return this.#ending.signal;
  }

  /** Throws when the store is over. */
  check(): void {
    if (this.#over !== undefined) throw this.#over;
  }

  giveUp(error: EngineError): void {
    if (this.#over !== undefined) return;
    this.#over = error;
    this.#ending.abort(error);
    this.#onGiveUp(error);
  }

  close(): void {
    if (this.#over !== undefined) return;
    this.#over = new EngineError('shutting-down', 'the store was closed');
    this.#ending.abort(this.#over);
  }
}
