// A change is durable and its acknowledgement is lost; the caller tries again. The answer must be the truth, nothing is accounted for
// twice, and an object whose extents are in use never looks like one that may be deleted.

import { beforeEach, describe, expect, test } from 'vitest';
import { EngineError } from '../../../src/engine/base/errors.ts';
import { offset, timestampMs } from '../../../src/engine/base/ids.ts';
import { seededRandom } from '../../../src/engine/base/random.ts';
import { VirtualClock } from '../../../src/engine/base/virtual-clock.ts';
import {
  type Metastore,
  openMetastore,
  type PartitionCheckPosition,
  validateObjects,
  validatePartition,
} from '../../../src/engine/metastore/metastore.ts';
import { MemoryDomain } from './memory-domain.ts';
import { addition, compaction, extent, object, place, range, topic } from './metastore-requests.ts';

let domain: MemoryDomain;
let clock: VirtualClock;
let metastore: Metastore;

beforeEach(() => {
  domain = new MemoryDomain();
  clock = new VirtualClock();
  metastore = openMetastore({ domains: [domain], clock, random: seededRandom(1) });
});

/** The next write happens, and nobody hears of it. */
async function loseAcknowledgement(of: () => Promise<unknown>): Promise<void> {
  const write = domain.write.bind(domain);
  domain.write = async (changes) => {
    domain.write = write;
    await write(changes);
    throw new EngineError('outcome-unknown', 'cut off');
  };
  await expect(of()).rejects.toMatchObject({ code: 'outcome-unknown' });
}

const preregister = async () => (await metastore.preregister(0, 1))[0] as string;
const other = { ...place, partition: 1 };

function addOf(objectId: string, partial = false, base = 0) {
  const extents = [extent(base, base + 9, 1, { objectId, length: 700 })];
  return {
    objects: [{ ...object(1), objectId, ...(partial ? { partial } : {}) }],
    partitions: [addition(extents), addition(extents, other)],
  };
}

async function expectSound(): Promise<void> {
  expect((await validateObjects(domain, { objectsMax: 100 })).anomalies).toEqual([]);
  for (const row of await metastore.partitions({ limit: 10 })) {
    let position: PartitionCheckPosition | undefined;
    do {
      const check = await validatePartition(domain, row, { rowsMax: 100, ...(position ? { position } : {}) });
      expect(check.anomalies).toEqual([]);
      position = check.position;
    } while (position !== undefined);
  }
}

const inUse = async (objectId: string) => {
  const row = await metastore.object(0, objectId);
  return row === undefined ? undefined : row.totalBytes - row.removedBytes;
};
const collectable = async () => (await validateObjects(domain, { objectsMax: 100 })).collectable;

