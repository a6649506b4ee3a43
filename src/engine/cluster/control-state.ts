// The cluster's topics, settings and counters: durable in the control domain, and cached here for synchronous reading.
//
// - a change is visible, to readers and listeners, only after the domain said that it is durable
// - each change is judged against everything before it. Those that come while a write is under way share the next one: a write
//   goes to the bucket before it is answered, so one for each would make a hundred clients wait a hundred times
// - when a write fails, its outcome may be unknown: the rows are read back before anything else is decided, and also when
//   nobody asks for a change, so that readers here see before long what readers of the bucket see
// What it refuses: names, counts, factors, assignments and configs that break the rules (usage errors), names that are taken.

import type { Clock } from '../base/clock.ts';
import { EngineError, toEngineError } from '../base/errors.ts';
import { type ClusterEpoch, clusterEpoch, type TopicId, topicId } from '../base/ids.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import { uuidv4 } from '../base/uuid.ts';
import type { Domain } from '../domain/domain.ts';
import { type BrokerConfig, checkBrokerConfigs } from './broker-config.ts';
import type { ControlDraft, ControlStep } from './control-draft.ts';
import { type DeletedTopic, encodeCounterRow, groupsDomainsKey, metastoreDomainsKey } from './control-format.ts';
import { ControlQueue } from './control-queue.ts';
import { type DomainCounts, readControlRows } from './control-rows.ts';
import { ProducerIdBlocks } from './producer-id-blocks.ts';
import {
  grownTopic,
  type MorePartitions,
  type NewTopic,
  newTopic,
  type TopicSurroundings,
} from './topic-change-policy.ts';
import { checkTopicConfigs } from './topic-config.ts';
import { type Topic, type TopicPartition, TopicView } from './topic-view.ts';

export type { MorePartitions, NewTopic } from './topic-change-policy.ts';
export type { Topic, TopicPartition } from './topic-view.ts';

export interface ControlStateOptions {
  readonly domain: Domain;
  readonly config: BrokerConfig;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** The one broker that replica assignments may name; 1 where not given. */
  readonly nodeId?: number;
}

export type ControlChange =
  | { readonly kind: 'partitions-created'; readonly topic: Topic; readonly partitions: readonly TopicPartition[] }
  | { readonly kind: 'partitions-removed'; readonly topic: Topic; readonly partitions: readonly TopicPartition[] }
  | { readonly kind: 'topic-config-changed'; readonly topic: Topic }
  | { readonly kind: 'broker-config-changed' };

/** Called in order, right after the view changed. Whoever changed something may wait for what listeners return. */
export type ControlListener = (change: ControlChange) => void | Promise<void>;

export interface Outcome<T> {
  /** One per item, in order. */
  readonly results: readonly (T | EngineError)[];
  /** Resolves when the listeners are done with it (partitions are open). Never rejects. */
  readonly settled: Promise<void>;
}

/** A write has at most 1 MiB. */
const topicsOfAWriteMax = 1_000;
/** About what an item of a request holds in memory; and an edit of settings, whose values are behind a function. */
const itemBytes = 512;
const editBytes = 16 * 1024;

export class ControlState {
  readonly topics = new TopicView();
  readonly producerIds: ProducerIdBlocks;
  readonly #options: ControlStateOptions;
  readonly #listeners = new Set<ControlListener>();
  readonly #deleted = new Map<TopicId, DeletedTopic>();
  #brokerConfigs: ReadonlyMap<string, string> = new Map();
  #clusterEpoch = clusterEpoch(0);
  #domainCounts: DomainCounts | undefined;
  readonly #queue: ControlQueue;

  private constructor(options: ControlStateOptions) {
    this.#options = options;
    this.producerIds = new ProducerIdBlocks(options.domain);
    this.#queue = new ControlQueue({
      ...options,
      base: () => ({ topics: this.topics, brokerConfigs: this.#brokerConfigs, clusterEpoch: this.#clusterEpoch }),
      reload: () => this.#reload(),
      show: (step) => this.#show(step),
    });
  }

