// Reads what a fetch wants: waits until there is enough, then reads many partitions at once within the limits of the request
// and of the broker's memory for answers.
//
// - an answer with an error for any partition is due at once; so is one when a partition closes while the fetch waits
// - the first partition with data gets its first batch whole, however large; the others stay within the limits
// - the memory is charged before anything is read, and given back when the answer has left

import { type EngineError, toEngineError } from '../base/errors.ts';
import { offset } from '../base/ids.ts';
import type { Partition, ReadResult } from '../partition/partition.ts';
import { shareOut } from './fetch-plan-policy.ts';
import type { FetchPartition } from './fetch-session-cache.ts';
import { waitForBytes } from './fetch-wait.ts';
import type { BrokerServices, RequestContext } from './handler.ts';
import { kafkaCode } from './kafka-code.ts';
import { findPartition } from './partition-lookup.ts';

export interface FetchLimits {
  readonly minBytes: number;
  readonly maxBytes: number;
  readonly maxWaitMs: number;
  readonly readCommitted: boolean;
}

export interface FetchedPartition {
  readonly wanted: FetchPartition;
  readonly readCommitted: boolean;
  errorCode: number;
  highWatermark: number;
  lastStableOffset: number;
  logStartOffset: number;
  parts: readonly Buffer[];
  bytes: number;
  diverging?: { readonly epoch: number; readonly endOffset: number };
}

/** Reads under way for one fetch. */
const concurrentReadsMax = 16;
const maxWaitMsMax = 3_600_000;

/** In the order of `wanted`. */
export async function fetchPartitions(
  wanted: readonly FetchPartition[],
  limits: FetchLimits,
  context: RequestContext,
  broker: BrokerServices,
): Promise<FetchedPartition[]> {
  const resolve = () => wanted.map((one) => resolveOne(one, limits, broker));
  let resolved = resolve();
  if (mustWait(resolved, limits)) {
    await waitForBytes(
      resolved.map((one) => ({
        partition: one.partition as Partition,
        available: () => available(one.partition as Partition, one.fetched.wanted, limits),
        stillServed: () => resolveOne(one.fetched.wanted, limits, broker).partition === one.partition,
      })),
      { ...limits, maxWaitMs: Math.min(limits.maxWaitMs, maxWaitMsMax), clock: broker.clock, signal: context.signal },
    );
    resolved = resolve();
  }
  if (!context.signal.aborted) await readAll(resolved, limits, context, broker);
  return resolved.map(({ fetched }) => fetched);
}

interface Resolved {
  readonly fetched: FetchedPartition;
  /** Undefined when the answer is an error, or that the logs diverge. */
  readonly partition: Partition | undefined;
}

function mustWait(resolved: readonly Resolved[], limits: FetchLimits): boolean {
  return limits.maxWaitMs > 0 && resolved.every(({ partition }) => partition !== undefined);
}

function resolveOne(wanted: FetchPartition, { readCommitted }: FetchLimits, broker: BrokerServices): Resolved {
  const failed = (errorCode: number): Resolved => ({
    partition: undefined,
    fetched: {
      wanted,
      readCommitted,
      errorCode,
      highWatermark: -1,
      lastStableOffset: -1,
      logStartOffset: -1,
      parts: [],
      bytes: 0,
    },
  });
  const naming = { name: wanted.topic, topicId: wanted.topicId };
  const found = findPartition(broker, naming, wanted.partition, wanted.currentLeaderEpoch);
  if (found.partition === undefined) return failed(found.errorCode);
  const { partition } = found;
  const { highWatermark, lastStableOffset, logStartOffset } = partition;
  const fetched = {
    wanted,
    readCommitted,
    errorCode: 0,
    highWatermark,
    lastStableOffset,
    logStartOffset,
    parts: [],
    bytes: 0,
  };
  if (wanted.lastFetchedEpoch >= 0) {
    const end = partition.endOffsetOfTerm(wanted.lastFetchedEpoch as Partition['term']);
    if (end === undefined) return failed(kafkaCode.offsetOutOfRange);
    if (end.term < wanted.lastFetchedEpoch || end.endOffset < wanted.fetchOffset) {
      return {
        partition: undefined,
        fetched: { ...fetched, diverging: { epoch: end.term, endOffset: end.endOffset } },
      };
    }
  }
  if (wanted.fetchOffset < logStartOffset || wanted.fetchOffset > highWatermark)
    return failed(kafkaCode.offsetOutOfRange);
  return { partition, fetched };
}

