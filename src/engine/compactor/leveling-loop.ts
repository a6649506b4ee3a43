// Looks for runs of small extents, on a period, and merges them partition by partition: first where most extents go.

import type { DueWork } from './due-work.ts';
import { TurnLoop, type TurnLoopOptions } from './turn-loop.ts';

export interface LevelingLoopOptions extends Pick<TurnLoopOptions, 'clock' | 'logger' | 'intervalMs'> {
  readonly isEnabled: () => boolean;
  readonly look: (signal: AbortSignal) => Promise<readonly DueWork[]>;
  readonly level: (due: readonly DueWork[], signal: AbortSignal) => Promise<void>;
}

export function startLevelingLoop({ isEnabled, look, level, ...times }: LevelingLoopOptions): AsyncDisposable {
  return new TurnLoop({
    ...times,
    name: 'leveling',
    async turn(_, signal) {
      if (!isEnabled()) return;
      const due = await look(signal);
      await level(
        [...due].sort((a, b) => b.urgency - a.urgency),
        signal,
      );
    },
  });
}
