// Changes of the control state that were decided and are not durable yet: what is there, with them on top. Requests that come while
// a write is under way are decided one after the other on one draft, each against everything before it, and share the next write.

import type { ClusterEpoch, TopicId } from '../base/ids.ts';
import type { DomainChange } from '../domain/domain.ts';
import {
  brokerConfigKey,
  clusterEpochKey,
  type DeletedTopic,
  deletedTopicKey,
  encodeBrokerConfigRow,
  encodeCounterRow,
  encodeDeletedTopicRow,
  encodeTopicRow,
  topicKey,
} from './control-format.ts';
import { rowOfTopic } from './control-rows.ts';
import type { Topic, TopicView } from './topic-view.ts';

/** One thing that becomes visible when the draft is durable; in the order in which they were decided. */
export type ControlStep =
  | { readonly kind: 'topic'; readonly topic: Topic }
  | { readonly kind: 'deleted'; readonly topic: Topic; readonly mark: DeletedTopic }
  | { readonly kind: 'purged'; readonly ids: readonly TopicId[] }
  | { readonly kind: 'broker-configs'; readonly configs: ReadonlyMap<string, string> }
  | { readonly kind: 'cluster-epoch'; readonly epoch: ClusterEpoch };

/** What a draft begins with. */
export interface DraftBase {
  readonly topics: TopicView;
  readonly brokerConfigs: ReadonlyMap<string, string>;
  readonly clusterEpoch: ClusterEpoch;
}

export class ControlDraft {
  readonly steps: ControlStep[] = [];
  /** Of the rows, about. */
  bytes = 0;
  partitions: number;
  brokerConfigs: ReadonlyMap<string, string>;
  clusterEpoch: ClusterEpoch;
  readonly #base: TopicView;
  readonly #rows = new Map<string, DomainChange>();
  /** Undefined: deleted here. */
  readonly #byId = new Map<string, Topic | undefined>();
  readonly #byName = new Map<string, Topic | undefined>();

  constructor(base: DraftBase) {
    this.#base = base.topics;
    this.partitions = base.topics.partitions;
    this.brokerConfigs = base.brokerConfigs;
    this.clusterEpoch = base.clusterEpoch;
  }

  /** One write, atomic. Empty when nothing changes. */
  get rows(): DomainChange[] {
    return [...this.#rows.values()];
  }

  byName(name: string): Topic | undefined {
    return this.#byName.has(name) ? this.#byName.get(name) : this.#base.byName(name);
  }

  byId(id: string): Topic | undefined {
    return this.#byId.has(id) ? this.#byId.get(id) : this.#base.byId(id);
  }

  putTopic(topic: Topic): void {
    this.partitions += topic.partitions.length - (this.byId(topic.id)?.partitions.length ?? 0);
    this.#byId.set(topic.id, topic);
    this.#byName.set(topic.name, topic);
    this.set(topicKey(topic.id), encodeTopicRow(rowOfTopic(topic)));
    this.steps.push({ kind: 'topic', topic });
  }

  /** With a mark that stays until nothing is left of the topic in the metastore. */
  deleteTopic(topic: Topic, deletedMs: number): void {
    const mark = { id: topic.id, name: topic.name, deletedMs };
    this.partitions -= topic.partitions.length;
    this.#byId.set(topic.id, undefined);
    this.#byName.set(topic.name, undefined);
    this.set(topicKey(topic.id), undefined);
    this.set(deletedTopicKey(topic.id), encodeDeletedTopicRow(mark));
    this.steps.push({ kind: 'deleted', topic, mark });
  }

  forgetDeleted(ids: readonly TopicId[]): void {
    for (const id of ids) this.set(deletedTopicKey(id), undefined);
    this.steps.push({ kind: 'purged', ids });
  }

  setBrokerConfigs(configs: ReadonlyMap<string, string>): void {
    for (const [name, value] of configs) {
      if (this.brokerConfigs.get(name) !== value) this.set(brokerConfigKey(name), encodeBrokerConfigRow(value));
    }
    for (const name of this.brokerConfigs.keys()) {
      if (!configs.has(name)) this.set(brokerConfigKey(name), undefined);
    }
    this.brokerConfigs = configs;
    this.steps.push({ kind: 'broker-configs', configs });
  }

  setClusterEpoch(epoch: ClusterEpoch): void {
    this.clusterEpoch = epoch;
    this.set(clusterEpochKey, encodeCounterRow(epoch));
    this.steps.push({ kind: 'cluster-epoch', epoch });
  }

  set(key: string, value: Buffer | undefined): void {
    this.#rows.set(key, { key, value });
    this.bytes += key.length + (value?.length ?? 0) + 16;
  }
}
