// Topics and settings over the protocol.

import { describe, expect, test } from 'vitest';
import {
  alterConfigs,
  apiVersions,
  createPartitions,
  createTopics,
  deleteTopics,
  describeCluster,
  describeConfigs,
  incrementalAlterConfigs,
  initProducerId,
  metadata,
  noAuthorizedOperations,
  noUuid,
} from '../../../src/engine/wire/wire.ts';
import { stagesOfThisFile } from './broker-stage.ts';

const open = stagesOfThisFile();

const named = (name: string) => ({ name, topicId: noUuid });
const wanted = (name: string, more = {}) => ({
  name,
  numPartitions: 1,
  replicationFactor: 1,
  assignments: [],
  configs: [],
  ...more,
});
const topicType = 2;
const brokerType = 4;

test('ApiVersions advertises what is served; Produce from version 0 on, so that librdkafka compresses', async () => {
  const { client } = await open();
  const { apiKeys } = await client.call(apiVersions, 3, { clientSoftwareName: 'x', clientSoftwareVersion: '1' });
  const keys = apiKeys.map(({ apiKey }) => apiKey);
  expect(keys).toEqual([...keys].sort((a, b) => a - b));
  expect(apiKeys).toContainEqual({ apiKey: 0, minVersion: 0, maxVersion: 13 });
  expect(apiKeys).toContainEqual({ apiKey: 1, minVersion: 4, maxVersion: 18 });
  expect(keys).not.toContain(24); // AddPartitionsToTxn: no transactions yet
});

describe('Metadata', () => {
  test('creates a topic that is asked for by name, with the default partition count', async () => {
    const { client } = await open({ settings: { 'num.partitions': '3' } });
    const { topics, brokers, clusterId, controllerId } = await client.call(metadata, 12, { topics: [named('fresh')] });
    expect(topics).toMatchObject([{ errorCode: 0, name: 'fresh', topicAuthorizedOperations: noAuthorizedOperations }]);
    expect(
      topics[0]?.partitions.map(({ leaderId, leaderEpoch, isrNodes }) => [leaderId, leaderEpoch, isrNodes]),
    ).toEqual([
      [1, 3, [1]],
      [1, 3, [1]],
      [1, 3, [1]],
    ]);
    expect([brokers.length, clusterId, controllerId]).toEqual([1, 'the-cluster', 1]);
  });

  test('does not when the client or the settings forbid it', async () => {
    const { stage, client } = await open();
    const forbidden = { topics: [named('fresh')], allowAutoTopicCreation: false };
    expect((await client.call(metadata, 12, forbidden)).topics[0]?.errorCode).toBe(3);
    const off = await open({ settings: { 'auto.create.topics.enable': 'false' } });
    expect((await off.client.call(metadata, 1, { topics: [named('fresh')] })).topics[0]?.errorCode).toBe(3);
    expect([stage.control.topics.size, off.stage.control.topics.size]).toEqual([0, 0]);
  });

  test('refuses an illegal name', async () => {
    const { client } = await open();
    expect((await client.call(metadata, 12, { topics: [named('a b')] })).topics[0]?.errorCode).toBe(17);
  });

  test('two clients that ask for the same new topic at once both get it', async () => {
    const { stage, client } = await open();
    const other = await stage.client();
    const answers = await Promise.all([client, other].map((one) => one.call(metadata, 12, { topics: [named('t')] })));
    const ids = answers.map(({ topics }) => [topics[0]?.errorCode, topics[0]?.topicId]);
    expect(ids[0]).toEqual([0, stage.idOf('t')]);
    expect(ids[1]).toEqual(ids[0]);
  });

  test('by id: known and unknown', async () => {
    const { stage, client } = await open();
    await stage.topic('t');
    const stranger = '11111111-2222-4333-8444-555555555555';
    const { topics } = await client.call(metadata, 12, {
      topics: [
        { name: null, topicId: stage.idOf('t') },
        { name: null, topicId: stranger },
      ],
    });
    expect(topics.map(({ errorCode, name }) => [errorCode, name])).toEqual([
      [0, 't'],
      [100, null],
    ]);
  });

  test('all topics: null, and in version 0 an empty list; an empty list means none later', async () => {
    const { stage, client } = await open();
    await stage.topic('b');
    await stage.topic('a');
    const names = ({ topics }: { topics: readonly { name: string | null }[] }) => topics.map(({ name }) => name);
    expect(names(await client.call(metadata, 9, { topics: null }))).toEqual(['a', 'b']);
    expect(names(await client.call(metadata, 0, { topics: [] }))).toEqual(['a', 'b']);
    expect(names(await client.call(metadata, 1, { topics: [] }))).toEqual([]);
  });

  test('a partition that is being opened has no leader for the moment', async () => {
    const { stage, client } = await open();
    await stage.topic('t', 2);
    stage.unserve('t', 1);
    const { topics } = await client.call(metadata, 12, { topics: [named('t')] });
    expect(topics[0]?.partitions.map(({ errorCode, leaderId }) => [errorCode, leaderId])).toEqual([
      [0, 1],
      [5, -1],
    ]);
  });
});

