import { describe, expect, test } from 'vitest';
import type { OffsetRow } from '../../../src/engine/coordinator/offset-row-format.ts';
import { type GroupForRetention, offsetExpired } from '../../../src/engine/coordinator/retention-policy.ts';
import { commit, committed, openStage, settle, TestMember } from './coordinator-stage.ts';

const minute = 60_000;
const day = 24 * 60 * minute;

describe('when an offset has expired', () => {
  const retentionMs = 100 * minute;
  const nowMs = 1000 * minute;
  const base: GroupForRetention = {
    phase: 'Empty',
    protocolType: 'consumer',
    stateSinceMs: nowMs - 50 * minute,
    subscribedTopics: new Set(),
  };
  const row = (ageMinutes: number, change: Partial<OffsetRow> = {}): OffsetRow => ({
    committedOffset: 1,
    leaderEpoch: -1,
    metadata: '',
    committedAtMs: nowMs - ageMinutes * minute,
    expiresAtMs: -1,
    ...change,
  });
  test.each<[string, Partial<GroupForRetention>, OffsetRow, string | undefined, boolean]>([
    ['empty for less than the retention, committed long ago', {}, row(500), 't', false],
    ['empty for the retention', { stateSinceMs: nowMs - retentionMs }, row(1), 't', true],
    ['simple, committed less than the retention ago', { protocolType: null }, row(99), 't', false],
    ['simple, committed the retention ago', { protocolType: null }, row(100), 't', true],
    ['stable and reading the topic', { phase: 'Stable', subscribedTopics: new Set(['t']) }, row(500), 't', false],
    ['stable and reading another topic', { phase: 'Stable', subscribedTopics: new Set(['u']) }, row(500), 't', true],
    ['stable, another topic, young', { phase: 'Stable', subscribedTopics: new Set(['u']) }, row(9), 't', false],
    ['stable and nobody knows what it reads', { phase: 'Stable', subscribedTopics: undefined }, row(500), 't', false],
    ['in a rebalance', { phase: 'PreparingRebalance', subscribedTopics: new Set() }, row(500), 't', false],
    ['its own retention is over', {}, row(1, { expiresAtMs: nowMs }), 't', true],
    ['its own retention is not', { stateSinceMs: 0 }, row(500, { expiresAtMs: nowMs + 1 }), 't', false],
    ['the topic is gone', { phase: 'Stable', subscribedTopics: new Set(['t']) }, row(1), undefined, true],
    ['the topic is not known, and the commit fresh', {}, row(0.5), undefined, false],
  ])('%s', (_, change, offset, topic, expired) => {
    expect(offsetExpired({ ...base, ...change }, offset, topic, nowMs, retentionMs)).toBe(expired);
  });
});

describe('the retention loop', () => {
  test('offsets stay for the retention after the last member has left, however old; then the group goes too', async () => {
    await using stage = await openStage();
    stage.topics.create('payments');
    const anna = new TestMember(stage, 'anna', { sessionTimeoutMs: 1_800_000 });
    await settle([anna]);
    await anna.commit('payments', { 0: 42 });
    for (let days = 0; days < 10; days += 1 / 50) {
      await stage.clock.advance(day / 50);
      if (anna.heartbeat() !== 0) throw new Error('the member should live');
    }
    expect(await committed(stage, 'orders')).toEqual({ 'payments-0': 42 });
    anna.leave();
    await stage.clock.advance(7 * day - 10 * minute);
    expect(await committed(stage, 'orders')).toEqual({ 'payments-0': 42 });
    await stage.clock.advance(20 * minute);
    expect(await committed(stage, 'orders')).toEqual({});
    expect(stage.rows('')).toEqual([]);
    expect(stage.coordinator.stats.groups).toBe(0);
  });

  test('offsets of a simple consumer stay for the retention after each commit', async () => {
    await using stage = await openStage();
    stage.topics.create('payments');
    await commit(stage, { groupId: 'alone' }, 'payments', { 0: 1, 1: 1 });
    await stage.clock.advance(6 * day);
    await commit(stage, { groupId: 'alone' }, 'payments', { 1: 2 });
    await stage.clock.advance(1.5 * day);
    expect(await committed(stage, 'alone')).toEqual({ 'payments-1': 2 });
    await stage.clock.advance(6 * day);
    expect(stage.rows('')).toEqual([]);
  });

  test('a retention in the request counts where the version has it', async () => {
    await using stage = await openStage();
    stage.topics.create('payments');
    await commit(stage, { groupId: 'alone' }, 'payments', { 0: 1 }, 4, 15 * minute);
    await stage.clock.advance(11 * minute);
    expect(await committed(stage, 'alone')).toEqual({ 'payments-0': 1 });
    await stage.clock.advance(10 * minute);
    expect(await committed(stage, 'alone')).toEqual({});
  });

  test('offsets of a deleted topic vanish', async () => {
    await using stage = await openStage();
    for (const topic of ['payments', 'old']) stage.topics.create(topic);
    await commit(stage, { groupId: 'alone' }, 'payments', { 0: 1 });
    await commit(stage, { groupId: 'alone' }, 'old', { 0: 1 });
    stage.topics.drop('old');
    await stage.clock.advance(10 * minute);
    expect(stage.rows('offset/')).toHaveLength(1);
  });

  test('a commit on its way during a round is never lost', async () => {
    await using stage = await openStage({}, 1);
    stage.topics.create('payments');
    await commit(stage, { groupId: 'alone' }, 'payments', { 0: 1 });
    await stage.clock.advance(6.9 * day);
    stage.config = { ...stage.config, offsetsRetentionMs: 1 };
    const round = stage.coordinator.expireOffsets();
    const late = commit(stage, { groupId: 'alone' }, 'payments', { 0: 2 });
    await round;
    expect(await late).toEqual([0]);
    expect(await committed(stage, 'alone')).toEqual({ 'payments-0': 2 });
  });

  test('nor is one that was on its way before', async () => {
    await using stage = await openStage({}, 1);
    stage.topics.create('payments');
    await commit(stage, { groupId: 'alone' }, 'payments', { 0: 1 });
    await stage.clock.advance(1000);
    stage.config = { ...stage.config, offsetsRetentionMs: 1 };
    stage.domains[0]?.hold();
    const early = commit(stage, { groupId: 'alone' }, 'payments', { 0: 2 });
    const round = stage.coordinator.expireOffsets();
    await stage.clock.advance(0);
    stage.domains[0]?.release();
    await round;
    expect(await early).toEqual([0]);
    expect(await committed(stage, 'alone')).toEqual({ 'payments-0': 2 });
  });

  test('a round that fails is repeated', async () => {
    await using stage = await openStage({}, 1);
    stage.topics.create('payments');
    await commit(stage, { groupId: 'alone' }, 'payments', { 0: 1 });
    stage.config = { ...stage.config, offsetsRetentionMs: minute };
    stage.domains[0]?.failNext();
    await stage.clock.advance(10 * minute);
    expect(stage.rows('offset/')).toHaveLength(1);
    await stage.clock.advance(10 * minute);
    expect(stage.rows('')).toEqual([]);
  });
});
