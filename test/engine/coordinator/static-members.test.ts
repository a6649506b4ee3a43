import { describe, expect, test } from 'vitest';
import { code, openStage, type Stage, settle, TestMember, text, waits } from './coordinator-stage.ts';

async function twoStatic(stage: Stage): Promise<{ leader: TestMember; follower: TestMember }> {
  const members = ['a', 'b'].map((name) => new TestMember(stage, name, { instanceId: `instance-${name}` }));
  await settle(members);
  const [first, second] = members as [TestMember, TestMember];
  return first.leads ? { leader: first, follower: second } : { leader: second, follower: first };
}

/** The same member after its process was restarted: it knows its instance id and nothing else. */
const restarted = (stage: Stage, member: TestMember, apiVersion = 9) =>
  new TestMember(stage, member.name, { ...member.options, apiVersion });

describe('a static member', () => {
  test('is let in without being given an id first', async () => {
    await using stage = await openStage();
    const joined = await new TestMember(stage, 'a', { instanceId: 'instance-a' }).joinOnce();
    expect(joined).toMatchObject({ errorCode: 0, generationId: 1 });
    expect(joined.memberId).toMatch(/^instance-a-/);
    expect(joined.members[0]?.groupInstanceId).toBe('instance-a');
  });

  test('that is restarted gets its assignment back, and nobody else notices', async () => {
    await using stage = await openStage();
    const { leader, follower } = await twoStatic(stage);
    const generation = follower.generationId;
    const again = restarted(stage, follower);
    expect(await again.join()).toMatchObject({
      errorCode: 0,
      generationId: generation,
      leader: leader.memberId,
      skipAssignment: false,
    });
    expect(again.memberId).not.toBe(follower.memberId);
    expect(text((await again.sync()).assignment)).toBe(`${generation}:${follower.memberId}`);
    expect(leader.heartbeat()).toBe(0);
    expect(follower.heartbeat()).toBe(code('fenced-instance-id'));
  });

  test('that leads and is restarted is told to skip the assignment (v9), and still watches the members', async () => {
    await using stage = await openStage();
    const { leader, follower } = await twoStatic(stage);
    const again = restarted(stage, leader);
    const joined = await again.join();
    expect(joined).toMatchObject({ errorCode: 0, leader: again.memberId, skipAssignment: true });
    expect(joined.members).toHaveLength(2);
    expect(text((await again.sync()).assignment)).toContain(leader.memberId);
    expect(follower.heartbeat()).toBe(0);
  });

  test('that leads and is restarted is shown the old leader where it cannot be told (v8)', async () => {
    await using stage = await openStage();
    const { leader } = await twoStatic(stage);
    const again = restarted(stage, leader, 8);
    expect(await again.join()).toMatchObject({ leader: leader.memberId, skipAssignment: false, members: [] });
    expect(again.leads).toBe(false);
  });

  test('that comes back with another protocol makes the group rebalance', async () => {
    await using stage = await openStage();
    const { leader, follower } = await twoStatic(stage);
    const both = [
      { name: 'sticky', metadata: Buffer.from('s') },
      { name: 'range', metadata: Buffer.from('r') },
    ];
    const again = restarted(stage, follower);
    // The others only know "range", so that stays what all have in common.
    await again.join({ protocols: both });
    expect(leader.heartbeat()).toBe(0);
    const alone = restarted(stage, leader);
    const joining = alone.join({ protocols: both });
    expect(await waits(joining)).toBe(true);
    expect(again.heartbeat()).toBe(code('rebalance-in-progress'));
  });

  test('fences whoever still waits under the old id', async () => {
    await using stage = await openStage();
    const { follower } = await twoStatic(stage);
    const third = new TestMember(stage, 'c');
    const thirdJoins = third.join();
    await waits(thirdJoins);
    const old = follower.join();
    await waits(old);
    const again = restarted(stage, follower).join();
    expect(await old).toMatchObject({ errorCode: code('fenced-instance-id') });
    expect(await waits(again)).toBe(true);
  });

  test('keeps its place in a rebalance that it misses, until its session is over', async () => {
    await using stage = await openStage();
    const a = new TestMember(stage, 'a', {
      instanceId: 'instance-a',
      sessionTimeoutMs: 100_000,
      rebalanceTimeoutMs: 5000,
    });
    const b = new TestMember(stage, 'b', { sessionTimeoutMs: 100_000, rebalanceTimeoutMs: 5000 });
    await settle([a, b]);
    const c = new TestMember(stage, 'c', { rebalanceTimeoutMs: 5000 });
    const joins = [c.join()];
    await stage.clock.advance(0);
    joins.push(b.join());
    await stage.clock.advance(5000);
    await Promise.all(joins);
    // It led; somebody who is there does now.
    expect((await joins[0])?.leader).not.toBe(a.memberId);
    const members = stage.coordinator.describeGroup('orders').members.map((member) => member.memberId);
    expect(members).toContain(a.memberId);
    expect(new Set(members).size).toBe(3);
  });

  test('is removed by an operator who knows only its instance id', async () => {
    await using stage = await openStage();
    const { leader, follower } = await twoStatic(stage);
    const answer = stage.coordinator.leaveGroup('orders', [
      { memberId: '', groupInstanceId: follower.instanceId },
      { memberId: '', groupInstanceId: 'instance-unknown' },
      { memberId: 'wrong', groupInstanceId: leader.instanceId },
    ]);
    expect(answer.members.map((member) => member.errorCode)).toEqual([
      0,
      code('unknown-member-id'),
      code('fenced-instance-id'),
    ]);
    expect(leader.heartbeat()).toBe(code('rebalance-in-progress'));
  });

  test('whose new id cannot be stored stays who it was', async () => {
    await using stage = await openStage({}, 1);
    const { follower, leader } = await twoStatic(stage);
    stage.domains[0]?.failNext();
    const again = restarted(stage, follower);
    expect(await again.join()).toMatchObject({ errorCode: code('coordinator-not-available'), memberId: '' });
    expect(follower.heartbeat()).toBe(0);
    expect(leader.heartbeat()).toBe(0);
    expect(await again.join()).toMatchObject({ errorCode: 0, generationId: follower.generationId });
  });

  test('that is restarted just when a rebalance begins is part of it', async () => {
    await using stage = await openStage({}, 1);
    const { follower, leader } = await twoStatic(stage);
    stage.domains[0]?.hold();
    const again = restarted(stage, follower);
    const joins = again.join();
    await waits(joins);
    const leaderJoins = leader.join();
    stage.domains[0]?.release();
    expect(await joins).toMatchObject({ errorCode: 0, generationId: follower.generationId + 1 });
    expect(await leaderJoins).toMatchObject({ errorCode: 0, generationId: follower.generationId + 1 });
  });

  test('that is restarted just when a rebalance begins waits with the others for its end', async () => {
    await using stage = await openStage({}, 1);
    const members = ['a', 'b', 'c'].map((name) => new TestMember(stage, name, { instanceId: `instance-${name}` }));
    await settle(members);
    const leader = members.find((member) => member.leads)!;
    const [one, other] = members.filter((member) => member !== leader) as [TestMember, TestMember];
    stage.domains[0]?.hold();
    const joins = [restarted(stage, one).join()];
    await waits(joins[0]!);
    joins.push(leader.join());
    stage.domains[0]?.release();
    expect(await waits(joins[0]!)).toBe(true);
    joins.push(other.join());
    for (const join of joins) expect(await join).toMatchObject({ errorCode: 0, generationId: leader.generationId });
  });
});