describe('CreateTopics and DeleteTopics', () => {
  test('each topic has its own outcome, and what was made is shown', async () => {
    const { stage, client } = await open();
    await stage.topic('taken');
    const { topics } = await client.call(createTopics, 7, {
      topics: [
        wanted('new', { numPartitions: -1, replicationFactor: 3, configs: [{ name: 'retention.ms', value: '5' }] }),
        wanted('taken'),
        wanted('twice'),
        wanted('twice'),
        wanted('bad', { configs: [{ name: 'cleanup.policy', value: 'burn' }] }),
      ],
    });
    expect(topics.map(({ errorCode }) => errorCode)).toEqual([0, 36, 42, 42, 40]);
    expect(topics[0]).toMatchObject({ topicId: stage.idOf('new'), numPartitions: 1, replicationFactor: 1 });
    expect(topics[0]?.configs).toContainEqual({
      name: 'retention.ms',
      value: '5',
      readOnly: false,
      configSource: 1,
      isSensitive: false,
    });
    expect(topics[4]?.errorMessage).toMatch(/burn.*cleanup.policy.*delete, compact/);
    expect(stage.control.list().map(({ name }) => name)).toEqual(['new', 'taken']);
  });

  test('validateOnly creates nothing', async () => {
    const { stage, client } = await open();
    const { topics } = await client.call(createTopics, 5, {
      topics: [wanted('t', { numPartitions: 4 })],
      validateOnly: true,
    });
    expect([topics[0]?.errorCode, topics[0]?.numPartitions, stage.control.topics.size]).toEqual([0, 4, 0]);
  });

  test('topics go by name and by id', async () => {
    const { stage, client } = await open();
    await stage.topic('a');
    await stage.topic('b');
    const byName = await client.call(deleteTopics, 4, { topicNames: ['a', 'no'], timeoutMs: 1000 });
    expect(byName.responses.map(({ errorCode }) => errorCode)).toEqual([0, 3]);
    const id = stage.idOf('b');
    const byId = await client.call(deleteTopics, 6, { topics: [{ name: null, topicId: id }], timeoutMs: 1000 });
    expect(byId.responses).toMatchObject([{ errorCode: 0, name: 'b', topicId: id }]);
    const again = await client.call(deleteTopics, 6, { topics: [{ name: null, topicId: id }], timeoutMs: 1000 });
    expect(again.responses).toMatchObject([{ errorCode: 100, name: null }]);
    expect(stage.control.topics.size).toBe(0);
  });

  test('when control cannot write, the client is told, and nothing is there', async () => {
    const { stage, client } = await open();
    stage.domain.fault = 'refuse';
    const { topics } = await client.call(createTopics, 7, { topics: [wanted('t')] });
    expect([topics[0]?.errorCode, stage.control.topics.size]).toEqual([-1, 0]);
    expect(stage.bugs).toHaveLength(1);
    stage.log.length = 0;
  });

  test('partitions are added', async () => {
    const { stage, client } = await open();
    await stage.topic('t', 2);
    const grow = (count: number, more = {}) =>
      client.call(createPartitions, 3, {
        topics: [{ name: 't', count, assignments: null }],
        timeoutMs: 1000,
        validateOnly: false,
        ...more,
      });
    expect((await grow(5, { validateOnly: true })).results[0]?.errorCode).toBe(0);
    expect(stage.control.byName('t')?.partitions.length).toBe(2);
    expect((await grow(3)).results[0]?.errorCode).toBe(0);
    expect((await grow(3)).results[0]).toMatchObject({
      errorCode: 37,
      errorMessage: expect.stringContaining('3 partitions'),
    });
    const assigned = { topics: [{ name: 't', count: 4, assignments: [{ brokerIds: [2] }] }] };
    expect((await grow(4, assigned)).results[0]?.errorCode).toBe(39);
    expect(stage.control.byName('t')?.partitions.length).toBe(3);
  });
});

