// The oldest test of a log: kill -9 while producers are writing, start again, and go on; in the end everything that
// was acknowledged is there, where the acknowledgement said, once, and each producer's records are in order.

import { randomInt } from 'node:crypto';
import { expect } from 'vitest';
import { createTopic } from './create-topic.ts';
import { kcat } from './kcat.ts';
import type { TargetBroker } from './target-broker.ts';
import { VerifiableProducer } from './verifiable-producer.ts';

export interface KillRounds {
  readonly rounds: number;
  readonly partitions: number;
  readonly producers: number;
  readonly recordsPerSecond: number;
  /** Longest time of load before a kill. */
  readonly loadMsMax: number;
}

export async function killDuringLoad(broker: TargetBroker, plan: KillRounds): Promise<void> {
  const topic = 'survivors';
  await createTopic(broker.bootstrap, topic, plan.partitions);
  await using cleanup = new AsyncDisposableStack();
  const producers: VerifiableProducer[] = [];
  for (let index = 0; index < plan.producers; index++) {
    const producer = await VerifiableProducer.start({
      bootstrap: broker.bootstrap,
      topic,
      valuePrefix: index,
      recordsPerSecond: plan.recordsPerSecond,
      // Small batches of different sizes, so that many requests are under way when the broker dies.
      properties: [`linger.ms=${index}`, 'batch.size=4096'],
    });
    cleanup.use(producer);
    producers.push(producer);
  }
  for (let round = 0; round < plan.rounds; round++) {
    await Promise.all(producers.map((producer) => producer.untilAcknowledged(producer.acknowledged.length + 50)));
    await new Promise((resolve) => setTimeout(resolve, randomInt(plan.loadMsMax)));
    await broker.kill();
    await broker.restart();
  }
  await Promise.all(producers.map((producer) => producer.untilAcknowledged(producer.acknowledged.length + 50)));
  await Promise.all(producers.map((producer) => producer.finish()));
  // The last restart is read from the disk, not from memory.
  await broker.kill();
  await broker.restart();

  const acknowledged = producers.flatMap((producer) => producer.acknowledged);
  expect(await broker.missingFromBucket(acknowledged), 'acknowledged, but not in the bucket').toEqual([]);
  const kept = await readAll(broker.bootstrap, topic);
  for (const [partition, values] of kept) {
    const offsets = [...values.keys()];
    expect(offsets, `partition ${partition} has no gap`).toEqual(offsets.map((_, index) => index));
  }
  const seen = new Set<string>();
  const doubled = new Set<string>();
  for (const value of [...kept.values()].flatMap((values) => [...values.values()])) {
    (seen.has(value) ? doubled : seen).add(value);
  }
  expect([...doubled], 'records written twice').toEqual([]);
  producers.forEach((producer, index) => {
    expect(producer.failures, `producer ${index}: sends that failed`).toEqual([]);
    const lost = producer.acknowledged.filter(
      ({ value, partition, offset }) => kept.get(partition)?.get(offset) !== value,
    );
    expect(lost, `producer ${index}: acknowledged, but not where the acknowledgement said`).toEqual([]);
    for (const [partition, values] of kept) {
      const own = [...values.values()]
        .filter((value) => value.startsWith(`${index}.`))
        .map((value) => value.split('.')[1]);
      const disorder = own.filter((value, at) => at > 0 && Number(value) <= Number(own[at - 1]));
      expect(disorder, `producer ${index}, partition ${partition}: out of order`).toEqual([]);
    }
  });
}

/** partition → offset → value, in the order of the offsets. */
async function readAll(bootstrap: string, topic: string): Promise<Map<number, Map<number, string>>> {
  const output = await kcat(bootstrap, ['-C', '-t', topic, '-o', 'beginning', '-e', '-q', '-f', '%p %o %s\n'], {
    timeoutMs: 120_000,
  });
  const found = new Map<number, Map<number, string>>();
  for (const line of output.toString().split('\n').slice(0, -1)) {
    const [partition, offset, value] = line.split(' ') as [string, string, string];
    const values = found.get(Number(partition)) ?? new Map<number, string>();
    found.set(Number(partition), values.set(Number(offset), value));
  }
  return found;
}
