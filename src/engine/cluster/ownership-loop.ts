// Reads OWNER in the background, three times per lease, so that a commit hardly ever has to wait for it.
// An error is logged and tried again at the next turn; ownership that is lost ends the loop.

import type { Clock, Timer } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { Ownership } from './ownership.ts';

export interface OwnershipLoopOptions {
  readonly ownership: Ownership;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class OwnershipLoop implements AsyncDisposable {
  readonly #options: OwnershipLoopOptions;
  readonly #intervalMs: number;
  #timer: Timer | undefined;
  #turn: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: OwnershipLoopOptions) {
    this.#options = options;
    this.#intervalMs = Math.max(1, Math.floor(options.ownership.leaseMs / 3));
    this.#schedule();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#turn;
  }

  #schedule(): void {
    if (this.#stopped) return;
    this.#timer = this.#options.clock.after(this.#intervalMs, () => {
      this.#turn = this.#read();
    });
  }

  async #read(): Promise<void> {
    const { ownership, logger } = this.#options;
    const cluster = ownership.clusterName;
    try {
      await ownership.refresh();
    } catch (error) {
      const message = (error as Error).message;
      if (ownership.lost !== undefined) {
        logger.error({ cluster, error: message }, 'the cluster has another owner; this process may not write any more');
        return;
      }
      logger.warn({ cluster, error: message, ageMs: ownership.ageMs() }, 'OWNER could not be read');
    }
    this.#schedule();
  }
}
