// Decides whether small calls to the file system are made directly or through the thread pool.
//
// Opening, linking or closing a file on a local disk takes a few microseconds; sending it to the thread pool and being woken by
// the answer takes ten times that, and on a busy machine a change of context each way. On a network file system the same call
// takes milliseconds, during which nothing else would run. So calls are made directly while they are prompt; after one that was
// not, the next ones go through the pool, and then one is tried again.

import type { Clock } from '../base/clock.ts';

const promptMs = 1;
const pooledAfterSlow = 256;

export class PromptCalls {
  readonly #clock: Clock;
  #pooledLeft = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Makes one call, in one of its two forms. */
  async run<T>(direct: () => T, pooled: () => Promise<T>): Promise<T> {
    if (this.#pooledLeft > 0) {
      this.#pooledLeft--;
      return pooled();
    }
    const began = this.#clock.monotonicMs();
    try {
      return direct();
    } finally {
      if (this.#clock.monotonicMs() - began > promptMs) this.#pooledLeft = pooledAfterSlow;
    }
  }
}
