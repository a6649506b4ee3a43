// Random histories of a group: members join, sync, fall silent, leave, are restarted and restart, rows fail or are slow, the
// broker restarts. Whatever happens:
// - of all members that were let into a generation exactly one was told that it leads, and all were told the same protocol
// - an assignment that a member is given is the one that the leader of its generation made for it
// - generations only grow as long as the broker lives; a commit that was acknowledged is there
// - when the storm is over, the members that live come together in one stable generation

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { JoinGroupAnswer } from '../../../src/engine/coordinator/coordinator.ts';
import { commit, committed, openStage, type Stage, settle, TestMember, text } from './coordinator-stage.ts';

type Step = MemberStep | { readonly kind: 'time'; readonly byMs: number } | StageStep;
interface MemberStep {
  readonly kind: 'join' | 'sync' | 'heartbeat' | 'leave' | 'forget' | 'commit';
  readonly member: number;
}

interface StageStep {
  readonly kind: 'fail' | 'hold' | 'release' | 'restart' | 'turn';
}

const memberCount = 4;
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constantFrom('join', 'join', 'sync', 'sync', 'heartbeat', 'commit' as const),
      member: fc.nat(memberCount - 1),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constantFrom('leave', 'forget' as const), member: fc.nat(memberCount - 1) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('time' as const), byMs: fc.constantFrom(100, 3000, 7000, 30_000) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom('fail', 'hold', 'release', 'turn', 'turn' as const) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
);

interface Witness {
  /** "life:generation" → what its members were told. */
  readonly leaders: Map<string, Set<string>>;
  readonly protocols: Map<string, Set<string>>;
  life: number;
  highest: number;
  acknowledged: number;
}

test('every generation has one leader, and assignments are those of the generation', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 80 }), fc.boolean(), async (steps, staticMembers) => {
      // No sweep removes the group while it is empty: its generations would begin anew.
      await using stage = await openStage({ offsetsRetentionCheckIntervalMs: 2 ** 31 - 1 }, 1);
      stage.topics.create('payments');
      const members = Array.from({ length: memberCount }, (_, index) => newMember(stage, index, staticMembers));
      const seen: Witness = { leaders: new Map(), protocols: new Map(), life: 0, highest: 0, acknowledged: -1 };
      let committing = 0;
      for (const next of steps) {
        await run(next);
        await stage.clock.advance(0);
      }
      stage.domains[0]?.release();
      // Whoever still waits does so under another name from now on; its session ends with the time that passes.
      await stage.clock.advance(400_000);
      const living = Array.from({ length: memberCount }, (_, index) => newMember(stage, index, staticMembers));
      await settle(living);
      for (const member of living) {
        expect(text((await member.sync()).assignment)).toBe(`${member.generationId}:${member.memberId}`);
      }
      expect(living.filter((member) => member.leads)).toHaveLength(1);
      const { groupState, members: described } = stage.coordinator.describeGroup('orders');
      expect([groupState, described.length]).toEqual(['Stable', memberCount]);
      if (seen.acknowledged >= 0) {
        expect((await committed(stage, 'orders'))['payments-0']).toBeGreaterThanOrEqual(seen.acknowledged);
      }

      async function run(next: Step): Promise<void> {
        if (next.kind === 'time') await stage.clock.advance(next.byMs);
        else if (next.kind === 'fail') stage.domains[0]?.failNext();
        else if (next.kind === 'hold') stage.domains[0]?.hold();
        else if (next.kind === 'release') stage.domains[0]?.release();
        else if (next.kind === 'turn') await new Promise((resolve) => setImmediate(resolve));
        else if (next.kind === 'restart') {
          // What the old life has still to write is settled: a log that is opened again refuses it.
          stage.domains[0]?.release();
          await stage.coordinator[Symbol.asyncDispose]();
          await stage.restart();
          seen.life++;
          seen.highest = 0;
        } else if ('member' in next) act(next);
      }

      function act({ kind, member: index }: MemberStep): void {
        const member = members[index] as TestMember;
        const { life } = seen;
        if (kind === 'join') void member.join().then((answer) => noteJoin(seen, life, answer));
        else if (kind === 'heartbeat') member.heartbeat();
        else if (kind === 'leave') member.leave();
        else if (kind === 'forget') members[index] = newMember(stage, index, staticMembers);
        else if (kind === 'sync') {
          const { generationId, memberId } = member;
          void member.syncAll().then(({ errorCode, assignment }) => {
            if (errorCode !== 0) return;
            const given = text(assignment);
            const owner = staticMembers ? given.replace(/-[0-9a-f-]{36}$/, '') : given;
            const expected = staticMembers ? `${generationId}:i${index}` : `${generationId}:${memberId}`;
            // A member that the leader did not know yet, or a leader that had no list, gives an empty assignment.
            if (given !== '') faults.push(...(owner === expected ? [] : [`${given} was given to ${expected}`]));
          });
        } else {
          const { groupId, generationId, memberId, instanceId: groupInstanceId } = member;
          const offset = committing++;
          void commit(stage, { groupId, generationId, memberId, groupInstanceId }, 'payments', { 0: offset }).then(
            ([errorCode]) => {
              if (errorCode === 0) seen.acknowledged = Math.max(seen.acknowledged, offset);
            },
          );
        }
      }

      for (const [generation, leaders] of seen.leaders) {
        if (leaders.size > 1) faults.push(`generation ${generation} has leaders ${[...leaders].join(', ')}`);
      }
      for (const [generation, protocols] of seen.protocols) {
        if (protocols.size > 1) faults.push(`generation ${generation} has protocols ${[...protocols].join(', ')}`);
      }
      expect(faults.splice(0)).toEqual([]);
    }),
    { numRuns: 150 },
  );
}, 120_000);

const faults: string[] = [];

function newMember(stage: Stage, index: number, isStatic: boolean): TestMember {
  return new TestMember(stage, `m${index}`, isStatic ? { instanceId: `i${index}` } : {});
}

function noteJoin(seen: Witness, life: number, answer: JoinGroupAnswer): void {
  if (answer.errorCode !== 0 || life !== seen.life) return;
  if (answer.generationId < seen.highest - 1) faults.push(`generation ${answer.generationId} after ${seen.highest}`);
  seen.highest = Math.max(seen.highest, answer.generationId);
  const key = `${life}:${answer.generationId}`;
  const note = (map: Map<string, Set<string>>, value: string) => map.set(key, (map.get(key) ?? new Set()).add(value));
  if (answer.leader === answer.memberId && !answer.skipAssignment) {
    // A static leader that was restarted leads under a new id: it is the same member.
    note(seen.leaders, answer.leader.replace(/^(i\d+)-.*$/, '$1'));
  }
  note(seen.protocols, String(answer.protocolName));
}
