// Produce, Fetch and their kin over the protocol, on fake partitions.

import { describe, expect, test } from 'vitest';
import { EngineError } from '../../../src/engine/base/errors.ts';
import { VirtualClock } from '../../../src/engine/base/virtual-clock.ts';
import {
  deleteRecords,
  fetch,
  listOffsets,
  noUuid,
  offsetForLeaderEpoch,
  produce,
} from '../../../src/engine/wire/wire.ts';
import { stagesOfThisFile } from './broker-stage.ts';
import type { FakePartition } from './fake-partition.ts';

const open = stagesOfThisFile();
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

describe('Produce', () => {
  const batch = Buffer.from('a batch');
  const to = (name: string, partitions: [number, Buffer | null][], more = {}) => ({
    acks: -1,
    timeoutMs: 20_000,
    topicData: [{ name, topicId: noUuid, partitionData: partitions.map(([index, records]) => ({ index, records })) }],
    ...more,
  });

  test('each partition has its own outcome', async () => {
    const { stage, client } = await open();
    const [, second] = await stage.topic('t', 4);
    second!.failNext = new EngineError('message-too-large', 'too large for this topic');
    stage.unserve('t', 3);
    const { responses } = await client.call(
      produce,
      9,
      to('t', [
        [0, batch],
        [1, batch],
        [2, null],
        [3, batch],
        [4, batch],
      ]),
    );
    const outcomes = responses[0]?.partitionResponses.map(({ errorCode, baseOffset }) => [errorCode, baseOffset]);
    expect(outcomes).toEqual([
      [0, 0],
      [10, -1],
      [87, -1],
      [6, -1],
      [3, -1],
    ]);
    expect(responses[0]?.partitionResponses[1]?.errorMessage).toBe('too large for this topic');
  });

  test('topics by id from version 13 on', async () => {
    const { stage, client } = await open();
    const [partition] = await stage.topic('t');
    const stranger = '11111111-2222-4333-8444-555555555555';
    const data = (topicId: string) => ({ topicId, partitionData: [{ index: 0, records: batch }] });
    const request = { acks: 1, timeoutMs: 1000, topicData: [data(stage.idOf('t')), data(stranger)] };
    const { responses } = await client.call(produce, 13, request);
    expect(responses.map(({ partitionResponses }) => partitionResponses[0]?.errorCode)).toEqual([0, 100]);
    expect(String(partition!.batches[0])).toBe('a batch');
  });

  test('acks other than 0, 1 and all, and transactions, are refused as a whole', async () => {
    const { stage, client } = await open();
    const [partition] = await stage.topic('t');
    const code = async (more: object) =>
      (await client.call(produce, 9, to('t', [[0, batch]], more))).responses[0]?.partitionResponses[0]?.errorCode;
    expect(await code({ acks: 2 })).toBe(21);
    expect(await code({ transactionalId: 'tx' })).toBe(53);
    expect(partition!.staged).toBe(0);
  });

  test('what is not durable in time is answered REQUEST_TIMED_OUT, and may be committed all the same', async () => {
    const clock = new VirtualClock();
    const { stage, client } = await open({ clock });
    const [slow, quick] = await stage.topic('t', 2);
    let release = () => {};
    slow!.gate = new Promise((resolve) => {
      release = resolve;
    });
    client.write(
      client.encode(
        produce,
        9,
        to(
          't',
          [
            [0, batch],
            [1, batch],
          ],
          { timeoutMs: 500 },
        ),
      ),
    );
    await until(() => quick!.batches.length === 1);
    await clock.advance(500);
    const { responses } = (await client.answer(produce, 9)).body;
    expect(responses[0]?.partitionResponses.map(({ errorCode }) => errorCode)).toEqual([7, 0]);
    release();
    await until(() => slow!.batches.length === 1);
    expect(String(slow!.batches[0])).toBe('a batch');
  });
});

const fetchOf = (name: string, partitions: [index: number, offset: number, more?: object][], more = {}) => ({
  maxWaitMs: 0,
  minBytes: 1,
  topics: [
    {
      topic: name,
      partitions: partitions.map(([partition, fetchOffset, own]) => ({
        partition,
        fetchOffset,
        partitionMaxBytes: 1 << 20,
        ...own,
      })),
    },
  ],
  ...more,
});
const fill = (partition: FakePartition, ...sizes: number[]) => {
  for (const size of sizes) partition.push(Buffer.alloc(size, 'x'));
};

