// Raises the cluster epoch on a period. A failed attempt is tried again with the next period: an epoch that stays only delays
// the collection of old objects.

import type { Clock, Timer } from '../base/clock.ts';
import { toEngineError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import type { ControlState } from './control-state.ts';

export interface ClusterEpochLoopOptions {
  readonly control: Pick<ControlState, 'raiseClusterEpoch'>;
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class ClusterEpochLoop implements AsyncDisposable {
  readonly #options: ClusterEpochLoopOptions;
  #timer: Timer | undefined;
  #running: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: ClusterEpochLoopOptions) {
    this.#options = options;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#stopped) return;
    this.#timer = this.#options.clock.after(this.#options.intervalMs, () => {
      this.#running = this.#raise().then(() => this.#schedule());
    });
  }

  async #raise(): Promise<void> {
    const { control, logger } = this.#options;
    try {
      const epoch = await control.raiseClusterEpoch();
      logger.debug({ epoch }, 'raised the cluster epoch');
    } catch (error) {
      logger.warn({ error: toEngineError(error).message }, 'could not raise the cluster epoch; it is tried again');
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#running;
  }
}
