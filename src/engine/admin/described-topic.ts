// A topic as the metastore has it: `metastore describe`. The topic is found by name or id in control, its partitions in the domains
// that they are hashed to.

import { describePartition, type PartitionDetail, type PartitionSummary, summarizePartition } from '../audit/audit.ts';
import { EngineError } from '../base/errors.ts';
import type { TopicId } from '../base/ids.ts';
import { controlDomain, findTopicById, findTopicByName, readDomainCounts } from '../bucket-view/bucket-view.ts';
import { domainOfPartition, isUuid } from '../metastore/metastore-key-format.ts';
import type { MetadataSource, PicturedDomain, PictureMoment } from './metadata-source.ts';

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
  const control = await source.domain(controlDomain);
  if (control === undefined) throw unknown(`topic ${nameOrId}`, 'the control domain was never flushed to the bucket');
  const topic = isUuid(nameOrId)
    ? await findTopicById(control.reads, nameOrId as TopicId)
    : await findTopicByName(control.reads, nameOrId);
  if (topic === undefined)
    throw unknown(`topic ${nameOrId}`, `control has none of this name or id as of ${control.moment.time}`);
  const partitionCount = topic.creationEpochs.length;
  if (partition !== undefined && partition >= partitionCount) {
    throw unknown(`partition ${nameOrId}/${partition}`, `the topic has ${partitionCount} partitions`);
  }
  const counts = await readDomainCounts(control.reads);
  if (counts === undefined) {
    throw new EngineError('domain-not-found', 'the cluster has no metastore domains: control does not say how many', {
      hint: 'start its broker once with this version',
    });
  }
  const opened = new Map<string, Promise<PicturedDomain | undefined>>();
  const domainOf = (name: string): Promise<PicturedDomain | undefined> => {
    const known = opened.get(name) ?? source.domain(name);
    opened.set(name, known);
    return known;
  };
  const wanted = partition === undefined ? Array.from({ length: partitionCount }, (_, at) => at) : [partition];
  const describe = partition === undefined ? summarizePartition : describePartition;
  const partitions = await inParallel(wanted, async (at) => {
    const place = { topicId: topic.id, partition: at };
    const name = `metastore/${domainOfPartition(place, counts.metastore)}`;
    return describe((await domainOf(name))?.reads, name, place);
  });
  const domains = [...opened.keys()].sort();
  const moments: PictureMoment[] = [control.moment];
  const unflushed: string[] = [];
  for (const name of domains) {
    const domain = await domainOf(name);
    if (domain === undefined) unflushed.push(name);
    else moments.push(domain.moment);
  }
  return { topic: topic.name, topicId: topic.id, partitionCount, partitions, moments, unflushed };
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

function unknown(what: string, why: string): EngineError {
  return new EngineError('unknown-topic-or-partition', `no ${what}: ${why}`, {
    hint: 'cloudtopics metastore scan --domain control --prefix topic/',
  });
}
