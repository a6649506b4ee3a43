// What KafkaJS sends is decoded as it was meant, and what we answer is decoded by KafkaJS, in every version it has.

import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { encodeBatch } from '../../../src/engine/records/build-batch-format.ts';
import { computeBatchCrc, readBatchCrc, readBatchFacts } from '../../../src/engine/records/record-batch-format.ts';
import { apis, decodeRequest, encodeResponse, produce } from '../../../src/engine/wire/wire.ts';

const kafkajs = createRequire(createRequire(import.meta.url).resolve('kafkajs'));
const encodeFrame = kafkajs('./src/protocol/request.js');

interface Protocol {
  readonly request: { encode(): Promise<unknown>; readonly apiKey: number; readonly apiVersion: number };
  readonly response: { decode(bytes: Buffer): Promise<Record<string, unknown>> };
}
interface Definition {
  readonly versions: number[] | string[];
  protocol(options: { version: number }): (args: unknown) => Protocol;
}

interface Agreement {
  readonly api: number;
  readonly folder: string;
  /** What KafkaJS is asked to send, and what must arrive. Fields that a version lacks have their default. */
  readonly ask: unknown;
  readonly arrives: (version: number) => Record<string, unknown>;
  /** What we answer, and what KafkaJS must find in it. */
  readonly answer: (version: number) => Record<string, unknown>;
  readonly found: (version: number) => Record<string, unknown>;
}

const from = <T>(first: number, version: number, value: T, before: T): T => (version >= first ? value : before);
const metadataBytes = Buffer.from('subscription');
const batch = encodeBatch([{ key: Buffer.from('k'), value: Buffer.from('v'), timestamp: 5 }], { baseOffset: 40 });

