// librdkafka, through kcat: what a shell user does with a broker.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTopic } from '../support/create-topic.ts';
import { KcatMember, kcat } from '../support/kcat.ts';
import { storedBatches } from '../support/stored-batches.ts';
import { startTarget, storeKinds, type TargetBroker } from '../support/target-broker.ts';

describe.each(storeKinds)('kcat on a %s store', (store) => {
  let broker: TargetBroker;
  beforeAll(async () => {
    broker = await startTarget(store);
  });
  afterAll(() => broker?.[Symbol.asyncDispose]());

  const produce = (topic: string, lines: readonly string[], args: readonly string[] = []) =>
    kcat(broker.bootstrap, ['-P', '-t', topic, ...args], { input: `${lines.join('\n')}\n` });
  const consume = async (topic: string, args: readonly string[]) =>
    (await kcat(broker.bootstrap, ['-C', '-t', topic, '-e', '-q', ...args])).toString().split('\n').slice(0, -1);

  test('lists the broker', async () => {
    const listing = (await kcat(broker.bootstrap, ['-L'])).toString();
    expect(listing).toContain('1 brokers:');
    expect(listing).toContain(`at ${broker.bootstrap}`);
  });

  test('a topic comes into being by being written to, and gives back keys and headers', async () => {
    await produce('greetings', ['k1=hello', 'k2=world'], ['-K', '=', '-H', 'origin=shell', '-H', 'empty=']);
    expect(await consume('greetings', ['-o', 'beginning', '-f', '%o %k %s [%h]\n'])).toEqual([
      '0 k1 hello [origin=shell,empty=]',
      '1 k2 world [origin=shell,empty=]',
    ]);
  });

  test.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const)(
    'codec %s is stored as sent and read back',
    async (codec) => {
      const lines = Array.from(
        { length: 500 },
        (_, index) => `line ${index} of a text that compresses well, well, well`,
      );
      const topic = `codec-${codec}`;
      await produce(topic, lines, ['-z', codec, '-X', 'linger.ms=50']);
      expect(await consume(topic, ['-o', 'beginning', '-f', '%s\n'])).toEqual(lines);
      const batches = await storedBatches(broker.bootstrap, topic, 0);
      expect(batches.reduce((sum, batch) => sum + batch.records, 0)).toBe(lines.length);
      // librdkafka sends a batch plain when compressing it does not pay: a straggler of a few lines.
      const large = batches.filter((batch) => batch.records >= 20);
      expect(new Set(large.map((batch) => batch.codec))).toEqual(new Set([codec]));
    },
  );

  test('an idempotent producer writes each record once', async () => {
    const lines = Array.from({ length: 2_000 }, (_, index) => `${index}`);
    await produce('once', lines, ['-X', 'enable.idempotence=true', '-X', 'acks=all']);
    expect(await consume('once', ['-o', 'beginning', '-f', '%s\n'])).toEqual(lines);
    const [batch] = await storedBatches(broker.bootstrap, 'once', 0);
    expect(batch!.producerId).toBeGreaterThanOrEqual(0n);
  });

  test('reads from an offset, from the tail and from a point in time', async () => {
    await produce('times', ['a', 'b', 'c']);
    await new Promise((resolve) => setTimeout(resolve, 30));
    const between = Date.now();
    await new Promise((resolve) => setTimeout(resolve, 30));
    await produce('times', ['d', 'e']);
    expect(await consume('times', ['-p', '0', '-o', '1', '-f', '%s\n'])).toEqual(['b', 'c', 'd', 'e']);
    expect(await consume('times', ['-p', '0', '-o', '-2', '-f', '%s\n'])).toEqual(['d', 'e']);
    expect(await consume('times', ['-o', `s@${between}`, '-f', '%o %s\n'])).toEqual(['3 d', '4 e']);
    expect((await kcat(broker.bootstrap, ['-Q', '-t', `times:0:${between}`])).toString()).toContain('offset 3');
  });

  test('two members share a group, one leaves, its partitions are taken over, and positions outlive them', async () => {
    const topic = 'shared';
    await createTopic(broker.bootstrap, topic, 4);
    const writeAll = (word: string) =>
      Promise.all([0, 1, 2, 3].map((partition) => produce(topic, [`${word}-${partition}`], ['-p', `${partition}`])));
    const config = ['-X', 'auto.offset.reset=earliest', '-X', 'session.timeout.ms=6000', '-f', '%s\n'];
    const member = () => new KcatMember(broker.bootstrap, 'readers', topic, config);
    const assigned = (text: string) =>
      text
        .trim()
        .split('\n')
        .at(-1)
        ?.match(/assigned: (.*)/)?.[1]
        ?.split(', ') ?? [];

    await using one = member();
    await one.until(({ messages }) => assigned(messages).length === 4);
    await using two = member();
    await two.until(({ messages }) => assigned(messages).length === 2);
    await one.until(({ messages }) => assigned(messages).length === 2);
    await writeAll('shared');
    await one.until(({ lines }) => lines.length === 2);
    await two.until(({ lines }) => lines.length === 2);
    await one.leave();
    await two.until(({ messages }) => assigned(messages).length === 4);
    await writeAll('alone');
    await two.until(({ lines }) => lines.length === 6);
    await two.leave();
    const words = ['alone-0', 'alone-1', 'alone-2', 'alone-3', 'shared-0', 'shared-1', 'shared-2', 'shared-3'];
    expect([...one.lines, ...two.lines].sort()).toEqual(words);

    await writeAll('later');
    await using again = member();
    await again.until(({ lines }) => lines.length >= 4);
    expect(again.lines.sort()).toEqual(['later-0', 'later-1', 'later-2', 'later-3']);
    await again.leave();
  });

  test('a restart keeps records and positions', async () => {
    await produce('kept', ['one', 'two', 'three']);
    const config = ['-X', 'auto.offset.reset=earliest', '-f', '%s\n'];
    {
      await using reader = new KcatMember(broker.bootstrap, 'keepers', 'kept', config);
      await reader.until((member) => member.lines.length === 3);
      await reader.leave();
    }
    await broker.stop();
    await broker.restart();
    await produce('kept', ['four']);
    expect(await consume('kept', ['-o', 'beginning', '-f', '%s\n'])).toEqual(['one', 'two', 'three', 'four']);
    await using reader = new KcatMember(broker.bootstrap, 'keepers', 'kept', config);
    await reader.until((member) => member.lines.length >= 1);
    expect(reader.lines).toEqual(['four']);
    await reader.leave();
  });
});
