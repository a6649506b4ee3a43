// OffsetFetch: the positions that a consumer group has kept.
//
//   request   group_id STRING until 7, topics [name STRING, partition_indexes [INT32]]? (null 2+) until 7, groups
//               [group_id STRING, member_id STRING? 9+, member_epoch INT32 9+, topics [name STRING until 9, topic_id UUID
//               10+, partition_indexes [INT32]]?] 8+, require_stable BOOL 7+
//   response  throttle_time_ms INT32 3+, topics [name STRING, partitions [partition_index INT32, committed_offset INT64,
//               committed_leader_epoch INT32 5+, metadata STRING?, error_code INT16]] until 7, error_code INT16 2–7, groups
//               [group_id STRING, topics [name STRING until 9, topic_id UUID 10+, partitions [partition_index INT32,
//               committed_offset INT64, committed_leader_epoch INT32, metadata STRING?, error_code INT16]], error_code
//               INT16] 8+
//
// Versions up to 7 ask for one group, later ones for several. Null topics mean every position of the group.

import { array } from '../array-field.ts';
import { defineApi } from '../define-api.ts';
import { bool, int16, int32, int64, noUuid, string, uuid } from '../fields.ts';
import { struct } from '../struct-field.ts';

export const offsetFetch = defineApi({
  key: 9,
  name: 'OffsetFetch',
  versions: [1, 10],
  flexibleFrom: 6,
  request: struct({
    groupId: string({ until: 7, default: '' }),
    topics: array(struct({ name: string(), partitionIndexes: array(int32()) }), {
      until: 7,
      nullableFrom: 2,
      default: [],
    }),
    groups: array(
      struct({
        groupId: string(),
        memberId: string({ from: 9, nullableFrom: 9, default: null }),
        memberEpoch: int32({ from: 9, default: -1 }),
        topics: array(
          struct({
            name: string({ until: 9, default: '' }),
            topicId: uuid({ from: 10, default: noUuid }),
            partitionIndexes: array(int32()),
          }),
          { nullableFrom: 8 },
        ),
      }),
      { from: 8, default: [] },
    ),
    requireStable: bool({ from: 7, default: false }),
  }),
  response: struct({
    throttleTimeMs: int32({ from: 3, default: 0 }),
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            committedOffset: int64(),
            committedLeaderEpoch: int32({ from: 5, default: -1 }),
            metadata: string({ nullableFrom: 0 }),
            errorCode: int16(),
          }),
        ),
      }),
      { until: 7, default: [] },
    ),
    errorCode: int16({ from: 2, until: 7, default: 0 }),
    groups: array(
      struct({
        groupId: string(),
        topics: array(
          struct({
            name: string({ until: 9, default: '' }),
            topicId: uuid({ from: 10, default: noUuid }),
            partitions: array(
              struct({
                partitionIndex: int32(),
                committedOffset: int64(),
                committedLeaderEpoch: int32({ default: -1 }),
                metadata: string({ nullableFrom: 8 }),
                errorCode: int16(),
              }),
            ),
          }),
        ),
        errorCode: int16({ default: 0 }),
      }),
      { from: 8, default: [] },
    ),
  }),
});
