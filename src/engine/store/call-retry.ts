// Runs one call of the store several times, within its deadline; each try with a time limit of its own.

import { type Clock, sleep } from '../base/clock.ts';
import { EngineError, toEngineError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import { backoffMs, isRetried, type RetryPolicy, tryTimeoutMs } from './retry-policy.ts';
import { UnsettledWrite } from './unknown-write.ts';
import { checkSignal } from './write-conditions.ts';

export interface CallRetryOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly policy: RetryPolicy;
}

export interface RetriedCall<T> {
  readonly signal?: AbortSignal | undefined;
  /** For errors and logs: "put a/b". */
  readonly what: string;
  /** How many bytes one try may move; they lengthen its time limit. */
  readonly bytes: number;
  /** A try writes into memory of the caller's: it is waited for however late it ends, or it might write after the caller went on. */
  readonly lent?: boolean;
  /** One try. `earlier` is how the try before ended. The signal fires when the caller or the time limit gives it up. */
  run(signal: AbortSignal, earlier: EngineError | undefined): Promise<T>;
}

export class CallRetry {
  readonly #options: CallRetryOptions;

  constructor(options: CallRetryOptions) {
    this.#options = options;
  }

  async call<T>(call: RetriedCall<T>): Promise<T> {
    const { clock, random, logger, policy } = this.#options;
    const startMs = clock.monotonicMs();
    // A big body may need longer than the deadline of a small one for a single try.
    const deadlineMs = Math.max(policy.deadlineMs, tryTimeoutMs(policy, call.bytes));
    let earlier: EngineError | undefined;
    for (let tries = 1; ; tries++) {
      checkSignal(call.signal, call.what);
      const leftMs = startMs + deadlineMs - clock.monotonicMs();
      try {
        return await this.#try(call, Math.min(tryTimeoutMs(policy, call.bytes), leftMs), earlier);
      } catch (error) {
        checkSignal(call.signal, call.what);
        if (error instanceof UnsettledWrite) throw error.engineError;
        if (!isRetried(error)) throw toEngineError(error);
        earlier = error;
        const pauseMs = backoffMs(policy, random, tries);
        const gone = clock.monotonicMs() - startMs;
        if (gone + pauseMs >= deadlineMs) {
          logger.warn({ what: call.what, tries, code: error.code }, 'gave up a call to the store');
          throw new EngineError(
            error.code,
            `${error.message} (gave up after ${tries} tries in ${Math.round(gone)} ms)`,
            {
              cause: error,
              context: { ...error.context, tries },
            },
          );
        }
        logger.debug({ what: call.what, tries, code: error.code, message: error.message }, 'trying a store call again');
        await sleep(clock, pauseMs, call.signal).catch(() => {});
      }
    }
  }

  async #try<T>(call: RetriedCall<T>, timeoutMs: number, earlier: EngineError | undefined): Promise<T> {
    const abort = new AbortController();
    const onAbort = () => abort.abort(call.signal?.reason);
    call.signal?.addEventListener('abort', onAbort, { once: true });
    const tooLate = Promise.withResolvers<never>();
    tooLate.promise.catch(() => {});
    const timer = this.#options.clock.after(timeoutMs, () => {
      const error = new EngineError('store-timeout', `${call.what} was not answered in ${Math.round(timeoutMs)} ms`);
      tooLate.reject(error);
      abort.abort(error);
    });
    try {
      const running = call.run(abort.signal, earlier);
      running.catch(() => {});
      // Not every store stops at once when told to; the caller does not wait for that, unless its memory is in use.
      if (call.lent !== true) return await Promise.race([running, tooLate.promise]);
      return await running.catch((error: unknown) => Promise.race([tooLate.promise, Promise.reject(error)]));
    } finally {
      timer.cancel();
      call.signal?.removeEventListener('abort', onAbort);
    }
  }
}
