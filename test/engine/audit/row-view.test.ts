import { describe, expect, it } from 'vitest';
import { describeRow } from '../../../src/engine/audit/row-view.ts';
import { clusterEpoch, incarnation, offset, term, topicId } from '../../../src/engine/base/ids.ts';
import {
  brokerConfigKey,
  clusterEpochKey,
  deletedTopicKey,
  encodeBrokerConfigRow,
  encodeCounterRow,
  encodeDeletedTopicRow,
  encodeTopicRow,
  groupsDomainsKey,
  topicKey,
} from '../../../src/engine/cluster/control-format.ts';
import { groupKey, offsetKey } from '../../../src/engine/coordinator/group-key-format.ts';
import { encodeGroupRow } from '../../../src/engine/coordinator/group-row-format.ts';
import { encodeOffsetRow } from '../../../src/engine/coordinator/offset-row-format.ts';
import { partitionKey } from '../../../src/engine/metastore/metastore-key-format.ts';
import { encodePartitionRow } from '../../../src/engine/metastore/partition-row-format.ts';

const id = topicId('0f0e0d0c-0b0a-4908-8706-050403020100');
const timeMs = Date.parse('2026-11-21T10:00:00Z');
const time = '2026-11-21T10:00:00.000Z';

describe('a row that is shown', () => {
  it('is typed, in every domain', () => {
    const topic = {
      id,
      name: 'orders',
      createdMs: timeMs,
      configs: new Map([['retention.ms', '60000']]),
      creationEpochs: [clusterEpoch(4), clusterEpoch(4), clusterEpoch(9)],
    };
    expect(describeRow('control', topicKey(id), encodeTopicRow(topic))).toEqual({
      kind: 'topic',
      topicId: id,
      name: 'orders',
      created: time,
      partitions: 3,
      configs: { 'retention.ms': '60000' },
      creationEpochs: [
        { partitions: 2, epoch: 4 },
        { partitions: 1, epoch: 9 },
      ],
    });
    const deleted = encodeDeletedTopicRow({ id, name: 'orders', deletedMs: timeMs });
    expect(describeRow('control', deletedTopicKey(id), deleted)).toEqual({
      kind: 'deleted-topic',
      topicId: id,
      name: 'orders',
      deleted: time,
    });
    expect(describeRow('control', clusterEpochKey, encodeCounterRow(7))).toEqual({
      kind: 'counter',
      name: 'cluster-epoch',
      value: 7,
    });
    expect(describeRow('control', groupsDomainsKey, encodeCounterRow(4))).toEqual({
      kind: 'setting',
      name: 'groups-domains',
      value: 4,
    });
    expect(describeRow('control', brokerConfigKey('log.retention.ms'), encodeBrokerConfigRow('5'))).toEqual({
      kind: 'broker-config',
      name: 'log.retention.ms',
      value: '5',
    });
    const committed = {
      committedOffset: 12,
      leaderEpoch: 3,
      metadata: 'm',
      committedAtMs: timeMs,
      expiresAtMs: -1,
    };
    expect(describeRow('groups/2', offsetKey('a/b %', id, 7), encodeOffsetRow(committed))).toEqual({
      kind: 'committed-offset',
      group: 'a/b %',
      topicId: id,
      partition: 7,
      committedOffset: 12,
      leaderEpoch: 3,
      metadata: 'm',
      committed: time,
      expires: null,
    });
    const group = {
      generation: 2,
      protocolType: 'consumer',
      protocolName: 'range',
      leaderId: 'm1',
      stateSinceMs: timeMs,
      members: [
        {
          memberId: 'm1',
          instanceId: null,
          clientId: 'c',
          clientHost: '/127.0.0.1',
          rebalanceTimeoutMs: 1,
          sessionTimeoutMs: 2,
          metadata: Buffer.from([1]),
          assignment: Buffer.from([2, 3]),
        },
      ],
    };
    expect(describeRow('groups/0', groupKey('g'), encodeGroupRow(group))).toMatchObject({
      kind: 'group',
      group: 'g',
      generation: 2,
      stateSince: time,
      members: [{ memberId: 'm1', metadata: '01', assignment: '0203' }],
    });
    const place = { topicId: id, partition: 1 };
    const partition = {
      ...place,
      startOffset: offset(1),
      nextOffset: offset(9),
      compactionEpoch: 0,
      sizeBytes: 10,
      extentCount: 1,
      lastStamp: { incarnation: incarnation(1), term: term(2), attempt: 3 },
    };
    expect(describeRow('metastore/1', partitionKey(place), encodePartitionRow(partition))).toMatchObject({
      kind: 'partition',
      nextOffset: 9,
    });
  });

  it.each([
    ['control', topicKey(id), 'ff00', /version 255/],
    ['control', topicKey(id), '01', /needs 1 bytes/],
    ['control', 'topic/not-an-id', '0100', /not a UUID/],
    ['control', 'something/else', '01', /not the key/],
    ['groups/0', 'offset/g', '01', /needs 8 bytes/],
    ['groups/0', 'group/%zz', '01', /./],
    ['metastore/0', 'extent/short', '01', /not the key/],
    ['metastore/0', `partition/${id}/0000000001`, '7f', /version 127/],
    ['elsewhere', 'x', '', /nothing is known/],
  ])('shows its bytes and the reason when it does not decode: %s %s %s', (domain, key, hex, reason) => {
    const value = Buffer.from(hex, 'hex');
    expect(describeRow(domain, key, value)).toEqual({
      kind: 'undecoded',
      reason: expect.stringMatching(reason),
      bytes: value.length,
      hex,
    });
  });
});
