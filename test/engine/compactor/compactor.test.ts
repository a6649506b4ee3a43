// The compactor as a whole: what it does on its own and when ordered, one job at a time, and what it tells of that.

import { describe, expect, it } from 'vitest';
import { topicId } from '../../../src/engine/base/ids.ts';
import type { Compactor, CompactorOptions } from '../../../src/engine/compactor/compactor.ts';
import { encodeBatch } from '../../../src/engine/records/build-batch-format.ts';
import { CompactorStage, StagePartition, topic } from './compactor-stage.ts';

const never = new AbortController().signal;

interface World {
  readonly stage: CompactorStage;
  readonly partitions: StagePartition[];
  readonly steps: string[];
  readonly compactor: Compactor;
}

/** Partitions with an extent for each key: "aab" are three extents, the first two of one key. */
async function world(contents: readonly string[], more: Partial<CompactorOptions> = {}): Promise<World> {
  const stage = new CompactorStage();
  const partitions: StagePartition[] = [];
  for (const [index, keys] of contents.entries()) {
    stage.partition = new StagePartition(index);
    partitions.push(stage.partition);
    for (const key of keys) {
      const record = { key: Buffer.from(key), value: Buffer.alloc(50, key) };
      const place = { baseOffset: stage.nextOffset, timestamp: stage.clock.nowMs() };
      await stage.reconcile([[encodeBatch([record], place)]]);
    }
  }
  const steps: string[] = [];
  const compactor = stage.open({
    partitions: () => partitions,
    partition: (_, index) => partitions[index],
    step: (name) => void steps.push(name),
    ...more,
  });
  return { stage, partitions, steps, compactor };
}

describe('on its own, the compactor', () => {
  it('compacts what is due, highest dirty ratio first, and only while that is enabled', async () => {
    const { stage, partitions, steps, compactor } = await world(['abcd', 'ab', 'abc']);
    stage.settings.compactionEnabled = true;
    await stage.clock.advance(30_000);
    expect(compactor.counters()).toMatchObject({ logCompactions: 3, managedLogs: 3, compactionQueueLength: 0 });
    for (const [index, key] of [
      [0, 'a'],
      [1, 'a'],
      [1, 'b'],
      [2, 'a'],
    ] as const) {
      stage.partition = partitions[index] as StagePartition;
      const place = { baseOffset: stage.nextOffset, timestamp: stage.clock.nowMs() };
      await stage.reconcile([[encodeBatch([{ key: Buffer.from(key), value: Buffer.alloc(50, key) }], place)]]);
    }
    await stage.clock.advance(30_000);
    const { outcomes } = await compactor.status({});
    expect(outcomes.slice(0, 3).map(({ partition }) => partition)).toEqual([0, 2, 1]);
    stage.settings.compactionEnabled = false;
    steps.length = 0;
    await stage.reconcile([[encodeBatch([{ key: Buffer.from('z') }], { baseOffset: stage.nextOffset })]]);
    await stage.clock.advance(300_000);
    expect(steps).toEqual([]);
    await compactor[Symbol.asyncDispose]();
  });

  it('levels, most extents first, and only while that is enabled', async () => {
    const { stage, compactor } = await world(['abcde', 'abcdefgh']);
    stage.rules = { ...stage.rules, compacted: false, deleted: true };
    await stage.clock.advance(300_000);
    expect(compactor.counters().levelingRangesCompleted).toBe(0);
    stage.settings.levelingEnabled = true;
    await stage.clock.advance(300_000);
    expect(compactor.counters()).toMatchObject({ levelingRangesCompleted: 2, levelingExtentsReclaimed: 11 });
    const { outcomes, partitions } = await compactor.status({});
    expect(outcomes.map(({ kind, partition }) => `${kind} ${partition}`)).toEqual(['leveling 0', 'leveling 1']);
    expect(partitions).toEqual([]);
    await compactor[Symbol.asyncDispose]();
  });

  it('does one job at a time, leveling and compaction together', async () => {
    let inside = 0;
    let most = 0;
    const { stage, compactor } = await world(['abcdefgha', 'abcdefghab', 'abcdefghb'], {
      pause: async () => {},
      step: async (name) => {
        if (!/preregistered|replaced/.test(name)) return;
        inside += /preregistered/.test(name) ? 1 : -1;
        most = Math.max(most, inside);
        await new Promise((resolve) => setImmediate(resolve));
      },
    });
    stage.settings.compactionEnabled = true;
    stage.settings.levelingEnabled = true;
    stage.settings.levelingIntervalMs = 30_000;
    stage.settings.objectBytes = 1e6;
    const ordered = compactor.run({ kinds: ['leveling', 'compaction'], wait: true, signal: never });
    await stage.clock.advance(60_000);
    await ordered;
    expect(most).toBe(1);
    expect(compactor.counters().logCompactions).toBe(3);
    await compactor[Symbol.asyncDispose]();
  });

  it('goes on with the next partition when one fails', async () => {
    const { stage, partitions, compactor } = await world(['aa', 'aa']);
    (partitions[0] as StagePartition).whileDraining = () => {
      throw new Error('a bug');
    };
    stage.settings.compactionEnabled = true;
    await stage.clock.advance(30_000);
    const { outcomes } = await compactor.status({});
    expect(outcomes.map(({ partition, error }) => [partition, error])).toEqual([
      [1, null],
      [0, 'bug: a bug'],
    ]);
    expect(compactor.counters()).toMatchObject({ logCompactions: 1, jobsFailed: 1 });
    await compactor[Symbol.asyncDispose]();
  });
});

