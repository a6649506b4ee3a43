// Requests in the newest versions that @platformatic/kafka has: byte for byte the same as ours, and decoded as they were meant.

import * as platformatic from '@platformatic/kafka';
import { describe, expect, it } from 'vitest';
import { apis, decodeRequest, encodeRequest } from '../../../src/engine/wire/wire.ts';

type Create = (...args: readonly unknown[]) => { readonly buffer: Buffer };
const theirs = platformatic as unknown as Record<string, { readonly createRequest: Create } | undefined>;

const topicId = '01234567-89ab-4def-8123-456789abcdef';
const bytes = Buffer.from('subscription');
const fetchPartition = { partition: 3, currentLeaderEpoch: 4, lastFetchedEpoch: 5, partitionMaxBytes: 99 };
const configs = [
  { name: 'a', value: '1' },
  { name: 'b', value: null },
];

/** Name and version; the arguments of their function; the same as a value of ours. */
const requests: readonly (readonly [string, number, readonly unknown[], Record<string, unknown>])[] = [
  [
    'Fetch',
    17,
    [
      500,
      1,
      1000,
      1,
      7,
      2,
      [{ topicId, partitions: [{ ...fetchPartition, fetchOffset: 2n ** 40n }] }],
      [{ topicId, partitions: [8] }],
      'rack',
    ],
    {
      maxWaitMs: 500,
      minBytes: 1,
      maxBytes: 1000,
      isolationLevel: 1,
      sessionId: 7,
      sessionEpoch: 2,
      topics: [{ topicId, partitions: [{ ...fetchPartition, fetchOffset: 2 ** 40 }] }],
      forgottenTopicsData: [{ topicId, partitions: [8] }],
      rackId: 'rack',
    },
  ],
  [
    'Fetch',
    17,
    [
      0,
      0,
      1,
      0,
      0,
      -1,
      [{ topicId, partitions: [{ ...fetchPartition, fetchOffset: 1n, replicaDirectoryId: topicId }] }],
      [],
      '',
    ],
    {
      maxWaitMs: 0,
      minBytes: 0,
      maxBytes: 1,
      topics: [{ topicId, partitions: [{ ...fetchPartition, fetchOffset: 1, replicaDirectoryId: topicId }] }],
    },
  ],
  [
    'ListOffsets',
    9,
    [-1, 1, [{ name: 't', partitions: [{ partitionIndex: 3, currentLeaderEpoch: 4, timestamp: -3n }] }]],
    {
      replicaId: -1,
      isolationLevel: 1,
      topics: [{ name: 't', partitions: [{ partitionIndex: 3, currentLeaderEpoch: 4, timestamp: -3 }] }],
    },
  ],
  [
    'Metadata',
    12,
    [['a'], false, true],
    { topics: [{ name: 'a' }], allowAutoTopicCreation: false, includeTopicAuthorizedOperations: true },
  ],
  ['Metadata', 12, [[{ topicId }]], { topics: [{ topicId, name: null }] }],
  ['Metadata', 12, [null], { topics: null }],
  [
    'OffsetCommit',
    9,
    [
      'g',
      4,
      'm',
      null,
      [
        {
          name: 't',
          partitions: [{ partitionIndex: 3, committedOffset: 12n, committedLeaderEpoch: 1, committedMetadata: 'x' }],
        },
      ],
    ],
    {
      groupId: 'g',
      generationIdOrMemberEpoch: 4,
      memberId: 'm',
      topics: [
        {
          name: 't',
          partitions: [{ partitionIndex: 3, committedOffset: 12, committedLeaderEpoch: 1, committedMetadata: 'x' }],
        },
      ],
    },
  ],
  [
    'OffsetFetch',
    9,
    [[{ groupId: 'g', memberId: null, memberEpoch: -1, topics: [{ name: 't', partitionIndexes: [3, 4] }] }], true],
    { groups: [{ groupId: 'g', topics: [{ name: 't', partitionIndexes: [3, 4] }] }], requireStable: true },
  ],
  [
    'OffsetFetch',
    9,
    [[{ groupId: 'g', memberId: 'm', memberEpoch: 5, topics: null }], false],
    { groups: [{ groupId: 'g', memberId: 'm', memberEpoch: 5, topics: null }] },
  ],
  ['FindCoordinator', 6, [0, ['g', 'h']], { keyType: 0, coordinatorKeys: ['g', 'h'] }],
  [
    'JoinGroup',
    9,
    ['g', 30000, 60000, 'm', 'i', 'consumer', [{ name: 'range', metadata: bytes }], 'why'],
    {
      groupId: 'g',
      sessionTimeoutMs: 30000,
      rebalanceTimeoutMs: 60000,
      memberId: 'm',
      groupInstanceId: 'i',
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: bytes }],
      reason: 'why',
    },
  ],
  ['Heartbeat', 4, ['g', 4, 'm', null], { groupId: 'g', generationId: 4, memberId: 'm' }],
  [
    'LeaveGroup',
    5,
    ['g', [{ memberId: 'm', groupInstanceId: 'i', reason: 'r' }]],
    { groupId: 'g', members: [{ memberId: 'm', groupInstanceId: 'i', reason: 'r' }] },
  ],
  [
    'SyncGroup',
    5,
    ['g', 4, 'm', null, 'consumer', 'range', [{ memberId: 'm', assignment: bytes }]],
    {
      groupId: 'g',
      generationId: 4,
      memberId: 'm',
      protocolType: 'consumer',
      protocolName: 'range',
      assignments: [{ memberId: 'm', assignment: bytes }],
    },
  ],
  ['DescribeGroups', 5, [['g'], true], { groups: ['g'], includeAuthorizedOperations: true }],
  ['ListGroups', 5, [['STABLE'], ['classic']], { statesFilter: ['Stable'], typesFilter: ['classic'] }],
  ['ApiVersions', 4, ['software', '1.0'], { clientSoftwareName: 'software', clientSoftwareVersion: '1.0' }],
  [
    'CreateTopics',
    7,
    [
      [
        {
          name: 't',
          numPartitions: 3,
          replicationFactor: 1,
          assignments: [{ partitionIndex: 0, brokerIds: [1, 2] }],
          configs,
        },
      ],
      900,
      true,
    ],
    {
      topics: [
        {
          name: 't',
          numPartitions: 3,
          replicationFactor: 1,
          assignments: [{ partitionIndex: 0, brokerIds: [1, 2] }],
          configs,
        },
      ],
      timeoutMs: 900,
      validateOnly: true,
    },
  ],
  [
    'DeleteTopics',
    6,
    [[{ name: 't' }, { name: null, topicId }], 900],
    { topics: [{ name: 't', topicId: '00000000-0000-0000-0000-000000000000' }, { topicId }], timeoutMs: 900 },
  ],
  [
    'DeleteRecords',
    2,
    [[{ name: 't', partitions: [{ partitionIndex: 3, offset: -1n }] }], 900],
    { topics: [{ name: 't', partitions: [{ partitionIndex: 3, offset: -1 }] }], timeoutMs: 900 },
  ],
  [
    'InitProducerId',
    5,
    [null, 900, 2n ** 40n, 3],
    { transactionalId: null, transactionTimeoutMs: 900, producerId: 2 ** 40, producerEpoch: 3 },
  ],
  [
    'OffsetForLeaderEpoch',
    4,
    [-1, [{ name: 't', partitions: [{ partitionIndex: 3, currentLeaderEpoch: 4, leaderEpoch: 2 }] }]],
    { replicaId: -1, topics: [{ topic: 't', partitions: [{ partition: 3, currentLeaderEpoch: 4, leaderEpoch: 2 }] }] },
  ],
  [
    'DescribeConfigs',
    4,
    [[{ resourceType: 2, resourceName: 't', configurationKeys: null }], true, true],
    {
      resources: [{ resourceType: 2, resourceName: 't', configurationKeys: null }],
      includeSynonyms: true,
      includeDocumentation: true,
    },
  ],
  [
    'AlterConfigs',
    2,
    [[{ resourceType: 2, resourceName: 't', configs }], true],
    { resources: [{ resourceType: 2, resourceName: 't', configs }], validateOnly: true },
  ],
  [
    'CreatePartitions',
    3,
    [[{ name: 't', count: 5, assignments: [{ brokerIds: [1] }] }], 900, false],
    { topics: [{ name: 't', count: 5, assignments: [{ brokerIds: [1] }] }], timeoutMs: 900, validateOnly: false },
  ],
  ['DeleteGroups', 2, [['g', 'h']], { groupsNames: ['g', 'h'] }],
  [
    'IncrementalAlterConfigs',
    1,
    [[{ resourceType: 2, resourceName: 't', configs: [{ name: 'a', configOperation: 1, value: null }] }], false],
    {
      resources: [{ resourceType: 2, resourceName: 't', configs: [{ name: 'a', configOperation: 1, value: null }] }],
      validateOnly: false,
    },
  ],
  [
    'OffsetDelete',
    0,
    ['g', [{ name: 't', partitions: [{ partitionIndex: 3 }] }]],
    { groupId: 'g', topics: [{ name: 't', partitions: [{ partitionIndex: 3 }] }] },
  ],
  ['DescribeCluster', 1, [true, 1], { includeClusterAuthorizedOperations: true, endpointType: 1 }],
];

