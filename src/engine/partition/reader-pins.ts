// Reads of L0 data that are under way: each pins the offset it begins at, so that the placeholders it looks up are not trimmed under it
// and a compaction does not become visible beside what it still hands out.

import { EngineError } from '../base/errors.ts';

export class ReaderPins {
  readonly #pins = new Set<{ readonly from: number }>();
  #waiting: { readonly below: number; readonly done: () => void }[] = [];

  /** Reads under way. */
  get count(): number {
    return this.#pins.size;
  }

  /** The lowest pinned offset; Infinity where nothing is read. */
  get lowest(): number {
    let lowest = Number.POSITIVE_INFINITY;
    for (const { from } of this.#pins) if (from < lowest) lowest = from;
    return lowest;
  }

  pin(from: number): Disposable {
    const pin = { from };
    this.#pins.add(pin);
    return {
      [Symbol.dispose]: () => {
        if (this.#pins.delete(pin)) this.#wake();
      },
    };
  }

  /** Resolves when no read that began below the offset is under way any more; rejects with `cancelled`. */
  noneBelow(below: number, signal?: AbortSignal): Promise<void> {
    if (this.lowest >= below) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#waiting = this.#waiting.filter((one) => one !== waiter);
        reject(new EngineError('cancelled', 'the wait for readers was cancelled', { cause: signal?.reason }));
      };
      const waiter = {
        below,
        done: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      if (signal?.aborted === true) return onAbort();
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(waiter);
    });
  }

  #wake(): void {
    if (this.#waiting.length === 0) return;
    const { lowest } = this;
    const waiting = this.#waiting;
    this.#waiting = waiting.filter((one) => one.below > lowest);
    for (const one of waiting) if (one.below <= lowest) one.done();
  }
}
