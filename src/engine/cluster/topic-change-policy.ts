// What a new topic, or one with more partitions, would look like; or why it may not be. Pure.

import { EngineError } from '../base/errors.ts';
import type { ClusterEpoch, TopicId } from '../base/ids.ts';
import type { BrokerConfig } from './broker-config.ts';
import { checkTopicConfigs } from './topic-config.ts';
import {
  checkAssignments,
  checkPartitionCount,
  checkReplicationFactor,
  checkTopicName,
  type ReplicaAssignment,
} from './topic-rules-policy.ts';
import type { Topic, TopicPartition } from './topic-view.ts';

export interface NewTopic {
  readonly name: string;
  /** −1 for `num.partitions`. */
  readonly partitions: number;
  readonly replicationFactor: number;
  /** In place of a count and a factor, which are −1 then. */
  readonly assignments?: readonly ReplicaAssignment[];
  readonly configs: ReadonlyMap<string, string>;
}

export interface MorePartitions {
  readonly name: string;
  /** The total afterwards. */
  readonly count: number;
  readonly assignments?: readonly ReplicaAssignment[];
}

/** What the decision depends on beside the request. */
export interface TopicSurroundings {
  readonly config: BrokerConfig;
  readonly nodeId: number;
  readonly clusterEpoch: ClusterEpoch;
  /** How many partitions the cluster may still get. */
  readonly partitionsLeft: number;
}

export function newTopic(
  wanted: NewTopic,
  made: { readonly id: TopicId; readonly createdMs: number },
  around: TopicSurroundings,
): Topic {
  checkTopicName(wanted.name);
  const count = wantedCount(wanted, around);
  checkPartitionCount(count, countMax(around, 0));
  return {
    id: made.id,
    name: wanted.name,
    createdMs: made.createdMs,
    configs: checkTopicConfigs(wanted.configs),
    partitions: newPartitions(0, count, around),
  };
}

export function grownTopic(topic: Topic, { count, assignments }: MorePartitions, around: TopicSurroundings): Topic {
  const present = topic.partitions.length;
  if (count <= present) {
    const problem = `Topic '${topic.name}' has ${present} partitions, ${count} would not be an increase.`;
    throw new EngineError('invalid-partitions', problem);
  }
  checkPartitionCount(count, countMax(around, present));
  if (assignments !== undefined) {
    const added = count - present;
    if (assignments.length !== added) {
      const problem = `${added} partitions are added, ${assignments.length} are assigned.`;
      throw new EngineError('invalid-replica-assignment', problem);
    }
    checkAssignments(assignments, present, around.nodeId);
  }
  return { ...topic, partitions: [...topic.partitions, ...newPartitions(present, count, around)] };
}

function wantedCount({ partitions, replicationFactor, assignments = [] }: NewTopic, around: TopicSurroundings): number {
  if (assignments.length === 0) {
    checkReplicationFactor(replicationFactor);
    return partitions === -1 ? around.config.number('num.partitions') : partitions;
  }
  if (partitions !== -1 || replicationFactor !== -1) {
    const problem = 'With replica assignments, partition count and replication factor must be −1.';
    throw new EngineError('invalid-request', problem);
  }
  checkAssignments(assignments, 0, around.nodeId);
  return assignments.length;
}

function countMax({ config, partitionsLeft }: TopicSurroundings, present: number): number {
  return Math.min(config.number('cloudtopics.topic.partitions.max'), present + Math.max(0, partitionsLeft));
}

function newPartitions(from: number, to: number, { clusterEpoch }: TopicSurroundings): TopicPartition[] {
  return Array.from({ length: to - from }, (_, at) => ({ index: from + at, creationEpoch: clusterEpoch }));
}
