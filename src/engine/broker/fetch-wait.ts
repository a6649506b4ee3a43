// The long poll: waits until the partitions together have enough bytes, one of them closed, the time is over, or the client is
// gone. Each wake-up looks only at the partition that moved.

import type { Clock } from '../base/clock.ts';
import type { Partition } from '../partition/partition.ts';

export interface AwaitedPartition {
  readonly partition: Partition;
  readonly available: () => number;
  /** False when another answer than data is due: closed, deleted. */
  readonly stillServed: () => boolean;
}

export interface FetchWaitOptions {
  readonly minBytes: number;
  readonly maxWaitMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export function waitForBytes(awaited: readonly AwaitedPartition[], options: FetchWaitOptions): Promise<void> {
  const { minBytes, maxWaitMs, clock, signal } = options;
  const known = awaited.map(({ available }) => available());
  let total = known.reduce((sum, bytes) => sum + bytes, 0);
  if (total >= minBytes || maxWaitMs <= 0 || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const stops: (() => void)[] = [];
    const finish = () => {
      timer.cancel();
      signal.removeEventListener('abort', finish);
      for (const stop of stops.splice(0)) stop();
      resolve();
    };
    const timer = clock.after(maxWaitMs, finish);
    signal.addEventListener('abort', finish, { once: true });
    awaited.forEach(({ partition, available, stillServed }, at) => {
      const moved = () => {
        const bytes = available();
        total += bytes - (known[at] as number);
        known[at] = bytes;
        if (total >= minBytes || !stillServed()) finish();
      };
      stops.push(partition.onAdvance(moved));
    });
  });
}
