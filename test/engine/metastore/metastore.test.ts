// The front door: requests go to the right domain, share commits, and fail together when a commit does.

import { beforeEach, describe, expect, test } from 'vitest';
import { EngineError } from '../../../src/engine/base/errors.ts';
import { offset, term, timestampMs } from '../../../src/engine/base/ids.ts';
import { seededRandom } from '../../../src/engine/base/random.ts';
import { VirtualClock } from '../../../src/engine/base/virtual-clock.ts';
import {
  type Metastore,
  MetastoreQueries,
  openMetastore,
  validateObjects,
} from '../../../src/engine/metastore/metastore.ts';
import { updateBytesMax } from '../../../src/engine/metastore/metastore-requests.ts';
import { MemoryDomain } from './memory-domain.ts';
import { addition, compaction, extent, object, place, range, topic } from './metastore-requests.ts';

let domains: MemoryDomain[];
let metastore: Metastore;

const open = (queueLimits?: { requestsMax: number; bytesMax: number }) =>
  openMetastore({
    domains,
    clock: new VirtualClock(),
    random: seededRandom(1),
    ...(queueLimits === undefined ? {} : { queueLimits }),
  });

beforeEach(() => {
  domains = [new MemoryDomain(), new MemoryDomain(), new MemoryDomain()];
  for (const domain of domains) domain.keepsWrites = true;
  metastore = open();
});

/** Partition 0 of the topic is in domain 1, partition 1 in domain 2, partition 3 in domain 0. */
const home = 1;

async function addedTo(base: number, count = 1, last = base + count - 1) {
  const [objectId = ''] = await metastore.preregister(home, 1);
  const extents = Array.from({ length: count }, (_, at) =>
    extent(base + at, count === 1 ? last : base + at, 1, { objectId }),
  );
  return metastore.addObjects({ objects: [{ ...object(1), objectId }], partitions: [addition(extents)] });
}

describe('requests and their domains', () => {
  test('what is added can be asked for, also by somebody who only reads', async () => {
    expect(metastore.domainOf(place)).toBe(home);
    expect(await addedTo(0, 1, 99)).toEqual({ corrections: [], removedTopics: [] });
    expect(domains.map((domain) => domain.size > 0)).toEqual([false, true, false]);
    const reader = new MetastoreQueries(domains);
    expect(await reader.partition(place)).toMatchObject({ startOffset: 0, nextOffset: 100, sizeBytes: 100 });
    expect(await reader.firstExtentAtOrAbove(place, offset(50))).toMatchObject({ baseOffset: 0, lastOffset: 99 });
  });

  test('one that reaches into two domains is refused', async () => {
    const both = [addition([extent(0, 9)]), { ...addition([extent(0, 9)]), partition: 1 }];
    await expect(metastore.addObjects({ objects: [object(1)], partitions: both })).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining('partitions of 2 domains'),
    });
  });

  test('a domain that does not exist is refused', async () => {
    await expect(metastore.preregister(3, 1)).rejects.toMatchObject({ code: 'usage' });
    expect(() => metastore.objects(-1, { limit: 1 })).toThrow(expect.objectContaining({ code: 'usage' }));
  });

  test('the partitions of a topic are listed over all domains in order, a page at a time', async () => {
    for (let partition = 0; partition < 8; partition++) {
      const of = { topicId: topic, partition };
      const [objectId = ''] = await metastore.preregister(metastore.domainOf(of), 1);
      const one = addition([extent(0, partition, 1, { objectId })], of);
      await metastore.addObjects({ objects: [{ ...object(1), objectId }], partitions: [one] });
    }
    const first = await metastore.partitions({ topicId: topic, limit: 5 });
    const rest = await metastore.partitions({ topicId: topic, limit: 5, after: first.at(-1) as (typeof first)[0] });
    expect([...first, ...rest].map((row) => row.partition)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });
});

