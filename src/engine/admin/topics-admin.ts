// The operator's verbs on topics, as functions: create, list, describe, alter, delete. Each asks a live cluster over the
// Kafka protocol and answers with plain values; flags, tables and questions are the commands' business.

import { EngineError, hasCode } from '../base/errors.ts';
import {
  createPartitions,
  createTopics,
  deleteTopics,
  describeConfigs,
  incrementalAlterConfigs,
  noUuid,
} from '../wire/wire.ts';
import { checkBroker } from './broker-error.ts';
import type { KafkaClient } from './kafka-client.ts';

const topicResource = 2;
const unknownTopic = 3;
const setOperation = 0;
const deleteOperation = 1;
/** DescribeConfigs: the value was set on this topic. */
const topicConfigSource = 1;

export interface NewTopic {
  readonly name: string;
  /** Undefined: the broker's default. */
  readonly partitions?: number;
  readonly configs: Readonly<Record<string, string>>;
}

export interface TopicCreated {
  readonly name: string;
  /** False when it was there already (with `ifNotExists`). */
  readonly created: boolean;
}

/** Throws `topic-exists`, `invalid-topic-name`, `invalid-config`, `invalid-partitions`. */
export async function createTopic(client: KafkaClient, topic: NewTopic, ifNotExists: boolean): Promise<TopicCreated> {
  const broker = await client.controller();
  const answer = await broker.send(createTopics, {
    topics: [
      {
        name: topic.name,
        numPartitions: topic.partitions ?? -1,
        replicationFactor: -1,
        assignments: [],
        configs: Object.entries(topic.configs).map(([name, value]) => ({ name, value })),
      },
    ],
    timeoutMs: client.timeoutMs,
  });
  try {
    for (const { name, errorCode, errorMessage } of answer.topics) {
      checkBroker(errorCode, `topic ${name} was not created`, errorMessage, { topic: name });
    }
    return { name: topic.name, created: true };
  } catch (error) {
    if (ifNotExists && hasCode(error, 'topic-exists')) return { name: topic.name, created: false };
    throw error;
  }
}

export interface TopicSummary {
  readonly name: string;
  readonly id: string | undefined;
  readonly partitions: number;
  readonly internal: boolean;
}

/** In the order of their names. */
export async function listTopics(client: KafkaClient, internal: boolean): Promise<TopicSummary[]> {
  const { topics } = await client.metadata(null);
  return topics
    .filter((topic) => topic.name !== null && topic.errorCode === 0 && (internal || !topic.isInternal))
    .map((topic) => ({
      name: topic.name as string,
      id: topic.topicId === noUuid ? undefined : topic.topicId,
      partitions: topic.partitions.length,
      internal: topic.isInternal,
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

export interface PartitionPlace {
  readonly partition: number;
  readonly leader: number;
  readonly leaderEpoch: number;
}

export interface TopicPlaces {
  readonly name: string;
  readonly id: string | undefined;
  readonly internal: boolean;
  readonly partitions: readonly PartitionPlace[];
}

/** Where the partitions of one topic are. Throws `unknown-topic-or-partition`. */
export async function topicPlaces(client: KafkaClient, name: string, create = false): Promise<TopicPlaces> {
  const { topics } = await client.metadata([name], create);
  const topic = topics.find((candidate) => candidate.name === name);
  if (topic === undefined || topic.errorCode === unknownTopic) {
    throw new EngineError('unknown-topic-or-partition', `topic ${name} does not exist`, {
      context: { topic: name },
      hint: `cloudtopics topics list, or cloudtopics topics create ${name}`,
    });
  }
  checkBroker(topic.errorCode, `topic ${name}`, undefined, { topic: name });
  return {
    name,
    id: topic.topicId === noUuid ? undefined : topic.topicId,
    internal: topic.isInternal,
    partitions: topic.partitions
      .map(({ partitionIndex, leaderId, leaderEpoch }) => ({
        partition: partitionIndex,
        leader: leaderId,
        leaderEpoch,
      }))
      .sort((a, b) => a.partition - b.partition),
  };
}

export interface TopicConfig {
  readonly name: string;
  /** Null for a secret. */
  readonly value: string | null;
  /** Set on this topic, as opposed to inherited. */
  readonly own: boolean;
}

/** In the order of their names. */
export async function topicConfigs(client: KafkaClient, name: string): Promise<TopicConfig[]> {
  const broker = await client.anyBroker();
  const answer = await broker.send(describeConfigs, {
    resources: [{ resourceType: topicResource, resourceName: name, configurationKeys: null }],
  });
  return answer.results.flatMap(({ errorCode, errorMessage, configs }) => {
    checkBroker(errorCode, `the configuration of topic ${name}`, errorMessage, { topic: name });
    return configs
      .map((config) => ({
        name: config.name,
        value: config.isSensitive ? null : config.value,
        own: config.configSource === topicConfigSource,
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  });
}

export interface TopicChange {
  readonly set: Readonly<Record<string, string>>;
  readonly unset: readonly string[];
  /** A new, larger partition count. */
  readonly partitions?: number;
}

/** Configuration first, partitions second: both are checked by the broker as a whole, each by itself. */
export async function alterTopic(client: KafkaClient, name: string, change: TopicChange): Promise<void> {
  const configs = [
    ...Object.entries(change.set).map(([key, value]) => ({ name: key, configOperation: setOperation, value })),
    ...change.unset.map((key) => ({ name: key, configOperation: deleteOperation, value: null })),
  ];
  if (configs.length === 0 && change.partitions === undefined) {
    throw new EngineError('usage', 'nothing to alter', {
      hint: 'give --set NAME=VALUE, --unset NAME or --partitions N',
    });
  }
  await topicPlaces(client, name);
  const broker = await client.controller();
  if (configs.length > 0) {
    const answer = await broker.send(incrementalAlterConfigs, {
      resources: [{ resourceType: topicResource, resourceName: name, configs }],
      validateOnly: false,
    });
    for (const { errorCode, errorMessage } of answer.responses) {
      checkBroker(errorCode, `topic ${name} was not altered`, errorMessage, { topic: name });
    }
  }
  if (change.partitions !== undefined) {
    const answer = await broker.send(createPartitions, {
      topics: [{ name, count: change.partitions, assignments: null }],
      timeoutMs: client.timeoutMs,
      validateOnly: false,
    });
    for (const { errorCode, errorMessage } of answer.results) {
      checkBroker(errorCode, `topic ${name} did not get ${change.partitions} partitions`, errorMessage, {
        topic: name,
      });
    }
  }
}

export async function deleteTopic(client: KafkaClient, name: string): Promise<void> {
  const broker = await client.controller();
  const byId = (broker.versionOf(deleteTopics) ?? 0) >= 6;
  const answer = await broker.send(deleteTopics, {
    ...(byId ? { topics: [{ name, topicId: noUuid }] } : { topicNames: [name] }),
    timeoutMs: client.timeoutMs,
  });
  for (const { errorCode, errorMessage } of answer.responses) {
    checkBroker(errorCode, `topic ${name} was not deleted`, errorMessage, { topic: name });
  }
}
