// KafkaJS against the broker: topics, keys, headers, codecs, groups with rebalancing, positions, points in time.

import { compressionsAlgorithms } from '@platformatic/kafka';
import kafkajs from 'kafkajs';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { storedBatches } from '../support/stored-batches.ts';
import { startTarget, type TargetBroker } from '../support/target-broker.ts';

const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = kafkajs;

// KafkaJS brings gzip only; the other codecs' framing comes from the other client.
for (const [type, codec] of [
  [CompressionTypes.Snappy, compressionsAlgorithms.snappy],
  [CompressionTypes.LZ4, compressionsAlgorithms.lz4],
  [CompressionTypes.ZSTD, compressionsAlgorithms.zstd],
] as const) {
  CompressionCodecs[type] = () => ({
    compress: async (encoder: { buffer: Buffer }) => codec.compressSync(encoder.buffer),
    decompress: async (bytes: Buffer) => codec.decompressSync(bytes),
  });
}

let broker: TargetBroker;
let kafka: kafkajs.Kafka;
let admin: kafkajs.Admin;
let producer: kafkajs.Producer;

beforeAll(async () => {
  broker = await startTarget();
  kafka = new Kafka({
    clientId: 'kafkajs-test',
    brokers: [broker.bootstrap],
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 50, retries: 10 },
  });
  admin = kafka.admin();
  producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
  await Promise.all([admin.connect(), producer.connect()]);
});

afterAll(async () => {
  await Promise.all([admin?.disconnect(), producer?.disconnect()]);
  await broker?.[Symbol.asyncDispose]();
});

interface Received {
  readonly partition: number;
  readonly offset: string;
  readonly key: string | undefined;
  readonly value: string | undefined;
  readonly headers: Record<string, string>;
}

/** A group member that collects what it receives. */
class Member implements AsyncDisposable {
  readonly received: Received[] = [];
  readonly consumer: kafkajs.Consumer;
  #assigned: readonly number[] = [];
  readonly #waiting = new Set<() => void>();

  constructor(group: string) {
    this.consumer = kafka.consumer({
      groupId: group,
      sessionTimeout: 10_000,
      heartbeatInterval: 200,
      maxWaitTimeInMs: 100,
    });
  }

  async start(topic: string): Promise<this> {
    await this.consumer.connect();
    await this.consumer.subscribe({ topics: [topic], fromBeginning: true });
    this.consumer.on(this.consumer.events.GROUP_JOIN, ({ payload }) => {
      this.#assigned = payload.memberAssignment[topic] ?? [];
      this.#wake();
    });
    await this.consumer.run({
      eachMessage: async ({ partition, message }) => {
        this.received.push({
          partition,
          offset: message.offset,
          key: message.key?.toString(),
          value: message.value?.toString(),
          headers: Object.fromEntries(
            Object.entries(message.headers ?? {}).map(([name, value]) => [name, String(value)]),
          ),
        });
        this.#wake();
      },
    });
    return this;
  }

  get assigned(): number {
    return this.#assigned.length;
  }

  async until(condition: (member: this) => boolean): Promise<void> {
    const done = Promise.withResolvers<void>();
    const look = () => {
      if (condition(this)) done.resolve();
    };
    this.#waiting.add(look);
    look();
    await done.promise;
    this.#waiting.delete(look);
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.consumer.disconnect();
  }
}

const values = (records: readonly Received[]) => records.map((record) => record.value).sort();

test('creates, describes and deletes topics', async () => {
  expect(await admin.createTopics({ waitForLeaders: false, topics: [{ topic: 'made', numPartitions: 3 }] })).toBe(true);
  const { topics } = await vi.waitFor(() => admin.fetchTopicMetadata({ topics: ['made'] }));
  expect(topics[0]!.partitions.map((partition) => partition.partitionId).sort()).toEqual([0, 1, 2]);
  await admin.createPartitions({ topicPartitions: [{ topic: 'made', count: 4 }] });
  await admin.deleteTopics({ topics: ['made'] });
  expect(await admin.listTopics()).not.toContain('made');
});