const agreements: readonly Agreement[] = [
  {
    api: 1,
    folder: 'fetch',
    ask: {
      replicaId: -1,
      maxWaitTime: 500,
      minBytes: 1,
      maxBytes: 1000,
      isolationLevel: 1,
      sessionId: 7,
      sessionEpoch: 2,
      rackId: 'rack',
      topics: [
        { topic: 't', partitions: [{ partition: 3, currentLeaderEpoch: 4, fetchOffset: 2 ** 40, maxBytes: 99 }] },
      ],
    },
    arrives: (v) => ({
      replicaId: -1,
      maxWaitMs: 500,
      minBytes: 1,
      maxBytes: 1000,
      isolationLevel: 1,
      sessionId: from(7, v, 7, 0),
      sessionEpoch: from(7, v, 2, -1),
      rackId: from(11, v, 'rack', ''),
      topics: [
        {
          topic: 't',
          partitions: [
            {
              partition: 3,
              currentLeaderEpoch: from(9, v, 4, -1),
              fetchOffset: 2 ** 40,
              logStartOffset: -1,
              partitionMaxBytes: 99,
            },
          ],
        },
      ],
    }),
    answer: () => ({
      sessionId: 7,
      responses: [
        {
          topic: 't',
          partitions: [
            {
              partitionIndex: 3,
              errorCode: 0,
              highWatermark: 41,
              lastStableOffset: 41,
              logStartOffset: 2,
              abortedTransactions: [{ producerId: 9, firstOffset: 3 }],
              preferredReadReplica: -1,
              records: [batch],
            },
          ],
        },
      ],
    }),
    found: () => ({
      responses: [
        {
          topicName: 't',
          partitions: [
            {
              partition: 3,
              errorCode: 0,
              highWatermark: '41',
              abortedTransactions: [{ producerId: '9', firstOffset: '3' }],
              messages: [{ offset: '40', timestamp: '5', key: Buffer.from('k'), value: Buffer.from('v') }],
            },
          ],
        },
      ],
    }),
  },
  {
    api: 2,
    folder: 'listOffsets',
    ask: { replicaId: -1, isolationLevel: 1, topics: [{ topic: 't', partitions: [{ partition: 3, timestamp: -2 }] }] },
    arrives: (v) => ({
      replicaId: -1,
      isolationLevel: from(2, v, 1, 0),
      topics: [{ name: 't', partitions: [{ partitionIndex: 3, timestamp: -2 }] }],
    }),
    answer: () => ({
      topics: [{ name: 't', partitions: [{ partitionIndex: 3, errorCode: 0, timestamp: 5, offset: 2 ** 40 }] }],
    }),
    found: () => ({
      responses: [{ topic: 't', partitions: [{ partition: 3, errorCode: 0, timestamp: '5', offset: `${2 ** 40}` }] }],
    }),
  },
  {
    api: 3,
    folder: 'metadata',
    ask: { topics: ['a', 'b'], allowAutoTopicCreation: false },
    arrives: (v) => ({ topics: [{ name: 'a' }, { name: 'b' }], allowAutoTopicCreation: from(4, v, false, true) }),
    answer: () => ({
      brokers: [{ nodeId: 1, host: 'h', port: 9092, rack: 'r' }],
      clusterId: 'c',
      controllerId: 1,
      topics: [
        {
          errorCode: 0,
          name: 'a',
          partitions: [
            { errorCode: 0, partitionIndex: 3, leaderId: 1, replicaNodes: [1], isrNodes: [1], offlineReplicas: [] },
          ],
        },
      ],
    }),
    found: () => ({
      brokers: [{ nodeId: 1, host: 'h', port: 9092 }],
      topicMetadata: [
        {
          topic: 'a',
          partitionMetadata: [{ partitionErrorCode: 0, partitionId: 3, leader: 1, replicas: [1], isr: [1] }],
        },
      ],
    }),
  },
  {
    api: 8,
    folder: 'offsetCommit',
    ask: {
      groupId: 'g',
      groupGenerationId: 4,
      memberId: 'm',
      retentionTime: 77,
      topics: [{ topic: 't', partitions: [{ partition: 3, offset: 2 ** 40, metadata: 'note' }] }],
    },
    arrives: (v) => ({
      groupId: 'g',
      generationIdOrMemberEpoch: 4,
      memberId: 'm',
      retentionTimeMs: from(5, v, -1, 77),
      topics: [{ name: 't', partitions: [{ partitionIndex: 3, committedOffset: 2 ** 40, committedMetadata: 'note' }] }],
    }),
    answer: () => ({ topics: [{ name: 't', partitions: [{ partitionIndex: 3, errorCode: 0 }] }] }),
    found: () => ({ responses: [{ topic: 't', partitions: [{ partition: 3, errorCode: 0 }] }] }),
  },
  {
    api: 9,
    folder: 'offsetFetch',
    ask: { groupId: 'g', topics: [{ topic: 't', partitions: [{ partition: 3 }] }] },
    arrives: () => ({ groupId: 'g', topics: [{ name: 't', partitionIndexes: [3] }] }),
    answer: () => ({
      topics: [{ name: 't', partitions: [{ partitionIndex: 3, committedOffset: 12, metadata: 'note', errorCode: 0 }] }],
    }),
    found: () => ({
      responses: [{ topic: 't', partitions: [{ partition: 3, offset: '12', metadata: 'note', errorCode: 0 }] }],
    }),
  },
  {
    api: 10,
    folder: 'findCoordinator',
    ask: { groupId: 'g', coordinatorKey: 'g', coordinatorType: 1 },
    arrives: (v) => ({ key: 'g', keyType: from(1, v, 1, 0) }),
    answer: () => ({ errorCode: 0, nodeId: 1, host: 'h', port: 9092 }),
    found: () => ({ errorCode: 0, coordinator: { nodeId: 1, host: 'h', port: 9092 } }),
  },
  {
    api: 11,
    folder: 'joinGroup',
    ask: {
      groupId: 'g',
      sessionTimeout: 30000,
      rebalanceTimeout: 60000,
      memberId: 'm',
      groupInstanceId: 'i',
      protocolType: 'consumer',
      groupProtocols: [{ name: 'range', metadata: metadataBytes }],
    },
    arrives: (v) => ({
      groupId: 'g',
      sessionTimeoutMs: 30000,
      rebalanceTimeoutMs: from(1, v, 60000, -1),
      memberId: 'm',
      groupInstanceId: from<string | null>(5, v, 'i', null),
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: metadataBytes }],
    }),
    answer: () => ({
      errorCode: 0,
      generationId: 4,
      protocolName: 'range',
      leader: 'm',
      memberId: 'm',
      members: [{ memberId: 'm', groupInstanceId: 'i', metadata: metadataBytes }],
    }),
    found: () => ({
      errorCode: 0,
      generationId: 4,
      groupProtocol: 'range',
      leaderId: 'm',
      memberId: 'm',
      members: [{ memberId: 'm', memberMetadata: metadataBytes }],
    }),
  },
  {
    api: 12,
    folder: 'heartbeat',
    ask: { groupId: 'g', groupGenerationId: 4, memberId: 'm', groupInstanceId: 'i' },
    arrives: (v) => ({
      groupId: 'g',
      generationId: 4,
      memberId: 'm',
      groupInstanceId: from<string | null>(3, v, 'i', null),
    }),
    answer: () => ({ errorCode: 0 }),
    found: () => ({ errorCode: 0 }),
  },
  {
    api: 13,
    folder: 'leaveGroup',
    ask: { groupId: 'g', memberId: 'm', members: [{ memberId: 'm' }] },
    arrives: (v) => ({
      groupId: 'g',
      memberId: from(3, v, '', 'm'),
      members: v >= 3 ? [{ memberId: 'm', groupInstanceId: null, reason: null }] : [],
    }),
    answer: () => ({ errorCode: 0, members: [{ memberId: 'm', groupInstanceId: 'i', errorCode: 0 }] }),
    found: () => ({ errorCode: 0 }),
  },
  {
    api: 14,
    folder: 'syncGroup',
    ask: {
      groupId: 'g',
      generationId: 4,
      memberId: 'm',
      groupInstanceId: 'i',
      groupAssignment: [{ memberId: 'm', memberAssignment: metadataBytes }],
    },
    arrives: (v) => ({
      groupId: 'g',
      generationId: 4,
      memberId: 'm',
      groupInstanceId: from<string | null>(3, v, 'i', null),
      assignments: [{ memberId: 'm', assignment: metadataBytes }],
    }),
    answer: () => ({ errorCode: 0, assignment: metadataBytes }),
    found: () => ({ errorCode: 0, memberAssignment: metadataBytes }),
  },
  {
    api: 15,
    folder: 'describeGroups',
    ask: { groupIds: ['g'] },
    arrives: () => ({ groups: ['g'] }),
    answer: () => ({
      groups: [
        {
          errorCode: 0,
          groupId: 'g',
          groupState: 'Stable',
          protocolType: 'consumer',
          protocolData: 'range',
          members: [
            {
              memberId: 'm',
              clientId: 'c',
              clientHost: '/h',
              memberMetadata: metadataBytes,
              memberAssignment: metadataBytes,
            },
          ],
        },
      ],
    }),
    found: () => ({
      groups: [
        {
          errorCode: 0,
          groupId: 'g',
          state: 'Stable',
          protocolType: 'consumer',
          protocol: 'range',
          members: [
            {
              memberId: 'm',
              clientId: 'c',
              clientHost: '/h',
              memberMetadata: metadataBytes,
              memberAssignment: metadataBytes,
            },
          ],
        },
      ],
    }),
  },
  {
    api: 16,
    folder: 'listGroups',
    ask: undefined,
    arrives: () => ({ statesFilter: [], typesFilter: [] }),
    answer: () => ({ errorCode: 0, groups: [{ groupId: 'g', protocolType: 'consumer' }] }),
    found: () => ({ errorCode: 0, groups: [{ groupId: 'g', protocolType: 'consumer' }] }),
  },
  {
    api: 18,
    folder: 'apiVersions',
    ask: undefined,
    arrives: () => ({}),
    answer: () => ({ errorCode: 0, apiKeys: [{ apiKey: 1, minVersion: 4, maxVersion: 18 }] }),
    found: () => ({ errorCode: 0, apiVersions: [{ apiKey: 1, minVersion: 4, maxVersion: 18 }] }),
  },
  {
    api: 19,
    folder: 'createTopics',
    ask: {
      validateOnly: true,
      timeout: 900,
      topics: [
        {
          topic: 't',
          numPartitions: 3,
          replicationFactor: 1,
          configEntries: [{ name: 'cleanup.policy', value: 'delete' }],
        },
      ],
    },
    arrives: (v) => ({
      validateOnly: from(1, v, true, false),
      timeoutMs: 900,
      topics: [
        {
          name: 't',
          numPartitions: 3,
          replicationFactor: 1,
          assignments: [],
          configs: [{ name: 'cleanup.policy', value: 'delete' }],
        },
      ],
    }),
    answer: () => ({ topics: [{ name: 't', errorCode: 0 }] }),
    found: () => ({ topicErrors: [{ topic: 't', errorCode: 0 }] }),
  },
  {
    api: 20,
    folder: 'deleteTopics',
    ask: { topics: ['t'], timeout: 900 },
    arrives: () => ({ topicNames: ['t'], timeoutMs: 900 }),
    answer: () => ({ responses: [{ name: 't', errorCode: 0 }] }),
    found: () => ({ topicErrors: [{ topic: 't', errorCode: 0 }] }),
  },
  {
    api: 21,
    folder: 'deleteRecords',
    ask: { topics: [{ topic: 't', partitions: [{ partition: 3, offset: '12' }] }], timeout: 900 },
    arrives: () => ({ topics: [{ name: 't', partitions: [{ partitionIndex: 3, offset: 12 }] }], timeoutMs: 900 }),
    answer: () => ({ topics: [{ name: 't', partitions: [{ partitionIndex: 3, lowWatermark: 12, errorCode: 0 }] }] }),
    found: () => ({ topics: [{ topic: 't', partitions: [{ partition: 3, lowWatermark: 12n, errorCode: 0 }] }] }),
  },
  {
    api: 22,
    folder: 'initProducerId',
    ask: { transactionalId: null, transactionTimeout: 900 },
    arrives: () => ({ transactionalId: null, transactionTimeoutMs: 900, producerId: -1, producerEpoch: -1 }),
    answer: () => ({ errorCode: 0, producerId: 2 ** 40, producerEpoch: 1 }),
    found: () => ({ errorCode: 0, producerId: `${2 ** 40}`, producerEpoch: 1 }),
  },
  {
    api: 32,
    folder: 'describeConfigs',
    ask: { resources: [{ type: 2, name: 't', configNames: ['a'] }], includeSynonyms: true },
    arrives: () => ({
      resources: [{ resourceType: 2, resourceName: 't', configurationKeys: ['a'] }],
      includeSynonyms: true,
    }),
    answer: () => ({
      results: [
        {
          errorCode: 0,
          resourceType: 2,
          resourceName: 't',
          configs: [
            {
              name: 'a',
              value: '1',
              readOnly: false,
              configSource: 5,
              isSensitive: false,
              synonyms: [{ name: 'b', value: '2', source: 4 }],
            },
          ],
        },
      ],
    }),
    found: () => ({
      resources: [
        {
          errorCode: 0,
          resourceType: 2,
          resourceName: 't',
          configEntries: [
            {
              configName: 'a',
              configValue: '1',
              readOnly: false,
              configSource: 5,
              isSensitive: false,
              configSynonyms: [{ configName: 'b', configValue: '2', configSource: 4 }],
            },
          ],
        },
      ],
    }),
  },
  {
    api: 33,
    folder: 'alterConfigs',
    ask: { resources: [{ type: 2, name: 't', configEntries: [{ name: 'a', value: '1' }] }], validateOnly: true },
    arrives: () => ({
      resources: [{ resourceType: 2, resourceName: 't', configs: [{ name: 'a', value: '1' }] }],
      validateOnly: true,
    }),
    answer: () => ({ responses: [{ errorCode: 0, resourceType: 2, resourceName: 't' }] }),
    found: () => ({ resources: [{ errorCode: 0, resourceType: 2, resourceName: 't' }] }),
  },
  {
    api: 37,
    folder: 'createPartitions',
    ask: { topicPartitions: [{ topic: 't', count: 5 }], validateOnly: true, timeout: 900 },
    arrives: () => ({ topics: [{ name: 't', count: 5, assignments: null }], timeoutMs: 900, validateOnly: true }),
    answer: () => ({ results: [{ name: 't', errorCode: 0 }] }),
    found: () => ({ topicErrors: [{ topic: 't', errorCode: 0 }] }),
  },
  {
    api: 42,
    folder: 'deleteGroups',
    ask: ['g', 'h'],
    arrives: () => ({ groupsNames: ['g', 'h'] }),
    answer: () => ({ results: [{ groupId: 'g', errorCode: 0 }] }),
    found: () => ({ results: [{ groupId: 'g', errorCode: 0 }] }),
  },
];

