// Waiting for something, but not longer than a request allows.

import type { Clock } from '../base/clock.ts';
import { EngineError } from '../base/errors.ts';

/** For changes of control, which are in the bucket before they are answered, where the request names no time of its own. */
const changeMsMax = 30_000;

/** True when `work` settled in time; its rejection is the caller's to look at. */
export function settledWithin(clock: Clock, limitMs: number, work: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = clock.after(limitMs, () => resolve(false));
    const settled = () => {
      timer.cancel();
      resolve(true);
    };
    work.then(settled, settled);
  });
}

/**
 * A change of the cluster, as long as its request waits for it (a time of 0 or less means: as the broker sees fit). Rejects with
 * `request-timed-out` then; the change goes on, and whoever asks later is told what became of it.
 */
export async function changedInTime<T>(clock: Clock, change: Promise<T>, timeoutMs = 0): Promise<T> {
  const limitMs = timeoutMs > 0 ? Math.min(timeoutMs, changeMsMax) : changeMsMax;
  if (await settledWithin(clock, limitMs, change)) return change;
  throw new EngineError(
    'request-timed-out',
    `The change was not in the bucket after ${limitMs} ms; it may still happen.`,
  );
}
