// What a whole broker knows beside records, topics, settings, counters and positions, is in the bucket when it should be: topics and
// settings before they are acknowledged, positions after their interval, everything after an orderly stop.

import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { EngineError } from '../../../src/engine/base/errors.ts';
import {
  createTopics,
  deleteTopics,
  incrementalAlterConfigs,
  initProducerId,
  metadata,
  offsetCommit,
} from '../../../src/engine/wire/wire.ts';
import { bucketPicture, differences, livePicture } from '../../support/metadata-picture.ts';
import type { RawClient } from '../broker/raw-client.ts';
import { EngineStage, until } from './engine-stage.ts';

const topicExists = 36;
const requestTimedOut = 7;
const isDomain = (key: string) => key.includes('/domain/');

async function create(client: RawClient, name: string, timeoutMs = 30_000): Promise<number | undefined> {
  const topics = [{ name, numPartitions: 2, replicationFactor: 1, assignments: [], configs: [] }];
  return (await client.call(createTopics, 7, { topics, timeoutMs })).topics[0]?.errorCode;
}

async function remove(client: RawClient, name: string): Promise<number | undefined> {
  const topics = [{ name, topicId: '00000000-0000-0000-0000-000000000000' }];
  return (await client.call(deleteTopics, 6, { topics, timeoutMs: 30_000 })).responses[0]?.errorCode;
}

async function set(client: RawClient, resourceType: number, resourceName: string, name: string, value: string) {
  const resources = [{ resourceType, resourceName, configs: [{ name, configOperation: 0, value }] }];
  const answer = await client.call(incrementalAlterConfigs, 1, { resources, validateOnly: false });
  expect(answer.responses[0]?.errorCode).toBe(0);
}

async function commit(
  client: RawClient,
  groupId: string,
  topic: string,
  committedOffset: number,
  committedMetadata = '',
): Promise<void> {
  const partitions = [{ partitionIndex: 0, committedOffset, committedMetadata }];
  const answer = await client.call(offsetCommit, 9, { groupId, memberId: '', topics: [{ name: topic, partitions }] });
  expect(answer.topics[0]?.partitions[0]?.errorCode).toBe(0);
}

const names = async (client: RawClient) =>
  (await client.call(metadata, 12, { topics: null })).topics.map(({ name }) => name ?? '').sort();

async function order(stage: EngineStage, what: string): Promise<void> {
  const { host, port } = stage.engine.adminAddress as { host: string; port: number };
  const path = `http://${host}:${port}/v1/domains/${what}`;
  const answer = await fetch(path, { method: 'POST', headers: { 'x-cloudtopics-admin': '1' } });
  expect(answer.status, await answer.text()).toBe(200);
}

const groups = ['g1', 'g2', 'g3'];

/** Something of everything. */
async function change(client: RawClient): Promise<void> {
  for (const name of ['kept', 'configured', 'deleted']) expect(await create(client, name)).toBe(0);
  await set(client, 2, 'configured', 'retention.ms', '123456');
  await set(client, 4, '1', 'num.partitions', '7');
  expect(await remove(client, 'deleted')).toBe(0);
  await client.call(initProducerId, 4, { transactionalId: null, transactionTimeoutMs: 0 });
  for (const [at, group] of groups.entries()) await commit(client, group, 'kept', 100 + at);
}

