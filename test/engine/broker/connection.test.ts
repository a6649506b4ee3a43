// Connections: order, framing, refusals, back-pressure, and what is given back when a client goes away.

import { afterEach, describe, expect, test } from 'vitest';
import { VirtualClock } from '../../../src/engine/base/virtual-clock.ts';
import { apiVersions, fetch, metadata, noUuid, produce } from '../../../src/engine/wire/wire.ts';
import { BrokerStage, type StageOptions } from './broker-stage.ts';

const stages: BrokerStage[] = [];
async function open(options?: StageOptions): Promise<BrokerStage> {
  const stage = await BrokerStage.open(options);
  stages.push(stage);
  return stage;
}
afterEach(async () => {
  for (const stage of stages.splice(0)) await stage[Symbol.asyncDispose]();
});

const one = (name: string, records: Buffer, more = {}) => ({
  acks: -1,
  timeoutMs: 20_000,
  topicData: [{ name, partitionData: [{ index: 0, records }] }],
  ...more,
});
const longPoll = (name: string, more = {}) => ({
  maxWaitMs: 20_000,
  minBytes: 1,
  topics: [{ topic: name, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1 << 20 }] }],
  ...more,
});
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setImmediate(resolve));
}
const held = () => {
  let release = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  return { gate, release };
};

describe('order', () => {
  test('a fast request behind a slow one is started at once and answered after it', async () => {
    const stage = await open();
    const [partition] = await stage.topic('t');
    const { gate, release } = held();
    partition!.gate = gate;
    const client = await stage.client();
    client.write(
      Buffer.concat([client.encode(produce, 9, one('t', Buffer.from('a'))), client.encode(apiVersions, 3, {})]),
    );
    await until(async () => (await stage.metric('cloudtopics_request_seconds_count{api="ApiVersions"}')) === 1);
    release();
    expect((await client.answer(produce, 9)).correlationId).toBe(1);
    expect((await client.answer(apiVersions, 3)).correlationId).toBe(2);
  });

  test('pipelined batches are staged in the order in which they were sent', async () => {
    const stage = await open();
    const [partition] = await stage.topic('t');
    const client = await stage.client();
    const frames = Array.from({ length: 200 }, (_, at) =>
      client.encode(produce, 9, one('t', Buffer.from(`batch ${at}`))),
    );
    client.write(Buffer.concat(frames));
    for (let at = 0; at < 200; at++) {
      const { correlationId, body } = await client.answer(produce, 9);
      expect([correlationId, body.responses[0]?.partitionResponses[0]?.baseOffset]).toEqual([at + 1, at]);
    }
    expect(partition!.batches.map(String)).toEqual(Array.from({ length: 200 }, (_, at) => `batch ${at}`));
  });

  test('acks=0 is not answered, and what follows is', async () => {
    const stage = await open();
    const [partition] = await stage.topic('t');
    const client = await stage.client();
    client.write(client.encode(produce, 9, one('t', Buffer.from('quiet'), { acks: 0 })));
    client.write(client.encode(apiVersions, 3, {}));
    expect((await client.answer(apiVersions, 3)).correlationId).toBe(2);
    expect(String(partition!.batches[0])).toBe('quiet');
  });

  test('acks=0 for a topic that does not exist ends the connection', async () => {
    const stage = await open();
    const client = await stage.client();
    client.write(client.encode(produce, 9, one('nowhere', Buffer.from('x'), { acks: 0 })));
    await client.ended();
  });
});

