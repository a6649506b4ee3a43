// An order that is waited for: shows on stderr how far it is, by asking for the status now and then. What cannot be asked is not shown;
// the order goes on.

import { systemClock } from '../engine/base/clock.ts';
import { type ProgressOptions, repeat, startProgress } from './progress.ts';

type Described = ReturnType<ProgressOptions['describe']>;

const askEveryMs = 2000;

export async function watchedOrder<T>(
  options: Pick<ProgressOptions, 'choice' | 'quiet' | 'color'> & {
    readonly phase: string;
    readonly ask: () => Promise<Described>;
  },
  order: () => Promise<T>,
): Promise<T> {
  let last: Described = { text: '', figures: {} };
  let asking = false;
  const ask = async (): Promise<void> => {
    if (asking) return;
    asking = true;
    try {
      last = await options.ask();
    } catch {
      // The order itself says what is wrong.
    } finally {
      asking = false;
    }
  };
  using progress = startProgress({ ...options, describe: () => last });
  await ask();
  progress.phase(options.phase);
  const stop = repeat(systemClock, askEveryMs, () => void ask());
  try {
    return await order();
  } finally {
    stop();
  }
}
