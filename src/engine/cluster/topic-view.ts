// The topics as the broker sees them on its hot path: synchronous look-ups by name and id. Only the control state changes it,
// and only after the change is durable.

import type { ClusterEpoch, TopicId } from '../base/ids.ts';

export interface TopicPartition {
  readonly index: number;
  /** The cluster epoch as control had it when this partition was created; lower bound of the epochs of its L0 objects. */
  readonly creationEpoch: ClusterEpoch;
}

/** Immutable: a change makes a new one. */
export interface Topic {
  readonly id: TopicId;
  readonly name: string;
  readonly createdMs: number;
  /** Only what was set for this topic. */
  readonly configs: ReadonlyMap<string, string>;
  readonly partitions: readonly TopicPartition[];
}

export class TopicView {
  readonly #byName = new Map<string, Topic>();
  readonly #byId = new Map<TopicId, Topic>();
  #partitions = 0;

  byName(name: string): Topic | undefined {
    return this.#byName.get(name);
  }

  byId(id: string): Topic | undefined {
    return this.#byId.get(id as TopicId);
  }

  /** All topics, in no particular order. */
  all(): Iterable<Topic> {
    return this.#byName.values();
  }

  get size(): number {
    return this.#byName.size;
  }

  get partitions(): number {
    return this.#partitions;
  }

  /** For the control state only. */
  put(topic: Topic): void {
    this.remove(topic.id);
    this.#byName.set(topic.name, topic);
    this.#byId.set(topic.id, topic);
    this.#partitions += topic.partitions.length;
  }

  /** For the control state only. */
  remove(id: TopicId): void {
    const topic = this.#byId.get(id);
    if (topic === undefined) return;
    this.#byId.delete(id);
    this.#byName.delete(topic.name);
    this.#partitions -= topic.partitions.length;
  }
}
