import { describe, expect, test } from 'vitest';
import { code, commit, committed, openStage, settle, subscription, TestMember, waits } from './coordinator-stage.ts';

describe('OffsetCommit', () => {
  test('a member commits in its generation, and not in another', async () => {
    await using stage = await openStage();
    stage.topics.create('payments');
    const anna = new TestMember(stage, 'anna');
    await settle([anna]);
    expect(await anna.commit('payments', { 0: 10, 1: 20 })).toEqual([0, 0]);
    expect(await committed(stage, 'orders')).toEqual({ 'payments-0': 10, 'payments-1': 20 });
    anna.generationId = 7;
    expect(await anna.commit('payments', { 0: 11 })).toEqual([code('illegal-generation')]);
    expect(await commit(stage, { groupId: 'orders' }, 'payments', { 0: 12 })).toEqual([code('unknown-member-id')]);
    expect(await committed(stage, 'orders')).toEqual({ 'payments-0': 10, 'payments-1': 20 });
  });

  test('while members join a commit is taken; while the assignment is made it is not', async () => {
    await using stage = await openStage();
    stage.topics.create('payments');
    const anna = new TestMember(stage, 'anna');
    await settle([anna]);
    const ben = new TestMember(stage, 'ben', { apiVersion: 3 });
    const benJoins = ben.join();
    expect(await anna.commit('payments', { 0: 10 })).toEqual([0]);
    await anna.join();
    await benJoins;
    expect(await anna.commit('payments', { 0: 11 })).toEqual([code('rebalance-in-progress')]);
  });

  test('a consumer that is no member keeps its offsets in a group without members', async () => {
    await using stage = await openStage();
    stage.topics.create('payments');
    expect(await commit(stage, { groupId: 'alone' }, 'payments', { 3: 30 })).toEqual([0]);
    expect(await committed(stage, 'alone')).toEqual({ 'payments-3': 30 });
    expect(stage.coordinator.describeGroup('alone')).toMatchObject({ groupState: 'Empty', protocolType: '' });
  });

  test('a generation of a group that is not there is refused, in the words of the version', async () => {
    await using stage = await openStage();
    stage.topics.create('payments');
    const who = { groupId: 'gone', generationId: 3, memberId: 'm' };
    expect(await commit(stage, who, 'payments', { 0: 1 }, 8)).toEqual([code('illegal-generation')]);
    expect(await commit(stage, who, 'payments', { 0: 1 }, 9)).toEqual([code('group-not-found')]);
    expect(stage.coordinator.stats.groups).toBe(0);
  });

  test('topics and partitions that are not there, and texts that are too long, are refused one by one', async () => {
    await using stage = await openStage();
    const payments = stage.topics.create('payments');
    const answers = await stage.coordinator.offsetCommit(
      {
        groupId: 'alone',
        generationId: -1,
        memberId: '',
        groupInstanceId: null,
        topics: [
          {
            name: 'payments',
            partitions: [
              { partitionIndex: 0, committedOffset: 1, committedLeaderEpoch: 4, committedMetadata: 'x'.repeat(4096) },
              { partitionIndex: 1, committedOffset: 1, committedMetadata: 'x'.repeat(4097) },
              { partitionIndex: 100, committedOffset: 1, committedMetadata: null },
              { partitionIndex: -1, committedOffset: 1, committedMetadata: null },
            ],
          },
          { name: 'nowhere', partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: '' }] },
          { topicId: payments, partitions: [{ partitionIndex: 5, committedOffset: 9, committedMetadata: '' }] },
        ],
      },
      { apiVersion: 9, clientId: 'c', clientHost: 'h' },
    );
    expect(answers.map(({ partitions }) => partitions.map(({ errorCode }) => errorCode))).toEqual([
      [0, code('offset-metadata-too-large'), code('unknown-topic-or-partition'), code('unknown-topic-or-partition')],
      [code('unknown-topic-or-partition')],
      [0],
    ]);
    const fetched = await stage.coordinator.offsetFetch({
      groupId: 'alone',
      topics: [
        { name: 'payments', partitionIndexes: [0, 1, 5] },
        { name: 'nowhere', partitionIndexes: [0] },
      ],
    });
    expect(fetched.topics[0]?.partitions).toEqual([
      { partitionIndex: 0, committedOffset: 1, committedLeaderEpoch: 4, metadata: 'x'.repeat(4096), errorCode: 0 },
      { partitionIndex: 1, committedOffset: -1, committedLeaderEpoch: -1, metadata: '', errorCode: 0 },
      { partitionIndex: 5, committedOffset: 9, committedLeaderEpoch: -1, metadata: '', errorCode: 0 },
    ]);
    expect(fetched.topics[1]?.partitions[0]).toMatchObject({ committedOffset: -1, errorCode: 0 });
  });

  test('is answered when it is durable, and seen only then; of two the later one wins', async () => {
    await using stage = await openStage({}, 1);
    stage.topics.create('payments');
    const [domain] = stage.domains;
    domain?.hold();
    const first = commit(stage, { groupId: 'alone' }, 'payments', { 0: 1 });
    const second = commit(stage, { groupId: 'alone' }, 'payments', { 0: 2 });
    expect(await waits(first)).toBe(true);
    expect(await committed(stage, 'alone')).toEqual({});
    domain?.release();
    expect([await first, await second]).toEqual([[0], [0]]);
    expect(await committed(stage, 'alone')).toEqual({ 'payments-0': 2 });
  });

  test('commits that wait share a write', async () => {
    await using stage = await openStage({}, 1);
    stage.topics.create('payments');
    const commits = Array.from({ length: 50 }, (_, index) =>
      commit(stage, { groupId: `g${index}` }, 'payments', { 0: index }),
    );
    expect((await Promise.all(commits)).flat()).toEqual(Array(50).fill(0));
    expect(stage.domains[0]?.writes).toBeLessThan(4);
  });

  test('that cannot be written is a retriable error, and changes nothing', async () => {
    await using stage = await openStage({}, 1);
    stage.topics.create('payments');
    await commit(stage, { groupId: 'alone' }, 'payments', { 0: 1 });
    stage.domains[0]?.failNext('disk-full');
    expect(await commit(stage, { groupId: 'alone' }, 'payments', { 0: 2 })).toEqual([
      code('coordinator-not-available'),
    ]);
    expect(await committed(stage, 'alone')).toEqual({ 'payments-0': 1 });
    expect(await commit(stage, { groupId: 'alone' }, 'payments', { 0: 3 })).toEqual([0]);
  });

  test('waiting commits are limited in memory', async () => {
    await using stage = await openStage({ pendingWriteBytesMax: 1000 }, 1);
    stage.topics.create('payments');
    stage.domains[0]?.hold();
    const many = Array.from({ length: 20 }, (_, index) =>
      commit(stage, { groupId: 'alone' }, 'payments', { 0: index }),
    );
    await waits(many[0]!);
    stage.domains[0]?.release();
    const codes = (await Promise.all(many)).flat();
    expect(codes[0]).toBe(0);
    expect(codes.at(-1)).toBe(code('coordinator-not-available'));
  });
});