describe('the bucket alone', () => {
  it('has topics and settings as soon as they are acknowledged', async () => {
    await using stage = await EngineStage.open();
    await stage.start();
    const client = await stage.client();
    await change(client);
    const live = await livePicture(client, []);
    expect(live.size).toBe(3);
    const { picture } = await bucketPicture(stage.storeUrl);
    expect(differences(live, picture)).toEqual([]);
  });

  it('has everything after an orderly stop, and the next start replays nothing', async () => {
    await using stage = await EngineStage.open();
    const engine = await stage.start();
    const client = await stage.client();
    await change(client);
    const live = await livePicture(client, groups);
    expect(live.size).toBe(6);
    await engine.stop();
    expect(differences(live, (await bucketPicture(stage.storeUrl)).picture)).toEqual([]);
    await stage.start({ admin: true });
    expect(await stage.metric('cloudtopics_domain_log_tail_entries')).toBe(0);
    expect(differences(live, await livePicture(await stage.client(), groups))).toEqual([]);
  });

  it('has positions when their interval is over, or when an operator asks', async () => {
    await using stage = await EngineStage.open();
    await stage.start({ settings: { 'cloudtopics.groups.flush.interval.ms': '300' }, admin: true });
    const client = await stage.client();
    await change(client);
    const live = await livePicture(client, groups);
    const isThere = async () => differences(live, (await bucketPicture(stage.storeUrl)).picture).length === 0;
    await until(isThere, 'the positions were in the bucket');
    await set(client, 4, '1', 'cloudtopics.groups.flush.interval.ms', '600000');
    await commit(client, 'g1', 'kept', 500);
    const tails = async () => {
      const names = [0, 1, 2, 3].map((at) => `cloudtopics_domain_log_tail_entries{domain="groups/${at}"}`);
      return (await Promise.all(names.map((name) => stage.metric(name)))).reduce((sum, one) => sum + one);
    };
    expect(await tails()).toBe(1);
    for (const domain of ['groups/0', 'groups%2F1', 'groups/2', 'groups/3']) await order(stage, `${domain}/flush`);
    const later = await livePicture(client, groups);
    expect([...later.values()]).toContain('500');
    expect(differences(later, (await bucketPicture(stage.storeUrl)).picture)).toEqual([]);
    expect(await tails()).toBe(0);
  });

  it('forgets a deleted topic once nothing of it is left in the metastore, there too', async () => {
    await using stage = await EngineStage.open();
    await stage.start({ admin: true });
    const client = await stage.client();
    expect(await create(client, 'deleted')).toBe(0);
    expect(await remove(client, 'deleted')).toBe(0);
    expect((await bucketPicture(stage.storeUrl)).deletedTopics).toEqual(['deleted']);
    const isMarked = async () => (await stage.metric('cloudtopics_domain_log_tail_entries')) === 3;
    await until(isMarked, 'every domain of the metastore had been told');
    await stage.engine.stop();
    expect((await bucketPicture(stage.storeUrl)).deletedTopics).toEqual(['deleted']);
    await stage.start();
    await until(async () => (await bucketPicture(stage.storeUrl)).deletedTopics.length === 0, 'it was forgotten');
  });
});

describe('a start', () => {
  it('costs four PUTs on a new cluster, and one afterwards', async () => {
    await using stage = await EngineStage.open();
    const puts: string[] = [];
    stage.fault = (operation, key) => {
      if (operation === 'put') puts.push(key.replace(/^[0-9a-f-]{36}/, '').replace(/[0-9]{10}-.*/, ''));
      return undefined;
    };
    await (await stage.start()).stop();
    const control = ['/domain/control/sst/', '/domain/control/manifest/'];
    expect(puts.splice(0).sort()).toEqual([...control, '/OWNER', 'clusters/default'].sort());
    await (await stage.start()).stop();
    expect(puts).toEqual(['/OWNER']);
  });

  it('keeps the numbers of domains that the cluster was created with', async () => {
    await using stage = await EngineStage.open();
    const settings = { 'cloudtopics.metastore.domains': '2', 'cloudtopics.groups.domains': '1' };
    await (await stage.start({ settings })).stop();
    await stage.start({ settings: { ...settings, 'cloudtopics.metastore.domains': '5' }, admin: true });
    const { host, port } = stage.engine.adminAddress as { host: string; port: number };
    const { domains } = (await (await fetch(`http://${host}:${port}/v1/domains`)).json()) as {
      domains: { name: string }[];
    };
    expect(domains.map(({ name }) => name)).toEqual(['control', 'groups/0', 'metastore/0', 'metastore/1']);
    expect(stage.log.filter(({ level }) => level === 'warn').map(({ fields }) => fields)).toEqual([
      { setting: 'cloudtopics.metastore.domains', wanted: 5, count: 2 },
    ]);
  });
});

it('without a disk cache and without compression everything works as well, and memtables may be small', async () => {
  await using stage = await EngineStage.open();
  const settings = {
    'cloudtopics.domain.disk.cache.bytes': '0',
    'cloudtopics.domain.compression': 'none',
    'cloudtopics.domain.memtable.bytes': '65536',
    'cloudtopics.domain.cache.bytes': '1048576',
  };
  await stage.start({ settings, admin: true });
  const client = await stage.client();
  await change(client);
  for (let at = 0; at < 150; at++) await commit(client, `group-${at}`, 'kept', at, 'x'.repeat(4_000));
  expect(await stage.metric('cloudtopics_domain_flushes_total{domain="groups/0"}')).toBeGreaterThan(0);
  const live = await livePicture(client, groups);
  await stage.engine.stop();
  await stage.start({ settings, admin: true });
  expect(differences(live, await livePicture(await stage.client(), groups))).toEqual([]);
  const { host, port } = stage.engine.adminAddress as { host: string; port: number };
  const { caches } = (await (await fetch(`http://${host}:${port}/v1/domains`)).json()) as { caches: { disk: unknown } };
  expect(caches.disk).toBeNull();
});

