// SyncGroup: answered when the assignment of the generation is durable.

import { syncGroup } from '../../wire/wire.ts';
import { serve } from '../handler.ts';

export const servedSyncGroup = serve(
  syncGroup,
  (request, context, broker) => broker.coordinator.syncGroup(request, context),
  (_request, errorCode) => ({ errorCode, assignment: Buffer.alloc(0) }),
);
