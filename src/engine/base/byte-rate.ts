// A limit in bytes per second that several share: whoever goes beyond it waits until the time has passed in which its bytes would have
// been allowed. Up to a second's worth may come at once.

import { type Clock, sleep } from './clock.ts';

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
    const rate = this.#bytesPerSecond();
    if (rate <= 0) return;
    const nowMs = this.#clock.monotonicMs();
    this.#credit = Math.min(rate, this.#credit + ((nowMs - this.#countedMs) / 1000) * rate);
    this.#countedMs = nowMs;
    this.#credit -= bytes;
    if (this.#credit < 0) await sleep(this.#clock, (-this.#credit / rate) * 1000, signal);
  }
}
