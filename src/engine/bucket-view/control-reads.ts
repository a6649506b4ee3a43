// What the rows of the control domain say about the cluster: its topics, and which domains it has. The same for a live domain and
// for a view of one.

import type { TopicId } from '../base/ids.ts';
import {
  decodeCounterRow,
  decodeTopicRow,
  groupsDomainsKey,
  metastoreDomainsKey,
  type TopicRow,
  topicKey,
  topicKeyPrefix,
} from '../cluster/control-format.ts';
import type { DomainReads, DomainRow } from '../domain/domain.ts';

export const controlDomain = 'control';

const pageRows = 1000;

/** In the order of their ids, a page at a time. Throws for a row that does not decode: a topic is never left out silently. */
async function* readTopics(control: DomainReads): AsyncGenerator<TopicRow> {
  let after: string | undefined;
  while (true) {
    const rows = await control.scan({
      prefix: topicKeyPrefix,
      limit: pageRows,
      ...(after === undefined ? {} : { after }),
    });
    for (const { key, value } of rows) yield decodeTopicRow(key, value);
    if (rows.length < pageRows) return;
    after = (rows.at(-1) as DomainRow).key;
  }
}

export async function findTopicById(control: DomainReads, id: TopicId): Promise<TopicRow | undefined> {
  const key = topicKey(id);
  const value = await control.get(key);
  return value === undefined ? undefined : decodeTopicRow(key, value);
}

export async function findTopicByName(control: DomainReads, name: string): Promise<TopicRow | undefined> {
  for await (const topic of readTopics(control)) if (topic.name === name) return topic;
  return undefined;
}

interface DomainCounts {
  readonly metastore: number;
  readonly groups: number;
}

/** As chosen when the cluster was created; undefined where control does not say (a cluster that is just being made). */
export async function readDomainCounts(control: DomainReads): Promise<DomainCounts | undefined> {
  const [metastore, groups] = await Promise.all([
    readCounter(control, metastoreDomainsKey),
    readCounter(control, groupsDomainsKey),
  ]);
  return metastore === undefined || groups === undefined ? undefined : { metastore, groups };
}

async function readCounter(control: DomainReads, key: string): Promise<number | undefined> {
  const value = await control.get(key);
  return value === undefined ? undefined : decodeCounterRow(key, value);
}

export function namesOfDomains({ metastore, groups }: DomainCounts): string[] {
  return [controlDomain, ...numbered('groups', groups), ...numbered('metastore', metastore)];
}

const numbered = (kind: string, count: number): string[] => Array.from({ length: count }, (_, at) => `${kind}/${at}`);
