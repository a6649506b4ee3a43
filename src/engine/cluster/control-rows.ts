// Everything the control domain holds, read as one picture.

import { EngineError } from '../base/errors.ts';
import { type ClusterEpoch, clusterEpoch } from '../base/ids.ts';
import type { DomainReads, DomainRow } from '../domain/domain.ts';
import {
  brokerConfigKeyPrefix,
  clusterEpochKey,
  type DeletedTopic,
  decodeBrokerConfigRow,
  decodeCounterRow,
  decodeDeletedTopicRow,
  decodeTopicRow,
  deletedTopicKeyPrefix,
  groupsDomainsKey,
  metastoreDomainsKey,
  type TopicRow,
  topicKeyPrefix,
} from './control-format.ts';
import type { Topic } from './topic-view.ts';

/** How many domains things are hashed over; fixed for the life of a cluster. */
export interface DomainCounts {
  readonly metastore: number;
  readonly groups: number;
}

export interface ControlRows {
  readonly topics: readonly Topic[];
  readonly brokerConfigs: ReadonlyMap<string, string>;
  /** 0 before the first opening has written anything. */
  readonly clusterEpoch: ClusterEpoch;
  readonly domainCounts: DomainCounts | undefined;
  readonly deletedTopics: readonly DeletedTopic[];
}

const pageRows = 1000;

export async function readControlRows(domain: DomainReads): Promise<ControlRows> {
  const topics: Topic[] = [];
  for await (const { key, value } of rowsOf(domain, topicKeyPrefix)) topics.push(topicOf(decodeTopicRow(key, value)));
  const brokerConfigs = new Map<string, string>();
  for await (const { key, value } of rowsOf(domain, brokerConfigKeyPrefix)) {
    brokerConfigs.set(key.slice(brokerConfigKeyPrefix.length), decodeBrokerConfigRow(key, value));
  }
  const deletedTopics: DeletedTopic[] = [];
  for await (const { key, value } of rowsOf(domain, deletedTopicKeyPrefix)) {
    deletedTopics.push(decodeDeletedTopicRow(key, value));
  }
  return {
    topics,
    brokerConfigs,
    clusterEpoch: clusterEpoch((await counter(domain, clusterEpochKey)) ?? 0),
    domainCounts: await domainCounts(domain),
    deletedTopics,
  };
}

async function domainCounts(domain: DomainReads): Promise<DomainCounts | undefined> {
  const metastore = await counter(domain, metastoreDomainsKey);
  const groups = await counter(domain, groupsDomainsKey);
  if (metastore === undefined && groups === undefined) return undefined;
  if (metastore === undefined || groups === undefined || metastore < 1 || groups < 1) {
    const problem = `${metastoreDomainsKey} is ${metastore}, ${groupsDomainsKey} is ${groups}`;
    throw new EngineError('corrupt-object', `the control domain does not say how many domains there are: ${problem}`);
  }
  return { metastore, groups };
}

async function counter(domain: DomainReads, key: string): Promise<number | undefined> {
  const value = await domain.get(key);
  return value === undefined ? undefined : decodeCounterRow(key, value);
}

async function* rowsOf(domain: DomainReads, prefix: string): AsyncIterable<DomainRow> {
  for (let after: { after?: string } = {}; ; ) {
    const rows = await domain.scan({ prefix, limit: pageRows, ...after });
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < pageRows) return;
    after = { after: last.key };
  }
}

function topicOf({ creationEpochs, ...row }: TopicRow): Topic {
  return { ...row, partitions: creationEpochs.map((creationEpoch, index) => ({ index, creationEpoch })) };
}

export function rowOfTopic({ partitions, ...topic }: Topic): TopicRow {
  return { ...topic, creationEpochs: partitions.map(({ creationEpoch }) => creationEpoch) };
}
