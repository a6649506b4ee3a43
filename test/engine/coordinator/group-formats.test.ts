import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { topicId } from '../../../src/engine/base/ids.ts';
import { subscribedTopicsOf } from '../../../src/engine/coordinator/consumer-subscription-format.ts';
import {
  domainOfGroup,
  groupIdOfKey,
  groupKey,
  offsetKey,
  offsetsPrefix,
  topicPartitionOfKey,
} from '../../../src/engine/coordinator/group-key-format.ts';
import { decodeGroupRow, encodeGroupRow, type GroupRow } from '../../../src/engine/coordinator/group-row-format.ts';
import { decodeOffsetRow, encodeOffsetRow, type OffsetRow } from '../../../src/engine/coordinator/offset-row-format.ts';
import { subscription } from './coordinator-stage.ts';

const topic = topicId('00000000-0000-4000-8000-000000000001');

const anyText = fc.string({ unit: 'grapheme' });
const anyBytes = fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes));
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const anyMember = fc.record({
  memberId: anyText,
  instanceId: fc.option(anyText),
  clientId: anyText,
  clientHost: anyText,
  rebalanceTimeoutMs: int32,
  sessionTimeoutMs: int32,
  metadata: anyBytes,
  assignment: anyBytes,
});
const anyGroup: fc.Arbitrary<GroupRow> = fc
  .record({
    generation: int32,
    protocolType: fc.option(anyText),
    protocolName: fc.option(anyText),
    stateSinceMs: fc.maxSafeNat(),
    members: fc.uniqueArray(anyMember, { selector: (member) => member.memberId, maxLength: 5 }),
  })
  .map((row) => ({ ...row, leaderId: row.members[0]?.memberId ?? null }));
const anyOffset: fc.Arbitrary<OffsetRow> = fc.record({
  committedOffset: fc.maxSafeInteger(),
  leaderEpoch: int32,
  metadata: anyText,
  committedAtMs: fc.maxSafeNat(),
  expiresAtMs: fc.maxSafeInteger(),
});

/** Decoding must throw at every truncation, and either throw or decode at every flipped bit; never hang or crash. */
function attack(bytes: Buffer, decode: (bytes: Buffer) => unknown): void {
  for (let length = 0; length < bytes.length; length++) expect(() => decode(bytes.subarray(0, length))).toThrow();
  expect(() => decode(Buffer.concat([bytes, Buffer.alloc(1)]))).toThrow(/left over/);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
    try {
      decode(flipped);
    } catch (error) {
      expect(error).toHaveProperty('code', expect.stringMatching(/^(corrupt-object|unsupported-format)$/));
    }
  }
}

describe('group rows', () => {
  test('round trip', () => {
    fc.assert(fc.property(anyGroup, (row) => void expect(decodeGroupRow(encodeGroupRow(row), 'k')).toEqual(row)));
  });

  const specimen: GroupRow = {
    generation: 3,
    protocolType: 'consumer',
    protocolName: 'range',
    leaderId: 'a-1',
    stateSinceMs: 1_700_000_000_000,
    members: [
      {
        memberId: 'a-1',
        instanceId: null,
        clientId: 'a',
        clientHost: '127.0.0.1',
        rebalanceTimeoutMs: 60_000,
        sessionTimeoutMs: 10_000,
        metadata: Buffer.from([0xca, 0xfe]),
        assignment: Buffer.from([0xbe]),
      },
    ],
  };

  test('the worked example of docs/formats/groups.md', () => {
    expect(encodeGroupRow(specimen).toString('hex')).toBe(
      [
        '01', // version
        '00000003', // generation
        '0000018bcfe56800', // state since
        '09636f6e73756d6572', // "consumer"
        '0672616e6765', // "range"
        '04612d31', // leader "a-1"
        '01', // one member
        '04612d31', // "a-1"
        '00', // no instance id
        '0261', // "a"
        '0a3132372e302e302e31', // "127.0.0.1"
        '0000ea60', // rebalance timeout
        '00002710', // session timeout
        '03cafe', // metadata
        '02be', // assignment
      ].join(''),
    );
  });

  test('damage', () => attack(encodeGroupRow(specimen), (bytes) => decodeGroupRow(bytes, 'k')));

  test('a leader that is not a member, or a member that is there twice, is damage', () => {
    const member = specimen.members[0]!;
    expect(() => decodeGroupRow(encodeGroupRow({ ...specimen, leaderId: 'b' }), 'k')).toThrow(/leader/);
    expect(() => decodeGroupRow(encodeGroupRow({ ...specimen, members: [member, member] }), 'k')).toThrow(/twice/);
  });
});

describe('offset rows', () => {
  test('round trip', () => {
    fc.assert(fc.property(anyOffset, (row) => void expect(decodeOffsetRow(encodeOffsetRow(row), 'k')).toEqual(row)));
  });

  const specimen: OffsetRow = {
    committedOffset: 42,
    leaderEpoch: 5,
    metadata: 'hi',
    committedAtMs: 1_700_000_000_000,
    expiresAtMs: -1,
  };

  test('the worked example of docs/formats/groups.md', () => {
    expect(encodeOffsetRow(specimen).toString('hex')).toBe(
      ['01', '000000000000002a', '00000005', '0000018bcfe56800', 'ffffffffffffffff', '036869'].join(''),
    );
  });

  test('damage', () => attack(encodeOffsetRow(specimen), (bytes) => decodeOffsetRow(bytes, 'k')));
});

describe('keys', () => {
  test('go both ways, and the offsets of one group are those of one prefix', () => {
    fc.assert(
      fc.property(anyText, anyText, fc.integer({ min: 0, max: 2 ** 31 - 1 }), (group, other, partition) => {
        expect(groupIdOfKey(groupKey(group))).toBe(group);
        const key = offsetKey(group, topic, partition);
        expect(topicPartitionOfKey(key)).toEqual({ topicId: topic, partition });
        expect(key.startsWith(offsetsPrefix(other))).toBe(group === other);
      }),
    );
  });

  test('look like this', () => {
    expect(groupKey('team/orders')).toBe('group/team%2Forders');
    expect(offsetKey('team/orders', topic, 7)).toBe(`offset/team%2Forders/${topic}/0000000007`);
  });

  test.each(['group', 'offset/a/b', `offset/a/${topic}/7`, `offset/a/nonsense/0000000007`])('%s is none', (key) => {
    expect(() => topicPartitionOfKey(key)).toThrow();
  });

  test('the domain of a group never changes', () => {
    const homes = ['', 'orders', 'team/orders', 'ü'].map((id) => domainOfGroup(id, 16));
    expect(homes).toEqual([0, 10, 14, 15]);
  });
});

describe('consumer subscriptions', () => {
  test('topics are read, whatever follows them', () => {
    expect(subscribedTopicsOf(subscription())).toEqual([]);
    expect(subscribedTopicsOf(subscription('a', 'bc'))).toEqual(['a', 'bc']);
  });

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['a negative version', Buffer.from('ffff00000000', 'hex')],
    ['a count beyond all bytes', Buffer.from('00007fffffff0001', 'hex')],
    ['a text that is cut off', Buffer.from('000000000001000561', 'hex')],
  ])('%s says nothing', (_, bytes) => expect(subscribedTopicsOf(bytes)).toBeUndefined());
});
