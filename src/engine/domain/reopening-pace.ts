// How soon a term that ended is followed by the next one where nobody asked for it.
//
// What ends a term mostly is one lost answer, and those who wait for a flush need the next term: it is opened at once. What ends
// every term (a bucket that refuses for good, a mistake in a merge) would otherwise open one after the other without a pause, each a
// durable write to the log and a replay of its tail. Whoever reads or writes opens the next term by himself, whatever the pace.

import type { Clock } from '../base/clock.ts';

/** A term that lasted this long was no part of a series. */
const lastingMs = 30_000;
const atOnceMax = 3;
const pauseMsMin = 500;
const pauseMsMax = 30_000;

export class ReopeningPace {
  readonly #clock: Clock;
  #openedMs = Number.NEGATIVE_INFINITY;
  #endedMs = Number.NEGATIVE_INFINITY;
  /** Terms in a row that did not last. */
  #short = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  opened(): void {
    this.#openedMs = this.#clock.monotonicMs();
  }

  ended(): void {
    this.#endedMs = this.#clock.monotonicMs();
    this.#short = this.#endedMs - this.#openedMs < lastingMs ? this.#short + 1 : 0;
  }

  /** How long the next term has still to wait; 0: it may be opened. */
  get waitMs(): number {
    if (this.#short <= atOnceMax) return 0;
    const pauseMs = Math.min(pauseMsMax, pauseMsMin * 2 ** (this.#short - atOnceMax - 1));
    return Math.max(0, this.#endedMs + pauseMs - this.#clock.monotonicMs());
  }
}
