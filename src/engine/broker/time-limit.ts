// Waiting for something, but not longer than a request allows.

import type { Clock } from '../base/clock.ts';

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
