// CreatePartitions: raises the partition count of topics.

import { EngineError } from '../../base/errors.ts';
import { createPartitions } from '../../wire/wire.ts';
import { serve } from '../handler.ts';
import { changedInTime, settledWithin } from '../time-limit.ts';

const openingMsMax = 30_000;

export const servedCreatePartitions = serve(
  createPartitions,
  async (request, _context, broker) => {
    const present = (name: string) => broker.control.byName(name)?.partitions.length ?? 0;
    const wanted = request.topics.map(({ name, count, assignments }) => ({
      name,
      count,
      ...(assignments === null
        ? {}
        : {
            assignments: assignments.map(({ brokerIds }, at) => ({
              partition: present(name) + at,
              brokers: brokerIds,
            })),
          }),
    }));
    const change = broker.control.createPartitions(wanted, request.validateOnly);
    const { results, settled } = await changedInTime(broker.clock, change, request.timeoutMs);
    await settledWithin(broker.clock, Math.min(Math.max(request.timeoutMs, 0), openingMsMax), settled);
    return {
      results: request.topics.map(({ name }, at) => {
        const result = results[at];
        if (!(result instanceof EngineError)) return { name, errorCode: 0 };
        return { name, errorCode: result.kafkaCode, errorMessage: result.message };
      }),
    };
  },
  (request, errorCode, errorMessage) => ({
    results: request.topics.map(({ name }) => ({ name, errorCode, errorMessage })),
  }),
);
