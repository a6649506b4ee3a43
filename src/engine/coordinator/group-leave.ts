// LeaveGroup: members go, one by one, each with an error code of its own.

import { kafkaCodeOf } from './group-answers.ts';
import type { LeaveGroupAnswer, LeavingMember } from './group-messages.ts';
import type { GroupState } from './group-state.ts';

export function leave(group: GroupState, leaving: readonly LeavingMember[]): LeaveGroupAnswer['members'] {
  return leaving.map((one) => ({ ...one, errorCode: leaveOne(group, one) }));
}

function leaveOne(group: GroupState, { memberId, groupInstanceId }: LeavingMember): number {
  if (memberId === '') {
    // An operator removes a static member: it is named by its instance id alone.
    const member = groupInstanceId === null ? undefined : group.roster.byInstance(groupInstanceId);
    if (member === undefined) return kafkaCodeOf('unknown-member-id');
    group.removeAndRebalance(member, 'it was removed by its instance id');
    return kafkaCodeOf(undefined);
  }
  if (group.pendingIds.has(memberId)) {
    group.forgetPending(memberId);
    return kafkaCodeOf(undefined);
  }
  const refusal = group.roster.refusal(memberId, groupInstanceId);
  const member = group.roster.get(memberId);
  if (refusal === undefined && member !== undefined) group.removeAndRebalance(member, 'it left');
  return kafkaCodeOf(refusal);
}
