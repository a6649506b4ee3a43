// Real clients where history ends: at records that expire or are deleted under them, and behind records of which compaction has left
// nothing.

import { Consumer } from '@platformatic/kafka';
import kafkajs from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { busyHistory } from '../support/busy-history.ts';
import { createTopic } from '../support/create-topic.ts';
import { runJavaTool } from '../support/kafka-process.ts';
import { kcat } from '../support/kcat.ts';
import { asFlags } from '../support/metadata-kill-rounds.ts';
import { NumberedReading, type ReadRecord, writeNumbered } from '../support/numbered-records.ts';
import { type PartitionReader, partitionReaders } from '../support/partition-readers.ts';
import { startTarget, storeKinds, type TargetBroker, targetIsKafka } from '../support/target-broker.ts';
import { until } from '../support/until.ts';

const sizes = { fetchBytes: 1_000_000, partitionBytes: 100_000 };

describe.skipIf(targetIsKafka).each(storeKinds)('the ends of history on a %s store', (store) => {
  let broker: TargetBroker;
  let admin: kafkajs.Admin;
  beforeAll(async () => {
    broker = await startTarget(store, asFlags(busyHistory));
    const { logLevel, Kafka } = kafkajs;
    admin = new Kafka({ brokers: [broker.bootstrap], logLevel: logLevel.NOTHING, retry: { retries: 20 } }).admin();
    await admin.connect();
  });
  afterAll(async () => {
    await admin?.disconnect();
    await broker?.[Symbol.asyncDispose]();
  });

  const offsetsOf = async (topic: string): Promise<{ start: number; end: number }> => {
    const [found] = await admin.fetchTopicOffsets(topic);
    return { start: Number(found?.low), end: Number(found?.high) };
  };
  /** What kcat finds from an offset up to the end. */
  const offsetsFrom = async (topic: string, from: number | 'beginning'): Promise<number[]> => {
    const args = ['-C', '-t', topic, '-p', '0', '-o', String(from), '-e', '-q', '-f', '%o\n'];
    return (await kcat(broker.bootstrap, args)).toString().split('\n').slice(0, -1).map(Number);
  };

  describe('behind records of which compaction has left nothing', () => {
    const topic = 'emptied';
    const keys = 200;
    const rounds = 12;
    let end = 0;

    async function produce(lines: readonly string[]): Promise<void> {
      await kcat(broker.bootstrap, ['-P', '-t', topic, '-p', '0', '-K', ':', '-Z', '-X', 'linger.ms=1'], {
        input: `${lines.join('\n')}\n`,
      });
      end += lines.length;
    }

    const isEmpty = async () => (await offsetsFrom(topic, 'beginning')).length === 0;

    const committedBy = async (groupId: string): Promise<number> => {
      const [found] = await admin.fetchOffsets({ groupId, topics: [topic] });
      return Number(found?.partitions[0]?.offset);
    };

    beforeAll(async () => {
      await createTopic(broker.bootstrap, topic, 1, {
        'cleanup.policy': 'compact',
        'min.cleanable.dirty.ratio': '0.01',
        'delete.retention.ms': '0',
      });
      const named = (value: string) => Array.from({ length: keys }, (_, at) => `key-${at}:${value}`);
      for (let round = 0; round < rounds; round++) await produce(named(`value ${round}`));
      await produce(named(''));
      await until(isEmpty, 'compaction left nothing', 60_000);
      expect(await offsetsOf(topic)).toEqual({ start: 0, end });
    });

    test('kcat reaches the end from everywhere', async () => {
      for (const from of [0, 1, end / 2, end - 1, end]) expect(await offsetsFrom(topic, from)).toEqual([]);
    });

    test('a Java consumer reaches the end, and commits it', async () => {
      const group = 'emptied-readers';
      const server = ['--bootstrap-server', broker.bootstrap];
      const tool = (name: string, args: readonly string[]) =>
        runJavaTool(`org.apache.kafka.tools.consumer.${name}`, [...server, ...args]);
      // It says of its own that nothing came for so long.
      const args = ['--topic', topic, '--group', group, '--from-beginning', '--timeout-ms', '5000'];
      expect(await tool('ConsoleConsumer', args)).not.toContain('value');
      const rows = (await tool('group.ConsumerGroupCommand', ['--describe', '--group', group])).split('\n');
      const row = rows.find((line) => line.startsWith(group))?.split(/\s+/);
      expect(row?.slice(1, 6)).toEqual([topic, '0', String(end), String(end), '0']);
    });

    test('KafkaJS reaches the end, and waits there', async () => {
      const { logLevel, Kafka } = kafkajs;
      const kafka = new Kafka({ brokers: [broker.bootstrap], logLevel: logLevel.NOTHING });
      const consumer = kafka.consumer({ groupId: 'emptied-kafkajs', maxWaitTimeInMs: 200 });
      const fetchedMs: number[] = [];
      let reached = -1;
      consumer.on(consumer.events.FETCH, ({ payload }) => void fetchedMs.push(payload.duration));
      consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
        reached = Number(payload.lastOffset);
        fetchedMs.length = 0;
      });
      await consumer.connect();
      await consumer.subscribe({ topic, fromBeginning: true });
      await consumer.run({ eachMessage: async () => expect.unreachable('nothing is there') });
      try {
        // From then on every fetch takes as long as it may wait.
        const waits = async () => reached === end - 1 && fetchedMs.length >= 4;
        await until(waits, 'KafkaJS waits at the end', 30_000);
        for (const ms of fetchedMs.slice(1)) expect(ms).toBeGreaterThan(150);
      } finally {
        await consumer.disconnect();
      }
    });

    test('platformatic reaches the end, and commits it', async () => {
      const group = 'emptied-platformatic';
      const consumer = new Consumer({
        clientId: group,
        bootstrapBrokers: [broker.bootstrap],
        groupId: group,
        maxWaitTime: 100,
      });
      const stream = await consumer.consume({ topics: [topic], mode: 'earliest', autocommit: 50 });
      stream.on('data', () => expect.unreachable('nothing is there'));
      const hasCommitted = async () => (await committedBy(group)) === end;
      await until(hasCommitted, 'platformatic committed the end', 30_000).finally(async () => {
        await stream.close();
        await consumer.close(true);
      });
    });

    test.each(partitionReaders.map((reader) => [reader.name, reader] as const))(
      '%s gets what follows, from everywhere',
      async (_, reader) => {
        await produce(['the last:after']);
        for (const from of [0, Math.floor(end / 3)]) {
          const got: ReadRecord[] = [];
          const of = { bootstrap: broker.bootstrap, topic, partition: 0, from, until: end, ...sizes };
          await reader.read(of, (record) => got.push(record));
          expect(got.at(-1)).toEqual({ offset: end - 1, value: 'after' });
          // Some of those before may not have been compacted yet.
          expect(got.every(({ value }) => value === 'after')).toBe(true);
        }
        // A consumer that waits at the end behind nothing is given the next record.
        await produce(['the last:']);
        await until(isEmpty, 'compaction left nothing again', 60_000);
        const waiting: ReadRecord[] = [];
        const of = { bootstrap: broker.bootstrap, topic, partition: 0, from: end - 2, until: end + 1, ...sizes };
        const read = reader.read(of, (record) => waiting.push(record));
        await produce(['the last:after']);
        await read;
        expect(waiting).toEqual([{ offset: end - 1, value: 'after' }]);
      },
    );
  });

  test('records expire and are deleted under every client', { timeout: 300_000 }, async () => {
    const topic = 'shrinking';
    const total = 400_000;
    const chunk = 40_000;
    const retentionBytes = 2_000_000;
    await createTopic(broker.bootstrap, topic, 1, { 'retention.bytes': String(retentionBytes) });
    const { bootstrap } = broker;
    const follow = async (reader: PartitionReader, from: number, partitionBytes: number) => {
      const reading = new NumberedReading(`${reader.name}, ${partitionBytes} bytes at a time`, from, true);
      const fetched = { fetchBytes: 1_000_000, partitionBytes };
      await reader.read({ bootstrap, topic, partition: 0, from, until: total, ...fetched }, (one) =>
        reading.take(one.offset, one.value),
      );
      return reading;
    };
    const followed = Promise.all(
      partitionReaders.flatMap((reader) => [follow(reader, 0, 1), follow(reader, 0, 200_000)]),
    );
    followed.catch(() => {});
    let start = 0;
    for (let from = 0; from < total; from += chunk) {
      await writeNumbered({ bootstrap, topic, partition: 0, from, count: chunk });
      const now = await offsetsOf(topic);
      expect(now.end).toBe(from + chunk);
      expect(now.start).toBeGreaterThanOrEqual(start);
      start = now.start;
      if (from % (4 * chunk) !== 0) continue;
      start = Math.max(start, from + chunk / 2);
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(start) }] });
    }
    await until(async () => (await offsetsOf(topic)).start > total / 2, 'retention got on', 60_000);
    const late = Promise.all(partitionReaders.map((reader) => follow(reader, 0, 1_048_576)));
    const readings = [...(await followed), ...(await late)];
    const final = (await offsetsOf(topic)).start;
    for (const reading of readings) {
      expect(reading.problems).toEqual([]);
      expect(reading.next).toBe(total);
      for (const jump of reading.jumpedTo) expect(jump).toBeLessThanOrEqual(final);
    }
    // Whoever came late began at the log start.
    for (const reading of readings.slice(-partitionReaders.length)) expect(reading.jumpedTo.length).toBeGreaterThan(0);
    const left = await offsetsFrom(topic, 'beginning');
    expect(left).toEqual(Array.from({ length: total - final }, (_, at) => final + at));

    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '-1' }] });
    expect(await offsetsFrom(topic, 'beginning')).toEqual([]);
    expect(await offsetsOf(topic)).toEqual({ start: total, end: total });
    await broker.kill();
    await broker.restart();
    expect(await offsetsFrom(topic, 'beginning')).toEqual([]);
    expect(await offsetsOf(topic)).toEqual({ start: total, end: total });
  });
});
