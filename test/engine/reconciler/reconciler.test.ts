import { describe, expect, it } from 'vitest';
import { offset } from '../../../src/engine/base/ids.ts';
import { isControl } from '../../../src/engine/records/record-batch-format.ts';
import { readPayloads } from '../../support/record-batches.ts';
import { topic } from '../partition/write-path-world.ts';
import { named, payloads, produceMany, world } from './history-world.ts';

describe('a round', () => {
  it('carries what is committed into one L1 object for a metastore domain, and moves the LRO', async () => {
    const made = await world(3);
    for (const index of [2, 0, 1]) await produceMany(made, named(5, `p${index}.`), index);
    await made.settle();
    expect(made.reconciler.counters).toMatchObject({ objects: 1, batches: 15, partitions: 3, corrections: 0 });
    for (const index of [0, 1, 2]) {
      const leader = made.leader(index);
      expect([leader.reconciledEnd, leader.pendingBytes, leader.pendingSinceMs]).toEqual([5, 0, undefined]);
      expect(await made.metastore.partition({ topicId: topic, partition: index })).toMatchObject({
        nextOffset: 5,
        extentCount: 1,
      });
      expect(payloads(await made.fetchAll(index))).toEqual(named(5, `p${index}.`));
    }
    expect(await made.findings()).toEqual([]);
    expect(await made.orphans()).toEqual({ unknown: [], preregistered: [] });
  });

  it('takes bytes from the batch cache, and reads each L0 object once where that has them no more', async () => {
    const made = await world(4, (one) => {
      one.settings.enabled = false;
      one.seal = { ...one.seal, interval: 10, bytesMax: 1024 * 1024 };
    });
    const all = Promise.all(
      [0, 1, 2, 3].map((index) => Promise.all(named(4).map((payload) => made.produce({ payload }, index)))),
    );
    await made.clock.advance(20);
    await all;
    expect((await made.footers()).length).toBe(1);
    made.forgetBatchCache();
    made.settings.enabled = true;
    await made.settle();
    expect(made.l0Gets.length).toBe(1);
    expect(made.reconciler.counters).toMatchObject({ l0Reads: 1, batches: 16 });
    for (const index of [0, 1, 2, 3]) expect(payloads(await made.fetchAll(index))).toEqual(named(4));

    const later = Promise.all(named(4, 'later').map((payload) => made.produce({ payload }, 1)));
    await made.clock.advance(20);
    await later;
    await made.settle();
    expect(made.l0Gets.length).toBe(1);
  });

  it('serves partitions in turn, so that none starves behind a hot one', async () => {
    const made = await world(3, (one) => {
      one.settings.enabled = false;
      one.settings.targetBytes = 64 * 1024;
      one.settings.minMs = one.settings.maxMs = 1000;
    });
    const large = 'x'.repeat(8 * 1024);
    for (let at = 0; at < 40; at++) await made.produce({ payload: large }, 0);
    await made.produce({ payload: 'small' }, 2);
    made.settings.enabled = true;
    await made.clock.advance(1100);
    expect(made.leader(2).reconciledEnd).toBe(1);
    expect(made.leader(0).reconciledEnd).toBeLessThan(40);
    await made.settle();
    // Far behind, its rounds follow each other without a pause, and no object gets much larger than the target.
    expect(made.reconciler.counters.objects).toBeGreaterThan(3);
    expect(made.reconciler.counters.objectBytes / made.reconciler.counters.objects).toBeLessThan(90 * 1024);
  });

  it('leaves others their turns of the event loop, over many batches as over many partitions', async () => {
    const made = await world(600, (one) => {
      one.settings.enabled = false;
    });
    await produceMany(made, named(1000));
    made.settings.enabled = true;
    await made.settle();
    const before = made.pauses;
    expect(before).toBeGreaterThanOrEqual(4);
    made.settings.enabled = false;
    for (let index = 1; index < 600; index++) await made.produce({ payload: 'p' }, index);
    made.settings.enabled = true;
    await made.settle();
    expect(made.pauses - before).toBeGreaterThanOrEqual(600 / 64 + 2 + 2 + 2);
  });

  it('moves past offsets that were deleted by an explicit empty range, without an object', async () => {
    const made = await world(1, (one) => {
      one.settings.enabled = false;
    });
    await produceMany(made, named(6));
    await made.leader().deleteRecords(6);
    made.settings.enabled = true;
    await made.settle();
    expect(made.reconciler.counters.objects).toBe(0);
    expect(await made.metastore.partition({ topicId: topic, partition: 0 })).toMatchObject({
      nextOffset: 6,
      extentCount: 0,
    });
    await produceMany(made, ['after']);
    await made.settle();
    expect(await made.fetchAll()).toEqual([{ baseOffset: 6, payload: 'after' }]);
    expect(await made.findings()).toEqual([]);
  });

  it('keeps what a restore needs: terms, the stamp below the end, the last batches of each producer', async () => {
    const made = await world();
    const send = (baseSequence: number) =>
      made.produce({ payload: `s${baseSequence}`, producerId: 7, producerEpoch: 0, baseSequence });
    for (let at = 0; at < 3; at++) await send(at);
    await made.settle();
    const first = made.leader().term;
    made.crash();
    await made.startAgain();
    for (let at = 3; at < 7; at++) await send(at);
    await made.settle();
    const of = { topicId: topic, partition: 0 };
    expect(await made.metastore.terms(of)).toEqual([
      { term: first, startOffset: 0 },
      { term: made.leader().term, startOffset: 3 },
    ]);
    expect((await made.metastore.partition(of))?.lastStamp).toMatchObject({ term: made.leader().term, attempt: 0 });
    const [producer] = await made.metastore.producers(of, { limit: 10 });
    expect(producer).toMatchObject({ producerId: 7, producerEpoch: 0 });
    expect(producer?.batches.map((one) => one.firstSequence)).toEqual([2, 3, 4, 5, 6]);
  });
});