describe('Fetch', () => {
  const lengths = (answer: {
    responses: readonly { partitions: readonly { partitionIndex: number; records: Buffer | null }[] }[];
  }) =>
    Object.fromEntries(
      answer.responses.flatMap(({ partitions }) =>
        partitions.map(({ partitionIndex, records }) => [partitionIndex, records?.length]),
      ),
    );

  test('the marks of a partition come with its data', async () => {
    const { stage, client } = await open();
    const [partition] = await stage.topic('t');
    fill(partition!, 10, 20, 30);
    await partition!.deleteRecords(1);
    const { responses } = await client.call(fetch, 12, fetchOf('t', [[0, 1]]));
    const expected = { errorCode: 0, highWatermark: 3, lastStableOffset: 3, logStartOffset: 1 };
    expect(responses[0]?.partitions[0]).toMatchObject(expected);
    expect(responses[0]?.partitions[0]?.records?.length).toBe(50);
    await until(() => partition!.readsOpen === 0);
  });

  test('errors of single partitions', async () => {
    const { stage, client } = await open();
    const partitions = await stage.topic('t', 7);
    for (const partition of partitions) fill(partition, 10, 10);
    await partitions[1]!.deleteRecords(1);
    stage.unserve('t', 4);
    const epoch = (currentLeaderEpoch: number) => ({ currentLeaderEpoch });
    const { responses } = await client.call(
      fetch,
      12,
      fetchOf('t', [
        [0, 3],
        [1, 0],
        [2, 0, epoch(2)],
        [3, 0, epoch(4)],
        [4, 0],
        [5, 0, epoch(3)],
        [9, 0],
      ]),
    );
    expect(responses[0]?.partitions.map(({ errorCode }) => errorCode)).toEqual([1, 1, 74, 75, 6, 0, 3]);
  });

  test('a client whose last epoch ended earlier is told where the logs part', async () => {
    const { stage, client } = await open();
    const [partition] = await stage.topic('t');
    fill(partition!, 10, 10);
    partition!.endOffsetOfTerm = () => ({ term: 1 as never, endOffset: 1 as never });
    const { responses } = await client.call(fetch, 12, fetchOf('t', [[0, 2, { lastFetchedEpoch: 2 }]]));
    expect(responses[0]?.partitions[0]).toMatchObject({ errorCode: 0, divergingEpoch: { epoch: 1, endOffset: 1 } });
  });

  test('limits: each partition’s own, the answer’s, and the first batch whole', async () => {
    const { stage, client } = await open();
    const [a, b, c] = await stage.topic('t', 3);
    fill(a!, 1000, 1000);
    fill(b!, 400, 400, 400);
    fill(c!, 50);
    const own = { partitionMaxBytes: 900 };
    expect(
      lengths(
        await client.call(
          fetch,
          12,
          fetchOf('t', [
            [0, 0, own],
            [1, 0, own],
            [2, 0, own],
          ]),
        ),
      ),
    ).toEqual({
      0: 1000,
      1: 800,
      2: 50,
    });
    const tight = { maxBytes: 10 };
    const answer = await client.call(fetch, 12, fetchOf('t', [[0, 0]], tight));
    expect(lengths(answer)).toEqual({ 0: 1000 });
  });

  test('where not everything fits, another partition begins each time, so that none starves', async () => {
    const { stage, client } = await open();
    for (const partition of await stage.topic('t', 3)) fill(partition, 1000);
    const seen = new Set<number>();
    for (let round = 0; round < 3; round++) {
      const answer = lengths(
        await client.call(
          fetch,
          12,
          fetchOf(
            't',
            [
              [0, 0],
              [1, 0],
              [2, 0],
            ],
            { maxBytes: 1000 },
          ),
        ),
      );
      for (const [index, length] of Object.entries(answer)) if (length === 1000) seen.add(Number(index));
    }
    expect([...seen].sort()).toEqual([0, 1, 2]);
  });

  test('topics by id from version 13 on', async () => {
    const { stage, client } = await open();
    const [partition] = await stage.topic('t');
    fill(partition!, 10);
    const stranger = '11111111-2222-4333-8444-555555555555';
    const of = (topicId: string) => ({
      topicId,
      partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 100 }],
    });
    const { responses } = await client.call(fetch, 13, {
      maxWaitMs: 0,
      minBytes: 1,
      topics: [of(stage.idOf('t')), of(stranger)],
    });
    expect(responses.map(({ topicId, partitions }) => [topicId, partitions[0]?.errorCode])).toEqual([
      [stage.idOf('t'), 0],
      [stranger, 100],
    ]);
  });

  describe('the long poll', () => {
    const waiting = { maxWaitMs: 500, minBytes: 100 };

    test('ends when enough bytes are there, over all partitions', async () => {
      const { stage, client } = await open({ clock: new VirtualClock() });
      const [a, b] = await stage.topic('t', 2);
      client.write(
        client.encode(
          fetch,
          12,
          fetchOf(
            't',
            [
              [0, 0],
              [1, 0],
            ],
            waiting,
          ),
        ),
      );
      await until(() => b!.listeners === 1);
      fill(a!, 60);
      fill(b!, 60);
      expect(lengths((await client.answer(fetch, 12)).body)).toEqual({ 0: 60, 1: 60 });
      expect([a!.listeners, b!.listeners]).toEqual([0, 0]);
    });

    test('ends when the time is over, with what there is', async () => {
      const clock = new VirtualClock();
      const { stage, client } = await open({ clock });
      const [partition] = await stage.topic('t');
      client.write(client.encode(fetch, 12, fetchOf('t', [[0, 0]], waiting)));
      await until(() => partition!.listeners === 1);
      fill(partition!, 60);
      await clock.advance(499);
      expect(partition!.listeners).toBe(1);
      await clock.advance(1);
      expect(lengths((await client.answer(fetch, 12)).body)).toEqual({ 0: 60 });
    });

    test('ends when the topic is deleted', async () => {
      const { stage, client } = await open({ clock: new VirtualClock() });
      const [partition] = await stage.topic('t');
      client.write(client.encode(fetch, 12, fetchOf('t', [[0, 0]], waiting)));
      await until(() => partition!.listeners === 1);
      await stage.control.deleteTopics([{ name: 't' }]);
      expect((await client.answer(fetch, 12)).body.responses[0]?.partitions[0]?.errorCode).toBe(3);
    });

    test('does not begin when a partition has an error', async () => {
      const { stage, client } = await open({ clock: new VirtualClock() });
      await stage.topic('t');
      const { responses } = await client.call(
        fetch,
        12,
        fetchOf(
          't',
          [
            [0, 0],
            [1, 0],
          ],
          waiting,
        ),
      );
      expect(responses[0]?.partitions.map(({ errorCode }) => errorCode)).toEqual([0, 3]);
    });
  });

  describe('sessions', () => {
    const session = (sessionId: number, sessionEpoch: number, more = {}) => ({
      sessionId,
      sessionEpoch,
      topics: [],
      ...more,
    });

    test('are told what changed, and nothing else', async () => {
      const { stage, client } = await open();
      const [a] = await stage.topic('t', 3);
      const full = await client.call(
        fetch,
        12,
        fetchOf(
          't',
          [
            [0, 0],
            [1, 0],
            [2, 0],
          ],
          { sessionEpoch: 0 },
        ),
      );
      expect(Object.keys(lengths(full))).toHaveLength(3);
      const id = full.sessionId;
      expect(id).toBeGreaterThan(0);
      const next = (epoch: number, partitions: [number, number][] = [], more = {}) =>
        client.call(fetch, 12, {
          ...fetchOf('t', partitions),
          ...session(id, epoch),
          ...(partitions.length > 0 ? { topics: fetchOf('t', partitions).topics } : {}),
          ...more,
        });
      expect((await next(1)).responses).toEqual([]);
      fill(a!, 10);
      expect(lengths(await next(2))).toEqual({ 0: 10 });
      expect(lengths(await next(3))).toEqual({ 0: 10 }); // the position was not moved
      expect(lengths(await next(4, [[0, 1]]))).toEqual({}); // now it was
      const forgotten = [{ topic: 't', partitions: [0] }];
      await next(5, [], { forgottenTopicsData: forgotten });
      fill(a!, 10);
      expect(lengths(await next(6))).toEqual({});
    });

    test('an error is repeated until it has passed, and that it has is told too', async () => {
      const { stage, client } = await open();
      await stage.topic('t');
      const { sessionId } = await client.call(fetch, 12, fetchOf('t', [[0, 0]], { sessionEpoch: 0 }));
      const codes = async (epoch: number) => {
        const { responses } = await client.call(fetch, 12, { ...fetchOf('t', []), ...session(sessionId, epoch) });
        return responses.flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorCode));
      };
      await stage.control.deleteTopics([{ name: 't' }]);
      expect(await codes(1)).toEqual([3]);
      expect(await codes(2)).toEqual([3]);
      await stage.topic('t');
      expect(await codes(3)).toEqual([0]);
      expect(await codes(4)).toEqual([]);
    });

    test('another epoch, an unknown session, and topics named in another way are refused', async () => {
      const { stage, client } = await open();
      await stage.topic('t');
      const { sessionId } = await client.call(fetch, 12, fetchOf('t', [[0, 0]], { sessionEpoch: 0 }));
      const code = async (version: number, id: number, epoch: number) =>
        (await client.call(fetch, version, { maxWaitMs: 0, minBytes: 1, ...session(id, epoch) })).errorCode;
      expect(await code(12, sessionId, 2)).toBe(71);
      expect(await code(12, sessionId + 1, 1)).toBe(70);
      expect(await code(13, sessionId, 1)).toBe(106);
      expect(await code(12, sessionId, 1)).toBe(0);
      expect(await code(12, sessionId, -1)).toBe(0);
      expect(await code(12, sessionId, 2)).toBe(70); // the final epoch closed it
    });

    test('slots are bounded: a used session is not pushed out, one that was left alone is', async () => {
      const clock = new VirtualClock();
      const { stage, client } = await open({ clock, settings: { 'max.incremental.fetch.session.cache.slots': '1' } });
      await stage.topic('t');
      const begin = async () => (await client.call(fetch, 12, fetchOf('t', [[0, 0]], { sessionEpoch: 0 }))).sessionId;
      const first = await begin();
      expect(await begin()).toBe(0);
      await clock.advance(120_001);
      const second = await begin();
      expect(second).toBeGreaterThan(0);
      const old = await client.call(fetch, 12, { maxWaitMs: 0, minBytes: 1, ...session(first, 1) });
      expect(old.errorCode).toBe(70);
    });
  });
});

