import { describe, expect, it } from 'vitest';
import { offset } from '../../../src/engine/base/ids.ts';
import { planJobs } from '../../../src/engine/reconciler/round-plan.ts';
import { topic } from '../partition/write-path-world.ts';
import { type BatchSpecimen, PendingLeader } from './pending-specimen.ts';

const kib = 1024;

const many = (count: number, specimen: (at: number) => BatchSpecimen = () => ({})): BatchSpecimen[] =>
  Array.from({ length: count }, (_, at) => specimen(at));

const plan = (
  leaders: readonly PendingLeader[],
  behind: ReadonlyMap<number, number> = new Map(),
  objectBytesMax = 80 * kib * kib,
) =>
  planJobs(
    topic,
    leaders.map(({ led }) => led),
    { domainOf: () => 0, objectBytesMax, behind, sweep: () => undefined, pause: async () => {} },
  );

const indexes = (planned: Awaited<ReturnType<typeof plan>>): number[] =>
  planned.jobs.flatMap(({ parts }) => parts.map(({ leader }) => leader.index));

describe('the plan of an object', () => {
  it('takes all partitions that fit, however many there are and however little each has', async () => {
    const leaders = many(3000).map((_, index) => new PendingLeader(index, [{ length: kib }]));
    const planned = await plan(leaders);
    expect(indexes(planned).length).toBe(3000);
    expect(planned.left.size).toBe(0);
  });

  it('goes on behind the partition that the last one came to, so that all are served when it has come round', async () => {
    const leaders = many(40).map(
      (_, index) =>
        new PendingLeader(
          index,
          many(1000, () => ({ length: 8 * kib })),
        ),
    );
    const served: number[] = [];
    let behind: ReadonlyMap<number, number> = new Map();
    for (let round = 0; round < 5; round++) {
      const planned = await plan(leaders, behind, 8 * 64 * kib);
      served.push(...indexes(planned));
      expect(planned.left.size).toBe(32);
      behind = planned.ends;
    }
    expect(served.toSorted((a, b) => a - b)).toEqual(leaders.map(({ index }) => index));
  });

  it('holds a bounded number of batches, and says who has more', async () => {
    const leaders = [0, 1].map((index) => new PendingLeader(index, many(60_000)));
    const first = await plan(leaders);
    expect(first.jobs[0]?.parts.map(({ batches }) => batches.length)).toEqual([50_000]);
    expect([...first.left].map(({ index }) => index)).toEqual([0, 1]);
    const second = await plan(leaders, first.ends);
    expect(indexes(second)).toEqual([1]);
  });

  it('cuts a stretch with more producers than one addition holds, and says so', async () => {
    const leader = new PendingLeader(
      0,
      many(2500, (at) => ({ producerId: at })),
    );
    const planned = await plan([leader]);
    expect(planned.jobs[0]?.parts[0]?.batches.length).toBe(2000);
    expect(planned.left.size).toBe(1);
    leader.reconciledEnd = offset(2000);
    expect((await plan([leader])).left.size).toBe(0);
  });
});