describe('an add that is repeated', () => {
  test.each([
    ['complete', false],
    ['partial', true],
  ])('is corrected to where the first one ended; the object stays in use (%s)', async (state, partial) => {
    const objectId = await preregister();
    await loseAcknowledgement(() => metastore.addObjects(addOf(objectId, partial)));
    for (let again = 0; again < 3; again++) {
      expect(await metastore.addObjects(addOf(objectId, partial))).toEqual({
        corrections: [
          { ...place, nextOffset: 10 },
          { ...other, nextOffset: 10 },
        ],
        removedTopics: [],
      });
      expect(await metastore.object(0, objectId)).toMatchObject({ state });
      expect(await inUse(objectId)).toBe(1400);
    }
    expect(await collectable()).toEqual([]);
    await expectSound();
  });

  test('waits for the first one when both share a commit, and is told what that did', async () => {
    const objectId = await preregister();
    const both = await Promise.all([metastore.addObjects(addOf(objectId)), metastore.addObjects(addOf(objectId))]);
    expect(both.map((answer) => answer.corrections.length)).toEqual([0, 2]);
    expect(await inUse(objectId)).toBe(1400);
  });

  test('with the last part of an object that came in parts: every part is corrected', async () => {
    const objectId = await preregister();
    await metastore.addObjects(addOf(objectId, true));
    await loseAcknowledgement(() => metastore.addObjects(addOf(objectId, false, 10)));
    for (const again of [addOf(objectId, true), addOf(objectId, false, 10)]) {
      const { corrections } = await metastore.addObjects(again);
      expect(corrections.map((one) => one.nextOffset)).toEqual([20, 20]);
    }
    expect(await metastore.object(0, objectId)).toMatchObject({ state: 'complete' });
    expect(await inUse(objectId)).toBe(2800);
    await expectSound();
  });

  test('where another object of the request still waits for more: only what is new is taken', async () => {
    const [first, second] = [await preregister(), await preregister()];
    const request = {
      objects: [
        { ...object(1), objectId: first },
        { ...object(1), objectId: second, partial: true },
      ],
      partitions: [
        addition([extent(0, 9, 1, { objectId: first })]),
        addition([extent(0, 9, 1, { objectId: second })], other),
      ],
    };
    await loseAcknowledgement(() => metastore.addObjects(request));
    expect((await metastore.addObjects(request)).corrections).toHaveLength(2);
    expect([await inUse(first), await inUse(second)]).toEqual([100, 100]);
    await expectSound();
  });

  test('of explicit empty ranges only', async () => {
    const request = { objects: [], partitions: [addition([], { emptyRanges: [range(0, 9)] })] };
    await loseAcknowledgement(() => metastore.addObjects(request));
    expect((await metastore.addObjects(request)).corrections).toEqual([{ ...place, nextOffset: 10 }]);
    expect(await metastore.partition(place)).toMatchObject({ nextOffset: 10, extentCount: 0 });
  });

  test('when its topic was removed in between: nothing is taken and nothing stays in use', async () => {
    const objectId = await preregister();
    await loseAcknowledgement(() => metastore.addObjects(addOf(objectId)));
    await metastore.removeTopics(0, { topicIds: [topic] });
    expect(await metastore.addObjects(addOf(objectId))).toEqual({ corrections: [], removedTopics: [topic] });
    expect(await inUse(objectId)).toBe(0);
    expect(await collectable()).toEqual([objectId]);
  });

  test('does not keep the collector from an object that nothing uses any more', async () => {
    const objectId = await preregister();
    await loseAcknowledgement(() => metastore.addObjects(addOf(objectId)));
    for (const of of [place, other]) await metastore.setStartOffset({ ...of, startOffset: offset(10) });
    const flushedRows = await metastore.objects(0, { limit: 10 });
    expect((await metastore.addObjects(addOf(objectId))).corrections).toHaveLength(2);
    expect(await metastore.removeObjects(0, { flushedRows })).toEqual([objectId]);
    await expect(metastore.addObjects(addOf(objectId))).rejects.toMatchObject({ code: 'object-not-preregistered' });
  });
});