describe('commits', () => {
  test('requests that wait share one, each evaluated on top of those before it', async () => {
    const ids = await metastore.preregister(home, 20);
    const domain = domains[home] as MemoryDomain;
    domain.writes = [];
    const answers = await Promise.all(
      ids.map((objectId, at) => {
        const one = addition([extent(at * 10, at * 10 + 9, 1, { objectId })]);
        return metastore.addObjects({ objects: [{ ...object(1), objectId }], partitions: [one] });
      }),
    );
    expect(answers.every((answer) => answer.corrections.length === 0)).toBe(true);
    expect(domain.writes).toHaveLength(1);
    expect(await metastore.partition(place)).toMatchObject({ nextOffset: 200, extentCount: 20 });
  });

  test('a refused request changes nothing for those beside it', async () => {
    const [first = '', second = ''] = await metastore.preregister(home, 2);
    const add = (objectId: string, base: number) =>
      metastore.addObjects({
        objects: [{ ...object(1), objectId }],
        partitions: [addition([extent(base, base + 9, 1, { objectId })])],
      });
    const [one, unknown, two] = await Promise.allSettled([
      add(first, 0),
      add('00000000-0000-4000-8000-00000000dead', 10),
      add(second, 10),
    ]);
    expect([one?.status, unknown?.status, two?.status]).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await metastore.partition(place)).toMatchObject({ nextOffset: 20 });
  });

  test('one that fails fails every request in it, refusals too; the next reads again', async () => {
    await addedTo(0, 1, 99);
    const domain = domains[home] as MemoryDomain;
    domain.beforeWrite = () => {
      domain.beforeWrite = () => {};
      throw new EngineError('outcome-unknown', 'cut off');
    };
    const outcomes = await Promise.allSettled([
      metastore.setStartOffset({ ...place, startOffset: offset(50) }),
      // Refused because of what the one before it would have done.
      metastore.setStartOffset({ ...place, startOffset: offset(101) }),
      metastore.setStartOffset({ ...place, startOffset: offset(40) }),
    ]);
    for (const one of outcomes) expect(one).toMatchObject({ reason: { code: 'outcome-unknown' } });
    expect(await metastore.setStartOffset({ ...place, startOffset: offset(40) })).toEqual({
      startOffset: 40,
      hasMore: false,
    });
  });

  test('more than an entry of the log holds goes into several', async () => {
    const ids = await metastore.preregister(home, 40);
    const domain = domains[home] as MemoryDomain;
    domain.writes = [];
    const adds = ids.map((objectId, at) => {
      const extents = Array.from({ length: 1000 }, (_, n) => extent(at * 1000 + n, at * 1000 + n, 1, { objectId }));
      return metastore.addObjects({ objects: [{ ...object(1), objectId }], partitions: [addition(extents)] });
    });
    const answers = await Promise.all(adds);
    expect(answers.flatMap((answer) => answer.corrections)).toEqual([]);
    expect(domain.writes.length).toBeGreaterThan(5);
    expect(domain.writes.length).toBeLessThan(40);
    for (const changes of domain.writes) {
      const bytes = changes.reduce((sum, { key, value }) => sum + key.length + (value?.length ?? 0) + 9, 0);
      expect(bytes).toBeLessThanOrEqual(updateBytesMax);
    }
    expect(await metastore.partition(place)).toMatchObject({ nextOffset: 40_000, extentCount: 40_000 });
  });

  test('a request that no entry can hold is refused, and what it was split into is added to one object', async () => {
    const [objectId = ''] = await metastore.preregister(home, 1);
    const extents = Array.from({ length: 9000 }, (_, at) => extent(at, at, 1, { objectId }));
    const whole = { objects: [{ ...object(1), objectId }], partitions: [addition(extents)] };
    await expect(metastore.addObjects(whole)).rejects.toMatchObject({ code: 'entry-too-large' });
    const parts = [extents.slice(0, 4500), extents.slice(4500)];
    for (const [at, part] of parts.entries()) {
      const objects = [{ ...object(1), objectId, partial: at === 0 }];
      await metastore.addObjects({ objects, partitions: [addition(part)] });
    }
    expect(await metastore.object(home, objectId)).toMatchObject({ state: 'complete', totalBytes: 900_000 });
    expect(await metastore.partition(place)).toMatchObject({ nextOffset: 9000 });
  });
});

