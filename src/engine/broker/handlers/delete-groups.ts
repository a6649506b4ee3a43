// DeleteGroups: groups without members, with their offsets.

import { deleteGroups } from '../../wire/wire.ts';
import { serve } from '../handler.ts';

export const servedDeleteGroups = serve(
  deleteGroups,
  async (request, _context, broker) => ({ results: await broker.coordinator.deleteGroups(request.groupsNames) }),
  (request, errorCode) => ({ results: request.groupsNames.map((groupId) => ({ groupId, errorCode })) }),
);