test('ListOffsets: both ends, by time, the greatest time, and what tiering would have', async () => {
  const { stage, client } = await open();
  const [partition] = await stage.topic('t');
  const ask = async (timestamp: number, more = {}) => {
    const topics = [{ name: 't', partitions: [{ partitionIndex: 0, timestamp, ...more }] }];
    const answer = await client.call(listOffsets, 9, { replicaId: -1, topics });
    const { errorCode, offset, timestamp: at, leaderEpoch } = answer.topics[0]!.partitions[0]!;
    return [errorCode, offset, at, leaderEpoch];
  };
  expect(await ask(-3)).toEqual([0, -1, -1, -1]);
  fill(partition!, 1, 1, 1);
  await partition!.deleteRecords(1);
  expect(await ask(-1)).toEqual([0, 3, -1, 3]);
  expect(await ask(-2)).toEqual([0, 1, -1, -1]);
  expect(await ask(-4)).toEqual([0, 1, -1, -1]);
  expect(await ask(-3)).toEqual([0, 2, 77, 3]);
  expect(await ask(-5)).toEqual([0, -1, -1, -1]);
  expect(await ask(2)).toEqual([0, 2, 2, 3]);
  expect(await ask(99)).toEqual([0, -1, -1, -1]);
  expect(await ask(-99)).toEqual([42, -1, -1, -1]);
  expect((await ask(-1, { currentLeaderEpoch: 2 }))[0]).toBe(74);
});

