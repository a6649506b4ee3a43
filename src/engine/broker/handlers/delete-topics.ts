// DeleteTopics: by name, or by id where the version has ids.

import { EngineError } from '../../base/errors.ts';
import type { Topic } from '../../cluster/cluster.ts';
import { deleteTopics, noUuid, type RequestOf, type ResponseInput } from '../../wire/wire.ts';
import { serve } from '../handler.ts';
import { changedInTime, settledWithin } from '../time-limit.ts';

type TopicAnswer = ResponseInput<typeof deleteTopics>['responses'][number];

interface Named {
  readonly name: string | null;
  readonly topicId: string;
}

/** How long the answer waits for partitions to close. */
const closingMsMax = 30_000;

export const servedDeleteTopics = serve(
  deleteTopics,
  async (request, _context, broker) => {
    const named = namedTopics(request);
    const wanted = named.map(({ name, topicId }) => (topicId === noUuid ? { name: name ?? '' } : { id: topicId }));
    const change = broker.control.deleteTopics(wanted);
    const { results, settled } = await changedInTime(broker.clock, change, request.timeoutMs);
    const responses = results.map((result, at): TopicAnswer => {
      const { name, topicId } = named[at] as Named;
      if (!(result instanceof EngineError)) return { name: result.name, topicId: result.id, errorCode: 0 };
      return { name, topicId, errorCode: result.kafkaCode, errorMessage: result.message };
    });
    for (const result of results) {
      if (!(result instanceof EngineError)) broker.logger.info({ topic: (result as Topic).name }, 'deleted a topic');
    }
    await settledWithin(broker.clock, Math.min(Math.max(request.timeoutMs, 0), closingMsMax), settled);
    return { responses };
  },
  (request, errorCode, errorMessage) => ({
    responses: namedTopics(request).map(({ name, topicId }) => ({ name, topicId, errorCode, errorMessage })),
  }),
);

function namedTopics(request: RequestOf<typeof deleteTopics>): Named[] {
  return [...request.topicNames.map((name) => ({ name, topicId: noUuid })), ...request.topics];
}
