// OffsetDelete: forgets positions of a group.
//
//   request   group_id STRING, topics [name STRING, partitions [partition_index INT32]]
//   response  error_code INT16, throttle_time_ms INT32, topics [name STRING, partitions [partition_index INT32, error_code
//               INT16]]
//
// Never flexible.

import { array } from '../array-field.ts';
import { defineApi } from '../define-api.ts';
import { int16, int32, string } from '../fields.ts';
import { struct } from '../struct-field.ts';

export const offsetDelete = defineApi({
  key: 47,
  name: 'OffsetDelete',
  versions: [0, 0],
  request: struct({
    groupId: string(),
    topics: array(struct({ name: string(), partitions: array(struct({ partitionIndex: int32() })) })),
  }),
  response: struct({
    errorCode: int16(),
    throttleTimeMs: int32({ default: 0 }),
    topics: array(
      struct({ name: string(), partitions: array(struct({ partitionIndex: int32(), errorCode: int16() })) }),
    ),
  }),
});
