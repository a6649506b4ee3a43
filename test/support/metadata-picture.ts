// What a cluster's metadata is, as a flat map that two readers can be compared by: what a broker says over Kafka's protocol, and what
// the bucket alone says to a process that has no log and no broker.
//
//   topic/<name>                        <id>|<partitions>|<retention.ms, where it is set>
//   broker/<name>                       value
//   offset/<group>/<topic id>/<n>       committed offset

import { systemClock } from '../../src/engine/base/clock.ts';
import { silentLogger } from '../../src/engine/base/logger.ts';
import { systemRandom } from '../../src/engine/base/random.ts';
import { findCluster, readOwner } from '../../src/engine/cluster/cluster-directory.ts';
import { readControlRows } from '../../src/engine/cluster/control-rows.ts';
import { decodeOffsetRow } from '../../src/engine/coordinator/offset-row-format.ts';
import { openDomainView } from '../../src/engine/domain/domain.ts';
import { BlockCache } from '../../src/engine/lsm/lsm.ts';
import { openStore } from '../../src/engine/store/store.ts';
import { describeConfigs, metadata, noUuid, offsetFetch } from '../../src/engine/wire/wire.ts';
import type { RawClient } from '../engine/broker/raw-client.ts';

export type MetadataPicture = ReadonlyMap<string, string>;

export const topicState = (id: string, partitions: number, retentionMs: string | undefined): string =>
  `${id}|${partitions}|${retentionMs ?? ''}`;

const set = 1;
const brokerSet = 2;

/** What the broker at the other end says. */
export async function livePicture(client: RawClient, groups: readonly string[]): Promise<Map<string, string>> {
  const picture = new Map<string, string>();
  const { topics } = await client.call(metadata, 12, { topics: null });
  const resources = topics.map(({ name }) => ({ resourceType: 2, resourceName: name ?? '', configurationKeys: null }));
  resources.push({ resourceType: 4, resourceName: '1', configurationKeys: null });
  const { results } = await client.call(describeConfigs, 4, { resources });
  const configs = new Map(results.map((one) => [`${one.resourceType}/${one.resourceName}`, one.configs]));
  for (const { name, topicId, partitions } of topics) {
    const own = configs.get(`2/${name}`)?.find((one) => one.name === 'retention.ms' && one.configSource === set);
    picture.set(`topic/${name}`, topicState(topicId, partitions.length, own?.value ?? undefined));
  }
  for (const { name, value, configSource } of configs.get('4/1') ?? []) {
    if (configSource === brokerSet) picture.set(`broker/${name}`, value ?? '');
  }
  const ids = new Map(topics.map(({ name, topicId }) => [name, topicId]));
  const wanted = groups.map((groupId) => ({ groupId, topics: null }));
  for (const group of (await client.call(offsetFetch, 8, { groups: wanted })).groups) {
    if (group.errorCode !== 0) throw new Error(`the offsets of ${group.groupId} were answered ${group.errorCode}`);
    for (const topic of group.topics) {
      for (const { partitionIndex, committedOffset } of topic.partitions) {
        const place = `${group.groupId}/${ids.get(topic.name) ?? noUuid}/${partitionIndex}`;
        picture.set(`offset/${place}`, String(committedOffset));
      }
    }
  }
  return picture;
}

export interface BucketPicture {
  readonly picture: MetadataPicture;
  readonly clusterEpoch: number;
  readonly deletedTopics: readonly string[];
}

/** What the bucket says, from the newest manifests of its domains. */
export async function bucketPicture(storeUrl: string): Promise<BucketPicture> {
  const deps = { clock: systemClock, random: systemRandom, logger: silentLogger, options: { readOnly: true } };
  await using store = await openStore(storeUrl, deps);
  const cluster = await findCluster(store, 'default');
  if (cluster === undefined) throw new Error('the bucket has no cluster');
  const { clusterId } = cluster;
  const incarnation = (await readOwner(store, clusterId))?.owner.incarnation;
  const caches = { blocks: new BlockCache(16 * 1024 * 1024), disk: undefined };
  const open = (name: string) =>
    openDomainView({
      store,
      clusterId,
      name,
      caches,
      logger: silentLogger,
      ...(incarnation === undefined ? {} : { incarnation }),
    });
  const picture = new Map<string, string>();
  await using control = await open('control');
  if (control === undefined) throw new Error('the control domain was never flushed');
  const rows = await readControlRows(control);
  for (const { name, id, partitions, configs } of rows.topics) {
    picture.set(`topic/${name}`, topicState(id, partitions.length, configs.get('retention.ms')));
  }
  for (const [name, value] of rows.brokerConfigs) picture.set(`broker/${name}`, value);
  const ids = new Set<string>(rows.topics.map(({ id }) => id));
  for (let at = 0; at < (rows.domainCounts?.groups ?? 0); at++) {
    await using groups = await open(`groups/${at}`);
    for (const { key, value } of (await groups?.scan({ prefix: 'offset/' })) ?? []) {
      // Those of a deleted topic are there until the next sweep, and mean nothing.
      if (!ids.has(key.split('/')[2] ?? '')) continue;
      const place = key.replace(/\/0*(\d+)$/, '/$1');
      picture.set(place, String(decodeOffsetRow(value, key).committedOffset));
    }
  }
  const { clusterEpoch, deletedTopics } = rows;
  return { picture, clusterEpoch, deletedTopics: deletedTopics.map(({ name }) => name) };
}

/** Lines for people: what is different; nothing when both say the same. */
export function differences(one: MetadataPicture, other: MetadataPicture): string[] {
  const keys = [...new Set([...one.keys(), ...other.keys()])].sort();
  return keys
    .filter((key) => one.get(key) !== other.get(key))
    .map((key) => `${key}: ${one.get(key) ?? 'nothing'} here, ${other.get(key) ?? 'nothing'} there`);
}
