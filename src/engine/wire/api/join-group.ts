// JoinGroup: a member joins its group, or joins again for a rebalance; answered when the generation is complete.
//
//   request   group_id STRING, session_timeout_ms INT32, rebalance_timeout_ms INT32 1+, member_id STRING,
//               group_instance_id STRING? 5+, protocol_type STRING, protocols [name STRING, metadata BYTES], reason STRING?
//               8+
//   response  throttle_time_ms INT32 2+, error_code INT16, generation_id INT32, protocol_type STRING? 7+, protocol_name
//               STRING? (null 7+), leader STRING, skip_assignment BOOL 9+, member_id STRING, members [member_id STRING,
//               group_instance_id STRING? 5+, metadata BYTES]
//
// Only the leader is told the members. Version 0 has no rebalance timeout: the session timeout stands in for it.

import { array } from '../array-field.ts';
import { defineApi } from '../define-api.ts';
import { bool, bytes, int16, int32, string } from '../fields.ts';
import { struct } from '../struct-field.ts';

export const joinGroup = defineApi({
  key: 11,
  name: 'JoinGroup',
  versions: [0, 9],
  flexibleFrom: 6,
  request: struct({
    groupId: string(),
    sessionTimeoutMs: int32(),
    rebalanceTimeoutMs: int32({ from: 1, default: -1 }),
    memberId: string(),
    groupInstanceId: string({ from: 5, nullableFrom: 5, default: null }),
    protocolType: string(),
    protocols: array(struct({ name: string(), metadata: bytes() })),
    reason: string({ from: 8, nullableFrom: 8, default: null }),
  }),
  response: struct({
    throttleTimeMs: int32({ from: 2, default: 0 }),
    errorCode: int16(),
    generationId: int32({ default: -1 }),
    protocolType: string({ from: 7, nullableFrom: 7, default: null }),
    protocolName: string({ nullableFrom: 7 }),
    leader: string(),
    skipAssignment: bool({ from: 9, default: false }),
    memberId: string(),
    members: array(
      struct({
        memberId: string(),
        groupInstanceId: string({ from: 5, nullableFrom: 5, default: null }),
        metadata: bytes(),
      }),
    ),
  }),
});