describe('framing', () => {
  test('requests cut at every byte are put together again', async () => {
    const stage = await open();
    const [partition] = await stage.topic('t');
    const client = await stage.client();
    const bytes = Buffer.concat([
      client.encode(apiVersions, 3, {}),
      client.encode(produce, 9, one('t', Buffer.from('cut'))),
      client.encode(apiVersions, 0, {}),
    ]);
    for (let at = 0; at < bytes.length; at++) {
      client.write(bytes.subarray(at, at + 1));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await client.answer(apiVersions, 3)).correlationId).toBe(1);
    expect((await client.answer(produce, 9)).correlationId).toBe(2);
    expect((await client.answer(apiVersions, 0)).correlationId).toBe(3);
    expect(String(partition!.batches[0])).toBe('cut');
  });

  test.each([
    ['negative', -1],
    ['zero', 0],
    ['too short for a header', 7],
    ['one more than is read', 100 * 1024 * 1024 + 1],
    ['the largest there is', 0x7fffffff],
  ])('a length that is %s ends the connection, costs no memory, and is logged once', async (_what, length) => {
    const stage = await open();
    for (let round = 0; round < 3; round++) {
      const client = await stage.client();
      const frame = Buffer.alloc(12);
      frame.writeInt32BE(length, 0);
      client.write(frame);
      await client.ended();
    }
    expect(stage.slabs.heldBytes).toBe(0);
    expect(stage.log.filter(({ message }) => message.includes('impossible size'))).toHaveLength(1);
  });

  test('garbage ends its connection and no other', async () => {
    const stage = await open();
    const steady = await stage.client();
    for (const text of ['GET / HTTP/1.1\r\nHost: x\r\n\r\n', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03']) {
      const client = await stage.client();
      client.write(Buffer.from(text, 'latin1'));
      await client.ended();
    }
    const header = await stage.client(); // a whole frame whose client id is longer than the frame
    header.write(Buffer.from('0000000a0012000300000001ffee', 'hex'));
    await header.ended();
    expect((await steady.call(apiVersions, 3, {})).errorCode).toBe(0);
    expect(stage.bugs).toEqual([]);
  });

  test('a random mutation of a request is answered or ends the connection; the broker goes on', async () => {
    const stage = await open();
    await stage.topic('t');
    let seed = 1;
    const random = (below: number) => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return seed % below;
    };
    for (let round = 0; round < 150; round++) {
      const client = await stage.client();
      const whole = client.encode(fetch, 12, longPoll('t', { maxWaitMs: 0 }));
      const bytes = Buffer.from(random(2) === 0 ? whole : client.encode(metadata, 9, { topics: [{ name: 't' }] }));
      for (let flips = 1 + random(3); flips > 0; flips--) bytes[8 + random(bytes.length - 8)] = random(256);
      client.write(bytes);
      client.socket.end();
      await client.ended();
    }
    expect(stage.bugs).toEqual([]);
    expect((await (await stage.client()).call(apiVersions, 3, {})).errorCode).toBe(0);
  });
});

describe('refusals', () => {
  test('ApiVersions of an unknown version is answered in version 0, so that the client can ask again', async () => {
    const stage = await open();
    const client = await stage.client();
    const frame = client.encode(apiVersions, 4, {});
    frame.writeInt16BE(99, 6);
    client.write(frame);
    const { body } = await client.answer(apiVersions, 0);
    expect(body.errorCode).toBe(35);
    expect(body.apiKeys).toContainEqual({ apiKey: 0, minVersion: 0, maxVersion: 13 });
    expect((await client.call(apiVersions, 0, {})).errorCode).toBe(0);
  });

  test('an API or version that is not served ends the connection, and is logged once', async () => {
    const stage = await open();
    for (const [apiKey, version] of [
      [4, 0],
      [3, 99],
      [999, 0],
    ] as const) {
      const client = await stage.client();
      const frame = client.encode(metadata, 9, { topics: [] });
      frame.writeInt16BE(apiKey, 4);
      frame.writeInt16BE(version, 6);
      client.write(frame);
      await client.ended();
    }
    expect(stage.log.filter(({ message }) => message.includes('not served'))).toHaveLength(1);
  });

  test.each([0, 1, 2])('Produce v%i is refused partition by partition, not by closing', async (version) => {
    const stage = await open();
    const client = await stage.client();
    // length, key 0, version, correlation 7, client "c"; acks 1, timeout, one topic "t", partitions 3 and 4, one byte each
    const body =
      '00000007000163' + '000100000010' + '00000001000174' + '00000002' + '0000000300000001aa' + '0000000400000001bb';
    const frame = Buffer.from(`000000000000000${version}${body}`, 'hex');
    frame.writeInt32BE(frame.length - 4, 0);
    client.write(frame);
    const partition = (index: number) => `0000000${index}0023${'ff'.repeat(version >= 2 ? 16 : 8)}`;
    const expected = `00000007${'00000001000174'}00000002${partition(3)}${partition(4)}${version >= 1 ? '00000000' : ''}`;
    expect((await client.frame())?.toString('hex')).toBe(expected);
    expect((await client.call(apiVersions, 3, {})).errorCode).toBe(0);
  });

  test('a body that cannot be read is answered INVALID_REQUEST where the API can say so', async () => {
    const stage = await open();
    const client = await stage.client();
    const frame = client.encode(fetch, 12, longPoll('t'));
    const cut = Buffer.concat([frame.subarray(0, frame.length - 6)]);
    cut.writeInt32BE(cut.length - 4, 0);
    client.write(cut);
    expect((await client.answer(fetch, 12)).body.errorCode).toBe(42);
    expect((await client.call(apiVersions, 3, {})).errorCode).toBe(0);
  });

  test('connections beyond the limit are closed at once, and there is room again when others leave', async () => {
    const stage = await open({ settings: { 'max.connections': '2' } });
    const first = await stage.client();
    await first.call(apiVersions, 3, {});
    const second = await stage.client();
    await second.call(apiVersions, 3, {});
    await (await stage.client()).ended();
    first.destroy();
    await until(async () => (await stage.metric('cloudtopics_connections')) === 1);
    expect((await (await stage.client()).call(apiVersions, 3, {})).errorCode).toBe(0);
  });
});

