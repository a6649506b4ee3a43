// @platformatic/kafka against the broker: topics, keys, headers, codecs, groups with rebalancing, positions, points
// in time.

import {
  Admin,
  Consumer,
  ListOffsetTimestamps,
  type MessagesStream,
  Producer,
  stringDeserializers,
  stringSerializers,
} from '@platformatic/kafka';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { storedBatches } from '../support/stored-batches.ts';
import { startTarget, type TargetBroker } from '../support/target-broker.ts';

let broker: TargetBroker;
let admin: Admin;
let producer: Producer<string, string, string, string>;

beforeAll(async () => {
  broker = await startTarget();
  const base = { clientId: 'platformatic-test', bootstrapBrokers: [broker.bootstrap], retries: 20, retryDelay: 50 };
  admin = new Admin(base);
  producer = new Producer({ ...base, serializers: stringSerializers, acks: -1, idempotent: true });
});

afterAll(async () => {
  await Promise.all([admin?.close(), producer?.close()]);
  await broker?.[Symbol.asyncDispose]();
});

type Reader = Consumer<string, string, string, string>;

function consumerOf(group: string): Reader {
  return new Consumer({
    clientId: `reader of ${group}`,
    bootstrapBrokers: [broker.bootstrap],
    groupId: group,
    deserializers: stringDeserializers,
    sessionTimeout: 10_000,
    heartbeatInterval: 200,
    maxWaitTime: 100,
    retries: 20,
    retryDelay: 50,
  });
}

interface Received {
  readonly partition: number;
  readonly offset: number;
  readonly key: string | undefined;
  readonly value: string | undefined;
  readonly headers: Record<string, string>;
}

/** A group member that collects what it receives and commits it. */
class Member implements AsyncDisposable {
  readonly received: Received[] = [];
  /** Committed positions by partition. */
  readonly #positions = new Map<number, bigint>();
  readonly consumer: Reader;
  readonly topic: string;
  #stream: MessagesStream<string, string, string, string> | undefined;
  readonly #waiting = new Set<() => void>();

  constructor(group: string, topic: string) {
    this.topic = topic;
    this.consumer = consumerOf(group);
  }

