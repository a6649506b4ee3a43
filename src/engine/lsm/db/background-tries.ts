// Calls in the background that the object store refuses for now are made again: after 100 ms, doubling to 30 s. What refuses for
// good (fenced, a name taken by somebody else, damage, an outcome that nobody knows) ends the store.

import type { Clock } from '../../base/clock.ts';
import { type EngineError, hasCode, toEngineError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import type { StoreLife } from './store-life.ts';

const firstDelayMs = 100;
const lastDelayMs = 30_000;

/** What an operator puts right: credentials, permissions, a full disk, a bucket that is not there. */
const putRight = ['store-denied', 'disk-full', 'store-url'] as const;

/** Nothing is gained by opening the store again. */
export function passesByItself(error: EngineError): boolean {
  return hasCode(error, 'store-unavailable', 'store-timeout', 'store-conflict', ...putRight);
}

export interface BackgroundTriesOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly life: StoreLife;
}

export class BackgroundTries {
  readonly #options: BackgroundTriesOptions;
  readonly #sleepers = new Set<() => void>();
  #retries = 0;

  constructor(options: BackgroundTriesOptions) {
    this.#options = options;
  }

  /** How often something had to be tried again. */
  get retries(): number {
    return this.#retries;
  }

  /** Resolves with the outcome of the first call that succeeds. Rejects only when the store is over; `failed` hears of each try. */
  async until<T>(what: string, call: () => Promise<T>, failed?: (error: EngineError) => void): Promise<T> {
    const { life } = this.#options;
    for (let tries = 1; ; tries++) {
      life.check();
      try {
        return await call();
      } catch (thrown) {
        const error = toEngineError(thrown);
        if (!passesByItself(error)) {
          life.giveUp(error);
          throw error;
        }
        failed?.(error);
        await this.again(what, error, tries);
      }
    }
  }

  /** Waits before the next try, `tries` having failed. Rejects when the store is over. */
  async again(what: string, error: EngineError, tries: number): Promise<void> {
    const { clock, logger, life } = this.#options;
    const delayMs = Math.min(lastDelayMs, firstDelayMs * 2 ** Math.min(tries - 1, 20));
    this.#retries += 1;
    life.check();
    logger.warn({ err: error, delayMs, tries }, `${what} failed for now and is tried again`);
    await new Promise<void>((resolve) => {
      const wake = () => {
        this.#sleepers.delete(wake);
        life.ending.removeEventListener('abort', wake);
        timer.cancel();
        resolve();
      };
      const timer = clock.after(delayMs, wake);
      this.#sleepers.add(wake);
      life.ending.addEventListener('abort', wake, { once: true });
    });
    life.check();
  }

  /** Somebody waits: what sleeps is tried now. */
  hurry(): void {
    for (const wake of [...this.#sleepers]) wake();
  }
}