function createOf(name: string): Create {
  const found = theirs[name];
  if (found === undefined) throw new Error(`they have no ${name}`);
  return found.createRequest;
}

const sender = { correlationId: 9, clientId: 'me' };

describe('requests of @platformatic/kafka', () => {
  it.each(requests)('%s v%i', (name, version, args, value) => {
    const api = [...apis.values()].find((candidate) => candidate.name === name);
    if (api === undefined) throw new Error(`no API ${name}`);
    const body = createOf(`${name[0]?.toLowerCase()}${name.slice(1)}V${version}`)(...args).buffer;
    const ours = Buffer.concat(encodeRequest(api, version, sender, value as never)).subarray(4);
    const header = ours.subarray(0, 2 + 2 + 4 + 4 + (api.requestHeaderVersion(version) - 1));
    expect(ours.subarray(header.length).toString('hex')).toBe(body.toString('hex'));
    expect(decodeRequest(api, Buffer.concat([header, body])).body).toMatchObject(value);
  });

  it('every API but Produce is among them (its batches are compared in test/engine/records)', () => {
    const names = new Set(requests.map(([name]) => name));
    expect([...apis.values()].map(({ name }) => name).filter((name) => !names.has(name))).toEqual(['Produce']);
  });
});

describe('Produce of @platformatic/kafka', () => {
  it.each([3, 7, 8, 9, 10, 11])('v%i is decoded, its batch untouched', (version) => {
    const api = apis.get(0);
    if (api === undefined) throw new Error('no Produce');
    const message = { topic: 't', partition: 3, key: Buffer.from('k'), value: Buffer.from('v'), timestamp: 5n };
    const body = createOf(`produceV${version}`)(-1, 900, [message]).buffer;
    const batch = platformatic.createRecordsBatch([message], {} as never).buffer;
    const value = {
      acks: -1,
      timeoutMs: 900,
      topicData: [{ name: 't', partitionData: [{ index: 3, records: [batch] }] }],
    };
    const ours = Buffer.concat(encodeRequest(api, version, sender, value as never)).subarray(4);
    expect(ours.subarray(12 + (version >= 9 ? 1 : 0)).toString('hex')).toBe(body.toString('hex'));
    expect(decodeRequest(api, ours).body).toMatchObject({ topicData: [{ partitionData: [{ records: batch }] }] });
  });
});