describe('a read', () => {
  it('goes on from L1 to L0 without a hole or a repeat, at every offset and size', async () => {
    const made = await world();
    await produceMany(made, named(20));
    await made.settle();
    made.settings.enabled = false;
    await produceMany(made, named(20, 'l0.'));
    made.forgetBatchCache();
    const expected = [...named(20), ...named(20, 'l0.')];
    for (const bytesMax of [1, 150, 700, 100_000]) {
      for (let from = 0; from < 40; from++) {
        using read = await made.readFrom(from, bytesMax);
        const found = readPayloads(read.parts);
        expect(found[0]).toEqual({ baseOffset: from, payload: expected[from] });
        for (const [at, one] of found.entries()) expect(one.payload).toBe(expected[from + at]);
      }
    }
  });

  it('of reconciled offsets is served from the batch cache while that has them', async () => {
    const made = await world();
    await produceMany(made, named(5));
    await made.settle();
    const before = made.l1.stats().reads;
    expect(payloads(await made.fetchAll())).toEqual(named(5));
    expect(made.l1.stats().reads).toBe(before);
    await made.leader().noL0ReaderBelow(offset(3));
    expect(payloads(await made.fetchAll())).toEqual(named(5));
    expect(made.l1.stats().reads).toBeGreaterThan(before);
  });

  it('is led over a stretch that holds nothing', async () => {
    const made = await world();
    await produceMany(made, named(4));
    await made.settle();
    const of = { topicId: topic, partition: 0 };
    const row = await made.metastore.partition(of);
    const [objectId] = await made.metastore.preregister(0, 1);
    expect(objectId).toBeDefined();
    // As a compaction does that finds no record worth keeping.
    await made.metastore.compactObjects({
      objects: [],
      partitions: [
        {
          ...of,
          extents: [],
          emptyRanges: [{ baseOffset: offset(0), lastOffset: offset(3) }],
          expectedCompactionEpoch: row?.compactionEpoch ?? 0,
          cleanedRanges: [],
          removedTombstoneRanges: [],
          cleanedAtMs: made.clock.nowMs() as never,
        },
      ],
    });
    await made.leader().noL0ReaderBelow(offset(4));
    using read = await made.readFrom(1, 1000);
    expect(read.parts.length).toBe(1);
    const [marker] = read.parts as [Buffer];
    expect([Number(marker.readBigInt64BE(0)), marker.readInt32BE(23), isControl(marker.readInt16BE(21))]).toEqual([
      1,
      2,
      true,
    ]);
    made.settings.enabled = false;
    await produceMany(made, ['next']);
    using beyond = await made.readFrom(1, 1000);
    expect(readPayloads(beyond.parts)).toEqual([{ baseOffset: 4, payload: 'next' }]);
  });

  it('by time finds the first record on either side of the LRO', async () => {
    const made = await world();
    made.rules.logAppendTime = true;
    const times: number[] = [];
    for (let at = 0; at < 12; at++) {
      await made.clock.advance(10);
      times.push(made.clock.nowMs());
      await made.produce({ payload: `t${at}` });
      if (at === 5) await made.settle();
      if (at === 5) made.settings.enabled = false;
    }
    for (const [at, time] of times.entries()) {
      expect(await made.offsetAt(time)).toBe(at);
      expect(await made.offsetAt(time - 5)).toBe(at);
    }
    expect(await made.offsetAt((times.at(-1) as number) + 1)).toBeUndefined();
    expect((await made.leader().offsetOfMaxTimestamp())?.offset).toBe(11);
    made.settings.enabled = true;
    await made.settle();
    expect((await made.leader().offsetOfMaxTimestamp())?.offset).toBe(11);
    await made.leader().deleteRecords(3);
    expect(await made.offsetAt(times[0] as number)).toBe(3);
  });

  it('by time passes over what cannot be unpacked, on either side of the LRO', async () => {
    const made = await world();
    // What stands for records here is no records to who unpacks it.
    await produceMany(made, named(2));
    made.rules.logAppendTime = true;
    await produceMany(made, ['told']);
    expect(await made.offsetAt(5)).toBe(2);
    await made.settle();
    expect(await made.offsetAt(5)).toBe(2);
  });
});