describe('an object that expires', () => {
  const expire = async (objectId: string, at: number) =>
    metastore.expirePreregistrations(0, { objectIds: [objectId], lastUpdatedAtMost: timestampMs(at) });

  test('before its add: the answer says to go on where the request began, and the object can be collected', async () => {
    const objectId = await preregister();
    await clock.advance(10);
    expect(await expire(objectId, clock.nowMs())).toEqual([objectId]);
    expect((await metastore.addObjects(addOf(objectId))).corrections).toEqual([
      { ...place, nextOffset: 0 },
      { ...other, nextOffset: 0 },
    ]);
    expect(await metastore.partition(place)).toBeUndefined();
    expect(await collectable()).toEqual([objectId]);
    const again = await preregister();
    expect((await metastore.addObjects(addOf(again))).corrections).toEqual([]);
  });

  test('after its add: nothing expires', async () => {
    const objectId = await preregister();
    await loseAcknowledgement(() => metastore.addObjects(addOf(objectId)));
    expect(await expire(objectId, clock.nowMs() + 1000)).toEqual([]);
  });

  test('between its parts: what was added stays in use, the rest goes into another object', async () => {
    const objectId = await preregister();
    await metastore.addObjects(addOf(objectId, true));
    await clock.advance(1000);
    expect(await expire(objectId, clock.nowMs())).toEqual([objectId]);
    expect((await metastore.addObjects(addOf(objectId, false, 10))).corrections).toEqual([
      { ...place, nextOffset: 10 },
      { ...other, nextOffset: 10 },
    ]);
    expect(await inUse(objectId)).toBe(1400);
    expect(await collectable()).toEqual([]);
    await expectSound();
  });

  test('in the same commit as its add: whichever came first', async () => {
    const [early, late] = [await preregister(), await preregister()];
    await clock.advance(10);
    const at = clock.nowMs();
    const [added, none, expired, corrected] = await Promise.all([
      metastore.addObjects({ ...addOf(early), partitions: [addition([extent(0, 9, 1, { objectId: early })])] }),
      expire(early, at),
      expire(late, at),
      metastore.addObjects({ ...addOf(late), partitions: [addition([extent(0, 9, 1, { objectId: late })], other)] }),
    ]);
    expect([added.corrections, none, expired]).toEqual([[], [], [late]]);
    expect(corrected.corrections).toEqual([{ ...other, nextOffset: 0 }]);
    await expectSound();
  });
});

describe('other changes that are repeated', () => {
  test.each(['leveling', 'compaction'] as const)('%s: the second is refused and changes nothing', async (kind) => {
    const [old, fresh] = [await preregister(), await preregister()];
    await metastore.addObjects(addOf(old));
    const request = {
      objects: [{ ...object(1), objectId: fresh }],
      partitions: [compaction([extent(0, 9, 1, { objectId: fresh, length: 50 })])],
    };
    const replace = () => (kind === 'leveling' ? metastore.replaceObjects(request) : metastore.compactObjects(request));
    await loseAcknowledgement(replace);
    const keys = domain.keys();
    await expect(replace()).rejects.toMatchObject({ code: 'object-not-preregistered' });
    expect(domain.keys()).toEqual(keys);
    expect([await inUse(old), await inUse(fresh)]).toEqual([700, 50]);
    await expectSound();
  });

  test('preregistering: what nobody heard of can be found, and expires', async () => {
    await loseAcknowledgement(() => metastore.preregister(0, 2));
    const heard = await preregister();
    const known = (await metastore.objects(0, { limit: 10 })).map((row) => row.objectId);
    expect(known).toHaveLength(3);
    expect(known).toContain(heard);
    await clock.advance(1000);
    const answer = metastore.expirePreregistrations(0, {
      objectIds: known,
      lastUpdatedAtMost: timestampMs(clock.nowMs()),
    });
    expect(await answer).toHaveLength(3);
    expect((await collectable()).length).toBe(3);
  });

  test('moving the start and removing topics go on from where they were', async () => {
    const objectId = await preregister();
    await metastore.addObjects(addOf(objectId));
    const move = () => metastore.setStartOffset({ ...place, startOffset: offset(10) });
    await loseAcknowledgement(move);
    expect(await move()).toEqual({ startOffset: 10, hasMore: false });
    expect(await inUse(objectId)).toBe(700);
    const remove = () => metastore.removeTopics(0, { topicIds: [topic] });
    await loseAcknowledgement(remove);
    expect(await remove()).toEqual({ notRemoved: [] });
    expect(await metastore.object(0, objectId)).toMatchObject({ totalBytes: 1400, removedBytes: 1400 });
  });

  test('removing the rows of collected objects', async () => {
    const objectId = await preregister();
    await metastore.addObjects(addOf(objectId));
    await metastore.removeTopics(0, { topicIds: [topic] });
    const flushedRows = await metastore.objects(0, { limit: 10 });
    await loseAcknowledgement(() => metastore.removeObjects(0, { flushedRows }));
    expect(await metastore.removeObjects(0, { flushedRows })).toEqual([]);
  });
});