  async start(): Promise<this> {
    this.consumer.on('consumer:group:join', () => this.#wake());
    const stream = await this.consumer.consume({
      topics: [this.topic],
      mode: 'committed',
      fallbackMode: 'earliest',
      autocommit: 20,
    });
    stream.on('data', ({ partition, offset, key, value, headers }) => {
      this.received.push({
        partition,
        offset: Number(offset),
        key: key ?? undefined,
        value: value ?? undefined,
        headers: Object.fromEntries(headers),
      });
      this.#wake();
    });
    stream.on('autocommit', (error, offsets) => {
      if (error !== null || offsets === undefined) return;
      for (const { partition, offset } of offsets) this.#positions.set(partition, offset);
      this.#wake();
    });
    this.#stream = stream;
    return this;
  }

  /** A stream that is closed while it commits does not commit what it has received since. */
  get hasCommitted(): boolean {
    return this.received.every(({ partition, offset }) => (this.#positions.get(partition) ?? 0n) > BigInt(offset));
  }

  get assigned(): number {
    return this.consumer.assignments?.find((each) => each.topic === this.topic)?.partitions.length ?? 0;
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
    await this.#stream?.close();
    await this.consumer.close(true);
  }
}

const values = (records: readonly Received[]) => records.map((record) => record.value).sort();

test('creates, lists, extends and deletes topics', async () => {
  const [created] = await admin.createTopics({ topics: ['made'], partitions: 3, replicas: 1 });
  expect(created).toMatchObject({ name: 'made', partitions: 3 });
  await admin.createPartitions({ topics: [{ name: 'made', count: 5 }] });
  await vi.waitFor(async () => {
    const { topics } = await admin.metadata({ topics: ['made'], forceUpdate: true });
    expect(topics.get('made')!.partitionsCount).toBe(5);
  });
  await admin.deleteTopics({ topics: ['made'] });
  expect(await admin.listTopics()).not.toContain('made');
});

test('keys and headers arrive as sent', async () => {
  await admin.createTopics({ topics: ['letters'], partitions: 1, replicas: 1 });
  const { offsets } = await producer.send({
    messages: [
      { topic: 'letters', key: 'k1', value: 'one', headers: { lang: 'en' } },
      { topic: 'letters', key: 'k2', value: 'zwei', headers: { lang: 'de', more: 'x' } },
    ],
  });
  expect(offsets).toEqual([{ topic: 'letters', partition: 0, offset: 0n }]);
  await using member = await new Member('letter-readers', 'letters').start();
  await member.until(({ received }) => received.length === 2);
  expect(member.received).toEqual([
    { partition: 0, offset: 0, key: 'k1', value: 'one', headers: { lang: 'en' } },
    { partition: 0, offset: 1, key: 'k2', value: 'zwei', headers: { lang: 'de', more: 'x' } },
  ]);
});

test('every codec is stored as sent and read back', async () => {
  await admin.createTopics({ topics: ['codecs'], partitions: 1, replicas: 1 });
  const names = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
  for (const compression of names) {
    await producer.send({
      compression,
      messages: Array.from({ length: 20 }, (_, index) => ({
        topic: 'codecs',
        value: `${compression} ${index} ${'again '.repeat(40)}`,
      })),
    });
  }
  expect((await storedBatches(broker.bootstrap, 'codecs', 0)).map((batch) => batch.codec)).toEqual(names);
  await using member = await new Member('codec-readers', 'codecs').start();
  await member.until(({ received }) => received.length === 100);
  expect(member.received.map(({ value }) => value!.split(' ').slice(0, 2).join(' '))).toEqual(
    names.flatMap((name) => Array.from({ length: 20 }, (_, index) => `${name} ${index}`)),
  );
});

const distinct = (received: readonly Received[]) => [...new Set(values(received))];

test('a second member joins and leaves; positions outlive both', async () => {
  await admin.createTopics({ topics: ['shared'], partitions: 4, replicas: 1 });
  const send = (word: string) =>
    producer.send({
      messages: [0, 1, 2, 3].map((partition) => ({ topic: 'shared', partition, value: `${word}-${partition}` })),
    });
  {
    await using one = await new Member('sharers', 'shared').start();
    await one.until(({ assigned }) => assigned === 4);
    {
      await using two = await new Member('sharers', 'shared').start();
      await two.until(({ assigned }) => assigned === 2);
      await one.until(({ assigned }) => assigned === 2);
      await send('both');
      // The client's fetch that was under way when partitions moved may bring their records to the old member too.
      await one.until(({ received }) => received.length >= 2);
      await two.until(({ received }) => received.length >= 2);
      expect(distinct([...one.received, ...two.received])).toEqual(['both-0', 'both-1', 'both-2', 'both-3']);
    }
    await one.until(({ assigned }) => assigned === 4);
    await send('one');
    await one.until(({ received }) => distinct(received).filter((value) => value?.startsWith('one-')).length === 4);
    await one.until(({ hasCommitted }) => hasCommitted);
  }
  await send('later');
  await using again = await new Member('sharers', 'shared').start();
  await again.until(({ received }) => received.length >= 4);
  expect(values(again.received)).toEqual(['later-0', 'later-1', 'later-2', 'later-3']);
});

test('finds offsets by time and reads from there', async () => {
  await admin.createTopics({ topics: ['times'], partitions: 1, replicas: 1 });
  const start = 1_700_000_000_000;
  for (const minute of [0, 1, 2, 3]) {
    await producer.send({
      messages: [{ topic: 'times', timestamp: BigInt(start + minute * 60_000), value: `minute ${minute}` }],
    });
  }
  const offsetAt = async (timestamp: bigint) => {
    const [listed] = await admin.listOffsets({
      topics: [{ name: 'times', partitions: [{ partitionIndex: 0, timestamp }] }],
    });
    return listed!.partitions[0]!.offset;
  };
  const found = await offsetAt(BigInt(start + 60_001));
  expect(found).toBe(2n);
  expect(await offsetAt(ListOffsetTimestamps.EARLIEST)).toBe(0n);
  expect(await offsetAt(ListOffsetTimestamps.LATEST)).toBe(4n);
  const consumer = consumerOf('time-travellers');
  const stream = await consumer.consume({
    topics: ['times'],
    mode: 'manual',
    offsets: [{ topic: 'times', partition: 0, offset: found }],
  });
  const seen: (string | undefined)[] = [];
  for await (const message of stream) {
    seen.push(message.value);
    if (seen.length === 2) break;
  }
  expect(seen).toEqual(['minute 2', 'minute 3']);
  await consumer.close(true);
});
