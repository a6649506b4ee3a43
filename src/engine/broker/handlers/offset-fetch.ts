// OffsetFetch: one group up to version 7, several from version 8 on. `require_stable` asks to wait for open transactions; none
// of them holds offsets back here, so it changes nothing.

import { topicId } from '../../base/ids.ts';
import type { OffsetFetchGroupAnswer } from '../../coordinator/coordinator.ts';
import { noUuid, offsetFetch } from '../../wire/wire.ts';
import { serve } from '../handler.ts';

export const servedOffsetFetch = serve(
  offsetFetch,
  async (request, context, broker) => {
    if (context.apiVersion >= 8) {
      const byId = context.apiVersion >= 10;
      const groups: ReturnType<typeof wireGroup>[] = [];
      for (const { groupId, topics } of request.groups) {
        const asked = topics?.map(({ name, topicId: id, partitionIndexes }) =>
          byId ? { topicId: topicId(id), partitionIndexes } : { name, partitionIndexes },
        );
        groups.push(wireGroup(await broker.coordinator.offsetFetch({ groupId, topics: asked ?? null })));
      }
      return { groups };
    }
    const { errorCode, topics } = await broker.coordinator.offsetFetch({
      groupId: request.groupId,
      topics: request.topics,
    });
    if (context.apiVersion >= 2 || errorCode === 0) return { errorCode, topics };
    // Version 1 has no place for the error of a group: each partition carries it.
    return { topics: refusedTopics(request.topics ?? [], errorCode) };
  },
  (request, errorCode) => ({
    errorCode,
    topics: refusedTopics(request.topics ?? [], errorCode),
    groups: request.groups.map(({ groupId }) => ({ groupId, topics: [], errorCode })),
  }),
);

function wireGroup(group: OffsetFetchGroupAnswer) {
  return { ...group, topics: group.topics.map((topic) => ({ ...topic, topicId: topic.topicId ?? noUuid })) };
}

function refusedTopics(
  topics: readonly { readonly name: string; readonly partitionIndexes: readonly number[] }[],
  errorCode: number,
) {
  return topics.map(({ name, partitionIndexes }) => ({
    name,
    partitions: partitionIndexes.map((partitionIndex) => ({
      partitionIndex,
      committedOffset: -1,
      metadata: '',
      errorCode,
    })),
  }));
}
