// OffsetCommit: answered when the rows are durable. Topics are named up to version 9, and have ids from version 10 on.

import { topicId } from '../../base/ids.ts';
import { offsetCommit } from '../../wire/wire.ts';
import { serve } from '../handler.ts';

export const servedOffsetCommit = serve(
  offsetCommit,
  async (request, context, broker) => {
    const byId = context.apiVersion >= 10;
    const topics = await broker.coordinator.offsetCommit(
      {
        ...request,
        generationId: request.generationIdOrMemberEpoch,
        topics: request.topics.map(({ name, topicId: id, partitions }) =>
          byId ? { topicId: topicId(id), partitions } : { name, partitions },
        ),
      },
      context,
    );
    return { topics };
  },
  (request, errorCode) => ({
    topics: request.topics.map(({ name, topicId: id, partitions }) => ({
      name,
      topicId: id,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
    })),
  }),
);