describe('settings', () => {
  const describeOne = (resourceType: number, resourceName: string, configurationKeys: string[] | null) => ({
    resources: [{ resourceType, resourceName, configurationKeys }],
    includeSynonyms: true,
    includeDocumentation: true,
  });
  const change = (resourceType: number, resourceName: string, ...configs: [string, number, string | null][]) => ({
    resources: [
      {
        resourceType,
        resourceName,
        configs: configs.map(([name, configOperation, value]) => ({ name, configOperation, value })),
      },
    ],
    validateOnly: false,
  });

  test('a topic’s setting shows its value, source, type, synonyms and meaning', async () => {
    const { stage, client } = await open({ settings: { 'message.max.bytes': '2000000' } });
    await stage.topic('t');
    const ask = () => client.call(describeConfigs, 4, describeOne(topicType, 't', ['max.message.bytes']));
    const inherited = (await ask()).results[0]?.configs;
    expect(inherited).toMatchObject([{ name: 'max.message.bytes', value: '2000000', configSource: 4, configType: 3 }]);
    await client.call(incrementalAlterConfigs, 1, change(topicType, 't', ['max.message.bytes', 0, '3000000']));
    const own = (await ask()).results[0]?.configs[0];
    expect(own).toMatchObject({
      value: '3000000',
      configSource: 1,
      documentation: expect.stringContaining('largest record batch'),
    });
    expect(own?.synonyms).toEqual([
      { name: 'max.message.bytes', value: '3000000', source: 1 },
      { name: 'message.max.bytes', value: '2000000', source: 4 },
      { name: 'message.max.bytes', value: '1048588', source: 5 },
    ]);
  });

  test('the broker’s settings, by its id and by the empty name; others are refused', async () => {
    const { client } = await open();
    for (const name of ['1', '']) {
      const { results } = await client.call(describeConfigs, 4, describeOne(brokerType, name, null));
      const byName = new Map(results[0]?.configs.map((one) => [one.name, one]));
      expect(byName.get('auto.create.topics.enable')).toMatchObject({ value: 'true', readOnly: false, configType: 1 });
      expect(byName.get('cloudtopics.seal.interval.ms')).toMatchObject({ value: 'auto', readOnly: true });
    }
    const refused = [await client.call(describeConfigs, 4, describeOne(brokerType, '2', null))];
    refused.push(await client.call(describeConfigs, 4, describeOne(99, 'x', null)));
    expect(refused.map(({ results }) => results[0]?.errorCode)).toEqual([42, 42]);
    const missing = await client.call(describeConfigs, 4, describeOne(topicType, 'no', null));
    expect(missing.results[0]?.errorCode).toBe(3);
  });

  test('lists are appended to and subtracted from, starting from what is in force', async () => {
    const { stage, client } = await open();
    await stage.topic('t');
    const policy = () => stage.control.byName('t')?.configs.get('cleanup.policy');
    const alter = async (...configs: [string, number, string | null][]) =>
      (await client.call(incrementalAlterConfigs, 1, change(topicType, 't', ...configs))).responses[0]?.errorCode;
    expect(await alter(['cleanup.policy', 2, 'compact'])).toBe(0);
    expect(policy()).toBe('delete,compact');
    expect(await alter(['cleanup.policy', 3, 'delete'])).toBe(0);
    expect(policy()).toBe('compact');
    expect(await alter(['retention.ms', 2, '5'])).toBe(42);
    expect(await alter(['retention.ms', 0, null])).toBe(42);
    expect(await alter(['retention.ms', 9, '5'])).toBe(42);
    expect(await alter(['retention.ms', 0, '5'], ['retention.ms', 1, null])).toBe(42);
    expect(await alter(['no.such', 1, null])).toBe(40);
    expect(await alter(['cleanup.policy', 1, null])).toBe(0);
    expect(policy()).toBeUndefined();
  });

  test('AlterConfigs replaces everything', async () => {
    const { stage, client } = await open();
    await stage.topic('t');
    await client.call(incrementalAlterConfigs, 1, change(topicType, 't', ['retention.ms', 0, '5']));
    const configs = [{ name: 'segment.bytes', value: '100' }];
    const { responses } = await client.call(alterConfigs, 2, {
      resources: [{ resourceType: topicType, resourceName: 't', configs }],
      validateOnly: false,
    });
    expect(responses[0]?.errorCode).toBe(0);
    expect([...(stage.control.byName('t')?.configs ?? [])]).toEqual([['segment.bytes', '100']]);
  });

  test('a dynamic broker setting takes effect at once; a fixed one is refused', async () => {
    const { client } = await open();
    const alter = (name: string, value: string) =>
      client.call(incrementalAlterConfigs, 1, change(brokerType, '', [name, 0, value]));
    expect((await alter('num.partitions', '5')).responses[0]?.errorCode).toBe(0);
    const { topics } = await client.call(metadata, 12, { topics: [named('t')] });
    expect(topics[0]?.partitions).toHaveLength(5);
    expect((await alter('cloudtopics.seal.bytes', '5000000')).responses[0]).toMatchObject({ errorCode: 40 });
  });
});