  /** Reads everything. The first opening ever fixes the numbers of domains and starts the cluster epoch at 1, in one write. */
  static async open(options: ControlStateOptions): Promise<ControlState> {
    const control = new ControlState(options);
    const { config } = options;
    await control.#queue.change(() => undefined);
    control.#domainCounts ??= await control.#queue.change((draft) => {
      const metastore = config.number('cloudtopics.metastore.domains');
      const groups = config.number('cloudtopics.groups.domains');
      draft.set(metastoreDomainsKey, encodeCounterRow(metastore));
      draft.set(groupsDomainsKey, encodeCounterRow(groups));
      if (draft.clusterEpoch === 0) draft.setClusterEpoch(clusterEpoch(1));
      return { metastore, groups };
    });
    return control;
  }

  byName(name: string): Topic | undefined {
    return this.topics.byName(name);
  }

  byId(id: string): Topic | undefined {
    return this.topics.byId(id);
  }

  /** Every topic, sorted by name. */
  list(): Topic[] {
    return [...this.topics.all()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** As last made durable by this process, or read at opening. */
  get clusterEpoch(): ClusterEpoch {
    return this.#clusterEpoch;
  }

  /** As chosen when the cluster was created. */
  get domainCounts(): DomainCounts {
    if (this.#domainCounts === undefined) throw new EngineError('bug', 'the control state is not open');
    return this.#domainCounts;
  }

  /** The broker settings that were altered while running. */
  get brokerConfigs(): ReadonlyMap<string, string> {
    return this.#brokerConfigs;
  }

  /** Topics that were deleted and of which something may be left elsewhere. */
  get deletedTopics(): DeletedTopic[] {
    return [...this.#deleted.values()];
  }

  /** Returns the way to stop listening. */
  onChange(listener: ControlListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** In as few writes as possible. With `validateOnly` the topics are what would have been created. */
  createTopics(wanted: readonly NewTopic[], validateOnly = false): Promise<Outcome<Topic>> {
    if (wanted.length > topicsOfAWriteMax) return inPieces(wanted, (piece) => this.createTopics(piece, validateOnly));
    const { clock, random } = this.#options;
    return this.#changeTopics(validateOnly, bytesOf(wanted), (draft) => {
      const names = new Set<string>();
      let taken = 0;
      return wanted.map((one) => () => {
        const made = { id: topicId(uuidv4(random)), createdMs: clock.nowMs() };
        const topic = newTopic(one, made, this.#surroundings(draft, taken));
        if (names.has(topic.name) || draft.byName(topic.name) !== undefined) {
          throw new EngineError('topic-exists', `Topic '${topic.name}' already exists.`);
        }
        names.add(topic.name);
        taken += topic.partitions.length;
        return { topic, apply: () => draft.putTopic(topic) };
      });
    });
  }

  /** By name or id. The results are the topics as they were. */
  deleteTopics(wanted: readonly ({ readonly name: string } | { readonly id: string })[]): Promise<Outcome<Topic>> {
    if (wanted.length > topicsOfAWriteMax) return inPieces(wanted, (piece) => this.deleteTopics(piece));
    return this.#changeTopics(false, wanted.length * itemBytes, (draft) =>
      wanted.map((one) => () => {
        const topic = 'id' in one ? draft.byId(one.id) : draft.byName(one.name);
        if (topic === undefined) {
          throw 'id' in one
            ? new EngineError('unknown-topic-id', `No topic has the id ${one.id}.`)
            : unknownTopic(one.name);
        }
        return { topic, apply: () => draft.deleteTopic(topic, this.#options.clock.nowMs()) };
      }),
    );
  }

  createPartitions(wanted: readonly MorePartitions[], validateOnly = false): Promise<Outcome<Topic>> {
    return this.#changeTopics(validateOnly, wanted.length * itemBytes, (draft) => {
      let taken = 0;
      return wanted.map((one) => () => {
        const present = known(draft, one.name);
        const topic = grownTopic(present, one, this.#surroundings(draft, taken));
        taken += topic.partitions.length - present.partitions.length;
        return { topic, apply: () => draft.putTopic(topic) };
      });
    });
  }

  /** `edit` gets what is set now and returns what shall be; it may throw to refuse. */
  alterTopicConfigs(
    wanted: readonly {
      readonly name: string;
      readonly edit: (present: ReadonlyMap<string, string>) => ReadonlyMap<string, string>;
    }[],
    validateOnly = false,
  ): Promise<Outcome<Topic>> {
    return this.#changeTopics(validateOnly, wanted.length * editBytes, (draft) =>
      wanted.map(({ name, edit }) => () => {
        const present = known(draft, name);
        const topic = { ...present, configs: checkTopicConfigs(edit(present.configs)) };
        return { topic, apply: () => draft.putTopic(topic) };
      }),
    );
  }

  async alterBrokerConfigs(
    edit: (present: ReadonlyMap<string, string>) => ReadonlyMap<string, string>,
    validateOnly = false,
  ): Promise<void> {
    await this.#queue.change((draft) => {
      const configs = checkBrokerConfigs(edit(draft.brokerConfigs), 'while running');
      if (!validateOnly && !sameConfigs(configs, draft.brokerConfigs)) draft.setBrokerConfigs(configs);
    });
  }

  /** Makes a higher cluster epoch durable and returns it. */
  raiseClusterEpoch(): Promise<ClusterEpoch> {
    return this.#queue.change((draft) => {
      const next = clusterEpoch(draft.clusterEpoch + 1);
      draft.setClusterEpoch(next);
      return next;
    });
  }

  /** Nothing is left anywhere of these deleted topics. */
  async forgetDeleted(ids: readonly TopicId[]): Promise<void> {
    if (ids.length > 0) await this.#queue.change((draft) => draft.forgetDeleted(ids));
  }

  /** `taken`: partitions that were given away before in the same request. */
  #surroundings(draft: ControlDraft, taken: number): TopicSurroundings {
    const { config, nodeId = 1 } = this.#options;
    const partitionsLeft = config.number('cloudtopics.cluster.partitions.max') - draft.partitions - taken;
    return { config, nodeId, clusterEpoch: draft.clusterEpoch, partitionsLeft };
  }

  /** Decides item by item; what was accepted becomes durable and visible together. */
  #changeTopics(
    validateOnly: boolean,
    bytes: number,
    decisions: (draft: ControlDraft) => readonly (() => { readonly topic: Topic; readonly apply: () => void })[],
  ): Promise<Outcome<Topic>> {
    return new Promise((resolve, reject) => {
      let results: readonly (Topic | EngineError)[] = [];
      this.#queue.add({
        bytes,
        decide: (draft) => {
          const accepted = new Map<TopicId, () => void>();
          results = decisions(draft).map((decide): Topic | EngineError => {
            try {
              const { topic, apply } = decide();
              if (accepted.has(topic.id)) {
                throw new EngineError('invalid-request', 'The same topic is named twice in one request.');
              }
              accepted.set(topic.id, apply);
              return topic;
            } catch (error) {
              if (error instanceof EngineError && error.code !== 'bug') return error;
              throw error;
            }
          });
          if (!validateOnly) for (const apply of accepted.values()) apply();
        },
        done: (listening) => resolve({ results, settled: Promise.allSettled(listening).then(() => undefined) }),
        fail: reject,
      });
    });
  }

  /** Updates the view and tells the listeners what is different. */
  #show(step: ControlStep): Promise<void>[] {
    switch (step.kind) {
      case 'topic':
        return this.#showTopic(step.topic);
      case 'deleted':
        this.#deleted.set(step.topic.id, step.mark);
        return this.#hideTopic(step.topic.id);
      case 'purged':
        for (const id of step.ids) this.#deleted.delete(id);
        return [];
      case 'broker-configs':
        return this.#showBrokerConfigs(step.configs);
      case 'cluster-epoch':
        this.#clusterEpoch = step.epoch;
        return [];
    }
  }

  #showTopic(topic: Topic): Promise<void>[] {
    const before = this.byId(topic.id);
    this.topics.put(topic);
    const told: Promise<void>[] = [];
    const added = topic.partitions.slice(before?.partitions.length ?? 0);
    if (added.length > 0) told.push(...this.#tell({ kind: 'partitions-created', topic, partitions: added }));
    if (before !== undefined && !sameConfigs(before.configs, topic.configs)) {
      told.push(...this.#tell({ kind: 'topic-config-changed', topic }));
    }
    return told;
  }

  #hideTopic(id: TopicId): Promise<void>[] {
    const topic = this.byId(id);
    if (topic === undefined) return [];
    this.topics.remove(id);
    return this.#tell({ kind: 'partitions-removed', topic, partitions: topic.partitions });
  }

  #showBrokerConfigs(configs: ReadonlyMap<string, string>): Promise<void>[] {
    if (sameConfigs(this.#brokerConfigs, configs)) return [];
    this.#brokerConfigs = configs;
    this.#options.config.setDynamic(configs);
    return this.#tell({ kind: 'broker-config-changed' });
  }

  #tell(change: ControlChange): Promise<void>[] {
    return [...this.#listeners].map(async (listener) => {
      try {
        await listener(change);
      } catch (error) {
        this.#options.logger.error(
          { error: toEngineError(error).message, change: change.kind },
          'a listener to control changes failed',
        );
      }
    });
  }

  /** Makes the view equal to the rows: at opening, and after a write of which nobody knows what became. */
  async #reload(): Promise<void> {
    const rows = await readControlRows(this.#options.domain);
    this.#domainCounts ??= rows.domainCounts;
    this.#deleted.clear();
    for (const mark of rows.deletedTopics) this.#deleted.set(mark.id, mark);
    const ids = new Set(rows.topics.map(({ id }) => id));
    for (const { id } of [...this.topics.all()]) if (!ids.has(id)) this.#hideTopic(id);
    for (const topic of rows.topics) this.#showTopic(topic);
    this.#showBrokerConfigs(rows.brokerConfigs);
    this.#clusterEpoch = rows.clusterEpoch;
  }
}

