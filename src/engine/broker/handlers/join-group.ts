// JoinGroup: answered when the generation is complete, which may take as long as a rebalance.

import { joinGroup } from '../../wire/wire.ts';
import { serve } from '../handler.ts';

export const servedJoinGroup = serve(joinGroup, async (request, context, broker) => {
  const answer = await broker.coordinator.joinGroup(request, context);
  // Before version 7 a name had to be there, also in an answer that refuses.
  return context.apiVersion >= 7 ? answer : { ...answer, protocolName: answer.protocolName ?? '' };
});
