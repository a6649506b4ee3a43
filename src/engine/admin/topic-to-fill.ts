// The topic that records are to be written to. Where it is missing the cluster is asked to create it, as producers of Kafka do:
// with a metadata request, so that the cluster's own setting decides whether it may come into being, and with how many partitions.

import { sleep } from '../base/clock.ts';
import { EngineError, hasCode } from '../base/errors.ts';
import type { KafkaClient } from './kafka-client.ts';
import { type TopicPlaces, topicPlaces } from './topics-admin.ts';

export interface TopicToFill extends TopicPlaces {
  /** It was missing a moment ago. */
  readonly created: boolean;
}

/** Some clusters answer as if nothing had happened while they are still creating it. */
const creationMsMax = 2_000;
const askAgainMs = 100;

/** Throws `unknown-topic-or-partition` where the cluster does not create topics by itself. */
export async function topicToFill(client: KafkaClient, name: string): Promise<TopicToFill> {
  try {
    return { ...(await topicPlaces(client, name)), created: false };
  } catch (error) {
    if (!hasCode(error, 'unknown-topic-or-partition')) throw error;
  }
  const deadlineMs = client.clock.monotonicMs() + creationMsMax;
  for (;;) {
    try {
      return { ...(await topicPlaces(client, name, true)), created: true };
    } catch (error) {
      const comes = hasCode(error, 'unknown-topic-or-partition') || hasCode(error, 'not-leader');
      if (!comes) throw error;
      if (client.clock.monotonicMs() >= deadlineMs) throw notCreated(name, error);
    }
    await sleep(client.clock, askAgainMs, client.signal);
  }
}

function notCreated(name: string, cause: unknown): EngineError {
  return new EngineError(
    'unknown-topic-or-partition',
    `topic ${name} does not exist, and the broker does not create it by itself`,
    { cause, context: { topic: name }, hint: `cloudtopics topics create ${name}` },
  );
}
