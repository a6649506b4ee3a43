// CreateTopics: makes topics, each with its own outcome.
//
//   request   topics [name STRING, num_partitions INT32, replication_factor INT16, assignments [partition_index INT32,
//               broker_ids [INT32]], configs [name STRING, value STRING?]], timeout_ms INT32, validate_only BOOL 1+
//   response  throttle_time_ms INT32 2+, topics [name STRING, topic_id UUID 7+, error_code INT16, error_message STRING?
//               1+, topic_config_error_code INT16 5+ tag 0, num_partitions INT32 5+, replication_factor INT16 5+, configs
//               [name STRING, value STRING?, read_only BOOL, config_source INT8, is_sensitive BOOL]? 5+]
//
// −1 for partitions (4+) or replication factor asks for the broker's default.

import { array } from '../array-field.ts';
import { defineApi } from '../define-api.ts';
import { bool, int8, int16, int32, noUuid, string, uuid } from '../fields.ts';
import { struct } from '../struct-field.ts';

export const createTopics = defineApi({
  key: 19,
  name: 'CreateTopics',
  versions: [0, 7],
  flexibleFrom: 5,
  request: struct({
    topics: array(
      struct({
        name: string(),
        numPartitions: int32(),
        replicationFactor: int16(),
        assignments: array(struct({ partitionIndex: int32(), brokerIds: array(int32()) })),
        configs: array(struct({ name: string(), value: string({ nullableFrom: 0 }) })),
      }),
    ),
    timeoutMs: int32({ default: 60000 }),
    validateOnly: bool({ from: 1, default: false }),
  }),
  response: struct({
    throttleTimeMs: int32({ from: 2, default: 0 }),
    topics: array(
      struct({
        name: string(),
        topicId: uuid({ from: 7, default: noUuid }),
        errorCode: int16(),
        errorMessage: string({ from: 1, nullableFrom: 1, default: null }),
        topicConfigErrorCode: int16({ from: 5, tag: 0, default: 0 }),
        numPartitions: int32({ from: 5, default: -1 }),
        replicationFactor: int16({ from: 5, default: -1 }),
        configs: array(
          struct({
            name: string(),
            value: string({ nullableFrom: 5 }),
            readOnly: bool(),
            configSource: int8({ default: -1 }),
            isSensitive: bool(),
          }),
          { from: 5, nullableFrom: 5, default: [] },
        ),
      }),
    ),
  }),
});
