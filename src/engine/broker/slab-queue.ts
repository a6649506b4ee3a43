// Slab memory for request frames, first come, first served: whoever comes while others wait goes to the end of the queue, so a
// large frame is not starved by small ones that always find a place.

import type { SlabPool, SlabRange } from '../base/slab-pool.ts';

interface Waiter {
  readonly length: number;
  readonly ready: (range: SlabRange) => void;
}

export class SlabQueue {
  readonly pool: SlabPool;
  readonly #waiting: Waiter[] = [];
  #listening = false;

  constructor(pool: SlabPool) {
    this.pool = pool;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** A pinned range, or undefined when it has to be waited for. */
  tryTake(length: number): SlabRange | undefined {
    return this.#waiting.length > 0 ? undefined : this.pool.allocate(length);
  }

  /** Calls `ready` with a pinned range when it is this one's turn. Returns the way to leave the queue. */
  wait(length: number, ready: (range: SlabRange) => void): () => void {
    const waiter = { length, ready };
    this.#waiting.push(waiter);
    this.#listen();
    return () => {
      const at = this.#waiting.indexOf(waiter);
      if (at === -1) return;
      this.#waiting.splice(at, 1);
      if (at === 0) this.#serve();
    };
  }

  #listen(): void {
    if (this.#listening || this.#waiting.length === 0) return;
    this.#listening = true;
    void this.pool.whenFree().then(() => {
      this.#listening = false;
      this.#serve();
    });
  }

  #serve(): void {
    for (;;) {
      const next = this.#waiting[0];
      if (next === undefined) return;
      const range = this.pool.allocate(next.length);
      if (range === undefined) {
        this.#listen();
        return;
      }
      this.#waiting.shift();
      next.ready(range);
    }
  }
}
