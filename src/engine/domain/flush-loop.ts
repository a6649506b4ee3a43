// Owns the time of a domain's flushes: flushes when one is due, and tries again what failed, with growing pauses, until it is done.
// When a flush is due may change at any moment (a setting, a failure), so it is asked again at least every few seconds.

import type { Clock, Timer } from '../base/clock.ts';
import { toEngineError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';

export interface FlushLoopOptions {
  readonly domain: string;
  /** By the wall clock; undefined while there is nothing to flush. In the past: at once. */
  readonly dueMs: () => number | undefined;
  readonly flush: () => Promise<void>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

const askAgainMs = 5_000;
const pauseMsMin = 500;
const pauseMsMax = 30_000;

export class FlushLoop implements AsyncDisposable {
  readonly #options: FlushLoopOptions;
  #timer: Timer | undefined;
  #flushing: Promise<void> | undefined;
  #failures = 0;
  /** By the monotonic clock; not before this is tried again what failed. */
  #pausedUntilMs = 0;
  #stopped = false;

  constructor(options: FlushLoopOptions) {
    this.#options = options;
  }

  /** Whether the loop looks by itself whether something is due. */
  get awake(): boolean {
    return this.#timer !== undefined || this.#flushing !== undefined;
  }

  /** Something may be due, or due earlier than before. */
  wake(): void {
    if (this.#stopped || this.#flushing !== undefined) return;
    const { clock, dueMs } = this.#options;
    this.#timer?.cancel();
    this.#timer = undefined;
    const due = dueMs();
    if (due === undefined) return;
    const paused = this.#failures === 0 ? 0 : this.#pausedUntilMs - clock.monotonicMs();
    const delayMs = Math.max(0, paused, Math.min(askAgainMs, due - clock.nowMs()));
    this.#timer = clock.after(delayMs, () => this.#look());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#flushing;
  }

  #look(): void {
    this.#timer = undefined;
    const due = this.#options.dueMs();
    if (due === undefined) return;
    if (due > this.#options.clock.nowMs()) {
      this.wake();
      return;
    }
    this.#flushing = this.#flush().finally(() => {
      this.#flushing = undefined;
      this.wake();
    });
  }

  async #flush(): Promise<void> {
    const { clock, random, logger, domain, flush } = this.#options;
    try {
      await flush();
      this.#failures = 0;
    } catch (error) {
      if (this.#stopped) return;
      this.#failures += 1;
      const longest = Math.min(pauseMsMax, pauseMsMin * 2 ** (this.#failures - 1));
      const pauseMs = Math.ceil(longest * (0.5 + random.fraction() / 2));
      this.#pausedUntilMs = clock.monotonicMs() + pauseMs;
      const { code, message } = toEngineError(error);
      logger.warn(
        { domain, code, error: message, failures: this.#failures, pauseMs },
        'a domain could not be flushed; it is tried again',
      );
    }
  }
}
