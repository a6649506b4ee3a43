// Keeps the partitions that are led equal to the topics in the control state: opens what was created, removes what was deleted,
// and hands each leader the rules of its topic as they are now.

import type { BrokerConfig } from './cluster/broker-config.ts';
import type { ControlChange, ControlState, Topic, TopicPartition } from './cluster/control-state.ts';
import { resolveTopicConfig } from './cluster/topic-config.ts';
import type { PartitionSpec } from './partition/partition-opening.ts';
import type { Partitions } from './partition/partitions.ts';
import type { BatchRules } from './records/batch-validation-policy.ts';

export class LedPartitions {
  readonly #control: ControlState;
  readonly #config: BrokerConfig;
  readonly #partitions: Partitions;
  /** Resolved once per topic and change, because every batch asks. */
  readonly #rules = new Map<string, BatchRules>();

  constructor(control: ControlState, config: BrokerConfig, partitions: Partitions) {
    this.#control = control;
    this.#config = config;
    this.#partitions = partitions;
  }

  /** Opens all there is, removes logs of topics that were deleted just before a crash, and follows changes from then on. */
  async start(groups: readonly string[]): Promise<void> {
    await this.#removeOrphans(groups);
    this.#control.onChange((change) => this.#follow(change));
    await this.#partitions.open(this.#control.list().flatMap((topic) => this.#specsOf(topic, topic.partitions)));
  }

  async #follow(change: ControlChange): Promise<void> {
    switch (change.kind) {
      case 'partitions-created':
        await this.#partitions.open(this.#specsOf(change.topic, change.partitions));
        return;
      case 'partitions-removed':
        await this.#partitions.remove(change.partitions.map(({ index }) => ({ topicId: change.topic.id, index })));
        this.#rules.delete(change.topic.id);
        return;
      case 'topic-config-changed':
        this.#rules.delete(change.topic.id);
        return;
      case 'broker-config-changed':
        this.#rules.clear();
    }
  }

  #specsOf(topic: Topic, partitions: readonly TopicPartition[]): PartitionSpec[] {
    return partitions.map(({ index, creationEpoch }) => ({
      topicId: topic.id,
      index,
      creationEpoch,
      rules: () => this.#rulesOf(topic),
    }));
  }

  #rulesOf(opened: Topic): BatchRules {
    const known = this.#rules.get(opened.id);
    if (known !== undefined) return known;
    const topic = this.#control.byId(opened.id) ?? opened;
    const config = resolveTopicConfig(topic.configs, this.#config);
    const rules: BatchRules = {
      messageBytesMax: config.maxMessageBytes,
      timestampBeforeMaxMs: config.timestampBeforeMaxMs,
      timestampAfterMaxMs: config.timestampAfterMaxMs,
      logAppendTime: config.timestampType === 'LogAppendTime',
      compacted: config.compacted,
    };
    this.#rules.set(opened.id, rules);
    return rules;
  }

  /** A deletion is durable in control first; the logs of its partitions go after it, now or at the next start. */
  async #removeOrphans(groups: readonly string[]): Promise<void> {
    const orphans = groups.filter((group) => {
      const [, id, index] = group.split('/');
      const topic = this.#control.byId(id ?? '');
      return topic === undefined || Number(index) >= topic.partitions.length;
    });
    await this.#partitions.removeGroups(orphans);
  }
}