test('keys and headers arrive as sent, each record once and in order', async () => {
  await admin.createTopics({ waitForLeaders: false, topics: [{ topic: 'letters', numPartitions: 1 }] });
  await producer.send({
    topic: 'letters',
    acks: -1,
    messages: [
      { key: 'k1', value: 'one', headers: { lang: 'en', 'x-empty': '' } },
      { key: 'k2', value: 'zwei', headers: { lang: 'de' } },
      { key: null, value: null },
    ],
  });
  await using member = await new Member('letter-readers').start('letters');
  await member.until(({ received }) => received.length === 3);
  expect(member.received).toEqual([
    { partition: 0, offset: '0', key: 'k1', value: 'one', headers: { lang: 'en', 'x-empty': '' } },
    { partition: 0, offset: '1', key: 'k2', value: 'zwei', headers: { lang: 'de' } },
    { partition: 0, offset: '2', key: undefined, value: undefined, headers: {} },
  ]);
});

test('every codec is stored as sent and read back', async () => {
  await admin.createTopics({ waitForLeaders: false, topics: [{ topic: 'codecs', numPartitions: 1 }] });
  const names = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
  for (const [compression, name] of names.entries()) {
    const messages = Array.from({ length: 20 }, (_, index) => ({ value: `${name} ${index} ${'again '.repeat(40)}` }));
    await producer.send({ topic: 'codecs', acks: -1, compression, messages });
  }
  const batches = await storedBatches(broker.bootstrap, 'codecs', 0);
  expect(batches.map((batch) => batch.codec)).toEqual(names);
  await using member = await new Member('codec-readers').start('codecs');
  await member.until(({ received }) => received.length === 100);
  expect(member.received.map(({ value }) => value!.split(' ').slice(0, 2).join(' '))).toEqual(
    names.flatMap((name) => Array.from({ length: 20 }, (_, index) => `${name} ${index}`)),
  );
});

test('a second member joins and leaves; positions outlive both', async () => {
  await admin.createTopics({ waitForLeaders: false, topics: [{ topic: 'shared', numPartitions: 4 }] });
  const send = (word: string) =>
    producer.send({
      topic: 'shared',
      acks: -1,
      messages: [0, 1, 2, 3].map((partition) => ({ partition, value: `${word}-${partition}` })),
    });
  {
    await using one = await new Member('sharers').start('shared');
    await one.until(({ assigned }) => assigned === 4);
    {
      await using two = await new Member('sharers').start('shared');
      await two.until(({ assigned }) => assigned === 2);
      await one.until(({ assigned }) => assigned === 2);
      await send('both');
      await one.until(({ received }) => received.length === 2);
      await two.until(({ received }) => received.length === 2);
      expect(values([...one.received, ...two.received])).toEqual(['both-0', 'both-1', 'both-2', 'both-3']);
    }
    await one.until(({ assigned }) => assigned === 4);
    await send('one');
    await one.until(({ received }) => received.length === 6);
  }
  await send('later');
  await using again = await new Member('sharers').start('shared');
  await again.until(({ received }) => received.length >= 4);
  expect(values(again.received)).toEqual(['later-0', 'later-1', 'later-2', 'later-3']);
});

test('finds offsets by time, sets a position and resumes from it', async () => {
  await admin.createTopics({ waitForLeaders: false, topics: [{ topic: 'times', numPartitions: 1 }] });
  const start = 1_700_000_000_000;
  for (const minute of [0, 1, 2, 3]) {
    const timestamp = String(start + minute * 60_000);
    await producer.send({ topic: 'times', acks: -1, messages: [{ timestamp, value: `minute ${minute}` }] });
  }
  const [found] = await admin.fetchTopicOffsetsByTimestamp('times', start + 60_001);
  expect(found!.offset).toBe('2');
  await admin.setOffsets({
    groupId: 'time-travellers',
    topic: 'times',
    partitions: [{ partition: 0, offset: found!.offset }],
  });
  await using member = await new Member('time-travellers').start('times');
  await member.until(({ received }) => received.length === 2);
  expect(member.received.map(({ value }) => value)).toEqual(['minute 2', 'minute 3']);
  member.consumer.seek({ topic: 'times', partition: 0, offset: '1' });
  await member.until(({ received }) => received.length === 5);
  expect(member.received.slice(2).map(({ value }) => value)).toEqual(['minute 1', 'minute 2', 'minute 3']);
});
