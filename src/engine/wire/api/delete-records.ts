// DeleteRecords: moves the log start of partitions.
//
//   request   topics [name STRING, partitions [partition_index INT32, offset INT64]], timeout_ms INT32
//   response  throttle_time_ms INT32, topics [name STRING, partitions [partition_index INT32, low_watermark INT64,
//               error_code INT16]]
//
// Offset −1 means the high watermark.

import { array } from '../array-field.ts';
import { defineApi } from '../define-api.ts';
import { int16, int32, int64, string } from '../fields.ts';
import { struct } from '../struct-field.ts';

export const deleteRecords = defineApi({
  key: 21,
  name: 'DeleteRecords',
  versions: [0, 2],
  flexibleFrom: 2,
  request: struct({
    topics: array(struct({ name: string(), partitions: array(struct({ partitionIndex: int32(), offset: int64() })) })),
    timeoutMs: int32(),
  }),
  response: struct({
    throttleTimeMs: int32({ default: 0 }),
    topics: array(
      struct({
        name: string(),
        partitions: array(struct({ partitionIndex: int32(), lowWatermark: int64(), errorCode: int16() })),
      }),
    ),
  }),
});
