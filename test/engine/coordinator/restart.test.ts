import { describe, expect, test } from 'vitest';
import { groupKey } from '../../../src/engine/coordinator/group-key-format.ts';
import { code, commit, committed, openStage, settle, TestMember, text } from './coordinator-stage.ts';

describe('after a restart', () => {
  test('members of a stable group go on as if nothing had happened', async () => {
    await using stage = await openStage();
    stage.topics.create('payments');
    const members = ['anna', 'ben', 'carl'].map((name) => new TestMember(stage, name));
    await settle(members);
    await members[0]?.commit('payments', { 0: 5 });
    const before = stage.coordinator.describeGroup('orders');
    await stage.restart();
    expect(stage.coordinator.describeGroup('orders')).toEqual(before);
    for (const member of members) {
      expect(member.heartbeat()).toBe(0);
      expect(text((await member.sync()).assignment)).toBe(`${member.generationId}:${member.memberId}`);
    }
    expect(await members[1]?.commit('payments', { 1: 6 })).toEqual([0]);
    expect(await committed(stage, 'orders')).toEqual({ 'payments-0': 5, 'payments-1': 6 });
  });

  test('members that do not come back lose their place after a session', async () => {
    await using stage = await openStage();
    const anna = new TestMember(stage, 'anna');
    await settle([anna]);
    await stage.restart();
    await stage.clock.advance(9_999);
    expect(stage.coordinator.describeGroup('orders').groupState).toBe('Stable');
    await stage.clock.advance(1);
    expect(stage.coordinator.describeGroup('orders').groupState).toBe('Empty');
    expect(anna.heartbeat()).toBe(code('unknown-member-id'));
  });

  test('a static member takes its place again', async () => {
    await using stage = await openStage();
    const options = { instanceId: 'one' };
    const anna = new TestMember(stage, 'anna', options);
    await settle([anna]);
    await stage.restart();
    const again = new TestMember(stage, 'anna', options);
    expect(await again.join()).toMatchObject({ generationId: 1, skipAssignment: true });
    expect(text((await again.sync()).assignment)).toBe(`1:${anna.memberId}`);
    await stage.restart();
    expect(again.heartbeat()).toBe(0);
    expect(anna.heartbeat()).toBe(code('fenced-instance-id'));
  });

  test('in the middle of a rebalance members join again; generations only grow', async () => {
    await using stage = await openStage();
    const [anna, ben] = [new TestMember(stage, 'anna'), new TestMember(stage, 'ben', { apiVersion: 3 })];
    await settle([anna]);
    const benJoins = ben.join();
    await anna.join();
    await benJoins;
    expect(anna.generationId).toBe(2);
    await stage.restart();
    expect(anna.heartbeat()).toBe(code('illegal-generation'));
    expect(ben.heartbeat()).toBe(code('unknown-member-id'));
    expect(await ben.sync()).toMatchObject({ errorCode: code('unknown-member-id') });
    ben.memberId = '';
    await settle([anna, ben]);
    expect(anna.generationId).toBeGreaterThanOrEqual(2);
  });

  test('the retention of an empty group goes on counting', async () => {
    await using stage = await openStage();
    const day = 86_400_000;
    stage.topics.create('payments');
    const anna = new TestMember(stage, 'anna');
    await settle([anna]);
    await anna.commit('payments', { 0: 5 });
    anna.leave();
    await stage.clock.advance(5 * day);
    await stage.restart();
    await stage.clock.advance(1.9 * day);
    expect(await committed(stage, 'orders')).toEqual({ 'payments-0': 5 });
    await stage.clock.advance(0.2 * day);
    expect(stage.rows('')).toEqual([]);
  });

  test('simple groups are there again', async () => {
    await using stage = await openStage();
    stage.topics.create('payments');
    await commit(stage, { groupId: 'alone/ü' }, 'payments', { 0: 5 });
    await stage.restart();
    expect(stage.coordinator.listGroups({ states: [], types: [] })).toMatchObject([{ groupId: 'alone/ü' }]);
    expect(await committed(stage, 'alone/ü')).toEqual({ 'payments-0': 5 });
  });

  test('a group in the wrong domain, or a row that cannot be read, is an error with a name', async () => {
    const stage = await openStage({}, 2);
    stage.topics.create('payments');
    await commit(stage, { groupId: 'alone' }, 'payments', { 0: 5 });
    await stage.coordinator[Symbol.asyncDispose]();
    const key = groupKey('alone');
    const home = stage.domains.find(({ rows }) => rows.has(key))!;
    const other = stage.domains.find((domain) => domain !== home)!;
    const row = home.rows.get(key)!;
    other.rows.set(key, row);
    await expect(stage.restart()).rejects.toMatchObject({ code: 'corrupt-log' });
    other.rows.delete(key);
    home.rows.set(key, Buffer.concat([Buffer.from([9]), row.subarray(1)]));
    await expect(stage.restart()).rejects.toMatchObject({ code: 'unsupported-format' });
  });
});
