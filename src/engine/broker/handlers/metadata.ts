// Metadata: the one broker, and topics with their partitions. A topic that is asked for by name and does not exist is created,
// where the client and the broker's settings allow it.

import { EngineError, toEngineError } from '../../base/errors.ts';
import type { NewTopic, Topic } from '../../cluster/cluster.ts';
import { metadata, noUuid, type RequestOf, type ResponseInput } from '../../wire/wire.ts';
import { clusterOperations, topicOperations } from '../authorized-operations.ts';
import { type BrokerServices, type RequestContext, serve } from '../handler.ts';
import { kafkaCode } from '../kafka-code.ts';
import { changedInTime, settledWithin } from '../time-limit.ts';

type Request = RequestOf<typeof metadata>;
type TopicAnswer = ResponseInput<typeof metadata>['topics'][number];

/** How long an automatic creation waits for its partitions to be open; later ones are LEADER_NOT_AVAILABLE for a moment. */
const openingMsMax = 5_000;

export const servedMetadata = serve(metadata, async (request, context, broker) => {
  const { advertised, nodeId, clusterId } = broker;
  const wantsAll = request.topics === null || (context.apiVersion === 0 && request.topics.length === 0);
  const refused = wantsAll ? new Map<string, EngineError>() : await createMissing(request, context, broker);
  const answer = (topic: Topic) => topicAnswer(topic, request, broker);
  const topics: TopicAnswer[] = wantsAll
    ? broker.control.list().map(answer)
    : (request.topics ?? []).map(({ name, topicId }) => {
        const byId = topicId !== noUuid;
        const topic = byId ? broker.control.byId(topicId) : broker.control.byName(name ?? '');
        if (topic !== undefined) return answer(topic);
        if (byId) return missing(context.apiVersion >= 12 ? null : '', topicId, kafkaCode.unknownTopicId);
        const code = refused.get(name ?? '')?.kafkaCode ?? kafkaCode.unknownTopicOrPartition;
        return missing(name ?? '', noUuid, name === null ? kafkaCode.invalidRequest : code);
      });
  return {
    brokers: [{ nodeId, host: advertised.host, port: advertised.port }],
    clusterId,
    controllerId: nodeId,
    topics,
    ...(request.includeClusterAuthorizedOperations ? { clusterAuthorizedOperations: clusterOperations } : {}),
  };
});

/** Creates what is missing and may be created; returns why some could not be. */
async function createMissing(
  request: Request,
  context: RequestContext,
  broker: BrokerServices,
): Promise<Map<string, EngineError>> {
  const refused = new Map<string, EngineError>();
  const allowed = context.apiVersion < 4 || request.allowAutoTopicCreation;
  if (!allowed || !broker.config.flag('auto.create.topics.enable')) return refused;
  const names = new Set<string>();
  for (const { name, topicId } of request.topics ?? []) {
    if (topicId === noUuid && name !== null && broker.control.byName(name) === undefined) names.add(name);
  }
  if (names.size === 0) return refused;
  const wanted = [...names].map((name) => ({ name, partitions: -1, replicationFactor: -1, configs: new Map() }));
  const created = await createdInTime(wanted, broker);
  if (created === undefined) return refused;
  const { results, settled } = created;
  results.forEach((result, at) => {
    if (result instanceof EngineError) refused.set((wanted[at] as { name: string }).name, result);
    else
      broker.logger.info({ topic: result.name, partitions: result.partitions.length }, 'created a topic automatically');
  });
  await settledWithin(broker.clock, openingMsMax, settled);
  return refused;
}

/** Undefined when they could not be created for now: the client is told that there are none, and asks again. */
async function createdInTime(wanted: readonly NewTopic[], { control, clock, logger }: BrokerServices) {
  try {
    return await changedInTime(clock, control.createTopics(wanted), openingMsMax);
  } catch (thrown) {
    const error = toEngineError(thrown);
    if (!error.retryable) throw error;
    logger.debug({ code: error.code, error: error.message }, 'topics could not be created automatically for now');
    return undefined;
  }
}

function topicAnswer(topic: Topic, request: Request, broker: BrokerServices): TopicAnswer {
  const self = [broker.nodeId];
  return {
    errorCode: 0,
    name: topic.name,
    topicId: topic.id,
    partitions: topic.partitions.map(({ index }) => {
      const partition = broker.partitions.get(topic.id, index);
      return {
        errorCode: partition === undefined ? kafkaCode.leaderNotAvailable : 0,
        partitionIndex: index,
        leaderId: partition === undefined ? -1 : broker.nodeId,
        leaderEpoch: partition?.term ?? -1,
        replicaNodes: self,
        isrNodes: self,
      };
    }),
    ...(request.includeTopicAuthorizedOperations ? { topicAuthorizedOperations: topicOperations } : {}),
  };
}

function missing(name: string | null, topicId: string, errorCode: number): TopicAnswer {
  return { errorCode, name, topicId, partitions: [] };
}
