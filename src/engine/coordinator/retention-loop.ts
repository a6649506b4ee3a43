// Looks for expired offsets on a period. A failed round is logged and repeated with the next one.

import type { Clock } from '../base/clock.ts';
import { sleep } from '../base/clock.ts';
import { toEngineError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';

/** What a timer of Node takes; beyond it fires at once. */
const timerDelayMsMax = 2 ** 31 - 1;

export interface RetentionLoopOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly intervalMs: () => number;
  readonly expire: () => Promise<{ readonly offsets: number; readonly groups: number }>;
}

export function startRetentionLoop(options: RetentionLoopOptions): AsyncDisposable {
  const stop = new AbortController();
  const running = run(options, stop.signal);
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}

async function run(options: RetentionLoopOptions, signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      await sleep(options.clock, Math.min(options.intervalMs(), timerDelayMsMax), signal);
    } catch {
      return;
    }
    try {
      const { offsets, groups } = await options.expire();
      if (offsets + groups > 0) options.logger.info({ offsets, groups }, 'expired committed offsets were deleted');
    } catch (error) {
      options.logger.warn({ message: toEngineError(error).message }, 'expired committed offsets could not be deleted');
    }
  }
}
