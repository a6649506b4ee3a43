// All partitions led by this process: opening, finding, opening again after a term has ended, removing.

import { sleep } from '../base/clock.ts';
import { EngineError, toEngineError } from '../base/errors.ts';
import type { TopicId } from '../base/ids.ts';
import type { PartitionServices } from './partition-leader.ts';
import { PartitionLeader } from './partition-leader.ts';
import { openPartitions, type PartitionSpec, partitionGroup } from './partition-opening.ts';
import type { AwaitedProducers, ProducerRules } from './producer-table.ts';

export interface PartitionsOptions extends PartitionServices {
  readonly producerRules: () => ProducerRules;
  /** Extents kept in memory over all partitions. */
  readonly recentExtentsMax: number;
}

const recentExtentsPerPartitionMax = 4096;
const recentExtentsPerPartitionMin = 16;
const reopenDelayMs = 200;
const openTogether = 500;

export class Partitions {
  readonly #options: PartitionsOptions;
  readonly #leaders = new Map<string, PartitionLeader>();
  /** Everything that should be led, open or not. */
  readonly #wanted = new Map<string, PartitionSpec>();
  readonly #stopping = new AbortController();

  constructor(options: PartitionsOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#wanted.size;
  }

  /** Undefined while the partition is not open here. */
  get(topicId: TopicId, index: number): PartitionLeader | undefined {
    return this.#leaders.get(partitionGroup(topicId, index));
  }

  all(): IterableIterator<PartitionLeader> {
    return this.#leaders.values();
  }

  /** Opens partitions that are not open yet, many in one call to the log. */
  async open(specs: readonly PartitionSpec[]): Promise<void> {
    const missing = specs.filter((spec) => !this.#wanted.has(partitionGroup(spec.topicId, spec.index)));
    for (const spec of missing) this.#wanted.set(partitionGroup(spec.topicId, spec.index), spec);
    for (let at = 0; at < missing.length; at += openTogether) await this.#open(missing.slice(at, at + openTogether));
  }

  async #open(specs: readonly PartitionSpec[], awaited: AwaitedProducers = new Map()): Promise<void> {
    const opened = await openPartitions(specs, {
      log: this.#options.log,
      producerRules: this.#options.producerRules,
      recentExtentsMax: () =>
        Math.min(
          recentExtentsPerPartitionMax,
          Math.max(recentExtentsPerPartitionMin, Math.floor(this.#options.recentExtentsMax / this.#wanted.size)),
        ),
      onTermOver: (spec, error, failedStarts) => void this.#termOver(spec, error, failedStarts),
      awaited,
    });
    for (const one of opened) {
      if (this.#wanted.has(one.group)) this.#leaders.set(one.group, new PartitionLeader(one, this.#options));
    }
  }

  /** After an unknown outcome the log is asked what happened, by opening at a higher term; a fenced leader stays down. */
  async #termOver(spec: PartitionSpec, error: EngineError, awaited: AwaitedProducers): Promise<void> {
    const group = partitionGroup(spec.topicId, spec.index);
    this.#leaders.delete(group);
    if (error.code !== 'outcome-unknown') return;
    this.#options.logger.warn({ group, error: error.message }, 'the term is given up; the partition is opened again');
    while (this.#wanted.get(group) === spec && !this.#stopping.signal.aborted) {
      try {
        return await this.#open([spec], awaited);
      } catch (thrown) {
        const failure = toEngineError(thrown);
        this.#options.logger.error(
          { group, code: failure.code, error: failure.message },
          'a partition could not be opened',
        );
        await sleep(this.#options.clock, reopenDelayMs, this.#stopping.signal).catch(() => {});
      }
    }
  }

  /** Closes partitions and removes their logs; their topic was deleted. */
  async remove(specs: readonly { readonly topicId: TopicId; readonly index: number }[]): Promise<void> {
    const groups = specs.map((spec) => partitionGroup(spec.topicId, spec.index));
    const gone = new EngineError('unknown-topic-or-partition', 'the topic was deleted');
    for (const group of groups) {
      this.#wanted.delete(group);
      await this.#leaders.get(group)?.close(gone);
      this.#leaders.delete(group);
    }
    await this.#options.log.remove(groups);
  }

  /** Removes logs of partitions that are not led any more. */
  removeGroups(groups: readonly string[]): Promise<void> {
    return groups.length === 0 ? Promise.resolve() : this.#options.log.remove(groups);
  }

  /** Keeps snapshots and ends all terms. What is staged must have been waited for before. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const stopping = new EngineError('shutting-down', 'the broker is stopping');
    const leaders = [...this.#leaders.values()];
    this.#wanted.clear();
    await Promise.all(leaders.map((leader) => leader.close(stopping)));
    this.#leaders.clear();
  }
}
