// DeleteGroups: forgets groups without members, with their positions.
//
//   request   groups_names [STRING]
//   response  throttle_time_ms INT32, results [group_id STRING, error_code INT16]

import { array } from '../array-field.ts';
import { defineApi } from '../define-api.ts';
import { int16, int32, string } from '../fields.ts';
import { struct } from '../struct-field.ts';

export const deleteGroups = defineApi({
  key: 42,
  name: 'DeleteGroups',
  versions: [0, 2],
  flexibleFrom: 2,
  request: struct({ groupsNames: array(string()) }),
  response: struct({
    throttleTimeMs: int32({ default: 0 }),
    results: array(struct({ groupId: string(), errorCode: int16() })),
  }),
});