describe('a bucket that is away', () => {
  it('lets the creation of a topic fail in time; it is there for everybody when the bucket is back', async () => {
    await using stage = await EngineStage.open();
    await stage.start();
    const client = await stage.client();
    expect(await create(client, 'before')).toBe(0);
    stage.fault = (operation, key) => (operation === 'put' && isDomain(key) ? { kind: 'unavailable' } : undefined);
    expect(await create(client, 'after', 300)).toBe(requestTimedOut);
    expect(await names(client)).toEqual(['before']);
    expect([...(await bucketPicture(stage.storeUrl)).picture.keys()]).toEqual(['topic/before']);
    stage.fault = () => undefined;
    await until(async () => (await names(client)).includes('after'), 'the topic was there');
    expect(differences(await livePicture(client, []), (await bucketPicture(stage.storeUrl)).picture)).toEqual([]);
    expect(await create(client, 'after')).toBe(topicExists);
  });

  it('shows a topic of unknown outcome to everybody or nobody, also over kill and start', async () => {
    await using stage = await EngineStage.open();
    await stage.start();
    const client = await stage.client();
    expect(await create(client, 'before')).toBe(0);
    // Above the retries: the store gives up at once.
    stage.beforeDomainPut = () => {
      throw new EngineError('store-unavailable', 'put: 503, gave up');
    };
    expect(await create(client, 'after')).toBe(requestTimedOut);
    expect(await create(client, 'later')).toBe(requestTimedOut);
    expect(await names(client)).toEqual(['before']);
    stage.beforeDomainPut = () => {};
    await until(async () => (await names(client)).includes('after'), 'the topic was there');
    const live = await livePicture(client, []);
    expect(differences(live, (await bucketPicture(stage.storeUrl)).picture)).toEqual([]);
    await stage.engine.stop();
    await stage.start();
    expect(differences(live, await livePicture(await stage.client(), []))).toEqual([]);
    expect(stage.fatal).toEqual([]);
  });

  it('and does not answer at all, keeps a broker from stopping for a bounded time', async () => {
    await using stage = await EngineStage.open();
    const engine = await stage.start({ settings: { 'cloudtopics.stop.flush.ms': '100' } });
    const client = await stage.client();
    await change(client);
    const live = await livePicture(client, groups);
    const gate = Promise.withResolvers<void>();
    stage.beforeDomainPut = () => gate.promise;
    const began = Date.now();
    await engine.stop();
    expect(Date.now() - began).toBeLessThan(20_000);
    gate.resolve();
    await stage.start();
    expect(differences(live, await livePicture(await stage.client(), groups))).toEqual([]);
  });

  it('does not keep a broker from stopping, nor the next one from having it all', async () => {
    await using stage = await EngineStage.open();
    const engine = await stage.start();
    const client = await stage.client();
    await change(client);
    const live = await livePicture(client, groups);
    stage.beforeDomainPut = () => {
      throw new EngineError('store-unavailable', 'put: 503, gave up');
    };
    await engine.stop();
    expect(stage.log.map(({ message }) => message)).toContain(
      'not everything could be written to the bucket; the rest is in the log of the data directory',
    );
    stage.beforeDomainPut = () => {};
    await stage.start();
    expect(differences(live, await livePicture(await stage.client(), groups))).toEqual([]);
  });
});

it('metrics.md has every metric of the domains', async () => {
  await using stage = await EngineStage.open();
  await stage.start({ admin: true });
  const { host, port } = stage.engine.adminAddress as { host: string; port: number };
  const text = await (await fetch(`http://${host}:${port}/v1/metrics`)).text();
  const shown = [...text.matchAll(/^# HELP (cloudtopics_domain_\w+)/gm)].map(([, name]) => name as string);
  expect(shown.length).toBeGreaterThan(15);
  const page = await readFile(new URL('../../../docs/operating/metrics.md', import.meta.url), 'utf8');
  expect(shown.filter((name) => !page.includes(`\`${name}{`))).toEqual([]);
});
