// Consumer groups of a real client against the whole engine: rebalances, positions over a restart, administration.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Consumer, Kafka, logLevel } from 'kafkajs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLogger } from '../../../src/engine/base/logger.ts';
import { type Engine, startEngine } from '../../../src/engine/engine.ts';

let directory: string;
let engine: Engine;
let port = 0;

async function start(): Promise<void> {
  engine = await startEngine({
    dataDirectory: join(directory, 'data'),
    storeUrl: pathToFileURL(join(directory, 'bucket')).href,
    clusterName: 'default',
    listen: { host: '127.0.0.1', port },
    advertise: undefined,
    admin: undefined,
    logger: silentLogger,
    settings: { 'group.initial.rebalance.delay.ms': '0' },
    onFatal: (error) => {
      throw error;
    },
  });
  port = engine.kafkaAddress.port;
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cloudtopics-groups-'));
  port = 0;
  await start();
});

afterEach(async () => {
  await engine.stop();
  await rm(directory, { recursive: true, force: true });
});

const client = () =>
  new Kafka({
    brokers: [`127.0.0.1:${port}`],
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 50, retries: 20 },
  });

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 25_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('it did not happen in time');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function send(values: readonly string[]): Promise<void> {
  const producer = client().producer();
  await producer.connect();
  await producer.send({
    topic: 'payments',
    messages: values.map((value, index) => ({ value, partition: index % 4 })),
  });
  await producer.disconnect();
}

async function consume(groupId: string, received: string[]): Promise<Consumer> {
  const consumer = client().consumer({
    groupId,
    sessionTimeout: 6000,
    heartbeatInterval: 100,
    rebalanceTimeout: 10_000,
    maxWaitTimeInMs: 200,
  });
  await consumer.connect();
  await consumer.subscribe({ topic: 'payments', fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message }) => {
      received.push(String(message.value));
    },
  });
  return consumer;
}

test('a group shares its topic, goes on after a restart of the broker, and can be described and deleted', async () => {
  const admin = client().admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: 'payments', numPartitions: 4 }] });
  const first = Array.from({ length: 40 }, (_, index) => `a${index}`);
  await send(first);

  const [left, right]: [string[], string[]] = [[], []];
  const one = await consume('orders', left);
  await until(() => left.length === 40);
  const two = await consume('orders', right);
  const stableWith = (count: number) =>
    until(async () => {
      const { groups } = await admin.describeGroups(['orders']);
      return groups[0]?.state === 'Stable' && groups[0].members.length === count;
    });
  await stableWith(2);
  const second = Array.from({ length: 40 }, (_, index) => `b${index}`);
  await send(second);
  await until(() => left.length + right.length >= 80);
  expect([...left, ...right].sort()).toEqual([...first, ...second].sort());
  expect(right.length).toBe(20);

  await two.disconnect();
  await stableWith(1);
  await engine.stop();
  await start();
  const third = Array.from({ length: 40 }, (_, index) => `c${index}`);
  await send(third);
  await until(() => third.every((value) => left.includes(value) || right.includes(value)));
  await one.disconnect();

  const offsets = await admin.fetchOffsets({ groupId: 'orders', topics: ['payments'] });
  expect(offsets[0]?.partitions.map(({ offset }) => offset)).toEqual(['30', '30', '30', '30']);
  expect((await admin.listGroups()).groups).toEqual([{ groupId: 'orders', protocolType: 'consumer' }]);
  await admin.deleteGroups(['orders']);
  expect((await admin.listGroups()).groups).toEqual([]);
  await admin.disconnect();
}, 60_000);

test('positions are set for a group without members, and a consumer begins there', async () => {
  const admin = client().admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: 'payments', numPartitions: 4 }] });
  await send(Array.from({ length: 40 }, (_, index) => `a${index}`));
  await admin.setOffsets({
    groupId: 'orders',
    topic: 'payments',
    partitions: [0, 1, 2, 3].map((partition) => ({ partition, offset: '9' })),
  });
  const received: string[] = [];
  const consumer = await consume('orders', received);
  await until(() => received.length >= 4);
  expect(received.sort()).toEqual(['a36', 'a37', 'a38', 'a39']);
  await consumer.disconnect();
  await admin.disconnect();
}, 60_000);
