// Metadata: the cluster's brokers, and topics with their partitions and leaders.
//
//   request   topics [topic_id UUID 10+, name STRING (nullable 10+)] (nullable 1+), allow_auto_topic_creation BOOL 4+,
//             include_cluster_authorized_operations BOOL 8–10, include_topic_authorized_operations BOOL 8+
//   response  throttle_time_ms INT32 3+, brokers [node_id INT32, host STRING, port INT32, rack STRING? 1+],
//             cluster_id STRING? 2+, controller_id INT32 1+, topics […], cluster_authorized_operations INT32 8–10,
//             error_code INT16 13+
//
// All topics are asked for with null, in version 0 with an empty array.

import { array } from '../array-field.ts';
import { noAuthorizedOperations } from '../authorized-operations.ts';
import { defineApi } from '../define-api.ts';
import { bool, int16, int32, noUuid, string, uuid } from '../fields.ts';
import { struct } from '../struct-field.ts';

export const metadata = defineApi({
  key: 3,
  name: 'Metadata',
  versions: [0, 13],
  flexibleFrom: 9,
  request: struct({
    topics: array(struct({ topicId: uuid({ from: 10, default: noUuid }), name: string({ nullableFrom: 10 }) }), {
      nullableFrom: 1,
    }),
    allowAutoTopicCreation: bool({ from: 4, default: true }),
    includeClusterAuthorizedOperations: bool({ from: 8, until: 10, default: false }),
    includeTopicAuthorizedOperations: bool({ from: 8, default: false }),
  }),
  response: struct({
    throttleTimeMs: int32({ from: 3, default: 0 }),
    brokers: array(
      struct({
        nodeId: int32(),
        host: string(),
        port: int32(),
        rack: string({ from: 1, nullableFrom: 1, default: null }),
      }),
    ),
    clusterId: string({ from: 2, nullableFrom: 2, default: null }),
    controllerId: int32({ from: 1, default: -1 }),
    topics: array(
      struct({
        errorCode: int16(),
        name: string({ nullableFrom: 12 }),
        topicId: uuid({ from: 10, default: noUuid }),
        isInternal: bool({ from: 1, default: false }),
        partitions: array(
          struct({
            errorCode: int16(),
            partitionIndex: int32(),
            leaderId: int32(),
            leaderEpoch: int32({ from: 7, default: -1 }),
            replicaNodes: array(int32()),
            isrNodes: array(int32()),
            offlineReplicas: array(int32(), { from: 5, default: [] }),
          }),
        ),
        topicAuthorizedOperations: int32({ from: 8, default: noAuthorizedOperations }),
      }),
    ),
    clusterAuthorizedOperations: int32({ from: 8, until: 10, default: noAuthorizedOperations }),
    errorCode: int16({ from: 13, default: 0 }),
  }),
});
