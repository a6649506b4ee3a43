import { describe, expect, test } from 'vitest';
import { code, openStage, settle, subscription, TestMember, text, waits } from './coordinator-stage.ts';

const ok = 0;

describe('a member joins', () => {
  test('it is given an id first, then it is the leader of generation 1', async () => {
    await using stage = await openStage();
    const anna = new TestMember(stage, 'anna');
    const first = await anna.joinOnce();
    expect(first.errorCode).toBe(code('member-id-required'));
    expect(first.memberId).toMatch(/^anna-[0-9a-f-]{36}$/);

    anna.memberId = first.memberId;
    const joined = await anna.joinOnce();
    expect(joined).toMatchObject({
      errorCode: ok,
      generationId: 1,
      protocolType: 'consumer',
      protocolName: 'range',
      leader: first.memberId,
      skipAssignment: false,
    });
    expect(joined.members).toEqual([
      { memberId: first.memberId, groupInstanceId: null, metadata: subscription('payments') },
    ]);
    expect(text((await anna.syncAll()).assignment)).toBe(`1:${anna.memberId}`);
    expect(anna.heartbeat()).toBe(ok);
  });

  test('before version 4 it needs no id', async () => {
    await using stage = await openStage();
    const old = new TestMember(stage, 'old', { apiVersion: 3 });
    expect(await old.joinOnce()).toMatchObject({ errorCode: ok, generationId: 1 });
  });

  test('bytes of the request may be reused at once', async () => {
    await using stage = await openStage();
    const metadata = subscription('payments');
    const anna = new TestMember(stage, 'anna', { protocols: [{ name: 'range', metadata }], apiVersion: 3 });
    const joining = anna.joinOnce();
    metadata.fill(0);
    expect((await joining).members[0]?.metadata).toEqual(subscription('payments'));
  });

  test.each([
    ['no group id', { groupId: '' }, 'invalid-group-id'],
    ['a group id beyond all measure', { groupId: 'g'.repeat(2000) }, 'invalid-group-id'],
    ['a session that is too short', { sessionTimeoutMs: 5_999 }, 'invalid-session-timeout'],
    ['a session that is too long', { sessionTimeoutMs: 1_800_001 }, 'invalid-session-timeout'],
    ['no protocol', { protocols: [] }, 'inconsistent-group-protocol'],
    ['no protocol type', { protocolType: '' }, 'inconsistent-group-protocol'],
    ['an id that nobody was given', { memberId: 'made-up' }, 'unknown-member-id'],
  ] as const)('%s is refused, and leaves nothing behind', async (_, change, error) => {
    await using stage = await openStage();
    expect(await new TestMember(stage, 'anna').joinOnce(change)).toMatchObject({ errorCode: code(error) });
    expect(stage.coordinator.stats).toEqual({ groups: 0, members: 0, memberBytes: 0 });
  });
});

