// Keeps a job that failed from being tried again at every look: it would read the same history each time, to fail at the same place.
// Growing pauses for each partition and kind of work; who lost to something else does not pause, and an operator's order never does.

import type { DueWork } from './due-work.ts';

const pauseMsMin = 60_000;
const pauseMsMax = 3_600_000;

const nameOf = ({ kind, topicId, partition }: Pick<DueWork, 'kind' | 'topicId' | 'partition'>): string =>
  `${kind} ${topicId}/${partition}`;

export class FailurePauses {
  readonly #failed = new Map<string, { readonly times: number; readonly untilMs: number }>();

  /** The time is one that only grows. */
  isPaused(due: DueWork, nowMs: number): boolean {
    return nowMs < (this.#failed.get(nameOf(due))?.untilMs ?? 0);
  }

  failed(due: DueWork, nowMs: number): void {
    const times = (this.#failed.get(nameOf(due))?.times ?? 0) + 1;
    const untilMs = nowMs + Math.min(pauseMsMax, pauseMsMin * 2 ** (times - 1));
    this.#failed.set(nameOf(due), { times, untilMs });
  }

  succeeded(due: DueWork): void {
    this.#failed.delete(nameOf(due));
  }

  /** Topics that are gone need no memory. */
  forget(isGone: (topicId: DueWork['topicId']) => boolean): void {
    for (const name of this.#failed.keys()) {
      const topicId = name.slice(name.indexOf(' ') + 1, name.lastIndexOf('/')) as DueWork['topicId'];
      if (isGone(topicId)) this.#failed.delete(name);
    }
  }
}
