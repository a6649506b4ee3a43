// Turns of work on a period, one at a time, and sooner when somebody wakes it. What a turn throws is logged, and the next one comes all
// the same.

import type { Clock, Timer } from '../base/clock.ts';
import { toEngineError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';

/** `period`: the interval is over. `woken`: somebody asked. */
export type TurnKind = 'period' | 'woken';

export interface TurnLoopOptions {
  /** For the log: "compaction". */
  readonly name: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** From the end of a turn to the next one. */
  readonly intervalMs: () => number;
  readonly turn: (kind: TurnKind, signal: AbortSignal) => Promise<void>;
}

/** So late a shorter interval is noticed. */
const lookMs = 10_000;

export class TurnLoop implements AsyncDisposable {
  readonly #options: TurnLoopOptions;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #lastMs: number;
  #wakeMs = Infinity;
  #nudge: () => void = () => {};

  constructor(options: TurnLoopOptions) {
    this.#options = options;
    this.#lastMs = options.clock.monotonicMs();
    this.#running = this.#run();
  }

  /** A turn comes in so long, at the latest. */
  wake(inMs: number): void {
    this.#wakeMs = Math.min(this.#wakeMs, this.#options.clock.monotonicMs() + inMs);
    this.#nudge();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#nudge();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, logger, name, turn } = this.#options;
    const { signal } = this.#stop;
    for (;;) {
      const kind = await this.#nextTurn();
      if (kind === undefined) return;
      this.#wakeMs = Infinity;
      try {
        await turn(kind, signal);
      } catch (error) {
        if (!signal.aborted) {
          const { code, message } = toEngineError(error);
          logger.warn({ code, error: message }, `a turn of ${name} failed; it is tried again`);
        }
      }
      if (kind === 'period') this.#lastMs = clock.monotonicMs();
    }
  }

  /** Undefined when the loop has ended. */
  async #nextTurn(): Promise<TurnKind | undefined> {
    const { clock, intervalMs } = this.#options;
    for (;;) {
      if (this.#stop.signal.aborted) return undefined;
      const nowMs = clock.monotonicMs();
      const dueMs = this.#lastMs + intervalMs();
      if (nowMs >= dueMs) return 'period';
      if (nowMs >= this.#wakeMs) return 'woken';
      await this.#wait(Math.min(dueMs, this.#wakeMs) - nowMs);
    }
  }

  async #wait(delayMs: number): Promise<void> {
    let timer: Timer | undefined;
    await new Promise<void>((resolve) => {
      timer = this.#options.clock.after(Math.min(delayMs, lookMs), resolve);
      this.#nudge = resolve;
    });
    timer?.cancel();
  }
}
