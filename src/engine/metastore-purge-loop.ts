// Removes what the metastore has of topics that were deleted, step by step, and forgets them in control when nothing is left.
//
// - the list is durable in control, written with the deletion: after a restart the loop goes on where it was, from the beginning of a
//   topic at worst, which finds less to do
// - a topic is forgotten only when the removal of its rows is in the bucket: a restore from the bucket alone would bring them back
//   otherwise, and nobody would know any more that they should go. No flush is forced for that
// - what fails is tried again, with growing pauses

import type { Clock, Timer } from './base/clock.ts';
import { toEngineError } from './base/errors.ts';
import type { TopicId } from './base/ids.ts';
import type { Logger } from './base/logger.ts';
import type { ControlState } from './cluster/control-state.ts';
import type { Metastore } from './metastore/metastore.ts';
import type { OpenDomain } from './open-domains.ts';

/** What the loop asks of the metastore. */
export interface MetastoreRemoval {
  /** Removes a bounded number of rows. Resolves to the topics of which something is left. */
  readonly removeTopics: (ids: readonly TopicId[]) => Promise<readonly TopicId[]>;
  /** Takes note of what the metastore has been told so far. What is returned says whether all of that is in the bucket. */
  readonly flushMark: () => () => boolean;
}

/** A topic's partitions may be in any domain. */
export function removalFrom(metastore: Metastore, domains: readonly OpenDomain[]): MetastoreRemoval {
  return {
    async removeTopics(topicIds) {
      const answers = await Promise.all(domains.map((_, domain) => metastore.removeTopics(domain, { topicIds })));
      return [...new Set(answers.flatMap(({ notRemoved }) => notRemoved))];
    },
    flushMark() {
      const marks = domains.map(({ inner }) => inner.stats().lsm.appliedIndex);
      return () => domains.every(({ inner }, at) => inner.stats().lsm.coveredIndex >= (marks[at] as number));
    },
  };
}

export interface MetastorePurgeLoopOptions extends MetastoreRemoval {
  readonly control: Pick<ControlState, 'deletedTopics' | 'forgetDeleted' | 'onChange'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

const topicsAtATime = 100;
const nextStepMs = 10;
const lookAgainMs = 15_000;
const pauseMsMin = 1_000;
const pauseMsMax = 60_000;

export class MetastorePurgeLoop implements AsyncDisposable {
  readonly #options: MetastorePurgeLoopOptions;
  readonly #stopListening: () => void;
  /** Topics of which nothing is left, and whether that is in the bucket. */
  readonly #removed = new Map<TopicId, () => boolean>();
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #failures = 0;
  #stopped = false;

  constructor(options: MetastorePurgeLoopOptions) {
    this.#options = options;
    this.#stopListening = options.control.onChange(({ kind }) => {
      if (kind === 'partitions-removed' && this.#failures === 0) this.#wakeAfter(nextStepMs);
    });
    this.#wakeAfter(nextStepMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    this.#stopListening();
    this.#timer?.cancel();
    await this.#running;
  }

  #wakeAfter(delayMs: number): void {
    if (this.#stopped || this.#running !== undefined) return;
    this.#timer?.cancel();
    this.#timer = this.#options.clock.after(delayMs, () => {
      this.#running = this.#turn().then((nextMs) => {
        this.#running = undefined;
        // A deletion that came when the turn had just ended woke nobody.
        const late = this.#waiting().length > 0 ? nextStepMs : undefined;
        const againMs = nextMs ?? late;
        if (againMs !== undefined) this.#wakeAfter(againMs);
      });
    });
  }

  /** When to look again; undefined when there is nothing to do until the next deletion. */
  async #turn(): Promise<number | undefined> {
    const { control, logger } = this.#options;
    try {
      const more = await this.#removeSome();
      await this.#forgetFlushed();
      this.#failures = 0;
      if (more) return nextStepMs;
      return control.deletedTopics.length > 0 ? this.#idleMs() : undefined;
    } catch (error) {
      const { code, message } = toEngineError(error);
      this.#failures += 1;
      const pauseMs = Math.min(pauseMsMax, pauseMsMin * 2 ** (this.#failures - 1));
      logger.warn(
        { code, error: message, pauseMs },
        'what deleted topics left could not be removed; it is tried again',
      );
      return pauseMs;
    }
  }

  /** A deletion that came during the turn is not waited with. */
  #idleMs(): number {
    return this.#waiting().length > 0 ? nextStepMs : lookAgainMs;
  }

  #waiting(): TopicId[] {
    return this.#options.control.deletedTopics.map(({ id }) => id).filter((id) => !this.#removed.has(id));
  }

  /** Whether there is more to remove. */
  async #removeSome(): Promise<boolean> {
    const waiting = this.#waiting();
    const ids = waiting.slice(0, topicsAtATime);
    if (ids.length === 0) return false;
    const left = new Set(await this.#options.removeTopics(ids));
    const isFlushed = this.#options.flushMark();
    for (const id of ids) if (!left.has(id)) this.#removed.set(id, isFlushed);
    return left.size > 0 || waiting.length > ids.length;
  }

  async #forgetFlushed(): Promise<void> {
    const ids = [...this.#removed].filter(([, isFlushed]) => isFlushed()).map(([id]) => id);
    await this.#options.control.forgetDeleted(ids);
    for (const id of ids) this.#removed.delete(id);
    if (ids.length > 0) this.#options.logger.debug({ topics: ids.length }, 'nothing is left of deleted topics');
  }
}
