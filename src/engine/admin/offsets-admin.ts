// Offsets of partitions and of consumer groups, as functions over the Kafka protocol.

import { EngineError } from '../base/errors.ts';
import { listOffsets, offsetCommit, offsetFetch } from '../wire/wire.ts';
import { checkBroker } from './broker-error.ts';
import type { KafkaClient } from './kafka-client.ts';
import type { TopicPlaces } from './topics-admin.ts';

/** What ListOffsets is asked with in place of a timestamp. */
export const earliest = -2;
export const latest = -1;

/** Partition → offset; undefined where no record is that late. */
export type OffsetsByPartition = ReadonlyMap<number, number | undefined>;

/** `at` is a timestamp in milliseconds, `earliest` or `latest`. */
export async function offsetsAt(
  client: KafkaClient,
  topic: TopicPlaces,
  at: number,
  readCommitted = false,
): Promise<OffsetsByPartition> {
  const found = new Map<number, number | undefined>();
  for (const [leader, partitions] of Map.groupBy(topic.partitions, (place) => place.leader)) {
    const broker = await client.broker(leader);
    const answer = await broker.send(listOffsets, {
      replicaId: -1,
      isolationLevel: readCommitted ? 1 : 0,
      topics: [
        {
          name: topic.name,
          partitions: partitions.map(({ partition }) => ({ partitionIndex: partition, timestamp: at })),
        },
      ],
      timeoutMs: client.timeoutMs,
    });
    for (const { partitionIndex, errorCode, offset } of answer.topics.flatMap((entry) => entry.partitions)) {
      const context = { topic: topic.name, partition: partitionIndex };
      checkBroker(errorCode, `offsets of ${topic.name}-${partitionIndex}`, undefined, context);
      found.set(partitionIndex, offset < 0 ? undefined : offset);
    }
  }
  return found;
}

/** The positions a group has kept for a topic; partitions without one are not in the map. */
export async function groupOffsets(
  client: KafkaClient,
  group: string,
  topic: TopicPlaces,
): Promise<ReadonlyMap<number, number>> {
  const broker = await client.coordinator(group);
  const answer = await broker.send(offsetFetch, {
    groupId: group,
    topics: [{ name: topic.name, partitionIndexes: topic.partitions.map(({ partition }) => partition) }],
  });
  checkBroker(answer.errorCode, `positions of group ${group}`, undefined, { group });
  const found = new Map<number, number>();
  for (const { partitionIndex, committedOffset, errorCode } of answer.topics.flatMap((entry) => entry.partitions)) {
    checkBroker(errorCode, `positions of group ${group}`, undefined, {
      group,
      topic: topic.name,
      partition: partitionIndex,
    });
    if (committedOffset >= 0) found.set(partitionIndex, committedOffset);
  }
  return found;
}

/** Keeps positions for a group that has no members; a group with members refuses. */
export async function commitOffsets(
  client: KafkaClient,
  group: string,
  topic: string,
  offsets: ReadonlyMap<number, number>,
): Promise<void> {
  if (offsets.size === 0) return;
  const broker = await client.coordinator(group);
  const answer = await broker.send(offsetCommit, {
    groupId: group,
    memberId: '',
    topics: [
      {
        name: topic,
        partitions: [...offsets].map(([partitionIndex, committedOffset]) => ({
          partitionIndex,
          committedOffset,
          committedMetadata: '',
        })),
      },
    ],
  });
  for (const { partitionIndex, errorCode } of answer.topics.flatMap((entry) => entry.partitions)) {
    if (errorCode === 25 || errorCode === 22) {
      throw new EngineError('non-empty-group', `group ${group} has active members; its positions are theirs to move`, {
        context: { group, topic },
      });
    }
    checkBroker(errorCode, `the position of group ${group}`, undefined, { group, topic, partition: partitionIndex });
  }
}
