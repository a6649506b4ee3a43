// OffsetCommit: keeps the positions of a consumer group.
//
//   request   group_id STRING, generation_id_or_member_epoch INT32, member_id STRING, group_instance_id STRING? 7+,
//               retention_time_ms INT64 until 4, topics [name STRING until 9, topic_id UUID 10+, partitions [partition_index
//               INT32, committed_offset INT64, committed_leader_epoch INT32 6+, committed_metadata STRING?]]
//   response  throttle_time_ms INT32 3+, topics [name STRING until 9, topic_id UUID 10+, partitions [partition_index
//               INT32, error_code INT16]]
//
// A generation of −1 with an empty member id commits for a group that has no members.

import { array } from '../array-field.ts';
import { defineApi } from '../define-api.ts';
import { int16, int32, int64, noUuid, string, uuid } from '../fields.ts';
import { struct } from '../struct-field.ts';

export const offsetCommit = defineApi({
  key: 8,
  name: 'OffsetCommit',
  versions: [2, 10],
  flexibleFrom: 8,
  request: struct({
    groupId: string(),
    generationIdOrMemberEpoch: int32({ default: -1 }),
    memberId: string(),
    groupInstanceId: string({ from: 7, nullableFrom: 7, default: null }),
    retentionTimeMs: int64({ until: 4, default: -1 }),
    topics: array(
      struct({
        name: string({ until: 9, default: '' }),
        topicId: uuid({ from: 10, default: noUuid }),
        partitions: array(
          struct({
            partitionIndex: int32(),
            committedOffset: int64(),
            committedLeaderEpoch: int32({ from: 6, default: -1 }),
            committedMetadata: string({ nullableFrom: 0 }),
          }),
        ),
      }),
    ),
  }),
  response: struct({
    throttleTimeMs: int32({ from: 3, default: 0 }),
    topics: array(
      struct({
        name: string({ until: 9, default: '' }),
        topicId: uuid({ from: 10, default: noUuid }),
        partitions: array(struct({ partitionIndex: int32(), errorCode: int16() })),
      }),
    ),
  }),
});
