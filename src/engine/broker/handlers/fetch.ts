// Fetch: sessions around, long poll and reading inside (fetch-partitions.ts).

import { fetch, type RequestOf, type ResponseInput } from '../../wire/wire.ts';
import { type FetchedPartition, fetchPartitions } from '../fetch-partitions.ts';
import type { FetchPartition, FetchSession, ForgottenPartition } from '../fetch-session-cache.ts';
import { type BrokerServices, serve } from '../handler.ts';
import { kafkaCode } from '../kafka-code.ts';

type Request = RequestOf<typeof fetch>;
type Response = ResponseInput<typeof fetch>;
type TopicAnswer = Response['responses'][number];

const noSession = 0;
const initialEpoch = 0;
const finalEpoch = -1;
/** From this version on topics are named by id. */
const topicIdsFrom = 13;

export const servedFetch = serve(
  fetch,
  async (request, context, broker) => {
    const byId = context.apiVersion >= topicIdsFrom;
    const opened = openSession(request, byId, broker);
    if (typeof opened === 'number') return { errorCode: opened, responses: [] };
    const { session, wanted, answersAll } = opened;
    const fetched = await fetchPartitions(wanted, limitsOf(request), context, broker);
    const told = fetched.filter((one) => {
      const news = session?.tell(one.wanted, {
        errorCode: one.errorCode,
        bytes: one.bytes,
        highWatermark: one.highWatermark,
        logStartOffset: one.logStartOffset,
      });
      return answersAll || news !== false;
    });
    return { sessionId: session?.id ?? noSession, responses: byTopic(told, byId) };
  },
  (request, errorCode) => ({
    errorCode,
    responses: request.topics.map(({ topic, topicId, partitions }) => ({
      topic,
      topicId,
      partitions: partitions.map(({ partition }) => ({
        partitionIndex: partition,
        errorCode,
        highWatermark: -1,
        records: noRecords,
      })),
    })),
  }),
);

const noRecords = Buffer.alloc(0);

interface OpenedFetch {
  /** Undefined where the client wants none, or there is no room for one. */
  readonly session: FetchSession | undefined;
  readonly wanted: readonly FetchPartition[];
  /** A full fetch is answered in full, an incremental one with what changed. */
  readonly answersAll: boolean;
}

/** The session's error code when the two sides disagree. */
function openSession(request: Request, byId: boolean, { fetch: { sessions } }: BrokerServices): OpenedFetch | number {
  const { sessionId, sessionEpoch } = request;
  const named = partitionsOf(request);
  if (sessionEpoch === finalEpoch || sessionEpoch === initialEpoch) {
    if (sessionId !== noSession) sessions.remove(sessionId);
    const session = sessionEpoch === initialEpoch ? sessions.create(byId, named) : undefined;
    return { session, wanted: named, answersAll: true };
  }
  const session = sessions.get(sessionId);
  if (session === undefined) return kafkaCode.fetchSessionNotFound;
  if (session.epoch !== sessionEpoch) return kafkaCode.invalidFetchSessionEpoch;
  if (session.byId !== byId) return kafkaCode.fetchSessionTopicId;
  sessions.update(session, named, forgottenOf(request));
  return { session, wanted: session.wanted, answersAll: false };
}

function partitionsOf(request: Request): FetchPartition[] {
  return request.topics.flatMap(({ topic, topicId, partitions }) =>
    partitions.map(({ partition, currentLeaderEpoch, fetchOffset, lastFetchedEpoch, partitionMaxBytes }) => ({
      topic,
      topicId,
      partition,
      currentLeaderEpoch,
      fetchOffset,
      lastFetchedEpoch,
      partitionMaxBytes,
    })),
  );
}

function forgottenOf(request: Request): ForgottenPartition[] {
  return request.forgottenTopicsData.flatMap(({ topic, topicId, partitions }) =>
    partitions.map((partition) => ({ topic, topicId, partition })),
  );
}

function limitsOf({ minBytes, maxBytes, maxWaitMs, isolationLevel }: Request) {
  return { minBytes, maxBytes, maxWaitMs, readCommitted: isolationLevel === 1 };
}

/** Partitions of one topic may lie apart; they are put together at the place of the first. */
function byTopic(fetched: readonly FetchedPartition[], byId: boolean): TopicAnswer[] {
  const topics = new Map<string, { topic: string; topicId: string; partitions: TopicAnswer['partitions'][number][] }>();
  for (const one of fetched) {
    const { topic, topicId, partition } = one.wanted;
    const key = byId ? topicId : topic;
    const present = topics.get(key) ?? { topic, topicId, partitions: [] };
    topics.set(key, present);
    present.partitions.push({
      partitionIndex: partition,
      errorCode: one.errorCode,
      highWatermark: one.highWatermark,
      lastStableOffset: one.lastStableOffset,
      logStartOffset: one.logStartOffset,
      abortedTransactions: one.readCommitted ? [] : null,
      records: one.parts,
      ...(one.diverging === undefined ? {} : { divergingEpoch: one.diverging }),
    });
  }
  return [...topics.values()];
}