describe('the log of a partition', () => {
  it('is trimmed below what is reconciled and flushed, and no further; a restart finds all there is', async () => {
    const made = await world();
    await produceMany(made, named(40));
    await made.settle();
    expect(made.leader().logEntries).toBeGreaterThanOrEqual(40);
    made.flushMetastore();
    await made.clock.advance(2000);
    expect(made.leader().logEntries).toBeLessThan(5);
    expect(made.reconciler.counters.trims).toBeGreaterThan(0);
    made.settings.enabled = false;
    await produceMany(made, named(8, 'l0.'));
    made.crash();
    await made.startAgain();
    expect([made.leader().reconciledEnd, made.leader().highWatermark]).toEqual([40, 48]);
    expect(payloads(await made.fetchAll())).toEqual([...named(40), ...named(8, 'l0.')]);
    made.settings.enabled = true;
    await made.settle();
    expect(payloads(await made.fetchAll())).toEqual([...named(40), ...named(8, 'l0.')]);
    expect(await made.findings()).toEqual([]);
  });

  it('still tells after a restart since when something is pending', async () => {
    const made = await world();
    await produceMany(made, named(3));
    await made.settle();
    made.settings.enabled = false;
    const beganMs = made.clock.nowMs();
    await produceMany(made, named(3, 'pending'));
    await made.clock.advance(60_000);
    await produceMany(made, named(3, 'later'));
    await made.leader().saveSnapshot();
    made.crash();
    await made.startAgain();
    expect(made.leader().pendingSinceMs).toBe(beganMs);
    await produceMany(made, ['last']);
    expect(made.leader().pendingSinceMs).toBe(beganMs);
  });

  it('keeps producers and their duplicates over a trim', async () => {
    const made = await world();
    const send = (baseSequence: number) =>
      made.produce({ payload: `s${baseSequence}`, producerId: 7, producerEpoch: 0, baseSequence });
    for (let at = 0; at < 10; at++) await send(at);
    await made.settle();
    made.flushMetastore();
    await made.clock.advance(2000);
    made.crash();
    await made.startAgain();
    expect((await send(9)).baseOffset).toBe(9);
    await expect(send(11)).rejects.toMatchObject({ code: 'out-of-order-sequence' });
    expect((await send(10)).baseOffset).toBe(10);
  });

  it('is not trimmed under a reader of L0 data', async () => {
    const made = await world();
    made.recentExtentsMax = 16;
    made.settings.enabled = false;
    await produceMany(made, named(60));
    made.forgetBatchCache();
    const reading = made.fetchAll();
    made.settings.enabled = true;
    await made.settle();
    made.flushMetastore();
    await made.clock.advance(2000);
    expect(payloads(await reading)).toEqual(named(60));
  });

  it('waits for readers of L0 data also when they began under the leader before', async () => {
    const made = await world();
    made.settings.enabled = false;
    await produceMany(made, named(3));
    made.forgetBatchCache();
    const letRead = made.holdReads();
    const before = made.leader();
    const reading = made.fetchAll();
    made.log.setFaults((operation) => (operation === 'append' ? { kind: 'unknown', effect: false } : undefined));
    await expect(made.produce({ payload: 'lost' })).rejects.toMatchObject({ code: 'outcome-unknown' });
    made.log.setFaults(undefined);
    await made.clock.advance(1000);
    expect(made.leader()).not.toBe(before);
    let isFree = false;
    const free = made
      .leader()
      .noL0ReaderBelow(offset(3))
      .then(() => {
        isFree = true;
      });
    await made.clock.advance(100);
    expect(isFree).toBe(false);
    letRead();
    expect(payloads(await reading)).toEqual(named(3));
    await free;
  });
});