describe('an addition that no entry of the log can hold', () => {
  /** Partitions of one topic in one domain, which is the only one. */
  const many = (objectIds: readonly string[], count: number, producers: number) => ({
    objects: objectIds.map((objectId) => ({ ...object(1), objectId })),
    partitions: Array.from({ length: count }, (_, partition) =>
      addition(
        [extent(0, 9, 1, { objectId: objectIds[Math.floor((partition * objectIds.length) / count)] as string })],
        {
          partition,
          producers: Array.from({ length: producers }, (_, at) => producerOf(at)),
        },
      ),
    ),
  });
  const producerOf = (producerId: number) => ({
    producerId,
    producerEpoch: 0,
    usedAtMs: timestampMs(1),
    batches: [0, 1, 2, 3, 4].map((at) => ({ firstSequence: at, lastSequence: at, baseOffset: offset(at) })),
  });
  let domain: MemoryDomain;

  beforeEach(() => {
    domain = new MemoryDomain();
    domain.keepsWrites = true;
    domains = [domain];
    metastore = open();
  });

  test('a thousand partitions with a few producers each go into one object, in several commits', async () => {
    const ids = await metastore.preregister(0, 2);
    domain.writes = [];
    expect(await metastore.addObjects(many(ids, 1000, 5))).toEqual({ corrections: [], removedTopics: [] });
    expect(domain.writes.length).toBeGreaterThan(1);
    for (const changes of domain.writes) {
      const bytes = changes.reduce((sum, { key, value }) => sum + key.length + (value?.length ?? 0) + 9, 0);
      expect(bytes).toBeLessThanOrEqual(updateBytesMax);
    }
    for (const id of ids) {
      expect(await metastore.object(0, id)).toMatchObject({ state: 'complete', totalBytes: 50_000, removedBytes: 0 });
    }
    expect(await metastore.partitions({ limit: 2000 })).toHaveLength(1000);
  });

  test('when one of the commits fails, asking again adds the rest and corrects what was added', async () => {
    const ids = await metastore.preregister(0, 2);
    let writes = 0;
    domain.beforeWrite = () => {
      writes += 1;
      if (writes === 2) throw new EngineError('outcome-unknown', 'cut off');
    };
    const request = many(ids, 1000, 5);
    await expect(metastore.addObjects(request)).rejects.toMatchObject({ code: 'outcome-unknown' });
    const added = (await metastore.partitions({ limit: 2000 })).length;
    expect(added).toBeGreaterThan(100);
    expect((await metastore.addObjects(request)).corrections).toHaveLength(added);
    expect((await metastore.addObjects(request)).corrections).toHaveLength(1000);
    for (const id of ids) {
      const row = await metastore.object(0, id);
      expect(row).toMatchObject({ state: 'complete' });
      expect((row?.totalBytes ?? 0) - (row?.removedBytes ?? 0)).toBe(50_000);
    }
    expect((await validateObjects(domain, { objectsMax: 10 })).anomalies).toEqual([]);
  });

  test('four thousand producers of one partition fit one change; more than fit are refused', async () => {
    const ids = await metastore.preregister(0, 1);
    await expect(metastore.addObjects(many(ids, 1, 6000))).rejects.toMatchObject({ code: 'entry-too-large' });
    expect((await metastore.addObjects(many(ids, 1, 4000))).corrections).toEqual([]);
    expect(await metastore.producers({ ...place, partition: 0 }, { limit: 5000 })).toHaveLength(4000);
  });

  test('more small extents than one replacement holds are several ranges for leveling', async () => {
    const ids = await metastore.preregister(0, 3);
    for (const [at, objectId] of ids.entries()) {
      const extents = Array.from({ length: 3000 }, (_, n) =>
        extent(at * 3000 + n, at * 3000 + n, 1, { objectId, length: 1 }),
      );
      await metastore.addObjects({ objects: [{ ...object(1), objectId }], partitions: [addition(extents)] });
    }
    const all = { extentBytesMin: 100, rangeBytesMax: 1e9, from: offset(0), rangesMax: 100, extentsMax: 1e6 };
    const info = await metastore.levelingInfo(place, all);
    expect(info?.ranges.map((one) => one.extentCount)).toEqual([2000, 2000, 2000, 2000, 1000]);
    for (const { baseOffset, lastOffset } of info?.ranges ?? []) {
      const [objectId = ''] = await metastore.preregister(0, 1);
      const one = compaction([extent(baseOffset, lastOffset, 1, { objectId, length: 2000 })]);
      await metastore.replaceObjects({ objects: [{ ...object(1), objectId }], partitions: [one] });
    }
    expect(await metastore.partition(place)).toMatchObject({ extentCount: 5, nextOffset: 9000 });
  });
});

