// CreatePartitions: raises the partition count of topics.
//
//   request   topics [name STRING, count INT32, assignments [broker_ids [INT32]]?], timeout_ms INT32, validate_only BOOL
//   response  throttle_time_ms INT32, results [name STRING, error_code INT16, error_message STRING?]
//
// The count is the new total.

import { array } from '../array-field.ts';
import { defineApi } from '../define-api.ts';
import { bool, int16, int32, string } from '../fields.ts';
import { struct } from '../struct-field.ts';

export const createPartitions = defineApi({
  key: 37,
  name: 'CreatePartitions',
  versions: [0, 3],
  flexibleFrom: 2,
  request: struct({
    topics: array(
      struct({
        name: string(),
        count: int32(),
        assignments: array(struct({ brokerIds: array(int32()) }), { nullableFrom: 0 }),
      }),
    ),
    timeoutMs: int32(),
    validateOnly: bool(),
  }),
  response: struct({
    throttleTimeMs: int32({ default: 0 }),
    results: array(
      struct({ name: string(), errorCode: int16(), errorMessage: string({ nullableFrom: 0, default: null }) }),
    ),
  }),
});
