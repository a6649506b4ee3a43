// DescribeGroups: state and members of consumer groups.
//
//   request   groups [STRING], include_authorized_operations BOOL 3+
//   response  throttle_time_ms INT32 1+, groups [error_code INT16, error_message STRING? 6+, group_id STRING, group_state
//               STRING, protocol_type STRING, protocol_data STRING, members [member_id STRING, group_instance_id STRING? 4+,
//               client_id STRING, client_host STRING, member_metadata BYTES, member_assignment BYTES], authorized_operations
//               INT32 3+]

import { array } from '../array-field.ts';
import { noAuthorizedOperations } from '../authorized-operations.ts';
import { defineApi } from '../define-api.ts';
import { bool, bytes, int16, int32, string } from '../fields.ts';
import { struct } from '../struct-field.ts';

export const describeGroups = defineApi({
  key: 15,
  name: 'DescribeGroups',
  versions: [0, 6],
  flexibleFrom: 5,
  request: struct({ groups: array(string()), includeAuthorizedOperations: bool({ from: 3, default: false }) }),
  response: struct({
    throttleTimeMs: int32({ from: 1, default: 0 }),
    groups: array(
      struct({
        errorCode: int16(),
        errorMessage: string({ from: 6, nullableFrom: 6, default: null }),
        groupId: string(),
        groupState: string(),
        protocolType: string(),
        protocolData: string(),
        members: array(
          struct({
            memberId: string(),
            groupInstanceId: string({ from: 4, nullableFrom: 4, default: null }),
            clientId: string(),
            clientHost: string(),
            memberMetadata: bytes(),
            memberAssignment: bytes(),
          }),
        ),
        authorizedOperations: int32({ from: 3, default: noAuthorizedOperations }),
      }),
    ),
  }),
});
