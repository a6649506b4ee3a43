// Clients that announce much and send little, stop in the middle, or do not read their answers: what they may hold, and for how
// long. Time is virtual; what a socket does is waited for.

import { afterEach, describe, expect, test } from 'vitest';
import { VirtualClock } from '../../../src/engine/base/virtual-clock.ts';
import { apiVersions, fetch, produce } from '../../../src/engine/wire/wire.ts';
import { BrokerStage } from './broker-stage.ts';
import type { FakePartition } from './fake-partition.ts';
import type { RawClient } from './raw-client.ts';

const mebibyte = 1 << 20;
const produceKey = 0;
const metadataKey = 3;
const stages: BrokerStage[] = [];
afterEach(async () => {
  for (const stage of stages.splice(0)) await stage[Symbol.asyncDispose]();
});

async function open() {
  const clock = new VirtualClock();
  const stage = await BrokerStage.open({ clock, slabBytesMax: 256 * mebibyte });
  stages.push(stage);
  const [partition] = await stage.topic('t');
  return { clock, stage, partition: partition as FakePartition };
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** The first `bytes` of a frame of `length`. */
function begun(apiKey: number, length: number, bytes: number): Buffer {
  const frame = Buffer.alloc(bytes);
  frame.writeInt32BE(length, 0);
  frame.writeInt16BE(apiKey, 4);
  return frame;
}

/** A client that has sent the beginning of a frame, which the broker has read. */
async function stopsAt(stage: BrokerStage, beginning: Buffer): Promise<RawClient> {
  const client = await stage.client();
  client.write(Buffer.concat([client.encode(apiVersions, 3, {}), beginning]));
  await client.answer(apiVersions, 3);
  return client;
}

const batch = (records: Buffer) => ({
  acks: -1,
  timeoutMs: 20_000,
  topicData: [{ name: 't', partitionData: [{ index: 0, records }] }],
});
const fetchUpTo = (bytes: number) => ({
  maxWaitMs: 0,
  minBytes: 1,
  maxBytes: bytes,
  topics: [{ topic: 't', partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: bytes }] }],
});

describe('half-read requests', () => {
  test('an announcement alone holds no memory', async () => {
    const { stage } = await open();
    for (const size of [100, 100, 56]) await stopsAt(stage, begun(produceKey, size * mebibyte, 6));
    for (const size of [100, 28]) await stopsAt(stage, begun(metadataKey, size * mebibyte, 6));
    expect(stage.slabs.pinnedBytes).toBe(0);
    expect(await stage.metric('cloudtopics_request_memory_bytes')).toBe(0);
  });

  test('stopped clients leave memory for those who send, and are gone after the time promised', async () => {
    const { clock, stage, partition } = await open();
    const stopped = [
      ...(await Promise.all([100, 100, 56].map((size) => stopsAt(stage, begun(produceKey, size * mebibyte, 4_096))))),
      ...(await Promise.all([100, 100, 28].map((size) => stopsAt(stage, begun(metadataKey, size * mebibyte, 4_096))))),
    ];
    expect(stage.slabs.pinnedBytes).toBeLessThanOrEqual(128 * mebibyte);
    expect(await stage.metric('cloudtopics_request_memory_bytes')).toBeLessThanOrEqual(100 * mebibyte);
    const healthy = await stage.client();
    expect((await healthy.call(apiVersions, 3, {})).errorCode).toBe(0);
    for (let at = 0; at < 5; at++) await healthy.call(produce, 9, batch(Buffer.alloc(mebibyte)));
    expect(partition.batches).toHaveLength(5);
    // Each waits for the one before it, at most.
    for (let round = 0; round < 4; round++) await clock.advance(70_000);
    await Promise.all(stopped.map((client) => client.ended()));
    expect(await stage.metric('cloudtopics_request_memory_bytes')).toBe(0);
    expect(stage.slabs.allocate(200 * mebibyte)).toBeDefined();
    expect((await healthy.call(apiVersions, 3, {})).errorCode).toBe(0);
  });

  test('a large request that stops near its end is given up as soon as one that stops at its beginning', async () => {
    const { clock, stage } = await open();
    const client = await stage.client();
    const sent = begun(produceKey, 50 * mebibyte, 40 * mebibyte);
    await new Promise<void>((resolve) => client.socket.write(sent, () => resolve()));
    await until(() => stage.slabs.pinnedBytes > 0);
    await clock.advance(10_000); // what the kernel still had is read by now
    await clock.advance(70_000);
    await client.ended();
    expect(stage.slabs.allocate(256 * mebibyte)).toBeDefined();
  });

  test('a slow request that gets on is read to its end', async () => {
    const { clock, stage, partition } = await open();
    const client = await stage.client();
    const bytes = client.encode(produce, 9, batch(Buffer.alloc(8 * mebibyte, 's')));
    for (let at = 0; at < bytes.length; at += mebibyte) {
      client.write(bytes.subarray(at, at + mebibyte));
      await until(() => client.socket.writableLength === 0);
      await clock.advance(50_000);
    }
    expect((await client.answer(produce, 9)).body.responses[0]?.partitionResponses[0]?.errorCode).toBe(0);
    expect(partition.batches[0]?.length).toBe(8 * mebibyte);
  });

  test('a request that waits for memory is not taken for a stalled one', async () => {
    const { clock, stage, partition } = await open();
    const first = await stopsAt(stage, begun(produceKey, 100 * mebibyte, 4_096));
    const second = await stage.client();
    second.write(second.encode(produce, 9, batch(Buffer.alloc(60 * mebibyte))));
    await until(async () => (await stage.metric('cloudtopics_memory_waits_total')) === 1);
    await clock.advance(58_000);
    expect(partition.batches).toHaveLength(0);
    await clock.advance(12_000);
    await first.ended();
    await second.answer(produce, 9);
    expect(partition.batches).toHaveLength(1);
  });
});

describe('unread answers', () => {
  async function unread() {
    const { clock, stage, partition } = await open();
    for (let at = 0; at < 51; at++) partition.push(Buffer.alloc(mebibyte));
    const client = await stage.client();
    client.socket.pause();
    client.write(client.encode(fetch, 12, fetchUpTo(50 * mebibyte)));
    await until(() => partition.readsOpen === 1);
    return { clock, stage, partition, client };
  }

  test('a client that does not read is gone after the time promised, however large its answer', async () => {
    const { clock, stage, partition } = await unread();
    await clock.advance(50_000);
    expect(partition.readsOpen).toBe(1);
    await clock.advance(25_000);
    expect(partition.readsOpen).toBe(0);
    expect(await stage.metric('cloudtopics_fetch_memory_bytes')).toBe(0);
    expect(stage.log.filter(({ message }) => message.includes('does not read its answers'))).toHaveLength(1);
  });

  test('a client that reads slowly gets all of its answer', async () => {
    const { clock, partition, client } = await unread();
    let read = 0;
    let rounds = 0;
    client.socket.removeAllListeners('data'); // they would put all of it together, again and again
    client.socket.on('data', (chunk: Buffer) => {
      read += chunk.length;
      if (read >= 8 * rounds * mebibyte) client.socket.pause();
    });
    while (read < 50 * mebibyte) {
      rounds++;
      client.socket.resume();
      await until(() => read >= Math.min(8 * rounds, 50) * mebibyte);
      await clock.advance(40_000);
    }
    expect(rounds).toBeGreaterThan(5); // minutes went by
    await until(() => partition.readsOpen === 0);
  });
});
