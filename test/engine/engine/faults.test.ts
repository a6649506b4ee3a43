// A whole broker while its store or its disk is in trouble: nothing is lost, nothing falls over, and it goes on by itself.

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EngineError } from '../../../src/engine/base/errors.ts';
import { metadata } from '../../../src/engine/wire/wire.ts';
import { toldValue } from '../../support/told-value.ts';
import { EngineStage, isL0, until } from './engine-stage.ts';
import { canMount, SmallDisk } from './small-disk.ts';
import { fetchValues } from './wire-consumer.ts';
import { encodeProduce, produceAnswer, produceOne } from './wire-produce.ts';
import { WireProducer } from './wire-producer.ts';

const storageError = 56;
const requestTimedOut = 7;

describe('a store that answers 503 for a while', () => {
  it('is waited for: producers notice nothing but the time', async () => {
    await using stage = await EngineStage.open();
    await stage.start();
    const topicId = await stage.createTopic('t', 2);
    let refused = 0;
    let down = true;
    stage.fault = (operation, key) => {
      if (!down || operation !== 'put' || !isL0(key)) return undefined;
      refused++;
      return { kind: 'unavailable' };
    };
    let stopped = false;
    const port = () => stage.engine.kafkaAddress.port;
    const producers = [0, 1].map(
      (partition) => new WireProducer({ port, topic: 't', partition, name: `p${partition}` }),
    );
    const runs = Promise.all(producers.map((one) => one.run(() => stopped)));
    await until(() => refused >= 6, 'the store had refused several times');
    expect(producers.flatMap((one) => one.acknowledged)).toEqual([]);
    down = false;
    await until(() => producers.every((one) => one.acknowledged.length > 20), 'the producers went on');
    stopped = true;
    await runs;
    expect(producers.map((one) => one.retries)).toEqual([0, 0]);
    const told = producers.flatMap((one) => one.acknowledged);
    expect(await (await stage.salvage()).missing(topicId, told)).toEqual([]);
    expect(stage.fatal).toEqual([]);
  });

  it('is given up in the end: the answer may be retried, and the next produce after that succeeds', async () => {
    await using stage = await EngineStage.open();
    await stage.start();
    const topicId = await stage.createTopic('t', 1);
    const client = await stage.client();
    expect(await produceOne(client, 't', 0, 'before')).toMatchObject({ errorCode: 0, baseOffset: 0 });
    stage.beforePut = () => {
      throw new EngineError('store-unavailable', 'put: 503, gave up');
    };
    const refused = await produceOne(client, 't', 0, 'refused');
    expect(refused.errorCode).toBe(storageError);
    expect(refused.errorMessage).toContain('503');
    stage.beforePut = () => {};
    expect(await produceOne(client, 't', 0, 'after')).toMatchObject({ errorCode: 0, baseOffset: 1 });
    expect(await fetchValues(client, topicId, 0)).toEqual(['before', 'after']);
    expect(stage.fatal).toEqual([]);
  });
});

