// DescribeGroups. Before version 6 a group that is not there is described as "Dead", without an error.

import { errorTable } from '../../base/error-table.ts';
import { describeGroups, noAuthorizedOperations } from '../../wire/wire.ts';
import { serve } from '../handler.ts';

/** READ, DELETE and DESCRIBE, as bits of Kafka's AclOperation numbers: everything there is to do with a group. */
const allGroupOperations = (1 << 3) | (1 << 6) | (1 << 8);

export const servedDescribeGroups = serve(
  describeGroups,
  (request, context, broker) => ({
    groups: request.groups.map((groupId) => {
      const group = broker.coordinator.describeGroup(groupId);
      const unknown = group.errorCode === errorTable['group-not-found'].kafkaCode;
      return {
        ...group,
        errorCode: unknown && context.apiVersion < 6 ? 0 : group.errorCode,
        authorizedOperations:
          request.includeAuthorizedOperations && group.errorCode === 0 ? allGroupOperations : noAuthorizedOperations,
      };
    }),
  }),
  (request, errorCode, errorMessage) => ({
    groups: request.groups.map((groupId) => ({
      errorCode,
      errorMessage,
      groupId,
      groupState: '',
      protocolType: '',
      protocolData: '',
      members: [],
    })),
  }),
);
