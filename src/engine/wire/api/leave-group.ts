// LeaveGroup: members leave their group.
//
//   request   group_id STRING, member_id STRING until 2, members [member_id STRING, group_instance_id STRING?, reason
//               STRING? 5+] 3+
//   response  throttle_time_ms INT32 1+, error_code INT16, members [member_id STRING, group_instance_id STRING?,
//               error_code INT16] 3+
//
// Versions up to 2 name one member, later ones several.

import { array } from '../array-field.ts';
import { defineApi } from '../define-api.ts';
import { int16, int32, string } from '../fields.ts';
import { struct } from '../struct-field.ts';

export const leaveGroup = defineApi({
  key: 13,
  name: 'LeaveGroup',
  versions: [0, 5],
  flexibleFrom: 4,
  request: struct({
    groupId: string(),
    memberId: string({ until: 2, default: '' }),
    members: array(
      struct({
        memberId: string(),
        groupInstanceId: string({ nullableFrom: 3, default: null }),
        reason: string({ from: 5, nullableFrom: 5, default: null }),
      }),
      { from: 3, default: [] },
    ),
  }),
  response: struct({
    throttleTimeMs: int32({ from: 1, default: 0 }),
    errorCode: int16(),
    members: array(struct({ memberId: string(), groupInstanceId: string({ nullableFrom: 3 }), errorCode: int16() }), {
      from: 3,
      default: [],
    }),
  }),
});
