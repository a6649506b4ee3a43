// DescribeCluster: the cluster's id and brokers.
//
//   request   include_cluster_authorized_operations BOOL, endpoint_type INT8 1+, include_fenced_brokers BOOL 2+
//   response  throttle_time_ms INT32, error_code INT16, error_message STRING?, endpoint_type INT8 1+, cluster_id STRING,
//               controller_id INT32, brokers [broker_id INT32, host STRING, port INT32, rack STRING?, is_fenced BOOL 2+],
//               cluster_authorized_operations INT32
//
// Endpoint types: 1 brokers, 2 controllers.

import { array } from '../array-field.ts';
import { noAuthorizedOperations } from '../authorized-operations.ts';
import { defineApi } from '../define-api.ts';
import { bool, int8, int16, int32, string } from '../fields.ts';
import { struct } from '../struct-field.ts';

export const describeCluster = defineApi({
  key: 60,
  name: 'DescribeCluster',
  versions: [0, 2],
  flexibleFrom: 0,
  request: struct({
    includeClusterAuthorizedOperations: bool(),
    endpointType: int8({ from: 1, default: 1 }),
    includeFencedBrokers: bool({ from: 2, default: false }),
  }),
  response: struct({
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16(),
    errorMessage: string({ nullableFrom: 0, default: null }),
    endpointType: int8({ from: 1, default: 1 }),
    clusterId: string(),
    controllerId: int32({ default: -1 }),
    brokers: array(
      struct({
        brokerId: int32(),
        host: string(),
        port: int32(),
        rack: string({ nullableFrom: 0, default: null }),
        isFenced: bool({ from: 2, default: false }),
      }),
    ),
    clusterAuthorizedOperations: int32({ default: noAuthorizedOperations }),
  }),
});
