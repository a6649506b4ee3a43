// ListOffsets: the ends of a partition, or the first record at or after a time.

import { toEngineError } from '../../base/errors.ts';
import { timestampMs } from '../../base/ids.ts';
import type { Partition } from '../../partition/partition.ts';
import { listOffsets } from '../../wire/wire.ts';
import { type BrokerServices, serve } from '../handler.ts';
import { kafkaCode } from '../kafka-code.ts';
import { findPartition } from '../partition-lookup.ts';

interface Found {
  readonly offset: number;
  readonly timestamp: number;
  readonly leaderEpoch: number;
}

const nothing: Found = { offset: -1, timestamp: -1, leaderEpoch: -1 };

export const servedListOffsets = serve(
  listOffsets,
  async (request, _context, broker) => {
    const readCommitted = request.isolationLevel === 1;
    return {
      topics: await Promise.all(
        request.topics.map(async ({ name, partitions }) => ({
          name,
          partitions: await Promise.all(
            partitions.map(async ({ partitionIndex, currentLeaderEpoch, timestamp }) => {
              const found = findPartition(broker, { name }, partitionIndex, currentLeaderEpoch);
              if (found.partition === undefined) return { partitionIndex, errorCode: found.errorCode };
              return { partitionIndex, ...(await answerOne(found.partition, timestamp, readCommitted, broker)) };
            }),
          ),
        })),
      ),
    };
  },
  (request, errorCode) => ({
    topics: request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
    })),
  }),
);

async function answerOne(partition: Partition, timestamp: number, readCommitted: boolean, broker: BrokerServices) {
  try {
    const found = await lookUp(partition, timestamp, readCommitted);
    return found === undefined ? { errorCode: kafkaCode.invalidRequest } : { errorCode: 0, ...found };
  } catch (thrown) {
    const error = toEngineError(thrown);
    broker.logger.warn(
      { topicId: partition.topicId, partition: partition.index, error: error.message },
      'an offset look-up failed',
    );
    return { errorCode: error.kafkaCode };
  }
}

/** Undefined for a question that nobody asks. */
async function lookUp(partition: Partition, timestamp: number, readCommitted: boolean): Promise<Found | undefined> {
  const end = readCommitted ? partition.lastStableOffset : partition.highWatermark;
  switch (timestamp) {
    case -1:
      return { offset: end, timestamp: -1, leaderEpoch: partition.term };
    case -2: // earliest
    case -4: // earliest local: everything is as local as it gets
      return { offset: partition.logStartOffset, timestamp: -1, leaderEpoch: -1 };
    case -3:
      return (await partition.offsetOfMaxTimestamp()) ?? nothing;
    case -5: // latest tiered
    case -6: // earliest pending upload: as Kafka answers for a topic without tiering
      return nothing;
    default: {
      if (timestamp < 0) return undefined;
      const found = await partition.offsetForTimestamp(timestampMs(timestamp));
      return found !== undefined && found.offset < end ? found : nothing;
    }
  }
}
