// Fetch: record batches from partitions, with sessions (version 7+) in which only what changed is named.
//
//   request   replica_id INT32 until 14, max_wait_ms INT32, min_bytes INT32, max_bytes INT32, isolation_level INT8,
//             session_id INT32 7+, session_epoch INT32 7+,
//             topics [topic STRING until 12, topic_id UUID 13+, partitions [partition INT32, current_leader_epoch INT32 9+,
//               fetch_offset INT64, last_fetched_epoch INT32 12+, log_start_offset INT64 5+, partition_max_bytes INT32,
//               tagged: 0 replica_directory_id UUID 17+, 1 high_watermark INT64 18+]],
//             forgotten_topics_data [topic STRING until 12, topic_id UUID 13+, partitions [INT32]] 7+, rack_id STRING 11+,
//             tagged: 0 cluster_id STRING? 12+, 1 replica_state (replica_id INT32, replica_epoch INT64) 15+
//   response  throttle_time_ms INT32, error_code INT16 7+, session_id INT32 7+,
//             responses [topic STRING until 12, topic_id UUID 13+, partitions [partition_index INT32, error_code INT16,
//               high_watermark INT64, last_stable_offset INT64, log_start_offset INT64 5+,
//               aborted_transactions [producer_id INT64, first_offset INT64]?, preferred_read_replica INT32 11+,
//               records RECORDS?, tagged 12+: 0 diverging_epoch, 1 current_leader, 2 snapshot_id]],
//             tagged 16+: 0 node_endpoints

import { array } from '../array-field.ts';
import { defineApi } from '../define-api.ts';
import { int8, int16, int32, int64, noUuid, records, string, uuid } from '../fields.ts';
import { struct } from '../struct-field.ts';

export const fetch = defineApi({
  key: 1,
  name: 'Fetch',
  versions: [4, 18],
  flexibleFrom: 12,
  request: struct({
    clusterId: string({ from: 12, nullableFrom: 12, tag: 0, default: null }),
    replicaId: int32({ until: 14, default: -1 }),
    replicaState: struct(
      { replicaId: int32({ default: -1 }), replicaEpoch: int64({ default: -1 }) },
      { from: 15, tag: 1 },
    ),
    maxWaitMs: int32(),
    minBytes: int32(),
    maxBytes: int32({ from: 3, default: 0x7fffffff }),
    isolationLevel: int8({ from: 4, default: 0 }),
    sessionId: int32({ from: 7, default: 0 }),
    sessionEpoch: int32({ from: 7, default: -1 }),
    topics: array(
      struct({
        topic: string({ until: 12, default: '' }),
        topicId: uuid({ from: 13, default: noUuid }),
        partitions: array(
          struct({
            partition: int32(),
            currentLeaderEpoch: int32({ from: 9, default: -1 }),
            fetchOffset: int64(),
            lastFetchedEpoch: int32({ from: 12, default: -1 }),
            logStartOffset: int64({ from: 5, default: -1 }),
            partitionMaxBytes: int32(),
            replicaDirectoryId: uuid({ from: 17, tag: 0, default: noUuid }),
            // On the wire the default is 2^63 − 1; it is never sent, and only replicas send another value.
            highWatermark: int64({ from: 18, tag: 1, default: Number.MAX_SAFE_INTEGER }),
          }),
        ),
      }),
    ),
    forgottenTopicsData: array(
      struct({
        topic: string({ from: 7, until: 12, default: '' }),
        topicId: uuid({ from: 13, default: noUuid }),
        partitions: array(int32()),
      }),
      { from: 7, default: [] },
    ),
    rackId: string({ from: 11, default: '' }),
  }),
  response: struct({
    throttleTimeMs: int32({ from: 1, default: 0 }),
    errorCode: int16({ from: 7, default: 0 }),
    sessionId: int32({ from: 7, default: 0 }),
    responses: array(
      struct({
        topic: string({ until: 12, default: '' }),
        topicId: uuid({ from: 13, default: noUuid }),
        partitions: array(
          struct({
            partitionIndex: int32(),
            errorCode: int16(),
            highWatermark: int64(),
            lastStableOffset: int64({ from: 4, default: -1 }),
            logStartOffset: int64({ from: 5, default: -1 }),
            divergingEpoch: struct(
              { epoch: int32({ default: -1 }), endOffset: int64({ default: -1 }) },
              { from: 12, tag: 0 },
            ),
            currentLeader: struct(
              { leaderId: int32({ default: -1 }), leaderEpoch: int32({ default: -1 }) },
              { from: 12, tag: 1 },
            ),
            snapshotId: struct(
              { endOffset: int64({ default: -1 }), epoch: int32({ default: -1 }) },
              { from: 12, tag: 2 },
            ),
            abortedTransactions: array(struct({ producerId: int64(), firstOffset: int64() }), {
              from: 4,
              nullableFrom: 4,
              default: [],
            }),
            preferredReadReplica: int32({ from: 11, default: -1 }),
            records: records({ nullableFrom: 0 }),
          }),
        ),
      }),
    ),
    nodeEndpoints: array(
      struct({
        nodeId: int32(),
        host: string(),
        port: int32(),
        rack: string({ nullableFrom: 16, default: null }),
      }),
      { from: 16, tag: 0 },
    ),
  }),
});
