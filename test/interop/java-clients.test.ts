// Apache Kafka's own clients and tools: administration, console tools, Verifiable tools, compatibility check.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTopic } from '../support/create-topic.ts';
import { runJavaTool } from '../support/kafka-process.ts';
import { storedBatches } from '../support/stored-batches.ts';
import { startTarget, storeKinds, type TargetBroker } from '../support/target-broker.ts';
import { VerifiableConsumer } from '../support/verifiable-consumer.ts';
import { VerifiableProducer } from '../support/verifiable-producer.ts';

// What does not depend on the store is tried on one of them: every tool starts a JVM.
describe.each(storeKinds)('Java clients on a %s store', (store) => {
  let broker: TargetBroker;
  beforeAll(async () => {
    broker = await startTarget(store);
  });
  afterAll(() => broker?.[Symbol.asyncDispose]());

  const tool = (name: string, args: readonly string[], input?: string) =>
    runJavaTool(`org.apache.kafka.tools.${name}`, ['--bootstrap-server', broker.bootstrap, ...args], {
      ...(input === undefined ? {} : { input }),
    });
  const consume = async (topic: string, count: number, args: readonly string[] = ['--from-beginning']) => {
    const limits = ['--max-messages', String(count), '--timeout-ms', '30000'];
    const output = await tool('consumer.ConsoleConsumer', ['--topic', topic, ...limits, ...args]);
    return output.split('\n').filter((line) => line !== '');
  };

  test.runIf(store === 'file')('TopicCommand creates, describes, extends and deletes a topic', async () => {
    await tool('TopicCommand', [
      '--create', '--topic', 'made', '--partitions', '3', '--replication-factor', '1',
      '--config', 'retention.ms=3600000',
    ]); // biome-ignore format: one argument list
    const described = await tool('TopicCommand', ['--describe', '--topic', 'made']);
    expect(described).toMatch(/PartitionCount: 3\s+ReplicationFactor: 1\s+Configs: .*retention\.ms=3600000/);
    await tool('TopicCommand', ['--alter', '--topic', 'made', '--partitions', '5']);
    expect(await tool('TopicCommand', ['--describe', '--topic', 'made'])).toContain('PartitionCount: 5');
    await tool('TopicCommand', ['--delete', '--topic', 'made']);
    expect(await tool('TopicCommand', ['--list'])).not.toContain('made');
  });

  test('console producer and consumer carry keys, headers and every codec', async () => {
    for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
      const topic = `console-${codec}`;
      await createTopic(broker.bootstrap, topic, 1);
      const properties = ['parse.key=true', 'parse.headers=true'].flatMap((each) => ['--reader-property', each]);
      const text = 'a text that compresses well '.repeat(20);
      const input = Array.from(
        { length: 20 },
        (_, index) => `n:${index},codec:${codec}\tkey-${index}\t${index} ${text}\n`,
      );
      const args = ['--topic', topic, '--compression-codec', codec, ...properties];
      await tool('ConsoleProducer', [...args, '--command-property', 'linger.ms=200'], input.join(''));
      const batches = await storedBatches(broker.bootstrap, topic, 0);
      expect(new Set(batches.map((batch) => batch.codec))).toEqual(new Set([codec]));
      const shown = ['print.key=true', 'print.headers=true'].flatMap((each) => ['--formatter-property', each]);
      expect(await consume(topic, 20, ['--from-beginning', ...shown])).toEqual(input.map((line) => line.slice(0, -1)));
    }
  });

  test('Verifiable members share a group, leave, resume where they were, each record once', async () => {
    const topic = 'verified';
    const group = 'verifiers';
    await createTopic(broker.bootstrap, topic, 6);
    await using producer = await VerifiableProducer.start({
      bootstrap: broker.bootstrap, topic, valuePrefix: 1, recordsPerSecond: 300,
    }); // biome-ignore format: one call
    await using one = await VerifiableConsumer.start({ bootstrap: broker.bootstrap, topic, group });
    await one.until((member) => member.partitions.size === 6 && member.records.length > 0);
    await using two = await VerifiableConsumer.start({ bootstrap: broker.bootstrap, topic, group });
    await two.until((member) => member.partitions.size === 3 && member.records.length > 0);
    await one.until((member) => member.partitions.size === 3);
    await one.finish();
    await two.until((member) => member.partitions.size === 6);
    const before = producer.acknowledged.length;
    await producer.untilAcknowledged(before + 300);
    await producer.finish();
    const total = () => one.records.length + two.records.length;
    await two.until(() => total() >= producer.acknowledged.length);
    await two.finish();
    const keyOf = (record: { partition: number; offset: number }) => `${record.partition}@${record.offset}`;
    const received = [...one.records, ...two.records].map(keyOf);
    expect(received.sort()).toEqual(producer.acknowledged.map(keyOf).sort());

    const lag = await tool('consumer.group.ConsumerGroupCommand', ['--describe', '--group', group]);
    const rows = lag
      .split('\n')
      .filter((line) => line.startsWith(group))
      .map((line) => line.split(/\s+/));
    const written = new Set(producer.acknowledged.map((record) => String(record.partition)));
    expect(new Set(rows.map((row) => row[2]))).toEqual(written);
    expect(new Set(rows.map((row) => row[5])), 'lag').toEqual(new Set(['0']));
  });

  test.runIf(store === 'file')('positions can be moved to a point in time and are resumed from there', async () => {
    const topic = 'moved';
    await createTopic(broker.bootstrap, topic, 1);
    const produce = (lines: string) => tool('ConsoleProducer', ['--topic', topic], lines);
    await produce('a\nb\nc\n');
    const between = Date.now() + 1;
    await new Promise((resolve) => setTimeout(resolve, 20));
    await produce('d\ne\n');
    const group = ['--group', 'movers'];
    expect(await consume(topic, 5, [...group, '--from-beginning'])).toEqual(['a', 'b', 'c', 'd', 'e']);
    const at = new Date(between).toISOString().slice(0, -1);
    const moved = await tool('consumer.group.ConsumerGroupCommand', [
      ...group, '--topic', topic, '--reset-offsets', '--to-datetime', at, '--execute',
    ]); // biome-ignore format: one argument list
    expect(moved).toMatch(/movers\s+moved\s+0\s+3/);
    expect(await consume(topic, 2, group)).toEqual(['d', 'e']);
    expect(await tool('GetOffsetShell', ['--topic', topic, '--time', String(between)])).toContain('moved:0:3');
    expect(await tool('GetOffsetShell', ['--topic', topic, '--time', 'latest'])).toContain('moved:0:5');
    expect(await tool('GetOffsetShell', ['--topic', topic, '--time', 'max-timestamp'])).toContain('moved:0:4');
  });

  test.runIf(store === 'file')('DeleteRecords moves the start of a partition', async () => {
    const topic = 'shortened';
    await createTopic(broker.bootstrap, topic, 1);
    await tool('ConsoleProducer', ['--topic', topic], 'a\nb\nc\n');
    const order = JSON.stringify({ partitions: [{ topic, partition: 0, offset: 2 }], version: 1 });
    const directory = await mkdtemp(join(tmpdir(), 'delete-records-'));
    await writeFile(`${directory}/order.json`, order);
    expect(await tool('DeleteRecordsCommand', ['--offset-json-file', `${directory}/order.json`])).toContain(
      'low_watermark: 2',
    );
    await rm(directory, { recursive: true });
    expect(await consume(topic, 1)).toEqual(['c']);
  });

  test.runIf(store === 'file')('ClientCompatibilityTest is content', async () => {
    const output = await tool('ClientCompatibilityTest', [
      '--topic', 'compatibility',
      '--offsets-for-times-supported', 'True',
      '--cluster-id-supported', 'True',
      '--expect-record-too-large-exception', 'False',
      '--num-cluster-nodes', '1',
      '--create-topics-supported', 'True',
      '--describe-acls-supported', 'False',
      '--describe-configs-supported', 'True',
      '--idempotent-producer-supported', 'True',
    ]); // biome-ignore format: one argument list
    expect(output).toContain('SUCCESS');
  });
});
