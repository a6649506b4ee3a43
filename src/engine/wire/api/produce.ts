// Produce: record batches for partitions.
//
//   request   transactional_id STRING?, acks INT16, timeout_ms INT32,
//             topic_data [name STRING until 12, topic_id UUID 13+, partition_data [index INT32, records RECORDS?]]
//   response  responses [name STRING until 12, topic_id UUID 13+, partition_responses [index INT32, error_code INT16,
//               base_offset INT64, log_append_time_ms INT64, log_start_offset INT64 5+,
//               record_errors [batch_index INT32, batch_index_error_message STRING?] 8+, error_message STRING? 8+,
//               tagged 10+: 0 current_leader (leader_id INT32, leader_epoch INT32)]],
//             throttle_time_ms INT32, tagged 10+: 0 node_endpoints [node_id INT32, host STRING, port INT32, rack STRING?]
//
// Versions 0 to 2 carry the old message sets. They are advertised, because librdkafka otherwise does not compress, and refused.

import { array } from '../array-field.ts';
import { defineApi } from '../define-api.ts';
import { int16, int32, int64, noUuid, records, string, uuid } from '../fields.ts';
import { struct } from '../struct-field.ts';

export const produce = defineApi({
  key: 0,
  name: 'Produce',
  versions: [3, 13],
  advertisedFrom: 0,
  flexibleFrom: 9,
  request: struct({
    transactionalId: string({ from: 3, nullableFrom: 3, default: null }),
    acks: int16(),
    timeoutMs: int32(),
    topicData: array(
      struct({
        name: string({ until: 12, default: '' }),
        topicId: uuid({ from: 13, default: noUuid }),
        partitionData: array(struct({ index: int32(), records: records({ nullableFrom: 0 }) })),
      }),
    ),
  }),
  response: struct({
    responses: array(
      struct({
        name: string({ until: 12, default: '' }),
        topicId: uuid({ from: 13, default: noUuid }),
        partitionResponses: array(
          struct({
            index: int32(),
            errorCode: int16(),
            baseOffset: int64(),
            logAppendTimeMs: int64({ from: 2, default: -1 }),
            logStartOffset: int64({ from: 5, default: -1 }),
            recordErrors: array(
              struct({ batchIndex: int32(), batchIndexErrorMessage: string({ nullableFrom: 8, default: null }) }),
              { from: 8, default: [] },
            ),
            errorMessage: string({ from: 8, nullableFrom: 8, default: null }),
            currentLeader: struct(
              { leaderId: int32({ default: -1 }), leaderEpoch: int32({ default: -1 }) },
              { from: 10, tag: 0 },
            ),
          }),
        ),
      }),
    ),
    throttleTimeMs: int32({ from: 1, default: 0 }),
    nodeEndpoints: array(
      struct({
        nodeId: int32(),
        host: string(),
        port: int32(),
        rack: string({ nullableFrom: 10, default: null }),
      }),
      { from: 10, tag: 0 },
    ),
  }),
});