describe('questions beside changes', () => {
  test('the size of a suffix never mixes two states, when the start moves meanwhile', async () => {
    await addedTo(0, 100);
    const domain = domains[home] as MemoryDomain;
    const scan = domain.scan.bind(domain);
    // The first scan of the question takes longer than a whole change.
    domain.scan = async (options) => {
      domain.scan = scan;
      for (let tick = 0; tick < 5000; tick++) await Promise.resolve();
      return scan(options);
    };
    const asked = metastore.offsetOfSuffix(place, 4000);
    await Promise.resolve();
    await metastore.setStartOffset({ ...place, startOffset: offset(40) });
    // 100 extents of 100 bytes: the last forty, before and after.
    expect(await asked).toBe(60);
  });

  test('a term that is added between two reads does not move the end of the one before', async () => {
    await addedTo(0, 1, 99);
    const [objectId = ''] = await metastore.preregister(home, 1);
    const domain = domains[home] as MemoryDomain;
    const scan = domain.scan.bind(domain);
    domain.scan = async (options) => {
      const rows = await scan(options);
      domain.scan = scan;
      const terms = [{ term: term(2), startOffset: offset(100) }];
      const one = addition([extent(100, 199, 1, { objectId })], { terms });
      await metastore.addObjects({ objects: [{ ...object(1), objectId }], partitions: [one] });
      return rows;
    };
    expect(await metastore.endOffsetOfTerm(place, term(1))).toBe(100);
    expect(await metastore.partition(place)).toMatchObject({ nextOffset: 200 });
  });

  test('an extent that is merged between two reads is not taken for a gap', async () => {
    const [first = '', second = ''] = await metastore.preregister(home, 2);
    const add = addition(
      [
        extent(0, 9, 1, { objectId: first }),
        extent(20, 29, 1, { objectId: first }),
        extent(30, 39, 1, { objectId: first }),
      ],
      {
        emptyRanges: [range(10, 19)],
      },
    );
    await metastore.addObjects({ objects: [{ ...object(1), objectId: first }], partitions: [add] });
    const domain = domains[home] as MemoryDomain;
    const merged = compaction([extent(0, 29, 1, { objectId: second })]);
    const scan = domain.scan.bind(domain);
    let scans = 0;
    domain.scan = async (options) => {
      const rows = await scan(options);
      scans += 1;
      if (scans === 1) {
        domain.scan = scan;
        await metastore.replaceObjects({ objects: [{ ...object(1), objectId: second }], partitions: [merged] });
      }
      return rows;
    };
    expect(await metastore.firstExtentAtOrAbove(place, offset(15))).toMatchObject({ baseOffset: 0, lastOffset: 29 });
  });
});