function bytesOf(topics: readonly NewTopic[]): number {
  let bytes = 0;
  for (const { configs, assignments = [] } of topics) {
    bytes += itemBytes + assignments.length * 64;
    for (const [name, value] of configs) bytes += name.length + value.length;
  }
  return bytes;
}

/** A piece that fails is told for its items, unless all do. */
async function inPieces<Item, Result>(
  items: readonly Item[],
  change: (piece: readonly Item[]) => Promise<Outcome<Result>>,
): Promise<Outcome<Result>> {
  const pieces: (readonly Item[])[] = [];
  for (let at = 0; at < items.length; at += topicsOfAWriteMax) pieces.push(items.slice(at, at + topicsOfAWriteMax));
  const outcomes = await Promise.allSettled(pieces.map(change));
  const failure = outcomes.find((one) => one.status === 'rejected');
  if (failure !== undefined && outcomes.every((one) => one.status === 'rejected')) throw failure.reason;
  const results = outcomes.flatMap((one, at) =>
    one.status === 'fulfilled' ? one.value.results : (pieces[at] ?? []).map(() => toEngineError(one.reason)),
  );
  const settled = outcomes.map((one) => (one.status === 'fulfilled' ? one.value.settled : undefined));
  return { results, settled: Promise.all(settled).then(() => undefined) };
}

function known(draft: ControlDraft, name: string): Topic {
  const topic = draft.byName(name);
  if (topic === undefined) throw unknownTopic(name);
  return topic;
}

const unknownTopic = (name: string) =>
  new EngineError('unknown-topic-or-partition', `Topic '${name.slice(0, 249)}' does not exist.`);

function sameConfigs(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([name, value]) => b.get(name) === value);
}
