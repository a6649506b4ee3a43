// ListOffsets: offsets by time, or the ends of a partition.
//
//   request   replica_id INT32, isolation_level INT8 2+, topics [name STRING, partitions [partition_index INT32,
//               current_leader_epoch INT32 4+, timestamp INT64]], timeout_ms INT32 10+
//   response  throttle_time_ms INT32 2+, topics [name STRING, partitions [partition_index INT32, error_code INT16,
//               timestamp INT64, offset INT64, leader_epoch INT32 4+]]
//
// Timestamps below zero are questions: −1 latest, −2 earliest, −3 the record with the greatest timestamp (7+),
// −4 earliest local (8+), −5 latest tiered (9+), −6 earliest pending upload (11+).

import { array } from '../array-field.ts';
import { defineApi } from '../define-api.ts';
import { int8, int16, int32, int64, string } from '../fields.ts';
import { struct } from '../struct-field.ts';

export const listOffsets = defineApi({
  key: 2,
  name: 'ListOffsets',
  versions: [1, 11],
  flexibleFrom: 6,
  request: struct({
    replicaId: int32(),
    isolationLevel: int8({ from: 2, default: 0 }),
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({ partitionIndex: int32(), currentLeaderEpoch: int32({ from: 4, default: -1 }), timestamp: int64() }),
        ),
      }),
    ),
    timeoutMs: int32({ from: 10, default: 0 }),
  }),
  response: struct({
    throttleTimeMs: int32({ from: 2, default: 0 }),
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            errorCode: int16(),
            timestamp: int64({ default: -1 }),
            offset: int64({ default: -1 }),
            leaderEpoch: int32({ from: 4, default: -1 }),
          }),
        ),
      }),
    ),
  }),
});
