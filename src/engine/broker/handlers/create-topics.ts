// CreateTopics: all valid topics of a request in one durable change; answers when their partitions are open, or the time is over.

import { EngineError } from '../../base/errors.ts';
import type { NewTopic, Topic } from '../../cluster/cluster.ts';
import { createTopics, type RequestOf, type ResponseInput } from '../../wire/wire.ts';
import { topicConfigEntries } from '../config-entries.ts';
import { type BrokerServices, serve } from '../handler.ts';
import { changedInTime, settledWithin } from '../time-limit.ts';

type WantedTopic = RequestOf<typeof createTopics>['topics'][number];
type TopicAnswer = ResponseInput<typeof createTopics>['topics'][number];

const openingMsMax = 30_000;

export const servedCreateTopics = serve(
  createTopics,
  async (request, _context, broker) => {
    const wanted = request.topics.map((topic) => newTopic(topic, request.topics));
    const valid = wanted.filter((one): one is NewTopic => !(one instanceof EngineError));
    const change = broker.control.createTopics(valid, request.validateOnly);
    const { results, settled } = await changedInTime(broker.clock, change, request.timeoutMs);
    let at = 0;
    const topics = wanted.map((one, index): TopicAnswer => {
      const { name } = request.topics[index] as WantedTopic;
      const result = one instanceof EngineError ? one : (results[at++] as Topic | EngineError);
      return result instanceof EngineError ? refused(name, result.kafkaCode, result.message) : created(result, broker);
    });
    await settledWithin(broker.clock, Math.min(Math.max(request.timeoutMs, 0), openingMsMax), settled);
    return { topics };
  },
  (request, errorCode, message) => ({ topics: request.topics.map(({ name }) => refused(name, errorCode, message)) }),
);

function newTopic(topic: WantedTopic, all: readonly WantedTopic[]): NewTopic | EngineError {
  const { name, numPartitions, replicationFactor, assignments, configs } = topic;
  if (all.some((other) => other !== topic && other.name === name)) {
    return new EngineError('invalid-request', 'The topic is named more than once in the request.');
  }
  const entries = new Map<string, string>();
  for (const { name: key, value } of configs) {
    if (value === null) return new EngineError('invalid-config', `Null value not supported for topic configs: ${key}`);
    entries.set(key, value);
  }
  return {
    name,
    partitions: numPartitions,
    replicationFactor,
    configs: entries,
    ...(assignments.length === 0
      ? {}
      : {
          assignments: assignments.map(({ partitionIndex, brokerIds }) => ({
            partition: partitionIndex,
            brokers: brokerIds,
          })),
        }),
  };
}

function created(topic: Topic, broker: BrokerServices): TopicAnswer {
  return {
    name: topic.name,
    topicId: topic.id,
    errorCode: 0,
    numPartitions: topic.partitions.length,
    replicationFactor: 1,
    configs: topicConfigEntries(topic.configs, broker.config).map(({ name, value, readOnly, source }) => ({
      name,
      value,
      readOnly,
      configSource: source,
      isSensitive: false,
    })),
  };
}

function refused(name: string, errorCode: number, errorMessage: string): TopicAnswer {
  return { name, errorCode, errorMessage, configs: null };
}
