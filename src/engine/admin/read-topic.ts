// `consume` as a function: finds out where to begin and where to end, hands the records to a sink in order, and keeps the
// position of a group. A position is kept only for records that the sink has taken.

import { EngineError } from '../base/errors.ts';
import { consumeRecords } from './consume-records.ts';
import type { IncomingRecord } from './fetched-records.ts';
import type { KafkaClient } from './kafka-client.ts';
import { commitOffsets, earliest, groupOffsets, latest, type OffsetsByPartition, offsetsAt } from './offsets-admin.ts';
import { type TopicPlaces, topicPlaces } from './topics-admin.ts';

export interface ReadTopicOptions {
  readonly topic: string;
  /** Undefined: the end, or the position of the group. */
  readonly from: { readonly offset: number } | { readonly timestamp: number } | 'beginning' | 'end' | undefined;
  /** Undefined: all. */
  readonly partitions: readonly number[] | undefined;
  readonly count: number | undefined;
  readonly exitAtEnd: boolean;
  readonly group: string | undefined;
  readonly stop: AbortSignal;
  readonly onGap: (partition: number, from: number, to: number) => void;
  /** Told once what will be read: from the start on, up to the end (exclusive) where it stops there. */
  readonly onRanges?: (ranges: readonly OffsetRange[]) => void;
  /** Told once per handful: everything below `next` is done with. */
  readonly onPosition?: (partition: number, next: number) => void;
  /** Resolves when the records are where they should be. */
  readonly sink: (partition: number, records: readonly IncomingRecord[]) => Promise<void>;
}

export interface OffsetRange {
  readonly partition: number;
  readonly start: number;
  /** Undefined: it goes on until it is stopped. */
  readonly end: number | undefined;
}

const commitEveryMs = 5_000;

/** Resolves at the end, at the count, or when stopped. */
export async function readTopic(client: KafkaClient, options: ReadTopicOptions): Promise<void> {
  const topic = await chosenPartitions(client, options);
  // The end first: what arrives between the two questions is then read, never missed.
  const ends = await offsetsAt(client, topic, latest);
  const starts = await startingOffsets(client, topic, options, ends);
  options.onRanges?.(
    [...starts].map(([partition, start]) => ({
      partition,
      start,
      end: options.exitAtEnd ? ends.get(partition) : undefined,
    })),
  );
  // The starts are kept too: a partition that was not reached this time must not be skipped the next time.
  const positions = new Map(starts);
  let committedAtMs = client.clock.monotonicMs();
  let left = options.count ?? Number.POSITIVE_INFINITY;
  const commit = async (): Promise<void> => {
    if (options.group === undefined) return;
    await commitOffsets(client, options.group, options.topic, positions);
    positions.clear();
    committedAtMs = client.clock.monotonicMs();
  };
  const reading = consumeRecords(client, {
    topic,
    starts,
    ...(options.exitAtEnd ? { ends: known(ends) } : {}),
    onGap: options.onGap,
    stop: options.stop,
  });
  for await (const { partition, records, next } of reading) {
    const taken = records.length > left ? records.slice(0, left) : records;
    await options.sink(partition, taken);
    left -= taken.length;
    const last = taken.at(-1);
    const whole = taken.length === records.length;
    if (whole || last !== undefined) {
      const position = whole ? next : (last as IncomingRecord).offset + 1;
      positions.set(partition, position);
      options.onPosition?.(partition, position);
    }
    if (left <= 0 || options.stop.aborted) break;
    if (client.clock.monotonicMs() - committedAtMs > commitEveryMs) await commit();
  }
  await commit();
}

async function chosenPartitions(client: KafkaClient, options: ReadTopicOptions): Promise<TopicPlaces> {
  const topic = await topicPlaces(client, options.topic);
  const { partitions } = options;
  if (partitions === undefined || partitions.length === 0) return topic;
  const stranger = partitions.find((wanted) => !topic.partitions.some(({ partition }) => partition === wanted));
  if (stranger !== undefined) {
    throw new EngineError('unknown-topic-or-partition', `topic ${topic.name} has no partition ${stranger}`, {
      context: { topic: topic.name, partition: stranger, partitions: topic.partitions.length },
    });
  }
  return { ...topic, partitions: topic.partitions.filter(({ partition }) => partitions.includes(partition)) };
}

async function startingOffsets(
  client: KafkaClient,
  topic: TopicPlaces,
  { from, group }: ReadTopicOptions,
  ends: OffsetsByPartition,
): Promise<ReadonlyMap<number, number>> {
  if (typeof from === 'object' && 'offset' in from) {
    return new Map(topic.partitions.map(({ partition }) => [partition, from.offset]));
  }
  let starts = known(ends);
  if (from === 'beginning') starts = known(await offsetsAt(client, topic, earliest));
  else if (typeof from === 'object') {
    // Where no record is that late, begin at the end.
    for (const [partition, offset] of known(await offsetsAt(client, topic, from.timestamp)))
      starts.set(partition, offset);
  }
  if (group !== undefined && typeof from !== 'object') {
    for (const [partition, offset] of await groupOffsets(client, group, topic)) starts.set(partition, offset);
  }
  return starts;
}

function known(offsets: OffsetsByPartition): Map<number, number> {
  const found = new Map<number, number>();
  for (const [partition, offset] of offsets) if (offset !== undefined) found.set(partition, offset);
  return found;
}
