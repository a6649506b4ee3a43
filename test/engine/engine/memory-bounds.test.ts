// What a broker holds in memory while the world around it stands still: a store that does not answer, a client that does not
// read, more partitions than there is room for extents. Nothing grows beyond its limit, and everything goes on afterwards.

import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { offset } from '../../../src/engine/base/ids.ts';
import { encodeBatch } from '../../../src/engine/records/build-batch-format.ts';
import { fetch, produce } from '../../../src/engine/wire/wire.ts';
import { readPayloads } from '../../support/record-batches.ts';
import { toldValue } from '../../support/told-value.ts';
import { WriteWorld } from '../partition/write-path-world.ts';
import { EngineStage, until } from './engine-stage.ts';
import { fetchRequest, fetchValues } from './wire-consumer.ts';
import { encodeProduce, produceAnswer, produceOne } from './wire-produce.ts';

const mebibyte = 1024 * 1024;

it('while the store stalls, producers are not read beyond the slabs, and all succeed once it goes on', async () => {
  await using stage = await EngineStage.open();
  const slabsMax = 16 * mebibyte;
  await stage.start({
    admin: true,
    settings: {
      'cloudtopics.memory.slabs.bytes': String(slabsMax),
      'cloudtopics.memory.slab.bytes': String(mebibyte),
    },
  });
  const topicId = await stage.createTopic('t', 4);
  const gate = Promise.withResolvers<void>();
  stage.beforePut = () => gate.promise;

  const requestsEach = 16;
  const value = Buffer.alloc(1_000_000, 'x');
  const clients = await Promise.all([0, 1, 2, 3].map(() => stage.client()));
  const offered = clients.map((client, at) =>
    Array.from({ length: requestsEach }, () => encodeProduce(client, 't', at, value)),
  );
  const offeredBytes = offered.flat().reduce((sum, bytes) => sum + bytes.length, 0);
  expect(offeredBytes).toBeGreaterThan(60 * mebibyte);
  const before = process.memoryUsage().rss;
  for (const [at, client] of clients.entries()) for (const bytes of offered[at] as Buffer[]) client.write(bytes);

  // What the kernel buffers on both sides of a socket counts as taken here.
  const left = () => clients.reduce((sum, client) => sum + client.socket.writableLength, 0);
  await until(() => stage.metric('cloudtopics_memory_waits_total').then((waits) => waits > 0), 'a connection waited');
  let settled = -1;
  await until(async () => {
    const last = settled;
    settled = left();
    await pause(50);
    return last === settled;
  }, 'nothing moved any more');
  expect(left()).toBeGreaterThan(8 * mebibyte);
  expect(await stage.metric('cloudtopics_slab_held_bytes')).toBeLessThanOrEqual(slabsMax);
  expect(await stage.metric('cloudtopics_slab_pinned_bytes')).toBeGreaterThan(slabsMax / 2);
  expect(process.memoryUsage().rss - before).toBeLessThan(48 * mebibyte);
  // Others are served meanwhile.
  const bystander = await stage.client();
  expect(await fetchValues(bystander, topicId, 0)).toEqual([]);

  gate.resolve();
  for (const client of clients) {
    for (let at = 0; at < requestsEach; at++) {
      expect(await produceAnswer(client)).toMatchObject({ errorCode: 0, baseOffset: at });
    }
  }
  expect(await stage.metric('cloudtopics_slab_held_bytes')).toBeLessThanOrEqual(slabsMax);
});

