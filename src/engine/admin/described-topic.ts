// A topic as the metastore has it: `metastore describe`.

import { describePartition, type PartitionDetail, type PartitionSummary, summarizePartition } from '../audit/audit.ts';
import type { TopicId } from '../base/ids.ts';
import type { MetadataSource, PictureMoment } from './metadata-source.ts';
import { TopicPlace } from './topic-place.ts';

export interface DescribedTopic {
  readonly topic: string;
  readonly topicId: TopicId;
  readonly partitionCount: number;
  readonly partitions: readonly (PartitionSummary | PartitionDetail)[];
  readonly moments: readonly PictureMoment[];
  readonly unflushed: readonly string[];
}

/** Look-ups that are under way at the same time. */
const readsMax = 8;

/** `partition` undefined: all, in short. Throws `unknown-topic-or-partition`. */
export async function describeTopic(
  source: MetadataSource,
  nameOrId: string,
  partition: number | undefined,
): Promise<DescribedTopic> {
  const place = await TopicPlace.find(source, nameOrId, partition);
  const { topic, topicId, partitionCount } = place;
  const wanted = partition === undefined ? Array.from({ length: partitionCount }, (_, at) => at) : [partition];
  const describe = partition === undefined ? summarizePartition : describePartition;
  const partitions = await inParallel(wanted, async (at) => {
    const name = place.domainName(at);
    return describe((await place.domain(name))?.reads, name, place.at(at));
  });
  return { topic, topicId, partitionCount, partitions, ...(await place.picture()) };
}

/** Results in the order of the items. */
async function inParallel<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = new Array(items.length);
  const waiting = items.entries();
  const worker = async (): Promise<void> => {
    for (const [at, item] of waiting) results[at] = await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(readsMax, items.length) }, worker));
  return results;
}