describe('two members', () => {
  test('the second one makes the first join again; both are in one generation, with one leader and one assignment', async () => {
    await using stage = await openStage();
    const [anna, ben] = [new TestMember(stage, 'anna'), new TestMember(stage, 'ben')];
    await settle([anna]);
    const benJoins = ben.join();
    expect(await waits(benJoins)).toBe(true);
    expect(anna.heartbeat()).toBe(code('rebalance-in-progress'));

    const annaJoins = anna.join();
    expect(await annaJoins).toMatchObject({ generationId: 2, leader: anna.memberId });
    expect(await benJoins).toMatchObject({ generationId: 2, leader: anna.memberId, members: [] });

    const benSyncs = ben.syncAll();
    expect(await waits(benSyncs)).toBe(true);
    expect(text((await anna.syncAll()).assignment)).toBe(`2:${anna.memberId}`);
    expect(text((await benSyncs).assignment)).toBe(`2:${ben.memberId}`);
    expect(stage.coordinator.describeGroup('orders')).toMatchObject({ groupState: 'Stable', protocolData: 'range' });
  });

  test('one leaves: the other is told, and goes on alone', async () => {
    await using stage = await openStage();
    const [anna, ben] = [new TestMember(stage, 'anna'), new TestMember(stage, 'ben')];
    await settle([anna, ben]);
    expect(anna.leave()).toBe(ok);
    expect(anna.heartbeat()).toBe(code('unknown-member-id'));
    expect(ben.heartbeat()).toBe(code('rebalance-in-progress'));
    const generation = ben.generationId;
    expect(await ben.join()).toMatchObject({ generationId: generation + 1, leader: ben.memberId });
    expect(ben.leave()).toBe(ok);
    expect(stage.coordinator.describeGroup('orders')).toMatchObject({ groupState: 'Empty', members: [] });
  });

  test('one falls silent: after its session it is out', async () => {
    await using stage = await openStage();
    const [anna, ben] = [new TestMember(stage, 'anna'), new TestMember(stage, 'ben')];
    await settle([anna, ben]);
    await stage.clock.advance(6_000);
    expect(ben.heartbeat()).toBe(ok);
    await stage.clock.advance(4_000);
    expect(ben.heartbeat()).toBe(code('rebalance-in-progress'));
    expect(anna.heartbeat()).toBe(code('unknown-member-id'));
    expect(await ben.join()).toMatchObject({ leader: ben.memberId });
  });

  test('one does not come back in a rebalance: after the rebalance timeout the rest goes on', async () => {
    await using stage = await openStage();
    const [anna, ben] = [new TestMember(stage, 'anna'), new TestMember(stage, 'ben')];
    await settle([anna, ben]);
    const generation = anna.generationId;
    const annaJoins = anna.join({ protocols: [{ name: 'range', metadata: subscription('other') }] });
    for (let second = 0; second < 59; second++) {
      await stage.clock.advance(1000);
      expect(ben.heartbeat()).toBe(code('rebalance-in-progress'));
    }
    expect(await waits(annaJoins)).toBe(true);
    await stage.clock.advance(1000);
    expect(await annaJoins).toMatchObject({ generationId: generation + 1, leader: anna.memberId });
    expect(ben.heartbeat()).toBe(code('unknown-member-id'));
  });

  test('the leader does not hand in an assignment: it is out, the others join again', async () => {
    await using stage = await openStage();
    const [anna, ben] = [new TestMember(stage, 'anna'), new TestMember(stage, 'ben')];
    await settle([anna, ben]);
    await Promise.all([anna.join({ protocols: [{ name: 'range', metadata: subscription('x') }] }), ben.join()]);
    const [leader, follower] = anna.leads ? [anna, ben] : [ben, anna];
    const syncing = follower.syncAll();
    for (let second = 0; second < 60; second++) {
      await stage.clock.advance(1000);
      if (second < 59) expect(leader.heartbeat()).toBe(ok);
    }
    expect(await syncing).toMatchObject({ errorCode: code('rebalance-in-progress') });
    expect(leader.heartbeat()).toBe(code('unknown-member-id'));
    expect(await follower.join()).toMatchObject({ errorCode: ok, leader: follower.memberId });
  });

  test('a follower that asks again is told the same; a leader that asks again makes the group rebalance', async () => {
    await using stage = await openStage();
    const [anna, ben] = [new TestMember(stage, 'anna'), new TestMember(stage, 'ben')];
    await settle([anna, ben]);
    const [leader, follower] = anna.leads ? [anna, ben] : [ben, anna];
    const generation = leader.generationId;
    expect(await follower.join()).toMatchObject({ errorCode: ok, generationId: generation, members: [] });
    expect(text((await follower.sync()).assignment)).toBe(`${generation}:${follower.memberId}`);
    const leaderJoins = leader.join();
    expect(await waits(leaderJoins)).toBe(true);
    expect(follower.heartbeat()).toBe(code('rebalance-in-progress'));
    await follower.join();
    expect(await leaderJoins).toMatchObject({ generationId: generation + 1, leader: leader.memberId });
  });

  test('requests of an older generation, or of another protocol, are refused', async () => {
    await using stage = await openStage();
    const anna = new TestMember(stage, 'anna');
    await settle([anna]);
    const stale = { groupId: 'orders', memberId: anna.memberId, groupInstanceId: null, generationId: 0 };
    expect(stage.coordinator.heartbeat(stale).errorCode).toBe(code('illegal-generation'));
    const caller = { apiVersion: 5, clientId: 'c', clientHost: 'h' };
    const sync = { ...stale, assignments: [] };
    expect(await stage.coordinator.syncGroup(sync, caller)).toMatchObject({ errorCode: code('illegal-generation') });
    expect(
      await stage.coordinator.syncGroup({ ...sync, generationId: 1, protocolName: 'sticky' }, caller),
    ).toMatchObject({ errorCode: code('inconsistent-group-protocol') });
    const stranger = new TestMember(stage, 'connect', { protocolType: 'connect' });
    expect(await stranger.join()).toMatchObject({ errorCode: code('inconsistent-group-protocol') });
    const sticky = new TestMember(stage, 'sticky', { protocols: [{ name: 'sticky', metadata: Buffer.alloc(0) }] });
    expect(await sticky.join()).toMatchObject({ errorCode: code('inconsistent-group-protocol') });
  });

  test('a JoinGroup that is repeated takes the place of the first', async () => {
    await using stage = await openStage();
    const [anna, ben] = [new TestMember(stage, 'anna'), new TestMember(stage, 'ben')];
    await settle([anna]);
    ben.memberId = (await ben.joinOnce()).memberId;
    const [first, second] = [ben.joinOnce(), ben.joinOnce()];
    expect(await first).toMatchObject({ errorCode: code('rebalance-in-progress') });
    await anna.join();
    expect(await second).toMatchObject({ errorCode: ok, generationId: 2 });
  });
});