describe('back-pressure', () => {
  test('when the slab pool is full the sockets wait, nothing is lost, and all goes on when there is room', async () => {
    const stage = await open({ slabBytes: 64 << 10, slabBytesMax: 256 << 10 });
    const [partition] = await stage.topic('t');
    const { gate, release } = held();
    partition!.gate = gate;
    const clients = await Promise.all([stage.client(), stage.client(), stage.client()]);
    for (const client of clients) {
      for (let at = 0; at < 6; at++) client.write(client.encode(produce, 9, one('t', Buffer.alloc(40 << 10, at))));
    }
    await until(async () => (await stage.metric('cloudtopics_memory_waits_total')) === 3);
    expect(stage.slabs.heldBytes).toBeLessThanOrEqual(256 << 10);
    expect(partition!.staged).toBeLessThan(18);
    release();
    for (const client of clients) {
      for (let at = 0; at < 6; at++) expect((await client.answer(produce, 9)).correlationId).toBe(at + 1);
    }
    expect(partition!.batches).toHaveLength(18);
  });

  test('a large frame is not starved by small ones that always find room', async () => {
    const stage = await open({ slabBytes: 64 << 10, slabBytesMax: 256 << 10 });
    const [partition] = await stage.topic('t');
    const { gate, release } = held();
    partition!.gate = gate;
    const [small, large, late] = [await stage.client(), await stage.client(), await stage.client()];
    small.write(small.encode(produce, 9, one('t', Buffer.alloc(60 << 10))));
    await until(() => partition!.staged === 1);
    large.write(large.encode(produce, 9, one('t', Buffer.alloc(250 << 10, 'L'))));
    await until(async () => (await stage.metric('cloudtopics_memory_waits_total')) === 1);
    late.write(late.encode(produce, 9, one('t', Buffer.alloc(10, 'l'))));
    await until(async () => (await stage.metric('cloudtopics_memory_waits_total')) === 2);
    release();
    await Promise.all([small, large, late].map((client) => client.answer(produce, 9)));
    expect(partition!.batches.map(({ length }) => length)).toEqual([60 << 10, 250 << 10, 10]);
  });

  test('a frame larger than all slab memory is refused instead of waiting for ever', async () => {
    const stage = await open({ slabBytes: 64 << 10, slabBytesMax: 256 << 10 });
    const client = await stage.client();
    client.write(client.encode(produce, 9, one('t', Buffer.alloc(300 << 10))).subarray(0, 1_000));
    await client.ended();
  });

  test('requests in work are limited for a connection', async () => {
    const stage = await open({ settings: { 'cloudtopics.connection.requests.max': '3' } });
    const [partition] = await stage.topic('t');
    const { gate, release } = held();
    partition!.gate = gate;
    const client = await stage.client();
    for (let at = 0; at < 10; at++) client.write(client.encode(produce, 9, one('t', Buffer.from('x'))));
    await until(() => partition!.staged === 3);
    await (await stage.client()).call(apiVersions, 3, {}); // others are served meanwhile
    expect(partition!.staged).toBe(3);
    release();
    for (let at = 0; at < 10; at++) await client.answer(produce, 9);
  });

  test('a client that does not read its answers is not read either, and loses nothing when it reads again', async () => {
    const stage = await open({ settings: { 'cloudtopics.connection.response.bytes.max': '100000' } });
    const [partition] = await stage.topic('t');
    partition!.push(Buffer.alloc(1 << 20, 'r'));
    const client = await stage.client();
    client.socket.pause();
    const count = 100;
    for (let at = 0; at < count; at++) client.write(client.encode(fetch, 12, longPoll('t')));
    const started = () => stage.metric('cloudtopics_requests_total{api="Fetch"}');
    let before = -1;
    await until(async () => {
      const now = await started();
      const still = now === before && now > 0;
      before = now;
      await new Promise((resolve) => setTimeout(resolve, 20));
      return still;
    });
    expect(before).toBeLessThan(count / 2);
    expect(partition!.readsOpen).toBeLessThan(count / 2);
    client.socket.resume();
    for (let at = 0; at < count; at++) {
      const { correlationId, body } = await client.answer(fetch, 12);
      expect([correlationId, body.responses[0]?.partitions[0]?.records?.length]).toEqual([at + 1, 1 << 20]);
    }
    await until(() => partition!.readsOpen === 0);
  });
});

