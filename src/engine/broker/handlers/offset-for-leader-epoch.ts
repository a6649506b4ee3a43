// OffsetForLeaderEpoch: where a leader's term ended, for consumers that check whether their position still exists.

import type { Term } from '../../base/ids.ts';
import { offsetForLeaderEpoch } from '../../wire/wire.ts';
import { serve } from '../handler.ts';
import { findPartition } from '../partition-lookup.ts';

export const servedOffsetForLeaderEpoch = serve(
  offsetForLeaderEpoch,
  (request, _context, broker) => ({
    topics: request.topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition: index, currentLeaderEpoch, leaderEpoch }) => {
        const found = findPartition(broker, { name: topic }, index, currentLeaderEpoch);
        if (found.partition === undefined) return { partition: index, errorCode: found.errorCode };
        const end = leaderEpoch < 0 ? undefined : found.partition.endOffsetOfTerm(leaderEpoch as Term);
        if (end === undefined) return { partition: index, errorCode: 0 };
        return { partition: index, errorCode: 0, leaderEpoch: end.term, endOffset: end.endOffset };
      }),
    })),
  }),
  (request, errorCode) => ({
    topics: request.topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition }) => ({ partition, errorCode })),
    })),
  }),
);
