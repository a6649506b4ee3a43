// The cluster's topics, settings and counters: durable in the control domain, and cached here for synchronous reading.
//
// - a change is visible, to readers and listeners, only after the domain said that it is durable
// - changes are decided and written one after the other, so each is judged against everything before it
// - when a write fails, its outcome may be unknown: the rows are read back before anything else is decided
// What it refuses: names, counts, factors, assignments and configs that break the rules (usage errors), names that are taken.

import type { Clock } from '../base/clock.ts';
import { EngineError, toEngineError } from '../base/errors.ts';
import { type ClusterEpoch, clusterEpoch, type TopicId, topicId } from '../base/ids.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import { uuidv4 } from '../base/uuid.ts';
import type { Domain, DomainChange } from '../domain/domain.ts';
import { type BrokerConfig, checkBrokerConfigs } from './broker-config.ts';
import {
  brokerConfigKey,
  brokerConfigKeyPrefix,
  clusterEpochKey,
  decodeBrokerConfigRow,
  decodeCounterRow,
  decodeTopicRow,
  encodeBrokerConfigRow,
  encodeCounterRow,
  encodeTopicRow,
  type TopicRow,
  topicKey,
  topicKeyPrefix,
} from './control-format.ts';
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

/** What a change would do to one topic; undefined deletes it. */
interface TopicChange {
  readonly id: TopicId;
  readonly topic: Topic | undefined;
}

export class ControlState {
  readonly topics = new TopicView();
  readonly producerIds: ProducerIdBlocks;
  readonly #options: ControlStateOptions;
  readonly #listeners = new Set<ControlListener>();
  #brokerConfigs: ReadonlyMap<string, string> = new Map();
  #clusterEpoch = clusterEpoch(0);
  #queue: Promise<unknown> = Promise.resolve();
  #mustReload = true;

  private constructor(options: ControlStateOptions) {
    this.#options = options;
    this.producerIds = new ProducerIdBlocks(options.domain);
  }

  /** Reads everything; the first opening ever also starts the cluster epoch at 1. */
  static async open(options: ControlStateOptions): Promise<ControlState> {
    const control = new ControlState(options);
    await control.#inOrder(async () => {
      if (control.#clusterEpoch === 0) await control.#writeClusterEpoch(1);
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

  /** The broker settings that were altered while running. */
  get brokerConfigs(): ReadonlyMap<string, string> {
    return this.#brokerConfigs;
  }

  /** Returns the way to stop listening. */
  onChange(listener: ControlListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** All in one write. With `validateOnly` the topics are what would have been created. */
  createTopics(wanted: readonly NewTopic[], validateOnly = false): Promise<Outcome<Topic>> {
    const { clock, random } = this.#options;
    const names = new Set<string>();
    let taken = 0;
    return this.#changeTopics(wanted, validateOnly, (one) => {
      const made = { id: topicId(uuidv4(random)), createdMs: clock.nowMs() };
      const topic = newTopic(one, made, this.#surroundings(taken));
      if (names.has(topic.name) || this.byName(topic.name) !== undefined) {
        throw new EngineError('topic-exists', `Topic '${topic.name}' already exists.`);
      }
      names.add(topic.name);
      taken += topic.partitions.length;
      return { change: { id: topic.id, topic }, result: topic };
    });
  }

  /** By name or id. The results are the topics as they were. */
  deleteTopics(wanted: readonly ({ readonly name: string } | { readonly id: string })[]): Promise<Outcome<Topic>> {
    return this.#changeTopics(wanted, false, (one) => {
      const topic = 'id' in one ? this.byId(one.id) : this.byName(one.name);
      if (topic === undefined) {
        throw 'id' in one
          ? new EngineError('unknown-topic-id', `No topic has the id ${one.id}.`)
          : new EngineError('unknown-topic-or-partition', `Topic '${one.name.slice(0, 249)}' does not exist.`);
      }
      return { change: { id: topic.id, topic: undefined }, result: topic };
    });
  }

