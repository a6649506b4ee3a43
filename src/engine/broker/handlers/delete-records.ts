// DeleteRecords: moves the log start of partitions forward, durably.

import { toEngineError } from '../../base/errors.ts';
import { listElements, type Topic, topicConfigValue } from '../../cluster/cluster.ts';
import type { Partition } from '../../partition/partition.ts';
import { deleteRecords } from '../../wire/wire.ts';
import { type BrokerServices, serve } from '../handler.ts';
import { kafkaCode } from '../kafka-code.ts';
import { findPartition } from '../partition-lookup.ts';
import { settledWithin } from '../time-limit.ts';

interface Outcome {
  readonly lowWatermark: number;
  readonly errorCode: number;
}

const failed = (errorCode: number): Outcome => ({ lowWatermark: -1, errorCode });

export const servedDeleteRecords = serve(
  deleteRecords,
  async (request, _context, broker) => {
    const limitMs = Math.max(request.timeoutMs, 0);
    return {
      topics: await Promise.all(
        request.topics.map(async ({ name, partitions }) => ({
          name,
          partitions: await Promise.all(
            partitions.map(async ({ partitionIndex, offset }) => {
              const found = findPartition(broker, { name }, partitionIndex);
              if (found.partition === undefined) return { partitionIndex, ...failed(found.errorCode) };
              // As Kafka has it: a compacted topic keeps the last record of every key, whatever its offset.
              if (!isDeletable(found.topic, broker)) return { partitionIndex, ...failed(kafkaCode.policyViolation) };
              return { partitionIndex, ...(await deleteOne(found.partition, offset, limitMs, broker)) };
            }),
          ),
        })),
      ),
    };
  },
  (request, errorCode) => ({
    topics: request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, ...failed(errorCode) })),
    })),
  }),
);

const isDeletable = ({ configs }: Topic, { config }: BrokerServices): boolean =>
  listElements(topicConfigValue(configs, config, 'cleanup.policy')).includes('delete');

async function deleteOne(
  partition: Partition,
  before: number,
  limitMs: number,
  broker: BrokerServices,
): Promise<Outcome> {
  if (before < -1) return failed(kafkaCode.offsetOutOfRange);
  let outcome = failed(kafkaCode.requestTimedOut);
  const deletion = partition.deleteRecords(before).then(
    (lowWatermark) => {
      outcome = { lowWatermark, errorCode: 0 };
    },
    (thrown: unknown) => {
      const error = toEngineError(thrown);
      if (error.code === 'bug') broker.logger.error({ error: error.message }, 'a deletion of records failed');
      outcome = failed(error.kafkaCode);
    },
  );
  await settledWithin(broker.clock, limitMs, deletion);
  return outcome;
}
