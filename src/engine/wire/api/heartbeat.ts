// Heartbeat: a member is alive, and learns of a rebalance.
//
//   request   group_id STRING, generation_id INT32, member_id STRING, group_instance_id STRING? 3+
//   response  throttle_time_ms INT32 1+, error_code INT16

import { defineApi } from '../define-api.ts';
import { int16, int32, string } from '../fields.ts';
import { struct } from '../struct-field.ts';

export const heartbeat = defineApi({
  key: 12,
  name: 'Heartbeat',
  versions: [0, 4],
  flexibleFrom: 4,
  request: struct({
    groupId: string(),
    generationId: int32(),
    memberId: string(),
    groupInstanceId: string({ from: 3, nullableFrom: 3, default: null }),
  }),
  response: struct({ throttleTimeMs: int32({ from: 1, default: 0 }), errorCode: int16() }),
});