function versionsOf(key: number, folder: string): { version: number; definition: Definition }[] {
  const definition: Definition = kafkajs(`./src/protocol/requests/${folder}/index.js`);
  const api = apis.get(key);
  return definition.versions
    .map(Number)
    .filter((version) => api?.understands(version))
    .map((version) => ({ version, definition }));
}

async function frameOf(request: Protocol['request']): Promise<Buffer> {
  const encoder = await encodeFrame({ correlationId: 9, clientId: 'js', request });
  return encoder.buffer.subarray(4);
}

describe.each(agreements)('$folder', ({ api: key, folder, ask, arrives, answer, found }) => {
  const api = apis.get(key);
  if (api === undefined) throw new Error(`no API ${key}`);

  it.each(versionsOf(key, folder))('v$version', async ({ version, definition }) => {
    const { request, response } = definition.protocol({ version })(ask);
    const decoded = decodeRequest(api, await frameOf(request));
    expect(decoded.header).toEqual({ apiKey: key, apiVersion: version, correlationId: 9, clientId: 'js' });
    expect(decoded.body).toMatchObject(arrives(version));
    const frame = Buffer.concat(encodeResponse(api, version, 9, answer(version) as never));
    expect(await response.decode(frame.subarray(8))).toMatchObject(found(version));
  });
});