describe('the queue', () => {
  test('is bounded in requests, and says that one may try again', async () => {
    metastore = open({ requestsMax: 3, bytesMax: 1e6 });
    const outcomes = await Promise.allSettled([1, 2, 3, 4, 5].map(() => metastore.preregister(home, 1)));
    expect(outcomes.map((one) => one.status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'rejected']);
    expect(outcomes[4]).toMatchObject({ reason: { code: 'log-unavailable', retryable: true } });
    expect(await metastore.preregister(home, 1)).toHaveLength(1);
  });

  test('is bounded in bytes', async () => {
    metastore = open({ requestsMax: 1000, bytesMax: 100 * 250 });
    const outcomes = await Promise.allSettled([60, 60, 40].map((count) => metastore.preregister(home, count)));
    expect(outcomes.map((one) => one.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  test('is let run empty when the metastore is closed; later requests are refused', async () => {
    const waiting = addedTo(0, 1, 9);
    const late = waiting.then(() => metastore.preregister(home, 1));
    await waiting;
    const last = metastore.preregister(home, 1);
    await metastore[Symbol.asyncDispose]();
    expect(await last).toHaveLength(1);
    await late;
    await expect(metastore.preregister(home, 1)).rejects.toMatchObject({ code: 'shutting-down' });
  });
});

describe('steps', () => {
  test('moving the start past many extents takes several, each leaving a whole partition', async () => {
    await addedTo(0, 2500);
    const seen: unknown[] = [];
    for (let hasMore = true; hasMore; ) {
      const answer = await metastore.setStartOffset({ ...place, startOffset: offset(2200) });
      seen.push(answer);
      hasMore = answer.hasMore;
    }
    expect(seen).toEqual([
      { startOffset: 1000, hasMore: true },
      { startOffset: 2000, hasMore: true },
      { startOffset: 2200, hasMore: false },
    ]);
    expect(await metastore.partition(place)).toMatchObject({ startOffset: 2200, extentCount: 300, sizeBytes: 30_000 });
  });

  test('removing a topic takes several, leaves a row that says so, and nothing is accepted from the first on', async () => {
    await addedTo(0, 2500);
    expect(await metastore.removeTopics(home, { topicIds: [topic] })).toEqual({ notRemoved: [topic] });
    expect(await addedTo(2500, 1, 2600)).toEqual({ corrections: [], removedTopics: [topic] });
    await expect(metastore.setStartOffset({ ...place, startOffset: offset(1) })).rejects.toMatchObject({
      code: 'unknown-topic-id',
    });
    const rest = [];
    for (let round = 0; round < 2; round++) rest.push(await metastore.removeTopics(home, { topicIds: [topic] }));
    expect(rest).toEqual([{ notRemoved: [topic] }, { notRemoved: [] }]);
    const kinds = (domains[home] as MemoryDomain).keys().map((key) => key.split('/')[0]);
    expect([...new Set(kinds)]).toEqual(['object', 'removed']);
    // Every byte that was offered is removed: the collector may take both objects.
    for (const row of await metastore.objects(home, { limit: 10 })) expect(row.removedBytes).toBe(row.totalBytes);
    expect(await addedTo(0, 1, 9)).toEqual({ corrections: [], removedTopics: [topic] });
  });

  test('empty ranges that touch are one row', async () => {
    for (const base of [0, 10, 20]) {
      const one = addition([], { emptyRanges: [range(base, base + 9)] });
      await metastore.addObjects({ objects: [], partitions: [one] });
    }
    const rows = (domains[home] as MemoryDomain).keys().filter((key) => key.startsWith('empty/'));
    expect(rows).toHaveLength(1);
    expect(await metastore.partition(place)).toMatchObject({ nextOffset: 30, extentCount: 0 });
  });
});