describe('OffsetFetch', () => {
  test('a group that is not there has committed nothing', async () => {
    await using stage = await openStage();
    stage.topics.create('payments');
    expect(await stage.coordinator.offsetFetch({ groupId: 'gone', topics: null })).toEqual({
      groupId: 'gone',
      errorCode: 0,
      topics: [],
    });
    const some = await stage.coordinator.offsetFetch({
      groupId: 'gone',
      topics: [{ name: 'payments', partitionIndexes: [0] }],
    });
    expect(some.topics[0]?.partitions[0]).toMatchObject({ committedOffset: -1, metadata: '', errorCode: 0 });
  });

  test('many partitions, and groups whose names resemble each other', async () => {
    await using stage = await openStage({}, 1);
    stage.topics.create('payments');
    const offsets = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [index, index * 10]));
    for (const groupId of ['g', 'g/', 'g/0', 'g%2F', 'gruppe für alle', '']) {
      await commit(stage, { groupId }, 'payments', groupId === 'g' ? offsets : { 0: 7 });
    }
    const wanted = Array.from({ length: 70 }, (_, index) => index);
    const fetched = await stage.coordinator.offsetFetch({
      groupId: 'g',
      topics: [{ name: 'payments', partitionIndexes: wanted }],
    });
    expect(fetched.topics[0]?.partitions.map((partition) => partition.committedOffset)).toEqual(
      wanted.map((index) => (index < 60 ? index * 10 : -1)),
    );
    for (const groupId of ['g/', 'g/0', 'g%2F', 'gruppe für alle', '']) {
      expect(await committed(stage, groupId)).toEqual({ 'payments-0': 7 });
    }
  });

  test('a topic that was deleted, or created again, has no offsets', async () => {
    await using stage = await openStage();
    const old = stage.topics.create('payments');
    await commit(stage, { groupId: 'alone' }, 'payments', { 0: 5 });
    stage.topics.drop('payments');
    expect(await committed(stage, 'alone')).toEqual({});
    stage.topics.create('payments');
    expect(await committed(stage, 'alone')).toEqual({});
    const byId = await stage.coordinator.offsetFetch({
      groupId: 'alone',
      topics: [{ topicId: old, partitionIndexes: [0] }],
    });
    expect(byId.topics[0]?.partitions[0]?.errorCode).toBe(code('unknown-topic-id'));
  });
});