describe('a partition that fails again and again', () => {
  it('is tried with growing pauses, and at once when ordered', async () => {
    const { stage, partitions, compactor } = await world(['aa']);
    const [partition] = partitions as [StagePartition];
    let tries = 0;
    partition.whileDraining = () => {
      tries += 1;
      throw new Error('again');
    };
    stage.settings.compactionEnabled = true;
    await stage.clock.advance(600_000);
    expect(tries).toBe(4);
    await compactor.run({ kinds: ['compaction'], wait: true, signal: never });
    expect(tries).toBe(5);
    await stage.clock.advance(86_400_000);
    expect(tries).toBeGreaterThan(20);
    expect(tries).toBeLessThan(32);
    partition.whileDraining = () => {};
    await stage.clock.advance(3_700_000);
    expect(compactor.counters().logCompactions).toBe(1);
    await compactor[Symbol.asyncDispose]();
  });
});

describe('an order', () => {
  it('is carried out also where the work is switched off, and says how it went', async () => {
    const { compactor } = await world(['aab', 'abcdefgh']);
    const planned = await compactor.plan({ kinds: ['compaction', 'leveling'] });
    expect(planned.jobs.map(({ kind, partition, reason }) => `${kind} ${partition}: ${reason}`)).toEqual([
      'compaction 0: dirty ratio 1 of at least 0',
      'compaction 1: dirty ratio 1 of at least 0',
      'leveling 1: 8 small extents become 1',
    ]);
    const result = await compactor.run({ kinds: ['compaction'], wait: true, signal: never });
    expect(result).toMatchObject({
      complete: true,
      outcomes: [
        { kind: 'compaction', topicId: topic, recordsRemoved: 1, extentsBefore: 3, extentsAfter: 1, error: null },
        { kind: 'compaction', topicId: topic, recordsRemoved: 0, extentsBefore: 8, extentsAfter: 1, error: null },
      ],
    });
    await compactor[Symbol.asyncDispose]();
  });

  it('answers at once where nobody waits, and the work goes on', async () => {
    const { compactor } = await world(['aab']);
    expect(await compactor.run({ wait: false, signal: never })).toMatchObject({ complete: false, outcomes: [] });
    const { outcomes } = await compactor.run({ wait: true, signal: never });
    expect(outcomes).toEqual([]);
    expect((await compactor.status({})).outcomes).toMatchObject([{ kind: 'compaction', error: null }]);
    expect(await compactor.run({ wait: false, signal: never })).toMatchObject({ complete: true });
    await compactor[Symbol.asyncDispose]();
  });

  it('is for the topics that it names', async () => {
    const { compactor } = await world(['aab']);
    const other = topicId('00000000-5b6d-4e7f-8a9b-0c1d2e3f4a5b');
    expect(await compactor.plan({ topicIds: [other] })).toEqual({ jobs: [], skipped: [] });
    expect((await compactor.plan({ topicIds: [topic] })).jobs).toHaveLength(1);
    expect(await compactor.status({ topicIds: [other] })).toMatchObject({ partitions: [], outcomes: [] });
    await compactor[Symbol.asyncDispose]();
  });

  it('that is called off stops in the middle, and leaves nothing behind but what was preregistered', async () => {
    const stop = new AbortController();
    const { stage, compactor } = await world(['aab', 'aab'], {
      step: (name) => {
        if (name === 'compact.preregistered') stop.abort();
      },
    });
    await expect(compactor.run({ wait: true, signal: stop.signal })).rejects.toThrow();
    expect((await compactor.status({})).outcomes).toMatchObject([
      { partition: 0, error: 'cancelled: the job was called off' },
    ]);
    expect(await stage.anomalies()).toEqual([]);
    const again = await compactor.run({ kinds: ['compaction'], wait: true, signal: never });
    expect(again.outcomes).toHaveLength(2);
    await compactor[Symbol.asyncDispose]();
  });
});