describe('limits', () => {
  test('a group takes no more members than it may have', async () => {
    await using stage = await openStage({ groupSizeMax: 2 });
    const members = ['anna', 'ben'].map((name) => new TestMember(stage, name));
    await settle(members);
    expect(await new TestMember(stage, 'carl').join()).toMatchObject({ errorCode: code('group-max-size') });
    expect(members.map((member) => member.heartbeat())).toEqual([ok, ok]);
  });

  test('ids that are handed out count too, and are forgotten after a session', async () => {
    await using stage = await openStage({ groupSizeMax: 2 });
    const knock = () => new TestMember(stage, 'carl').joinOnce();
    expect((await knock()).errorCode).toBe(code('member-id-required'));
    expect((await knock()).errorCode).toBe(code('member-id-required'));
    expect((await knock()).errorCode).toBe(code('group-max-size'));
    await stage.clock.advance(10_000);
    expect(stage.coordinator.stats.groups).toBe(0);
    expect((await knock()).errorCode).toBe(code('member-id-required'));
  });

  test('groups and the memory of their members are limited', async () => {
    await using stage = await openStage({ groupsMax: 1, memberBytesMax: 4096 });
    await settle([new TestMember(stage, 'anna')]);
    const other = new TestMember(stage, 'ben', { groupId: 'other' });
    expect(await other.join()).toMatchObject({ errorCode: code('too-many-groups') });
    const protocols = [{ name: 'range', metadata: Buffer.alloc(4096) }];
    expect(await new TestMember(stage, 'carl', { protocols }).join()).toMatchObject({
      errorCode: code('group-max-size'),
    });
  });

  test('an assignment that no row can hold is an error, not a hang', async () => {
    await using stage = await openStage();
    const anna = new TestMember(stage, 'anna');
    await anna.join();
    expect(await anna.sync({ [anna.memberId]: 'x'.repeat(1024 * 1024) })).toMatchObject({
      errorCode: code('group-max-size'),
    });
  });

  test('memory is given back when members leave', async () => {
    await using stage = await openStage();
    const members = ['anna', 'ben'].map((name) => new TestMember(stage, name));
    await settle(members);
    expect(stage.coordinator.stats).toMatchObject({ groups: 1, members: 2 });
    expect(stage.coordinator.stats.memberBytes).toBeGreaterThan(1000);
    for (const member of members) member.leave();
    expect(stage.coordinator.stats).toEqual({ groups: 1, members: 0, memberBytes: 0 });
  });
});