describe('what goes wrong', () => {
  it('a lost acknowledgement of the metastore heals: the LRO goes where the metastore says', async () => {
    const made = await world();
    await produceMany(made, named(5));
    let losing = true;
    made.step = (name) => {
      if (name !== 'reconcile.added' || !losing) return;
      losing = false;
      throw new Error('the answer is lost');
    };
    await made.settle();
    expect(made.reconciler.counters.corrections).toBe(1);
    expect(made.leader().reconciledEnd).toBe(5);
    expect(payloads(await made.fetchAll())).toEqual(named(5));
    expect(await made.findings()).toEqual([]);
  });

  it('a metastore that has less than the log says is reported, and the partition stays where it is', async () => {
    const made = await world();
    await produceMany(made, named(3));
    await made.settle();
    for (const domain of made.domains) {
      for (const { key } of await domain.scan({})) await domain.write([{ key, value: undefined }]);
    }
    await produceMany(made, named(3, 'more'));
    await made.clock.advance(5000);
    expect(made.leader().reconciledEnd).toBe(3);
    expect(made.reconciler.schedules().get(topic)?.problems.get(made.leader())?.code).toBe('corrupt-log');
  });

  it('a removed topic gets nothing more', async () => {
    const made = await world();
    await produceMany(made, named(3));
    await made.settle();
    await made.metastore.removeTopics(0, { topicIds: [topic] });
    await produceMany(made, named(3, 'late'));
    await made.clock.advance(5000);
    expect(await made.metastore.partition({ topicId: topic, partition: 0 })).toBeUndefined();
    expect(made.leader().reconciledEnd).toBe(3);
  });
});

describe('an operator', () => {
  it('pauses and resumes topics; an order runs all the same', async () => {
    const made = await world();
    made.reconciler.pause([topic]);
    await produceMany(made, named(3));
    await made.clock.advance(5000);
    expect(made.leader().reconciledEnd).toBe(0);
    const plan = await made.reconciler.plan(topic);
    expect(plan.map((job) => job.parts.map(({ batches }) => batches.length))).toEqual([[3]]);
    const run = made.reconciler.run([topic], true, new AbortController().signal);
    await made.clock.advance(50);
    expect(await run).toMatchObject({ complete: true, objects: 1, offsets: 3 });
    expect(made.leader().reconciledEnd).toBe(3);
    await produceMany(made, ['more']);
    await made.clock.advance(5000);
    expect(made.leader().reconciledEnd).toBe(3);
    made.reconciler.resume([topic]);
    await made.settle();
    expect(made.leader().reconciledEnd).toBe(4);
  });

  it('is told of a run that cannot get on', async () => {
    const made = await world();
    made.reconciler.pause();
    await produceMany(made, named(3));
    made.beforeMetastoreWrite = () => {
      throw new Error('no');
    };
    const run = made.reconciler.run([topic], true, new AbortController().signal);
    for (let turn = 0; turn < 20; turn++) await made.clock.advance(100);
    expect(await run).toMatchObject({ complete: false, offsets: 0 });
  });

  it('sees a run through although a leader is opened again under it', async () => {
    const made = await world();
    made.reconciler.pause();
    await produceMany(made, named(3));
    const before = made.leader();
    let losing = true;
    made.step = (name) => {
      if (name !== 'reconcile.added' || !losing) return;
      losing = false;
      made.log.setFaults((operation) => {
        if (operation !== 'append') return undefined;
        made.log.setFaults(undefined);
        return { kind: 'unknown', effect: true };
      });
    };
    const run = made.reconciler.run([topic], true, new AbortController().signal);
    for (let turn = 0; turn < 20; turn++) await made.clock.advance(100);
    const { complete, leaders } = await run;
    expect(made.leader()).not.toBe(before);
    expect([complete, leaders]).toEqual([true, [made.leader()]]);
  });

  it('stops waiting when it goes away', async () => {
    const made = await world();
    await produceMany(made, named(3));
    const gone = new AbortController();
    const { promise: forever } = Promise.withResolvers<void>();
    made.step = () => forever;
    const run = made.reconciler.run([topic], true, gone.signal);
    const told = expect(run).rejects.toMatchObject({ code: 'cancelled' });
    await made.clock.advance(100);
    gone.abort();
    await told;
  });
});

