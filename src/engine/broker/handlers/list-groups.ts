// ListGroups.

import { listGroups } from '../../wire/wire.ts';
import { serve } from '../handler.ts';

export const servedListGroups = serve(listGroups, (request, _context, broker) => ({
  errorCode: 0,
  groups: broker.coordinator.listGroups({ states: request.statesFilter, types: request.typesFilter }),
}));
