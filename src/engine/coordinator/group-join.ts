// JoinGroup: who may come in, under which id, and whether that makes the group rebalance. The rules are Kafka's.

import type { ErrorCode } from '../base/error-table.ts';
import type { Random } from '../base/random.ts';
import { uuidv4 } from '../base/uuid.ts';
import { joinAnswer, joinError, kafkaCodeOf } from './group-answers.ts';
import { newMemberJoinTimeoutMs } from './group-config.ts';
import { type Answer, type Member, type MemberProtocol, noBytes, sameProtocols } from './group-member.ts';
import type { JoinGroupAnswer } from './group-messages.ts';
import type { GroupState } from './group-state.ts';
import { fitsGroup, hasRoom } from './rebalance-policy.ts';

/** A JoinGroup whose bytes are the coordinator's own and whose timeouts have been checked. */
export interface Joining {
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly protocolType: string;
  readonly protocols: readonly MemberProtocol[];
  readonly rebalanceTimeoutMs: number;
  readonly sessionTimeoutMs: number;
  readonly clientId: string;
  readonly clientHost: string;
  readonly apiVersion: number;
}

/** The answer where there is one at once; otherwise the request waits, and `answer` is called with it. */
export function join(
  group: GroupState,
  joining: Joining,
  random: Random,
  answer: Answer<JoinGroupAnswer>,
): JoinGroupAnswer | undefined {
  const { roster } = group;
  const known = roster.get(joining.memberId);
  const size = { members: roster.size, waiting: roster.waitingJoins, max: group.port.config().groupSizeMax };
  const joiner = { isMember: known !== undefined, isWaiting: known?.waitingJoin !== undefined };
  const refuse = (error: ErrorCode) => joinError(error, joining.memberId);

  if (group.phase === 'Dead') return refuse('coordinator-not-available');
  if (!hasRoom(group.phase, size, joiner)) {
    if (known !== undefined) group.removeAndRebalance(known, 'the group is full');
    return refuse('group-max-size');
  }
  const fits = fitsGroup(
    {
      empty: group.phase === 'Empty',
      protocolType: group.protocolType,
      supportedByAll: (name) => roster.supportedByAll(name),
    },
    joining,
  );
  if (!fits) return refuse('inconsistent-group-protocol');

  if (joining.memberId === '') return joinWithoutId(group, joining, random, answer);
  if (group.pendingIds.has(joining.memberId)) {
    // An id is handed out only to members without an instance id; with one the request contradicts itself.
    if (joining.instanceId !== null) return refuse('unknown-member-id');
    return addMember(group, joining.memberId, joining, answer);
  }
  const refusal = roster.refusal(joining.memberId, joining.instanceId);
  if (refusal !== undefined || known === undefined) return refuse(refusal ?? 'unknown-member-id');
  return rejoin(group, known, joining, answer);
}

function joinWithoutId(
  group: GroupState,
  joining: Joining,
  random: Random,
  answer: Answer<JoinGroupAnswer>,
): JoinGroupAnswer | undefined {
  const memberId = `${joining.instanceId ?? joining.clientId}-${uuidv4(random)}`;
  if (joining.instanceId !== null) {
    const holder = group.roster.byInstance(joining.instanceId);
    if (holder !== undefined) return replaceStatic(group, holder, memberId, joining, answer);
  } else if (joining.apiVersion >= 4) {
    // The client comes back with the id; so a request that was lost on its way leaves no dead member behind.
    if (group.pendingIds.size >= group.port.config().groupSizeMax) return joinError('group-max-size');
    group.pendingIds.set(memberId, group.due(joining.sessionTimeoutMs));
    return joinError('member-id-required', memberId);
  }
  return addMember(group, memberId, joining, answer);
}