describe('going away', () => {
  test('a long poll ends when its client does, and leaves no listener behind', async () => {
    const stage = await open();
    const [partition] = await stage.topic('t');
    const client = await stage.client();
    client.write(client.encode(fetch, 12, longPoll('t')));
    await until(() => partition!.listeners === 1);
    client.destroy();
    await until(() => partition!.listeners === 0);
  });

  test('memory of a half-sent frame is given back', async () => {
    const stage = await open({ slabBytes: 64 << 10, slabBytesMax: 64 << 10 });
    const [partition] = await stage.topic('t');
    const client = await stage.client();
    client.write(client.encode(produce, 9, one('t', Buffer.alloc(50 << 10))).subarray(0, 30_000));
    await until(() => stage.slabs.pinnedBytes > 0);
    client.destroy();
    const other = await stage.client();
    await other.call(produce, 9, one('t', Buffer.alloc(60 << 10)));
    expect(partition!.batches).toHaveLength(1);
  });

  test('a client that goes while its batch is staged does no harm', async () => {
    const stage = await open();
    const [partition] = await stage.topic('t');
    const { gate, release } = held();
    partition!.gate = gate;
    const client = await stage.client();
    client.write(client.encode(produce, 9, one('t', Buffer.from('orphan'))));
    await until(() => partition!.staged === 1);
    client.destroy();
    await until(async () => (await stage.metric('cloudtopics_connections')) === 0);
    release();
    await until(() => partition!.batches.length === 1);
    expect(String(partition!.batches[0])).toBe('orphan');
    expect(stage.bugs).toEqual([]);
  });

  test('stopping wakes long polls, finishes what is staged, and then closes', async () => {
    const stage = await open();
    const [partition] = await stage.topic('t');
    const poller = await stage.client();
    poller.write(poller.encode(fetch, 12, longPoll('t', { minBytes: 1 << 20 })));
    const { gate, release } = held();
    partition!.gate = gate;
    const producer = await stage.client();
    producer.write(producer.encode(produce, 9, one('t', Buffer.from('last'))));
    await until(() => partition!.staged === 1 && partition!.listeners === 1);
    const stopped = stage.broker.stop();
    expect((await poller.answer(fetch, 12)).body.responses[0]?.partitions[0]?.errorCode).toBe(0);
    release();
    expect((await producer.answer(produce, 9)).body.responses[0]?.partitionResponses[0]?.errorCode).toBe(0);
    await stopped;
    await producer.ended();
  });

  test('idle connections and stalled requests are closed after their time', async () => {
    const clock = new VirtualClock();
    const stage = await open({
      clock,
      settings: { 'connections.max.idle.ms': '600000', 'cloudtopics.connection.stall.ms': '60000' },
    });
    await stage.topic('t');
    const idle = await stage.client();
    await idle.call(apiVersions, 3, {});
    const stalled = await stage.client();
    const begun = Buffer.alloc(2_500);
    begun.writeInt32BE(3_000, 0);
    begun.writeInt16BE(18, 4);
    stalled.write(begun);
    await until(async () => (await stage.metric('cloudtopics_connections')) === 2);
    await until(async () => (await stage.metric('cloudtopics_request_memory_bytes')) === 3_000);
    await clock.advance(70_000);
    await stalled.ended();
    expect((await idle.call(apiVersions, 3, {})).errorCode).toBe(0);
    await clock.advance(610_000);
    await idle.ended();
  });
});

test('a handler that throws a bug is logged and answered −1; the connection lives on', async () => {
  const stage = await open();
  const [partition] = await stage.topic('t');
  partition!.bytesAvailable = () => {
    throw new TypeError('a slip of the pen');
  };
  const client = await stage.client();
  expect((await client.call(fetch, 12, longPoll('t'))).errorCode).toBe(-1);
  expect(stage.bugs).toMatchObject([{ fields: { error: 'a slip of the pen', api: 'Fetch' } }]);
  const { topics } = await client.call(metadata, 12, { topics: [{ name: 't', topicId: noUuid }] });
  expect(topics[0]?.errorCode).toBe(0);
});
