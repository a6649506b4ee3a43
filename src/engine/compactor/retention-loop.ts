// Moves the log start of partitions whose records are past retention, on a period, and lets the metastore follow: at every turn for all
// partitions, and soon after somebody moved a log start for that one.

import { TurnLoop, type TurnLoopOptions } from './turn-loop.ts';

export interface RetentionLoopOptions extends Pick<TurnLoopOptions, 'clock' | 'logger' | 'intervalMs'> {
  readonly checkAll: (signal: AbortSignal) => Promise<void>;
  /** Whether some could not be followed. */
  readonly followMoved: (signal: AbortSignal) => Promise<boolean>;
}

/** Moves in one request come together, and those of many partitions too. */
const followAfterMs = 500;
const retryAfterMs = 5_000;

/** What is returned is told of every log start that moved. */
export function startRetentionLoop({
  checkAll,
  followMoved,
  ...times
}: RetentionLoopOptions): AsyncDisposable & { readonly moved: () => void } {
  const loop: TurnLoop = new TurnLoop({
    ...times,
    name: 'retention',
    async turn(kind, signal) {
      if (kind === 'period') await checkAll(signal);
      if (await followMoved(signal)) loop.wake(retryAfterMs);
    },
  });
  return { moved: () => loop.wake(followAfterMs), [Symbol.asyncDispose]: () => loop[Symbol.asyncDispose]() };
}
