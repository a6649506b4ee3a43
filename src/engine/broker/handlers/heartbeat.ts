// Heartbeat.

import { heartbeat } from '../../wire/wire.ts';
import { serve } from '../handler.ts';

export const servedHeartbeat = serve(heartbeat, (request, _context, broker) => broker.coordinator.heartbeat(request));