describe('produce', () => {
  it.each(versionsOf(0, 'produce'))('v$version', async ({ version, definition }) => {
    const messages = [{ key: 'k', value: 'v', timestamp: 5 }];
    const topicData = [{ topic: 't', partitions: [{ partition: 3, messages }] }];
    const { request, response } = definition.protocol({ version })({ acks: -1, timeout: 900, topicData });
    const { body } = decodeRequest(produce, await frameOf(request));
    expect(body).toMatchObject({ transactionalId: null, acks: -1, timeoutMs: 900, topicData: [{ name: 't' }] });
    const records = body.topicData[0]?.partitionData[0]?.records as Buffer;
    expect(readBatchFacts(records).count).toBe(1);
    expect(readBatchCrc(records)).toBe(computeBatchCrc(records));
    const partition = { index: 3, errorCode: 0, baseOffset: 2 ** 40, logAppendTimeMs: -1, logStartOffset: 2 };
    const frame = Buffer.concat(
      encodeResponse(produce, version, 9, { responses: [{ name: 't', partitionResponses: [partition] }] }),
    );
    expect(await response.decode(frame.subarray(8))).toMatchObject({
      topics: [
        { topicName: 't', partitions: [{ partition: 3, errorCode: 0, baseOffset: `${2 ** 40}`, logAppendTime: '-1' }] },
      ],
    });
  });
});
