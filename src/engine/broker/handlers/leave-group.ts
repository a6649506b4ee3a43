// LeaveGroup: up to version 2 one member, whose error is that of the answer; later several, each with an error of its own.

import { leaveGroup } from '../../wire/wire.ts';
import { serve } from '../handler.ts';

export const servedLeaveGroup = serve(leaveGroup, (request, context, broker) => {
  const { groupId } = request;
  if (context.apiVersion >= 3) return broker.coordinator.leaveGroup(groupId, request.members);
  const answer = broker.coordinator.leaveGroup(groupId, [{ memberId: request.memberId, groupInstanceId: null }]);
  return { errorCode: answer.errorCode === 0 ? (answer.members[0]?.errorCode ?? 0) : answer.errorCode };
});
