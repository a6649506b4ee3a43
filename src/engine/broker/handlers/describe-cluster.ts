// DescribeCluster: the cluster's id and its one broker.

import { describeCluster, noAuthorizedOperations } from '../../wire/wire.ts';
import { clusterOperations } from '../authorized-operations.ts';
import { serve } from '../handler.ts';

const brokersEndpoint = 1;
const mismatchedEndpointType = 114;
const unsupportedEndpointType = 115;

export const servedDescribeCluster = serve(describeCluster, (request, _context, { clusterId, nodeId, advertised }) => {
  const { endpointType } = request;
  if (endpointType !== brokersEndpoint) {
    const errorCode = endpointType === 2 ? mismatchedEndpointType : unsupportedEndpointType;
    return { errorCode, errorMessage: 'Only brokers can be described here.', endpointType, clusterId, brokers: [] };
  }
  return {
    errorCode: 0,
    endpointType,
    clusterId,
    controllerId: nodeId,
    brokers: [{ brokerId: nodeId, host: advertised.host, port: advertised.port }],
    clusterAuthorizedOperations: request.includeClusterAuthorizedOperations
      ? clusterOperations
      : noAuthorizedOperations,
  };
});