describe('stopping', () => {
  it('calls off what runs and what waits', async () => {
    let reached: () => void = () => {};
    const running = new Promise<void>((resolve) => {
      reached = resolve;
    });
    const { compactor, stage } = await world(['aab', 'aab'], {
      pace: (_, signal) => {
        reached();
        return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
      },
    });
    const ordered = compactor.run({ wait: true, signal: never }).catch((error: unknown) => String(error));
    await running;
    expect((await compactor.status({})).running).toMatchObject([{ kind: 'compaction', partition: 0 }]);
    expect((await compactor.status({})).queued).toMatchObject([{ kind: 'compaction', partition: 1 }]);
    expect(compactor.counters()).toMatchObject({ compactionQueueLength: 1 });
    await compactor[Symbol.asyncDispose]();
    expect(await ordered).toMatch(/abort/i);
    expect(await stage.anomalies()).toEqual([]);
  });
});

describe('the status', () => {
  it('shows every compacted partition as it is, and others that have small extents', async () => {
    const { stage, compactor } = await world(['aab', 'ab', 'a']);
    await compactor.run({ kinds: ['compaction'], wait: true, signal: never });
    const { partitions } = await compactor.status({});
    expect(partitions).toMatchObject([
      { partition: 0, cleanupPolicy: 'compact', extents: 1, dirtyRatio: 0, dirtyBytes: 0, cleanedTo: 3 },
      { partition: 1, cleanupPolicy: 'compact', extents: 1, dirtyRatio: 0, dirtyBytes: 0, cleanedTo: 2 },
      { partition: 2, cleanupPolicy: 'compact', extents: 1, dirtyRatio: 0, dirtyBytes: 0, cleanedTo: 1 },
    ]);
    stage.rules = { ...stage.rules, compacted: false, deleted: true };
    expect((await compactor.status({})).partitions).toEqual([]);
    await stage.reconcile([1, 2].map((at) => [encodeBatch([{}], { baseOffset: stage.nextOffset + at - 1 })]));
    expect((await compactor.status({})).partitions).toMatchObject([
      { partition: 2, cleanupPolicy: 'delete', extents: 3, dirtyRatio: null, dirtyBytes: null, cleanedTo: null },
    ]);
    await compactor[Symbol.asyncDispose]();
  });

  it('keeps the newest 200 outcomes', async () => {
    const { stage, compactor, partitions } = await world(['aa']);
    (partitions[0] as StagePartition).whileDraining = () => {
      throw new Error('again');
    };
    for (let turns = 0; turns < 205; turns++) {
      await compactor.run({ kinds: ['compaction'], wait: true, signal: never });
      await stage.clock.advance(1);
    }
    const { outcomes } = await compactor.status({});
    expect(outcomes).toHaveLength(200);
    expect(outcomes[0]?.atMs).toBeGreaterThan(outcomes[199]?.atMs as number);
    await compactor[Symbol.asyncDispose]();
  });
});
