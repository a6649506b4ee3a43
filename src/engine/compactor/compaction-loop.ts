// Looks for partitions that are due for compaction, on a period, and compacts them one after the other: highest dirty ratio first.

import type { DueWork } from './due-work.ts';
import { TurnLoop, type TurnLoopOptions } from './turn-loop.ts';

export interface CompactionLoopOptions extends Pick<TurnLoopOptions, 'clock' | 'logger' | 'intervalMs'> {
  readonly isEnabled: () => boolean;
  readonly look: (signal: AbortSignal) => Promise<readonly DueWork[]>;
  readonly compact: (due: readonly DueWork[], signal: AbortSignal) => Promise<void>;
}

export function startCompactionLoop({ isEnabled, look, compact, ...times }: CompactionLoopOptions): AsyncDisposable {
  return new TurnLoop({
    ...times,
    name: 'compaction',
    async turn(_, signal) {
      if (!isEnabled()) return;
      const due = await look(signal);
      await compact(
        [...due].sort((a, b) => b.urgency - a.urgency),
        signal,
      );
    },
  });
}
