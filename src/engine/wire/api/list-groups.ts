// ListGroups: the groups this broker coordinates.
//
//   request   states_filter [STRING] 4+, types_filter [STRING] 5+
//   response  throttle_time_ms INT32 1+, error_code INT16, groups [group_id STRING, protocol_type STRING, group_state
//               STRING 4+, group_type STRING 5+]
//
// Empty filters let every group pass.

import { array } from '../array-field.ts';
import { defineApi } from '../define-api.ts';
import { int16, int32, string } from '../fields.ts';
import { struct } from '../struct-field.ts';

export const listGroups = defineApi({
  key: 16,
  name: 'ListGroups',
  versions: [0, 5],
  flexibleFrom: 3,
  request: struct({
    statesFilter: array(string(), { from: 4, default: [] }),
    typesFilter: array(string(), { from: 5, default: [] }),
  }),
  response: struct({
    throttleTimeMs: int32({ from: 1, default: 0 }),
    errorCode: int16(),
    groups: array(
      struct({
        groupId: string(),
        protocolType: string(),
        groupState: string({ from: 4, default: '' }),
        groupType: string({ from: 5, default: '' }),
      }),
    ),
  }),
});
