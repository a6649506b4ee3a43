// One partition read from an offset on by each of four clients, with the sizes of fetches as asked for, and its offsets looked up by time.

import { Admin, Consumer, type MessagesStream } from '@platformatic/kafka';
import kafkajs from 'kafkajs';
import { javaArguments, runJavaTool } from './kafka-process.ts';
import { kcat } from './kcat.ts';
import type { ReadRecord } from './numbered-records.ts';
import { readLines } from './read-lines.ts';

export interface PartitionReading {
  readonly bootstrap: string;
  readonly topic: string;
  readonly partition: number;
  readonly from: number;
  /** Exclusive; there is, or will be, a record right below it. */
  readonly until: number;
  /** Of one fetch, and of one partition in it. */
  readonly fetchBytes: number;
  readonly partitionBytes: number;
}

export type Take = (record: ReadRecord) => void;

export interface PartitionReader {
  readonly name: string;
  /** Resolves when the record below `until` was taken. Goes on at the log start where that has moved past it. */
  read(reading: PartitionReading, take: Take): Promise<void>;
  /** The first offset with a record at or after a time; the end, or −1, where none is. */
  offsetAt(of: Pick<PartitionReading, 'bootstrap' | 'topic' | 'partition'>, timestampMs: number): Promise<number>;
}

/** What a client waits for the next record before the test is told that it hangs. */
const stallMs = 30_000;

/** Lines "OFFSET VALUE" of a child, until the last one that is wanted. */
async function readRecordLines(
  command: string,
  args: readonly string[],
  { topic, partition, from, until }: PartitionReading,
  take: Take,
): Promise<void> {
  await readLines({ command, args, stallMs, what: `${topic}/${partition} from ${from} to ${until}` }, (line) => {
    const start = line.startsWith('Offset:') ? 7 : 0;
    const space = line.indexOf(' ', start);
    const offset = Number(line.slice(start, space));
    if (offset < until) take({ offset, value: line.slice(space + 1) });
    return offset >= until - 1;
  });
}

const kcatReader: PartitionReader = {
  name: 'kcat',
  async read(reading, take) {
    const { bootstrap, topic, partition, from, fetchBytes, partitionBytes } = reading;
    const settings = [
      'auto.offset.reset=earliest',
      `fetch.message.max.bytes=${partitionBytes}`,
      // librdkafka wants no less than the largest message.
      `fetch.max.bytes=${Math.max(fetchBytes, partitionBytes, 1_000_000)}`,
    ];
    const place = ['-t', topic, '-p', String(partition), '-o', String(from)];
    const args = [
      '-b',
      bootstrap,
      '-C',
      ...place,
      '-q',
      '-u',
      '-f',
      '%o %s\n',
      ...settings.flatMap((one) => ['-X', one]),
    ];
    await readRecordLines('kcat', args, reading, take);
  },
  async offsetAt({ bootstrap, topic, partition }, timestampMs) {
    const output = (await kcat(bootstrap, ['-Q', '-t', `${topic}:${partition}:${timestampMs}`])).toString();
    return Number(/offset (-?\d+)/.exec(output)?.[1]);
  },
};

const javaReader: PartitionReader = {
  name: 'Java',
  async read(reading, take) {
    const { bootstrap, topic, partition, from, fetchBytes, partitionBytes } = reading;
    const args = [
      '--bootstrap-server', bootstrap, '--topic', topic, '--partition', String(partition), '--offset', String(from),
      '--formatter-property', 'print.offset=true', '--formatter-property', 'key.separator= ',
      '--command-property', 'auto.offset.reset=earliest',
      '--command-property', `fetch.max.bytes=${fetchBytes}`,
      '--command-property', `max.partition.fetch.bytes=${partitionBytes}`,
    ]; // biome-ignore format: one argument list
    const tool = 'org.apache.kafka.tools.consumer.ConsoleConsumer';
    await readRecordLines('java', javaArguments(tool, args), reading, take);
  },
  async offsetAt({ bootstrap, topic, partition }, timestampMs) {
    const output = await runJavaTool('org.apache.kafka.tools.GetOffsetShell', [
      '--bootstrap-server', bootstrap, '--topic-partitions', `${topic}:${partition}`, '--time', String(timestampMs),
    ]); // biome-ignore format: one argument list
    const found = new RegExp(`${topic}:${partition}:(-?\\d*)`).exec(output)?.[1];
    return found === undefined || found === '' ? -1 : Number(found);
  },
};

/** Groups need names; nobody reads them again. */
let groups = 0;
const freshGroup = (): string => `reader-${process.pid}-${++groups}`;

/** Takes records until the last one that is wanted; rejects when nothing comes any more. */
class Intake implements Disposable {
  readonly #done = Promise.withResolvers<void>();
  readonly #reading: PartitionReading;
  readonly #take: Take;
  readonly #timer: NodeJS.Timeout;
  #taken = 0;
  #takenBefore = -1;
  #isDone = false;