describe('slow PUTs', () => {
  it('are many at a time, and keep the order of every partition', async () => {
    await using stage = await EngineStage.open();
    await stage.start({ settings: { 'cloudtopics.seal.interval.ms': '1', 'cloudtopics.seal.bytes': '1024' } });
    const topicId = await stage.createTopic('t', 4);
    let turn = 0;
    // The later ones are the quicker ones, so that they finish out of order.
    stage.beforePut = () => new Promise((resolve) => setTimeout(resolve, 60 - (turn++ % 6) * 10));
    let stopped = false;
    const port = () => stage.engine.kafkaAddress.port;
    const producers = Array.from(
      { length: 8 },
      (_, at) => new WireProducer({ port, topic: 't', partition: at % 4, name: `p${at}`, valueBytes: 300 }),
    );
    const runs = Promise.all(producers.map((one) => one.run(() => stopped)));
    await until(() => producers.every((one) => one.acknowledged.length > 25), 'all producers went on');
    stopped = true;
    await runs;
    expect(stage.putsInFlightMax).toBeGreaterThan(4);
    const client = await stage.client();
    for (let partition = 0; partition < 4; partition++) {
      const live = await fetchValues(client, topicId, partition);
      for (const { acknowledged } of producers.filter((_, at) => at % 4 === partition)) {
        for (const { offset, value } of acknowledged) expect(live[offset]).toBe(value);
        // In the order in which they were sent, which is the order of the acknowledgements.
        const offsets = acknowledged.map((one) => one.offset);
        expect(offsets).toEqual(offsets.toSorted((a, b) => a - b));
      }
    }
  });

  it('hold up the partitions in them, and no others', async () => {
    await using stage = await EngineStage.open();
    await stage.start();
    const topicId = await stage.createTopic('t', 2);
    const [first, second, other] = [await stage.client(), await stage.client(), await stage.client()];
    const gate = Promise.withResolvers<void>();
    let puts = 0;
    stage.beforePut = () => (puts++ === 0 ? gate.promise : undefined);
    const answers: string[] = [];
    const slow = produceOne(first, 't', 0, 'slow').then((answer) => {
      answers.push('slow');
      return answer;
    });
    await until(() => puts === 1, 'the first PUT was under way');
    const behind = produceOne(second, 't', 0, 'behind').then((answer) => {
      answers.push('behind');
      return answer;
    });
    expect(await produceOne(other, 't', 1, 'elsewhere')).toMatchObject({ errorCode: 0, baseOffset: 0 });
    expect(answers).toEqual([]);
    gate.resolve();
    expect(await slow).toMatchObject({ errorCode: 0, baseOffset: 0 });
    expect(await behind).toMatchObject({ errorCode: 0, baseOffset: 1 });
    expect(await fetchValues(first, topicId, 0)).toEqual(['slow', 'behind']);
  });

  it('longer than the producer waits are answered with a time-out, and may be committed all the same', async () => {
    await using stage = await EngineStage.open();
    await stage.start();
    const topicId = await stage.createTopic('t', 1);
    const gate = Promise.withResolvers<void>();
    stage.beforePut = () => gate.promise;
    const client = await stage.client();
    client.write(encodeProduce(client, 't', 0, 'late', 50));
    expect((await produceAnswer(client)).errorCode).toBe(requestTimedOut);
    gate.resolve();
    await until(async () => (await fetchValues(client, topicId, 0)).length === 1, 'the record was committed');
  });
});

it('a PUT that succeeded but timed out is not there twice', async () => {
  await using stage = await EngineStage.open();
  await stage.start();
  const topicId = await stage.createTopic('t', 1);
  const client = await stage.client();
  let faults = 0;
  stage.fault = (operation, key) =>
    operation === 'put' && isL0(key) && faults++ < 2 ? { kind: 'timeout-after' } : undefined;
  expect(await produceOne(client, 't', 0, 'once')).toMatchObject({ errorCode: 0, baseOffset: 0 });
  expect(faults).toBe(3);
  expect(await fetchValues(client, topicId, 0)).toEqual(['once']);
  const bucket = await stage.salvage();
  expect(bucket.objects).toBe(1);
  expect(bucket.partition(topicId, 0)?.uploads.length).toBe(1);
});

describe(`a full disk${canMount ? '' : ' (skipped: only root can mount a small one)'}`, () => {
  it.skipIf(!canMount).for([
    ['of the log', 'data'],
    ['of the file store', 'bucket'],
  ])('%s refuses what it cannot keep, and goes on when there is room', async ([_, which], context) => {
    await using disk = await SmallDisk.mount('4m');
    if (disk === undefined) return context.skip('a small disk cannot be mounted here');
    await using other = await EngineStage.open();
    await using whole = await EngineStage.open(join(disk.path, 'stage'));
    const stage = which === 'data' ? other : whole;
    await stage.start({ dataDirectory: join(which === 'data' ? disk.path : other.directory, 'data') });
    const topicId = await stage.createTopic('t', 1);
    const client = await stage.client();
    const kept: string[] = [];
    const produceNext = async () => {
      const value = `${kept.length}`.padEnd(2000, '.');
      const answer = await produceOne(client, 't', 0, value);
      if (answer.errorCode === 0) kept.push(toldValue(Buffer.from(value)) as string);
      return answer;
    };
    expect((await produceNext()).errorCode).toBe(0);
    disk.fill();
    // The log has free pages of its own that it may still use.
    let answer = await produceNext();
    for (let more = 0; answer.errorCode === 0 && more < 500; more++) answer = await produceNext();
    expect(answer.errorCode).toBe(storageError);
    expect(answer.errorMessage).toMatch(/no room|no space/i);
    expect((await produceNext()).errorCode).toBe(storageError);
    // It stays up, and serves what it has.
    expect((await client.call(metadata, 12, { topics: null })).topics.map((one) => one.name)).toEqual(['t']);
    expect(await fetchValues(client, topicId, 0)).toEqual(kept);
    disk.free();
    for (let more = 0; more < 3; more++) expect((await produceNext()).errorCode).toBe(0);
    expect(await fetchValues(client, topicId, 0)).toEqual(kept);
    expect(stage.fatal).toEqual([]);
    const told = kept.map((value, offset) => ({ partition: 0, offset, value }));
    expect(await (await stage.salvage()).missing(topicId, told)).toEqual([]);
  });
});