it('a consumer that does not read holds a bounded part of the fetch memory, and gets all of it when it reads', async () => {
  await using stage = await EngineStage.open();
  await stage.start({
    admin: true,
    settings: {
      'cloudtopics.memory.fetch.bytes': String(8 * mebibyte),
      'cloudtopics.connection.response.bytes.max': String(2 * mebibyte),
    },
  });
  const topicId = await stage.createTopic('t', 1);
  const producer = await stage.client();
  const value = 'y'.repeat(900_000);
  for (let at = 0; at < 3; at++) expect((await produceOne(producer, 't', 0, value)).errorCode).toBe(0);

  const slow = await stage.client();
  slow.socket.pause();
  const fetches = 40;
  for (let at = 0; at < fetches; at++) {
    slow.write(slow.encode(fetch, 13, fetchRequest(topicId, 0, at % 3, mebibyte)));
  }
  const answered = () => stage.metric('cloudtopics_response_bytes_total');
  let settled = -1;
  await until(async () => {
    const last = settled;
    settled = await answered();
    await pause(50);
    return last === settled;
  }, 'the broker answered no more');
  expect(await stage.metric('cloudtopics_fetch_memory_bytes')).toBeLessThanOrEqual(8 * mebibyte);
  expect(await answered()).toBeLessThan(fetches * 900_000 * 0.75);
  // Producers do not share that memory.
  expect((await produceOne(producer, 't', 0, 'meanwhile')).errorCode).toBe(0);

  slow.socket.resume();
  for (let at = 0; at < fetches; at++) {
    const { body } = await slow.answer(fetch, 13);
    expect(body.responses[0]?.partitions[0]?.records?.length).toBeGreaterThan(900_000);
  }
  await until(async () => (await stage.metric('cloudtopics_fetch_memory_bytes')) === 0, 'all memory was given back');
  const told = toldValue(Buffer.from(value));
  expect(await fetchValues(await stage.client(), topicId, 0)).toEqual([told, told, told, 'meanwhile']);
});

it('a thousand partitions with small batches in every request are all served', async () => {
  await using stage = await EngineStage.open();
  await stage.start({ settings: { 'cloudtopics.memory.slabs.bytes': String(8 * mebibyte) } });
  const partitions = 1000;
  const topicId = await stage.createTopic('t', partitions);
  const client = await stage.client();
  const rounds = 5;
  for (let round = 0; round < rounds; round++) {
    const partitionData = Array.from({ length: partitions }, (_, index) => ({
      index,
      records: encodeBatch([{ value: Buffer.from(`${index}.${round}`) }], { timestamp: Date.now() }),
    }));
    client.write(client.encode(produce, 9, { acks: -1, timeoutMs: 30_000, topicData: [{ name: 't', partitionData }] }));
  }
  for (let round = 0; round < rounds; round++) {
    const { body } = await client.answer(produce, 9);
    const wrong = body.responses[0]?.partitionResponses.filter(
      (one) => one.errorCode !== 0 || one.baseOffset !== round,
    );
    expect(wrong).toEqual([]);
  }
  for (const partition of [0, 499, 999]) {
    const values = Array.from({ length: rounds }, (_, round) => `${partition}.${round}`);
    expect(await fetchValues(client, topicId, partition)).toEqual(values);
  }
  expect((await stage.salvage()).partitions.length).toBe(partitions);
});

it('the extents of a thousand partitions are kept within one limit: older ones are read back from the log', async () => {
  const world = new WriteWorld();
  const [partitions, batches, extentsEach] = [1000, 20, 16];
  world.recentExtentsMax = partitions * extentsEach;
  await world.start(partitions);
  for (let at = 0; at < batches; at++) {
    const payload = String(at);
    await Promise.all(Array.from({ length: partitions }, (_, index) => world.produce({ payload }, index)));
  }
  let logReads = 0;
  const readLog = world.log.read.bind(world.log);
  world.log.read = (...call) => {
    logReads++;
    return readLog(...call);
  };
  for (const index of [0, 500, 999]) {
    logReads = 0;
    const readAt = async (from: number) => {
      using found = await world.leader(index).read({ from: offset(from), bytesMax: 1, atLeastOne: true });
      return readPayloads(found.parts)[0]?.payload;
    };
    expect(await readAt(batches - extentsEach)).toBe(String(batches - extentsEach));
    expect(logReads).toBe(0);
    expect(await readAt(batches - extentsEach - 1)).toBe(String(batches - extentsEach - 1));
    expect(logReads).toBeGreaterThan(0);
  }
});