  createPartitions(wanted: readonly MorePartitions[], validateOnly = false): Promise<Outcome<Topic>> {
    let taken = 0;
    return this.#changeTopics(wanted, validateOnly, (one) => {
      const topic = this.#known(one.name);
      const grown = grownTopic(topic, one, this.#surroundings(taken));
      taken += grown.partitions.length - topic.partitions.length;
      return { change: { id: topic.id, topic: grown }, result: grown };
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
    return this.#changeTopics(wanted, validateOnly, ({ name, edit }) => {
      const topic = this.#known(name);
      const altered = { ...topic, configs: checkTopicConfigs(edit(topic.configs)) };
      return { change: { id: topic.id, topic: altered }, result: altered };
    });
  }

  alterBrokerConfigs(
    edit: (present: ReadonlyMap<string, string>) => ReadonlyMap<string, string>,
    validateOnly = false,
  ): Promise<void> {
    return this.#inOrder(async () => {
      const configs = checkBrokerConfigs(edit(this.#brokerConfigs), 'while running');
      const changes: DomainChange[] = [];
      for (const [name, value] of configs)
        changes.push({ key: brokerConfigKey(name), value: encodeBrokerConfigRow(value) });
      for (const name of this.#brokerConfigs.keys()) {
        if (!configs.has(name)) changes.push({ key: brokerConfigKey(name), value: undefined });
      }
      if (validateOnly || changes.length === 0) return;
      await this.#write(changes);
      this.#setBrokerConfigs(configs);
    });
  }

  /** Makes a higher cluster epoch durable and returns it. */
  raiseClusterEpoch(): Promise<ClusterEpoch> {
    return this.#inOrder(() => this.#writeClusterEpoch(this.#clusterEpoch + 1));
  }

  async #writeClusterEpoch(next: number): Promise<ClusterEpoch> {
    await this.#write([{ key: clusterEpochKey, value: encodeCounterRow(next) }]);
    this.#clusterEpoch = clusterEpoch(next);
    return this.#clusterEpoch;
  }

  #known(name: string): Topic {
    const topic = this.byName(name);
    if (topic !== undefined) return topic;
    throw new EngineError('unknown-topic-or-partition', `Topic '${name.slice(0, 249)}' does not exist.`);
  }

  /** `taken`: partitions that were given away before in the same request. */
  #surroundings(taken: number): TopicSurroundings {
    const { config, nodeId = 1 } = this.#options;
    const partitionsLeft = config.number('cloudtopics.cluster.partitions.max') - this.topics.partitions - taken;
    return { config, nodeId, clusterEpoch: this.#clusterEpoch, partitionsLeft };
  }

  /** Decides item by item, writes what was accepted in one batch, then shows it. */
  async #changeTopics<Item, Result>(
    items: readonly Item[],
    validateOnly: boolean,
    decide: (item: Item) => { readonly change: TopicChange; readonly result: Result },
  ): Promise<Outcome<Result>> {
    return this.#inOrder(async () => {
      const accepted = new Map<TopicId, TopicChange>();
      const results = items.map((item): Result | EngineError => {
        try {
          const { change, result } = decide(item);
          if (accepted.has(change.id))
            throw new EngineError('invalid-request', 'The same topic is named twice in one request.');
          accepted.set(change.id, change);
          return result;
        } catch (error) {
          if (error instanceof EngineError && error.code !== 'bug') return error;
          throw error;
        }
      });
      if (validateOnly || accepted.size === 0) return { results, settled: Promise.resolve() };
      await this.#write(
        [...accepted.values()].map(({ id, topic }) => ({
          key: topicKey(id),
          value: topic === undefined ? undefined : encodeTopicRow(rowOf(topic)),
        })),
      );
      const listening = [...accepted.values()].flatMap((change) => this.#show(change));
      return { results, settled: Promise.allSettled(listening).then(() => undefined) };
    });
  }

  /** Updates the view and tells the listeners what is different. */
  #show({ id, topic }: TopicChange): Promise<void>[] {
    const before = this.byId(id);
    if (topic === undefined) this.topics.remove(id);
    else this.topics.put(topic);
    if (topic === undefined) {
      return before === undefined
        ? []
        : this.#tell({ kind: 'partitions-removed', topic: before, partitions: before.partitions });
    }
    const told: Promise<void>[] = [];
    const added = topic.partitions.slice(before?.partitions.length ?? 0);
    if (added.length > 0) told.push(...this.#tell({ kind: 'partitions-created', topic, partitions: added }));
    if (before !== undefined && !sameConfigs(before.configs, topic.configs)) {
      told.push(...this.#tell({ kind: 'topic-config-changed', topic }));
    }
    return told;
  }

  #setBrokerConfigs(configs: ReadonlyMap<string, string>): void {
    if (sameConfigs(this.#brokerConfigs, configs)) return;
    this.#brokerConfigs = configs;
    this.#options.config.setDynamic(configs);
    this.#tell({ kind: 'broker-config-changed' });
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

  async #write(changes: readonly DomainChange[]): Promise<void> {
    this.#mustReload = true;
    await this.#options.domain.write(changes);
    this.#mustReload = false;
  }

  #inOrder<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(async () => {
      if (this.#mustReload) await this.#reload();
      return run();
    });
    this.#queue = turn.catch(() => undefined);
    return turn;
  }

  /** Makes the view equal to the rows: at opening, and after a write of which nobody knows what became. */
  async #reload(): Promise<void> {
    const { domain } = this.#options;
    const rows = await domain.scan({ prefix: topicKeyPrefix });
    const stored = rows.map(({ key, value }) => topicOf(decodeTopicRow(key, value)));
    const configs = new Map<string, string>();
    for (const { key, value } of await domain.scan({ prefix: brokerConfigKeyPrefix })) {
      configs.set(key.slice(brokerConfigKeyPrefix.length), decodeBrokerConfigRow(key, value));
    }
    const epoch = await domain.get(clusterEpochKey);
    const ids = new Set(stored.map(({ id }) => id));
    for (const { id } of [...this.topics.all()]) if (!ids.has(id)) this.#show({ id, topic: undefined });
    for (const topic of stored) this.#show({ id: topic.id, topic });
    this.#setBrokerConfigs(configs);
    if (epoch !== undefined) this.#clusterEpoch = clusterEpoch(decodeCounterRow(clusterEpochKey, epoch));
    this.#mustReload = false;
  }
}

function topicOf({ creationEpochs, ...row }: TopicRow): Topic {
  return { ...row, partitions: creationEpochs.map((creationEpoch, index) => ({ index, creationEpoch })) };
}

function rowOf({ partitions, ...topic }: Topic): TopicRow {
  return { ...topic, creationEpochs: partitions.map(({ creationEpoch }) => creationEpoch) };
}

function sameConfigs(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([name, value]) => b.get(name) === value);
}
