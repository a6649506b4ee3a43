// OffsetForLeaderEpoch: where a leader epoch ended; consumers use it to notice that a log was cut.
//
//   request   replica_id INT32 3+, topics [topic STRING, partitions [partition INT32, current_leader_epoch INT32,
//               leader_epoch INT32]]
//   response  throttle_time_ms INT32, topics [topic STRING, partitions [error_code INT16, partition INT32, leader_epoch
//               INT32, end_offset INT64]]

import { array } from '../array-field.ts';
import { defineApi } from '../define-api.ts';
import { int16, int32, int64, string } from '../fields.ts';
import { struct } from '../struct-field.ts';

export const offsetForLeaderEpoch = defineApi({
  key: 23,
  name: 'OffsetForLeaderEpoch',
  versions: [2, 4],
  flexibleFrom: 4,
  request: struct({
    replicaId: int32({ from: 3, default: -2 }),
    topics: array(
      struct({
        topic: string(),
        partitions: array(
          struct({ partition: int32(), currentLeaderEpoch: int32({ default: -1 }), leaderEpoch: int32() }),
        ),
      }),
    ),
  }),
  response: struct({
    throttleTimeMs: int32({ default: 0 }),
    topics: array(
      struct({
        topic: string(),
        partitions: array(
          struct({
            errorCode: int16(),
            partition: int32(),
            leaderEpoch: int32({ default: -1 }),
            endOffset: int64({ default: -1 }),
          }),
        ),
      }),
    ),
  }),
});
