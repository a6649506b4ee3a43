// All partitions led by this process: opening, finding, opening again after a term has ended, removing.

import { sleep } from '../base/clock.ts';
import { EngineError, toEngineError } from '../base/errors.ts';
import type { TopicId } from '../base/ids.ts';
import { ColdRuns } from './extent-index.ts';
import { PartitionLeader } from './partition-leader.ts';
import { openPartitions, type PartitionSpec, partitionGroup } from './partition-opening.ts';
import type { PartitionServices } from './partition-parts.ts';
import type { AwaitedProducers, ProducerRules } from './producer-table.ts';
import { ReaderPins } from './reader-pins.ts';

export interface PartitionsOptions extends PartitionServices {
  readonly producerRules: () => ProducerRules;
  /** Extents kept in memory over all partitions. */
  readonly recentExtentsMax: number;
}

const recentExtentsPerPartitionMax = 4096;
const recentExtentsPerPartitionMin = 16;
const reopenDelayMs = 200;
const reopenDelayMsMax = 10_000;
/** Runs of history kept decoded, about 200 KiB each. */
const coldRunsMax = 256;
const openTogether = 500;

export class Partitions {
  readonly #options: PartitionsOptions;
  readonly #leaders = new Map<string, PartitionLeader>();
  /** Everything that should be led, open or not. */
  readonly #wanted = new Map<string, PartitionSpec>();
  readonly #pins = new Map<string, ReaderPins>();
  readonly #cold = new ColdRuns(coldRunsMax);
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

  /**
   * Opens partitions that are not open yet, many in one call to the log. Resolves when each is open or has failed to; those that
   * failed are tried again until they open or are not wanted any more.
   */
  async open(specs: readonly PartitionSpec[]): Promise<void> {
    const missing = specs.filter((spec) => !this.#wanted.has(partitionGroup(spec.topicId, spec.index)));
    for (const spec of missing) this.#wanted.set(partitionGroup(spec.topicId, spec.index), spec);
    for (let at = 0; at < missing.length; at += openTogether) {
      const together = missing.slice(at, at + openTogether).filter((spec) => this.#isWanted(spec));
      for (const spec of await this.#tryOpen(together)) void this.#openAgain(spec);
    }
  }

  #isWanted(spec: PartitionSpec): boolean {
    return this.#wanted.get(partitionGroup(spec.topicId, spec.index)) === spec && !this.#stopping.signal.aborted;
  }

  /** Returns those that did not open. */
  async #tryOpen(specs: readonly PartitionSpec[], awaited: AwaitedProducers = new Map()): Promise<PartitionSpec[]> {
    if (specs.length === 0) return [];
    try {
      return await this.#open(specs, awaited);
    } catch (error) {
      this.#reportFailure({ partitions: specs.length }, toEngineError(error));
      return [...specs];
    }
  }

  async #open(specs: readonly PartitionSpec[], awaited: AwaitedProducers): Promise<PartitionSpec[]> {
    const failed: PartitionSpec[] = [];
    const unwanted: string[] = [];
    const openings = await openPartitions(specs, {
      log: this.#options.log,
      producerRules: this.#options.producerRules,
      recentExtentsMax: () => this.#recentExtentsMax,
      cold: this.#cold,
      onTermOver: (spec, error, failedStarts) => this.#termOver(spec, error, failedStarts),
      awaited,
    });
    for (const { spec, opened } of openings) {
      const group = partitionGroup(spec.topicId, spec.index);
      if (!this.#isWanted(spec)) {
        if (!this.#wanted.has(group) && !this.#stopping.signal.aborted) unwanted.push(group);
      } else if (opened instanceof EngineError) {
        this.#reportFailure({ group }, opened);
        failed.push(spec);
      } else {
        this.#leaders.set(group, new PartitionLeader(opened, this.#options, this.#pinsOf(group)));
      }
    }
    // Their topic was deleted while they were being opened, which made their logs again.
    await this.removeGroups(unwanted);
    return failed;
  }

  #pinsOf(group: string): ReaderPins {
    const pins = this.#pins.get(group) ?? new ReaderPins();
    this.#pins.set(group, pins);
    return pins;
  }

  get #recentExtentsMax(): number {
    const fairShare = Math.floor(this.#options.recentExtentsMax / Math.max(1, this.#wanted.size));
    return Math.min(recentExtentsPerPartitionMax, Math.max(recentExtentsPerPartitionMin, fairShare));
  }

  #reportFailure(which: Readonly<Record<string, unknown>>, error: EngineError): void {
    this.#options.logger.error({ ...which, code: error.code, error: error.message }, 'partitions could not be opened');
  }

  /** After an unknown outcome the log is asked what happened, by opening at a higher term; a fenced leader stays down. */
  #termOver(spec: PartitionSpec, error: EngineError, awaited: AwaitedProducers): void {
    const group = partitionGroup(spec.topicId, spec.index);
    this.#leaders.delete(group);
    if (error.code !== 'outcome-unknown') return;
    this.#options.logger.warn({ group, error: error.message }, 'the term is given up; the partition is opened again');
    void this.#openAgain(spec, awaited, 0);
  }

  async #openAgain(
    spec: PartitionSpec,
    awaited: AwaitedProducers = new Map(),
    firstDelayMs = reopenDelayMs,
  ): Promise<void> {
    for (
      let delayMs = firstDelayMs;
      this.#isWanted(spec);
      delayMs = Math.min(delayMs * 2 || reopenDelayMs, reopenDelayMsMax)
    ) {
      if (delayMs > 0) await sleep(this.#options.clock, delayMs, this.#stopping.signal).catch(() => {});
      if (!this.#isWanted(spec)) return;
      if ((await this.#tryOpen([spec], awaited)).length === 0) return;
    }
  }

  /** Closes partitions and removes their logs; their topic was deleted. */
  async remove(specs: readonly { readonly topicId: TopicId; readonly index: number }[]): Promise<void> {
    const groups = specs.map((spec) => partitionGroup(spec.topicId, spec.index));
    const gone = new EngineError('unknown-topic-or-partition', 'the topic was deleted');
    for (const group of groups) {
      this.#wanted.delete(group);
      this.#pins.delete(group);
      this.#leaders.get(group)?.abandon(gone);
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
