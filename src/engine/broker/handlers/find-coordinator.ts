// FindCoordinator: there is one broker, and it coordinates every group and every transaction.

import { errorTable } from '../../base/error-table.ts';
import { findCoordinator } from '../../wire/wire.ts';
import { serve } from '../handler.ts';

const groupKey = 0;
const transactionKey = 1;

export const servedFindCoordinator = serve(findCoordinator, (request, _context, broker) => {
  const known = request.keyType === groupKey || request.keyType === transactionKey;
  const found = known
    ? { nodeId: broker.nodeId, ...broker.advertised, errorCode: 0, errorMessage: null }
    : {
        nodeId: -1,
        host: '',
        port: -1,
        errorCode: errorTable['invalid-request'].kafkaCode,
        errorMessage: `This broker has no coordinator for keys of type ${request.keyType}.`,
      };
  return { ...found, coordinators: request.coordinatorKeys.map((key) => ({ key, ...found })) };
});