test('DescribeCluster names the one broker', async () => {
  const { stage, client } = await open();
  const answer = await client.call(describeCluster, 1, { includeClusterAuthorizedOperations: false });
  const { host, port } = stage.broker.kafkaAddress;
  expect(answer).toMatchObject({ errorCode: 0, clusterId: 'the-cluster', brokers: [{ brokerId: 1, host, port }] });
  const controllers = await client.call(describeCluster, 1, {
    includeClusterAuthorizedOperations: false,
    endpointType: 2,
  });
  expect(controllers.errorCode).toBe(114);
});

test('InitProducerId: fresh ids, also for one that shows an old id; transactions are refused plainly', async () => {
  const { client } = await open();
  const ask = (more = {}) =>
    client.call(initProducerId, 4, { transactionalId: null, transactionTimeoutMs: 1000, ...more });
  expect(await ask()).toMatchObject({ errorCode: 0, producerId: 0, producerEpoch: 0 });
  expect(await ask({ producerId: 0, producerEpoch: 5 })).toMatchObject({
    errorCode: 0,
    producerId: 1,
    producerEpoch: 0,
  });
  expect(await ask({ transactionalId: 'tx' })).toMatchObject({ errorCode: 53, producerId: -1 });
  expect(await ask({ transactionalId: '' })).toMatchObject({ errorCode: 42 });
});