describe('waiting', () => {
  test('a new group waits for more members, and again when some came', async () => {
    await using stage = await openStage({ initialRebalanceDelayMs: 3000 });
    const [anna, ben] = [new TestMember(stage, 'anna'), new TestMember(stage, 'ben')];
    const annaJoins = anna.join();
    await stage.clock.advance(2000);
    const benJoins = ben.join();
    await stage.clock.advance(3999);
    expect(await waits(annaJoins)).toBe(true);
    await stage.clock.advance(1);
    expect(await annaJoins).toMatchObject({ generationId: 1 });
    expect(await benJoins).toMatchObject({ generationId: 1 });
  });

  test('a rebalance waits for members that have been given an id, until their session is over', async () => {
    await using stage = await openStage();
    const anna = new TestMember(stage, 'anna');
    await settle([anna]);
    const lost = await new TestMember(stage, 'lost').joinOnce();
    expect(lost.errorCode).toBe(code('member-id-required'));
    const annaJoins = anna.join();
    await stage.clock.advance(9_999);
    expect(await waits(annaJoins)).toBe(true);
    await stage.clock.advance(1);
    expect(await annaJoins).toMatchObject({ errorCode: ok, generationId: 2 });
  });

  test('closing answers everybody who waits', async () => {
    const stage = await openStage();
    const [anna, ben] = [new TestMember(stage, 'anna'), new TestMember(stage, 'ben')];
    await settle([anna]);
    const benJoins = ben.join();
    await waits(benJoins);
    await stage[Symbol.asyncDispose]();
    expect(await benJoins).toMatchObject({ errorCode: code('coordinator-not-available') });
    expect(anna.heartbeat()).toBe(code('coordinator-not-available'));
  });
});

describe('durability', () => {
  test('nobody sees an assignment before its row is durable', async () => {
    await using stage = await openStage({}, 1);
    const [anna, ben] = [new TestMember(stage, 'anna'), new TestMember(stage, 'ben')];
    await settle([anna]);
    const joins = [ben.join(), anna.join()];
    await Promise.all(joins);
    stage.domains[0]?.hold();
    const syncs = [anna.syncAll(), ben.syncAll()];
    expect(await waits(Promise.race(syncs))).toBe(true);
    stage.domains[0]?.release();
    for (const sync of syncs) expect(await sync).toMatchObject({ errorCode: ok });
  });

  test('a row that cannot be written: the members are told to find the coordinator, and rebalance', async () => {
    await using stage = await openStage({}, 1);
    const anna = new TestMember(stage, 'anna');
    await anna.join();
    stage.domains[0]?.failNext();
    expect(await anna.syncAll()).toMatchObject({ errorCode: code('coordinator-not-available') });
    expect(anna.heartbeat()).toBe(code('rebalance-in-progress'));
    await settle([anna]);
    expect(anna.generationId).toBe(2);
    expect(anna.heartbeat()).toBe(ok);
  });

  test('a member that joins while the assignment is written gets into the next generation', async () => {
    await using stage = await openStage({}, 1);
    const [anna, ben] = [new TestMember(stage, 'anna'), new TestMember(stage, 'ben', { apiVersion: 3 })];
    await anna.join();
    stage.domains[0]?.hold();
    const syncing = anna.syncAll();
    const benJoins = ben.join();
    expect(await syncing).toMatchObject({ errorCode: code('rebalance-in-progress') });
    await anna.join();
    expect(await benJoins).toMatchObject({ generationId: 2 });
    // The old assignment becomes durable only now, and is nobody's any more.
    stage.domains[0]?.release();
    await stage.clock.advance(0);
    expect(stage.coordinator.describeGroup('orders').groupState).toBe('CompletingRebalance');
  });

  test('a leader that hands in two assignments is held to the first, also after a restart', async () => {
    await using stage = await openStage({}, 1);
    const anna = new TestMember(stage, 'anna');
    await anna.join();
    stage.domains[0]?.hold();
    const first = anna.sync({ [anna.memberId]: 'first' });
    const second = anna.sync({ [anna.memberId]: 'second' });
    expect(await first).toMatchObject({ errorCode: code('rebalance-in-progress') });
    stage.domains[0]?.release();
    expect(text((await second).assignment)).toBe('first');
    await stage.clock.advance(0);
    await stage.restart();
    expect(text((await anna.sync()).assignment)).toBe('first');
  });
});
