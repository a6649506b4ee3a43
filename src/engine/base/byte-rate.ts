// A limit in bytes per second that several share: whoever goes beyond it waits until the time has passed in which its bytes would have
// been allowed. Up to a second's worth may come at once.

import { type Clock, sleep } from './clock.ts';

/** How soon a limit that is changed counts for those who wait. */
const stepMs = 1000;
/** What rounding may leave. */
const negligibleBytes = 0.001;

export class ByteRate {
  readonly #clock: Clock;
  readonly #bytesPerSecond: () => number;
  /** What may pass now; negative while somebody waits for it. */
  #credit = 0;
  #countedMs: number;

  /** 0 for no limit; asked each time, so it can be changed. */
  constructor(clock: Clock, bytesPerSecond: () => number) {
    this.#clock = clock;
    this.#bytesPerSecond = bytesPerSecond;
    this.#countedMs = clock.monotonicMs();
  }

  /** Resolves when the bytes may pass; rejects with the signal's reason when aborted, and then they count all the same. */
  async pass(bytes: number, signal?: AbortSignal): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    const rate = this.#bytesPerSecond();
    this.#credit = rate <= 0 ? 0 : Math.min(rate, this.#credit + ((nowMs - this.#countedMs) / 1000) * rate);
    this.#countedMs = nowMs;
    if (rate <= 0) return;
    this.#credit -= bytes;
    if (this.#credit < 0) await this.#wait(-this.#credit, signal);
  }

  /** In steps: the limit may have been raised, or taken away, before the bytes would have been allowed under the one before. */
  async #wait(bytes: number, signal: AbortSignal | undefined): Promise<void> {
    for (let left = bytes; left > negligibleBytes; ) {
      const rate = this.#bytesPerSecond();
      if (rate <= 0) return;
      const beganMs = this.#clock.monotonicMs();
      await sleep(this.#clock, Math.min(stepMs, (left / rate) * 1000), signal);
      left -= ((this.#clock.monotonicMs() - beganMs) / 1000) * rate;
    }
  }
}
