// What `topics offsets` and `topics delete` want to know of a topic's offsets, put together.

import { hasCode } from '../base/errors.ts';
import type { KafkaClient } from './kafka-client.ts';
import { earliest, groupOffsets, latest, offsetsAt } from './offsets-admin.ts';
import { topicPlaces } from './topics-admin.ts';

export interface PartitionOffsets {
  readonly partition: number;
  readonly earliest: number;
  readonly latest: number;
  /** Null where no record is that late. Only with `at`. */
  readonly atTime?: number | null;
  /** Null where the group has no position. Only with `group`, like the lag. */
  readonly committed?: number | null;
  readonly lag?: number | null;
}

export async function describeOffsets(
  client: KafkaClient,
  name: string,
  options: { readonly at: number | undefined; readonly group: string | undefined },
): Promise<PartitionOffsets[]> {
  const topic = await topicPlaces(client, name);
  const starts = await offsetsAt(client, topic, earliest);
  const committed = options.group === undefined ? undefined : await groupOffsets(client, options.group, topic);
  const found = options.at === undefined ? undefined : await offsetsAt(client, topic, options.at);
  // The end comes last, so that a lag is never negative.
  const ends = await offsetsAt(client, topic, latest);
  return topic.partitions.map(({ partition }) => {
    const start = starts.get(partition) ?? 0;
    const end = ends.get(partition) ?? start;
    const position = committed?.get(partition);
    return {
      partition,
      earliest: start,
      latest: end,
      ...(found === undefined ? {} : { atTime: found.get(partition) ?? null }),
      ...(committed === undefined
        ? {}
        : { committed: position ?? null, lag: position === undefined ? null : Math.max(0, end - position) }),
    };
  });
}

/** How much a deletion would take. Undefined when there is no such topic and that is allowed. */
export async function topicSize(
  client: KafkaClient,
  name: string,
  mayBeMissing: boolean,
): Promise<{ readonly partitions: number; readonly offsets: number } | undefined> {
  try {
    const rows = await describeOffsets(client, name, { at: undefined, group: undefined });
    return { partitions: rows.length, offsets: rows.reduce((sum, row) => sum + row.latest - row.earliest, 0) };
  } catch (error) {
    if (mayBeMissing && hasCode(error, 'unknown-topic-or-partition')) return undefined;
    throw error;
  }
}