function addMember(group: GroupState, id: string, joining: Joining, answer: Answer<JoinGroupAnswer>): undefined {
  const member: Member = {
    id,
    instanceId: joining.instanceId,
    clientId: joining.clientId,
    clientHost: joining.clientHost,
    rebalanceTimeoutMs: joining.rebalanceTimeoutMs,
    sessionTimeoutMs: joining.sessionTimeoutMs,
    protocols: joining.protocols,
    assignment: noBytes,
    isNew: true,
    deadlineMs: 0,
    waitingJoin: undefined,
    waitingSync: undefined,
  };
  group.addAndRebalance(member, joining.protocolType, answer, newMemberJoinTimeoutMs);
}

function rejoin(
  group: GroupState,
  member: Member,
  joining: Joining,
  answer: Answer<JoinGroupAnswer>,
): JoinGroupAnswer | undefined {
  const { phase, roster } = group;
  const unchanged = sameProtocols(member.protocols, joining.protocols);
  // Nothing new from a member that may just have missed its answer: it is told again. A leader that joins again in a stable
  // group wants a rebalance, because something that its metadata does not show has changed (partitions of a topic).
  const leaderAsks = phase === 'Stable' && roster.leaderId === member.id;
  if ((phase === 'CompletingRebalance' || phase === 'Stable') && unchanged && !leaderAsks) {
    group.touch(member);
    return joinAnswer(group, member);
  }
  roster.update(member, joining);
  roster.waitForJoin(member, answer);
  group.maybeRebalance(`${member.id} joins again${leaderAsks ? ' and leads' : ''}`);
  return undefined;
}

/**
 * A static member has been restarted. In a stable group whose protocol stays the same nobody else needs to notice: it takes
 * over its assignment, once the row with its new id is durable.
 */
function replaceStatic(
  group: GroupState,
  member: Member,
  newId: string,
  joining: Joining,
  answer: Answer<JoinGroupAnswer>,
): undefined {
  const { roster } = group;
  const oldId = member.id;
  const oldLeader = roster.leaderId ?? '';
  const { protocols, rebalanceTimeoutMs, sessionTimeoutMs } = member;
  roster.rename(member, newId);
  roster.update(member, joining);
  roster.waitForJoin(member, answer);
  member.clientId = joining.clientId;
  member.clientHost = joining.clientHost;
  group.awaitedSyncs.delete(oldId);
  group.touch(member);

  const waiting = member.waitingJoin;
  if (group.phase !== 'Stable' || !chosenProtocolStays(group)) {
    // While assignments are made the leader may already have been told the old id: the new one would get none.
    group.maybeRebalance(`${newId} takes the place of ${oldId}`);
    return undefined;
  }
  const { generation } = group;
  group.port.persist(group, group.row(), (error) => {
    // Somebody newer, a rebalance, or the end of the group has taken care of the request meanwhile.
    if (member.waitingJoin !== waiting || group.phase !== 'Stable' || group.generation !== generation) return;
    if (error !== undefined) {
      const failure = { ...joinAnswer(group, member, { leaderId: oldLeader }), members: [] };
      roster.answerJoin(member, { ...failure, memberId: '', errorCode: kafkaCodeOf(error) });
      roster.rename(member, oldId);
      roster.update(member, { protocols, rebalanceTimeoutMs, sessionTimeoutMs });
      group.touch(member);
      return;
    }
    group.touch(member);
    roster.answerJoin(member, restartedAnswer(group, member, oldLeader, joining.apiVersion));
  });
}

function chosenProtocolStays(group: GroupState): boolean {
  return group.chooseProtocol() === group.protocolName;
}

/**
 * A leader that was restarted must not compute assignments, which nobody would be given. Since version 9 it can be told so;
 * before, it is shown the old leader's id, does not recognize itself, and follows.
 */
function restartedAnswer(group: GroupState, member: Member, oldLeader: string, apiVersion: number): JoinGroupAnswer {
  if (apiVersion < 9) return joinAnswer(group, member, { leaderId: oldLeader });
  return joinAnswer(group, member, { skipAssignment: group.roster.leaderId === member.id });
}
