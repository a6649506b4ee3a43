// Progress of a run that moves records (`topics produce`, `topics consume`), in every form: the live block, a line, JSON.

import { type Clock, systemClock } from '../engine/base/clock.ts';
import { formatCount, formatSize } from './duration-format.ts';
import { type Progress, type ProgressOptions, startProgress } from './progress.ts';
import { formatElapsed, formatShare } from './screens/bar-format.ts';
import { paceOf, shareOf, type TransferSnapshot, transferBegun, transferMoved } from './screens/transfer-state.ts';

export interface TransferProgressOptions extends Omit<ProgressOptions, 'describe' | 'screen'> {
  /** "consumed": what is counted. */
  readonly phase: string;
  /** "consuming logs" */
  readonly title: string;
  readonly observe: () => TransferSnapshot;
}

/** `summary` is the one line to leave behind on a terminal. */
export interface TransferProgress extends Progress {
  summary(): string;
}

export function startTransferProgress(options: TransferProgressOptions): TransferProgress {
  const { clock = systemClock, observe, title, phase } = options;
  const begun = transferBegun(clock.monotonicMs());
  let state = begun;
  const progress = startProgress({
    ...options,
    describe() {
      state = transferMoved(state, observe(), clock.monotonicMs());
      const { records, bytes, goal } = state.snapshot;
      const { elapsedMs, bytesPerSecond, remainingMs } = paceOf(state);
      const parts = [
        `${formatCount(records)} records`,
        formatSize(bytes),
        ...(bytesPerSecond > 0 ? [`${formatSize(Math.round(bytesPerSecond))}/s`] : []),
        ...(goal === undefined ? [] : [formatShare(shareOf(goal)).trim()]),
        ...(remainingMs === undefined ? [] : [`about ${formatElapsed(remainingMs)} left`]),
      ];
      const figures = {
        records,
        bytes,
        elapsedMs: Math.round(elapsedMs),
        ...(goal === undefined ? {} : { share: shareOf(goal) }),
        ...(remainingMs === undefined ? {} : { remainingMs: Math.round(remainingMs) }),
      };
      return { text: parts.join(', '), figures };
    },
    screen: (stream, screenClock) => loadScreen({ title, begun, observe, stream, clock: screenClock }),
  });
  progress.phase(phase);
  return {
    get shown() {
      return progress.shown;
    },
    phase: (name) => progress.phase(name),
    aside: (write) => progress.aside(write),
    [Symbol.dispose]: () => progress[Symbol.dispose](),
    summary() {
      const { records, bytes } = observe();
      const seconds = (clock.monotonicMs() - begun.startedAtMs) / 1000;
      const rate = seconds > 0 ? `, ${formatSize(Math.round(bytes / seconds))}/s` : '';
      return `${phase} ${formatCount(records)} records, ${formatSize(bytes)} in ${seconds.toFixed(1)} s${rate}`;
    },
  };
}

type ScreenOptions = Parameters<typeof import('./screens/transfer-screen.ts')['openTransferScreen']>[0] & {
  readonly clock: Clock;
};

async function loadScreen(options: ScreenOptions): Promise<() => Progress> {
  // React's other build is slow to load and keeps every measurement it makes.
  process.env['NODE_ENV'] ??= 'production';
  const { openTransferScreen } = await import('./screens/transfer-screen.ts');
  return () => openTransferScreen(options);
}
