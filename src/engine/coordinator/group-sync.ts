// SyncGroup and Heartbeat: members of a generation get their assignment, and say that they live.

import type { ErrorCode } from '../base/error-table.ts';
import { syncAnswer } from './group-answers.ts';
import { type Answer, noBytes } from './group-member.ts';
import type { HeartbeatRequest, SyncGroupAnswer, SyncGroupRequest } from './group-messages.ts';
import type { GroupState } from './group-state.ts';

/** The answer where there is one at once; otherwise the request waits, and `answer` is called with it. */
export function sync(
  group: GroupState,
  request: SyncGroupRequest,
  answer: Answer<SyncGroupAnswer>,
): SyncGroupAnswer | undefined {
  const refuse = (error: ErrorCode) => syncAnswer({ error });
  const refusal = refusalOf(group, request) ?? protocolRefusal(group, request);
  if (refusal !== undefined) return refuse(refusal);
  const member = group.roster.get(request.memberId);
  if (member === undefined || group.phase === 'Empty') return refuse('unknown-member-id');
  if (group.phase === 'PreparingRebalance') return refuse('rebalance-in-progress');

  group.synced(member.id);
  if (group.phase === 'Stable') {
    const { protocolType, protocolName } = group;
    group.touch(member);
    return syncAnswer({ protocolType, protocolName, assignment: member.assignment });
  }
  group.roster.waitForSync(member, answer);
  // A leader that repeats itself while its assignment is being written waits for that one.
  if (group.roster.leaderId === member.id && group.storingGeneration !== group.generation) {
    storeAssignments(group, request.assignments);
  }
  return undefined;
}

/** The whole assignment is durable before any member sees a part of it. Members the leader left out get an empty one. */
function storeAssignments(group: GroupState, given: SyncGroupRequest['assignments']): void {
  const { generation } = group;
  const assignments = new Map<string, Buffer>();
  for (const member of group.roster.members()) assignments.set(member.id, noBytes);
  for (const { memberId, assignment } of given) {
    // A copy: the bytes of the request are not ours to keep.
    if (assignments.has(memberId)) assignments.set(memberId, Buffer.from(assignment));
  }
  group.storingGeneration = generation;
  group.port.persist(group, group.row(assignments), (error) => {
    if (group.storingGeneration === generation) group.storingGeneration = -1;
    // Another member may have joined meanwhile; then the next generation makes its own assignment.
    if (group.phase !== 'CompletingRebalance' || group.generation !== generation) return;
    if (error === undefined) {
      group.takeAssignments(assignments);
    } else {
      group.dropAssignments(error);
      group.rebalance('its assignment could not be stored');
    }
  });
}

/** Undefined when the member may go on as it does. */
export function heartbeat(group: GroupState, request: HeartbeatRequest): ErrorCode | undefined {
  const refusal = refusalOf(group, request);
  if (refusal !== undefined) return refusal;
  const member = group.roster.get(request.memberId);
  if (member === undefined || group.phase === 'Empty') return 'unknown-member-id';
  group.touch(member);
  return group.phase === 'PreparingRebalance' ? 'rebalance-in-progress' : undefined;
}

/** Why a request of a member in a generation is refused. */
export function refusalOf(
  group: GroupState,
  request: Pick<HeartbeatRequest, 'memberId' | 'groupInstanceId' | 'generationId'>,
): ErrorCode | undefined {
  if (group.phase === 'Dead') return 'coordinator-not-available';
  const refusal = group.roster.refusal(request.memberId, request.groupInstanceId);
  if (refusal !== undefined) return refusal;
  return request.generationId === group.generation ? undefined : 'illegal-generation';
}

function protocolRefusal(
  group: GroupState,
  { protocolType, protocolName }: Pick<SyncGroupRequest, 'protocolType' | 'protocolName'>,
): ErrorCode | undefined {
  const differs = (given: string | null | undefined, ours: string | null) => (given ?? null) !== null && given !== ours;
  if (differs(protocolType, group.protocolType) || differs(protocolName, group.protocolName)) {
    return 'inconsistent-group-protocol';
  }
  return undefined;
}