describe('OffsetDelete', () => {
  test('takes what members do not read', async () => {
    await using stage = await openStage();
    for (const topic of ['payments', 'old']) stage.topics.create(topic);
    const anna = new TestMember(stage, 'anna');
    await settle([anna]);
    await anna.commit('payments', { 0: 1 });
    await anna.commit('old', { 0: 2, 1: 3 });
    const answer = await stage.coordinator.offsetDelete('orders', [
      { name: 'payments', partitionIndexes: [0] },
      { name: 'old', partitionIndexes: [0] },
      { name: 'nowhere', partitionIndexes: [0] },
    ]);
    expect(answer.topics.map(({ partitions }) => partitions[0]?.errorCode)).toEqual([
      code('group-subscribed-to-topic'),
      0,
      code('unknown-topic-or-partition'),
    ]);
    expect(await committed(stage, 'orders')).toEqual({ 'payments-0': 1, 'old-1': 3 });
    anna.leave();
    await stage.coordinator.offsetDelete('orders', [{ name: 'payments', partitionIndexes: [0] }]);
    expect(await committed(stage, 'orders')).toEqual({ 'old-1': 3 });
  });

  test('refuses groups that are not there, and busy groups of another kind', async () => {
    await using stage = await openStage();
    expect(await stage.coordinator.offsetDelete('gone', [])).toMatchObject({ errorCode: code('group-not-found') });
    await settle([new TestMember(stage, 'connect', { protocolType: 'connect' })]);
    expect(await stage.coordinator.offsetDelete('orders', [])).toMatchObject({ errorCode: code('non-empty-group') });
  });
});

describe('administration', () => {
  test('groups are listed by state and type', async () => {
    await using stage = await openStage();
    stage.topics.create('payments');
    await settle([new TestMember(stage, 'anna')]);
    await commit(stage, { groupId: 'alone' }, 'payments', { 0: 1 });
    const ids = (states: string[], types: string[]) =>
      stage.coordinator.listGroups({ states, types }).map(({ groupId, groupState }) => `${groupId} ${groupState}`);
    expect(ids([], []).sort()).toEqual(['alone Empty', 'orders Stable']);
    expect(ids(['stable'], ['CLASSIC'])).toEqual(['orders Stable']);
    expect(ids([], ['consumer'])).toEqual([]);
    expect(ids(['Dead'], [])).toEqual([]);
  });

  test('a group is described with its members', async () => {
    await using stage = await openStage();
    const anna = new TestMember(stage, 'anna');
    await settle([anna]);
    expect(stage.coordinator.describeGroup('orders')).toEqual({
      errorCode: 0,
      errorMessage: null,
      groupId: 'orders',
      groupState: 'Stable',
      protocolType: 'consumer',
      protocolData: 'range',
      members: [
        {
          memberId: anna.memberId,
          groupInstanceId: null,
          clientId: 'anna',
          clientHost: '127.0.0.1',
          memberMetadata: subscription('payments'),
          memberAssignment: Buffer.from(`1:${anna.memberId}`),
        },
      ],
    });
    expect(stage.coordinator.describeGroup('gone')).toMatchObject({
      errorCode: code('group-not-found'),
      groupState: 'Dead',
    });
  });

  test('a group is deleted with its rows when nobody is in it, commits on their way included', async () => {
    await using stage = await openStage();
    stage.topics.create('payments');
    const anna = new TestMember(stage, 'anna');
    await settle([anna]);
    await anna.commit('payments', { 0: 1 });
    expect(await stage.coordinator.deleteGroups(['orders', 'gone'])).toEqual([
      { groupId: 'orders', errorCode: code('non-empty-group') },
      { groupId: 'gone', errorCode: code('group-not-found') },
    ]);
    anna.leave();
    const late = commit(stage, { groupId: 'orders' }, 'payments', { 1: 2 });
    expect(await stage.coordinator.deleteGroups(['orders'])).toEqual([{ groupId: 'orders', errorCode: 0 }]);
    expect(await late).toEqual([0]);
    expect(stage.rows('')).toEqual([]);
    expect(stage.coordinator.stats.groups).toBe(0);
  });

  test('a deletion that cannot be written leaves the group as it was', async () => {
    await using stage = await openStage({}, 1);
    stage.topics.create('payments');
    await commit(stage, { groupId: 'alone' }, 'payments', { 0: 1 });
    stage.domains[0]?.failNext();
    expect(await stage.coordinator.deleteGroups(['alone'])).toEqual([
      { groupId: 'alone', errorCode: code('coordinator-not-available') },
    ]);
    expect(await committed(stage, 'alone')).toEqual({ 'payments-0': 1 });
  });
});
