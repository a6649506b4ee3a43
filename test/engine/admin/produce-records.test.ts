import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  batchCompression,
  encodeHeaders,
  KafkaClient,
  produceLines,
  readTopic,
} from '../../../src/engine/admin/admin.ts';
import { systemClock } from '../../../src/engine/base/clock.ts';
import { seededRandom } from '../../../src/engine/base/random.ts';
import { FakeBroker } from '../../commands/fake-broker.ts';

describe('producing lines', () => {
  let broker: FakeBroker;
  let client: KafkaClient;
  beforeEach(async () => {
    broker = await FakeBroker.start();
    client = new KafkaClient({
      bootstrap: [{ host: '127.0.0.1', port: broker.port }],
      clock: systemClock,
      timeoutMs: 2_000,
    });
  });
  afterEach(async () => {
    client[Symbol.dispose]();
    await broker[Symbol.asyncDispose]();
  });

  const lines = (count: number): string[] => Array.from({ length: count }, (_, index) => `line ${index}`);
  const produce = async (topic: string, text: string, more: Partial<Parameters<typeof produceLines>[2]> = {}) =>
    produceLines(client, [{ bytes: chunks(Buffer.from(text), 1000) }], {
      topic,
      headers: encodeHeaders([]),
      ...(await batchCompression('none')),
      batchBytes: 2_000,
      random: seededRandom(1),
      ...more,
    });

  async function* chunks(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  }

  async function readBack(topic: string): Promise<string[]> {
    const found: string[] = [];
    await readTopic(client, {
      topic,
      from: 'beginning',
      partitions: undefined,
      count: undefined,
      exitAtEnd: true,
      group: undefined,
      stop: new AbortController().signal,
      onGap: () => {},
      sink: async (_partition, records) => void found.push(...records.map(({ value }) => String(value))),
    });
    return found;
  }

  it.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const)('brings lines back in order, codec %s', async (name) => {
    broker.addTopic('t', 1);
    const report = await produce('t', lines(1_000).join('\n'), await batchCompression(name));
    expect(report).toMatchObject({ records: 1_000, partitions: [{ partition: 0, firstOffset: 0, lastOffset: 999 }] });
    expect(await readBack('t')).toEqual(lines(1_000));
  });

  it('spreads lines without keys over the partitions, and keeps the order in each', async () => {
    const topic = broker.addTopic('t', 3);
    await produce('t', lines(2_000).join('\n'));
    expect(topic.partitions.every(({ end }) => end > 0)).toBe(true);
    const found = await readBack('t');
    expect([...found].sort()).toEqual(lines(2_000).sort());
  });

  it('puts equal keys into one partition, the one that Kafka’s own clients choose', async () => {
    const topic = broker.addTopic('t', 4);
    await produce('t', 'abc\tx\nabc\ty\n', { separator: Buffer.from('\t') });
    // murmur2("abc") = 479470107; (479470107 & 0x7fffffff) % 4 = 3
    expect(topic.partitions.map(({ end }) => end)).toEqual([0, 0, 0, 2]);
  });

  it('sends again what failed for a moment, in order and once', async () => {
    broker.addTopic('t', 1);
    broker.produceFailures.push(0, 7, 0, 6, 0);
    const report = await produce('t', lines(1_000).join('\n'));
    expect(report.records).toBe(1_000);
    expect(await readBack('t')).toEqual(lines(1_000));
  });

  it('writes each line once also when the answer is lost after the broker has stored the batch', async () => {
    broker.addTopic('t', 1);
    broker.dropAfterStoring = 2;
    const report = await produce('t', lines(1_000).join('\n'));
    expect(report.records).toBe(1_000);
    expect(await readBack('t')).toEqual(lines(1_000));
  });

  it('gives up at once on what will not pass, and says how much was acknowledged', async () => {
    broker.addTopic('t', 1);
    broker.produceFailures.push(0, 0, 10);
    const failed = produce('t', lines(1_000).join('\n'));
    await expect(failed).rejects.toMatchObject({
      code: 'message-too-large',
      context: { recordsAcknowledged: expect.any(Number) },
    });
  });

  it('tells a missing topic and a missing partition before it reads anything', async () => {
    broker.addTopic('t', 1);
    await expect(produce('missing', 'x')).rejects.toMatchObject({ code: 'unknown-topic-or-partition' });
    await expect(produce('t', 'x', { partition: 5 })).rejects.toMatchObject({ code: 'unknown-topic-or-partition' });
  });

  it('goes on reading after leaders moved, and at the log start where records were deleted', async () => {
    const topic = broker.addTopic('t', 1);
    await produce('t', lines(10).join('\n'));
    broker.fetchFailures.push(6, 0, 74);
    expect(await readBack('t')).toEqual(lines(10));
    expect(topic.partitions[0]?.end).toBe(10);
  });
});
