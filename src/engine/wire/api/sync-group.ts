// SyncGroup: the leader hands in the assignment, every member receives its share.
//
//   request   group_id STRING, generation_id INT32, member_id STRING, group_instance_id STRING? 3+, protocol_type STRING?
//               5+, protocol_name STRING? 5+, assignments [member_id STRING, assignment BYTES]
//   response  throttle_time_ms INT32 1+, error_code INT16, protocol_type STRING? 5+, protocol_name STRING? 5+, assignment
//               BYTES

import { array } from '../array-field.ts';
import { defineApi } from '../define-api.ts';
import { bytes, int16, int32, string } from '../fields.ts';
import { struct } from '../struct-field.ts';

export const syncGroup = defineApi({
  key: 14,
  name: 'SyncGroup',
  versions: [0, 5],
  flexibleFrom: 4,
  request: struct({
    groupId: string(),
    generationId: int32(),
    memberId: string(),
    groupInstanceId: string({ from: 3, nullableFrom: 3, default: null }),
    protocolType: string({ from: 5, nullableFrom: 5, default: null }),
    protocolName: string({ from: 5, nullableFrom: 5, default: null }),
    assignments: array(struct({ memberId: string(), assignment: bytes() })),
  }),
  response: struct({
    throttleTimeMs: int32({ from: 1, default: 0 }),
    errorCode: int16(),
    protocolType: string({ from: 5, nullableFrom: 5, default: null }),
    protocolName: string({ from: 5, nullableFrom: 5, default: null }),
    assignment: bytes(),
  }),
});
