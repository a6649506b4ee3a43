// Single produce requests, for tests that look at one answer.

import { encodeBatch } from '../../../src/engine/records/build-batch-format.ts';
import { produce } from '../../../src/engine/wire/wire.ts';
import type { RawClient } from '../broker/raw-client.ts';

export interface ProduceAnswer {
  readonly errorCode: number;
  readonly baseOffset: number;
  readonly errorMessage: string | null;
}

/** A request with one record for one partition, ready to be sent. */
export function encodeProduce(
  client: RawClient,
  topic: string,
  partition: number,
  value: string | Buffer,
  timeoutMs = 30_000,
): Buffer {
  const records = encodeBatch([{ value: Buffer.from(value) }], { timestamp: Date.now() });
  const topicData = [{ name: topic, partitionData: [{ index: partition, records }] }];
  return client.encode(produce, 9, { acks: -1, timeoutMs, topicData });
}

export async function produceAnswer(client: RawClient): Promise<ProduceAnswer> {
  const { body } = await client.answer(produce, 9);
  return body.responses[0]?.partitionResponses[0] as ProduceAnswer;
}

export function produceOne(client: RawClient, topic: string, partition: number, value: string): Promise<ProduceAnswer> {
  client.write(encodeProduce(client, topic, partition, value));
  return produceAnswer(client);
}