  constructor(client: string, reading: PartitionReading, take: Take) {
    this.#reading = reading;
    this.#take = take;
    const { topic, partition, from, until } = reading;
    this.#timer = setInterval(() => {
      const what = `${client}, ${topic}/${partition} from ${from} to ${until}`;
      if (this.#taken === this.#takenBefore)
        this.fail(new Error(`${what}: nothing comes behind ${this.#taken} records`));
      this.#takenBefore = this.#taken;
    }, stallMs);
    this.#done.promise.catch(() => {});
  }

  get done(): Promise<void> {
    return this.#done.promise;
  }

  one(offset: number, value: string): void {
    const { until } = this.#reading;
    if (this.#isDone) return;
    this.#taken++;
    if (offset < until) this.#take({ offset, value });
    if (offset < until - 1) return;
    this.#isDone = true;
    this.#done.resolve();
  }

  fail(error: Error): void {
    this.#done.reject(error);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

const kafkajsOf = (bootstrap: string): kafkajs.Kafka =>
  new kafkajs.Kafka({
    clientId: 'partition-reader',
    brokers: [bootstrap],
    logLevel: kafkajs.logLevel.NOTHING,
    retry: { initialRetryTime: 50, retries: 20 },
  });

const kafkajsReader: PartitionReader = {
  name: 'KafkaJS',
  async read(reading, take) {
    const { bootstrap, topic, partition, from, fetchBytes, partitionBytes } = reading;
    const consumer = kafkajsOf(bootstrap).consumer({
      groupId: freshGroup(),
      maxBytes: fetchBytes,
      maxBytesPerPartition: partitionBytes,
      maxWaitTimeInMs: 100,
      allowAutoTopicCreation: false,
    });
    using intake = new Intake('KafkaJS', reading, take);
    await consumer.connect();
    try {
      await consumer.subscribe({ topic, fromBeginning: true });
      let stands = false;
      await consumer.run({
        autoCommit: false,
        eachBatch: async ({ batch, pause }) => {
          if (batch.partition !== partition) {
            pause();
            return;
          }
          // What was fetched before the seek is not of this reading.
          if (!stands) return;
          for (const { offset, value } of batch.messages) intake.one(Number(offset), String(value));
        },
      });
      stands = true;
      consumer.seek({ topic, partition, offset: String(from) });
      await intake.done;
    } finally {
      await consumer.disconnect();
    }
  },
  async offsetAt({ bootstrap, topic, partition }, timestampMs) {
    const offsets = await withAdmin(kafkajsOf(bootstrap), (admin) =>
      admin.fetchTopicOffsetsByTimestamp(topic, timestampMs),
    );
    return Number(offsets.find((one) => one.partition === partition)?.offset);
  },
};

async function withAdmin<Answer>(
  kafka: kafkajs.Kafka,
  ask: (admin: kafkajs.Admin) => Promise<Answer>,
): Promise<Answer> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    return await ask(admin);
  } finally {
    await admin.disconnect();
  }
}

const platformaticReader: PartitionReader = {
  name: 'platformatic',
  async read(reading, take) {
    const { bootstrap, topic, partition, from, fetchBytes, partitionBytes } = reading;
    const consumer = new Consumer<Buffer, Buffer, Buffer, Buffer>({
      clientId: 'partition-reader',
      bootstrapBrokers: [bootstrap],
      groupId: freshGroup(),
      maxWaitTime: 100,
      maxBytes: fetchBytes,
      maxBytesPerPartition: partitionBytes,
      retries: 20,
      retryDelay: 50,
    });
    using intake = new Intake('platformatic', reading, take);
    let stream: MessagesStream<Buffer, Buffer, Buffer, Buffer> | undefined;
    try {
      stream = await consumer.consume({
        topics: [topic],
        mode: 'manual',
        fallbackMode: 'earliest',
        offsets: [{ topic, partition, offset: BigInt(from) }],
      });
      stream.on('error', (error) => intake.fail(error));
      stream.on('data', (message) => {
        if (message.partition === partition) intake.one(Number(message.offset), String(message.value));
      });
      await intake.done;
    } finally {
      await stream?.close();
      await consumer.close(true);
    }
  },
  async offsetAt({ bootstrap, topic, partition }, timestampMs) {
    const admin = new Admin({ clientId: 'partition-reader', bootstrapBrokers: [bootstrap] });
    try {
      const partitions = [{ partitionIndex: partition, timestamp: BigInt(timestampMs) }];
      const [found] = await admin.listOffsets({ topics: [{ name: topic, partitions }] });
      return Number(found?.partitions[0]?.offset);
    } finally {
      await admin.close();
    }
  },
};

export const partitionReaders: readonly PartitionReader[] = [kcatReader, javaReader, kafkajsReader, platformaticReader];