describe('the end of a broker', () => {
  it('does not wait for a store that hangs, not even to discard what was uploaded', async () => {
    const made = await world(1, (one) => {
      one.settings.enabled = false;
      one.settings.targetBytes = one.settings.memoryBytes = 16 * 1024 * 1024;
    });
    const large = 'x'.repeat(60 * 1024);
    // More than one part.
    for (let at = 0; at < 100; at++) await made.produce({ payload: large });
    let hangs = false;
    made.bucket.multipart = async () => ({
      part: (_, options) =>
        new Promise((_resolve, reject) => {
          hangs = true;
          options?.signal?.addEventListener('abort', () => reject(options.signal?.reason));
        }),
      complete: () => new Promise(() => {}),
      abort: () => new Promise(() => {}),
    });
    made.settings.enabled = true;
    await made.clock.advance(2000);
    expect(hangs).toBe(true);
    const run = made.reconciler.run([topic], true, new AbortController().signal);
    let isStopped = false;
    void made.reconciler[Symbol.asyncDispose]().then(() => {
      isStopped = true;
    });
    await made.clock.advance(100);
    expect(isStopped).toBe(true);
    expect(await run).toMatchObject({ complete: false });
  });
});

describe('memory', () => {
  it('for L0 data that is read back keeps its limit, whatever one object could hold', async () => {
    const made = await world(6, (one) => {
      one.settings.enabled = false;
      one.settings.targetBytes = 512 * 1024;
      one.settings.memoryBytes = 48 * 1024;
      one.settings.jobsParallel = 4;
    });
    const large = 'x'.repeat(6 * 1024);
    for (let at = 0; at < 8; at++)
      for (let index = 0; index < 6; index++) await made.produce({ payload: large }, index);
    made.forgetBatchCache();
    // What was read since the last object was done is in memory.
    let inMemory = 0;
    let most = 0;
    made.step = (name) => {
      if (name === 'reconcile.uploaded') inMemory = 0;
    };
    const get = made.bucket.get.bind(made.bucket);
    made.bucket.get = async (key, options) => {
      const found = await get(key, options);
      if (key.includes('/level_zero/')) inMemory += found.bytes.length;
      most = Math.max(most, inMemory, made.reconciler.memoryBytes);
      return found;
    };
    made.settings.enabled = true;
    await made.settle();
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(48 * 1024);
    expect(made.reconciler.memoryBytes).toBe(0);
    expect(made.l0Gets.length).toBe(48);
    for (let index = 0; index < 6; index++) expect((await made.fetchAll(index)).length).toBe(8);
  });
});

describe('settings that change', () => {
  it('make a topic due as soon as the longest interval allows', async () => {
    const made = await world(1, (one) => {
      one.settings.minMs = one.settings.maxMs = 3_600_000;
    });
    await produceMany(made, named(3));
    await made.clock.advance(5000);
    expect(made.leader().reconciledEnd).toBe(0);
    made.settings.minMs = 100;
    made.settings.maxMs = 1000;
    await made.clock.advance(3000);
    expect(made.leader().reconciledEnd).toBe(3);
  });
});
