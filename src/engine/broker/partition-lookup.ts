// From what a request names to the partition that serves it, or the error code that says why there is none.

import type { Topic } from '../cluster/cluster.ts';
import type { Partition } from '../partition/partition.ts';
import { noUuid } from '../wire/wire.ts';
import type { BrokerServices } from './handler.ts';
import { kafkaCode } from './kafka-code.ts';

/** Newer versions name topics by id, older ones by name; the other field has its zero value then. */
export interface TopicNaming {
  readonly name: string;
  readonly topicId?: string;
}

export type TopicLookup = { readonly topic: Topic } | { readonly topic?: undefined; readonly errorCode: number };

export function findTopic(broker: BrokerServices, { name, topicId = noUuid }: TopicNaming): TopicLookup {
  const byId = topicId !== noUuid;
  const topic = byId ? broker.control.byId(topicId) : broker.control.byName(name);
  if (topic !== undefined) return { topic };
  return { errorCode: byId ? kafkaCode.unknownTopicId : kafkaCode.unknownTopicOrPartition };
}

export type PartitionLookup =
  | { readonly partition: Partition; readonly topic: Topic }
  | { readonly partition?: undefined; readonly errorCode: number };

/** `leaderEpoch` is what the client believes to be the leader's; −1 where it does not say. */
export function findPartition(
  broker: BrokerServices,
  naming: TopicNaming,
  index: number,
  leaderEpoch = -1,
): PartitionLookup {
  const found = findTopic(broker, naming);
  if (found.topic === undefined) return found;
  const { topic } = found;
  if (topic.partitions[index] === undefined) return { errorCode: kafkaCode.unknownTopicOrPartition };
  const partition = broker.partitions.get(topic.id, index);
  if (partition === undefined) return { errorCode: kafkaCode.notLeader };
  if (leaderEpoch !== -1 && leaderEpoch < partition.term) return { errorCode: kafkaCode.fencedLeaderEpoch };
  if (leaderEpoch !== -1 && leaderEpoch > partition.term) return { errorCode: kafkaCode.unknownLeaderEpoch };
  return { partition, topic };
}