test('OffsetForLeaderEpoch and DeleteRecords', async () => {
  const { stage, client } = await open();
  const [partition] = await stage.topic('t');
  fill(partition!, 1, 1, 1);
  const epochs = [3, 2, -1].map((leaderEpoch) => ({ partition: 0, leaderEpoch }));
  const ends = await client.call(offsetForLeaderEpoch, 4, { topics: [{ topic: 't', partitions: epochs }] });
  expect(
    ends.topics[0]?.partitions.map(({ errorCode, leaderEpoch, endOffset }) => [errorCode, leaderEpoch, endOffset]),
  ).toEqual([
    [0, 3, 3],
    [0, -1, -1],
    [0, -1, -1],
  ]);
  const remove = async (partitionIndex: number, before: number) => {
    const topics = [{ name: 't', partitions: [{ partitionIndex, offset: before }] }];
    const { errorCode, lowWatermark } = (await client.call(deleteRecords, 2, { topics, timeoutMs: 5000 })).topics[0]!
      .partitions[0]!;
    return [errorCode, lowWatermark];
  };
  expect(await remove(0, 2)).toEqual([0, 2]);
  expect(await remove(0, 9)).toEqual([1, -1]);
  expect(await remove(0, -2)).toEqual([1, -1]);
  expect(await remove(0, -1)).toEqual([0, 3]);
  expect(await remove(5, 0)).toEqual([3, -1]);
});