function available(partition: Partition, wanted: FetchPartition, { readCommitted }: FetchLimits): number {
  if (readCommitted && wanted.fetchOffset >= partition.lastStableOffset) return 0;
  if (wanted.fetchOffset < partition.logStartOffset) return 0;
  return Math.min(partition.bytesAvailable(offset(wanted.fetchOffset)), Math.max(0, wanted.partitionMaxBytes) || 1);
}

async function readAll(
  resolved: readonly Resolved[],
  limits: FetchLimits,
  context: RequestContext,
  broker: BrokerServices,
): Promise<void> {
  const answerBytesMax = Math.min(Math.max(0, limits.maxBytes), broker.config.number('fetch.max.bytes'));
  const wishes = resolved.map(({ partition, fetched: { wanted } }) => ({
    availableBytes: partition === undefined ? 0 : available(partition, wanted, limits),
    bytesMax: Math.max(0, wanted.partitionMaxBytes),
  }));
  const asked = wishes.reduce((sum, { availableBytes }) => sum + availableBytes, 0);
  if (asked === 0) return;
  // Where not everything fits, each fetch begins with another partition.
  const first = asked > answerBytesMax ? broker.fetch.nextTurn() % wishes.length : 0;
  const shares = shareOut(wishes, answerBytesMax, first);
  const charge = await broker.fetch.budget.take(shares.reduce((sum, { bytesMax }) => sum + bytesMax, 0));
  context.keepUntilSent({ [Symbol.dispose]: charge });
  if (context.signal.aborted) return;
  let next = 0;
  const reader = async () => {
    for (let share = shares[next++]; share !== undefined; share = shares[next++]) {
      const one = resolved[share.wish] as Resolved;
      await readOne(one.partition as Partition, one.fetched, share, context, broker);
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrentReadsMax, shares.length) }, reader));
}

async function readOne(
  partition: Partition,
  fetched: FetchedPartition,
  share: { readonly bytesMax: number; readonly atLeastOne: boolean },
  context: RequestContext,
  broker: BrokerServices,
): Promise<void> {
  const from = offset(fetched.wanted.fetchOffset);
  try {
    const result: ReadResult = await partition.read({
      from,
      ...(fetched.readCommitted ? { until: partition.lastStableOffset } : {}),
      bytesMax: share.bytesMax,
      atLeastOne: share.atLeastOne,
      signal: context.signal,
    });
    context.keepUntilSent(result);
    fetched.parts = result.parts;
    fetched.bytes = result.bytes;
    fetched.highWatermark = result.highWatermark;
    fetched.lastStableOffset = result.lastStableOffset;
    fetched.logStartOffset = result.logStartOffset;
  } catch (thrown) {
    if (context.signal.aborted) return;
    const error = toEngineError(thrown);
    complain(error, partition, broker);
    fetched.errorCode = error.kafkaCode;
    fetched.highWatermark = fetched.lastStableOffset = fetched.logStartOffset = -1;
  }
}

function complain(error: EngineError, partition: Partition, { logger }: BrokerServices): void {
  const fields = { topicId: partition.topicId, partition: partition.index, code: error.code, error: error.message };
  if (error.code === 'bug' || error.kind === 'corruption') {
    logger.error({ ...fields, stack: (error.cause instanceof Error ? error.cause : error).stack }, 'a read failed');
  } else if (error.code !== 'offset-out-of-range') {
    logger.warn(fields, 'a read failed');
  }
}
