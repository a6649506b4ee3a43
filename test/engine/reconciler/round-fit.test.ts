import { describe, expect, it } from 'vitest';
import { offset } from '../../../src/engine/base/ids.ts';
import { fitToMemory } from '../../../src/engine/reconciler/round-fit.ts';
import type { Job } from '../../../src/engine/reconciler/round-job.ts';
import { topic } from '../partition/write-path-world.ts';
import { type BatchSpecimen, PendingLeader, pendingBatches } from './pending-specimen.ts';

const jobOf = (parts: readonly (readonly BatchSpecimen[])[], first = 0): Job => ({
  topicId: topic,
  domain: 0,
  parts: parts.map((specimens, at) => ({
    leader: new PendingLeader(first + at, specimens).led,
    from: offset(0),
    batches: pendingBatches(0, specimens),
    sweep: undefined,
  })),
});

/** One batch in each of these L0 objects, 1000 bytes, appended when the object's number says. */
const inObjects = (...objects: number[]): BatchSpecimen[] =>
  objects.map((object) => ({ object, length: 1000, appendedAtMs: object * 10 }));

async function lengths(jobs: readonly Job[], bytesMax: number) {
  const fitted = await fitToMemory(jobs, bytesMax, async () => {});
  return {
    parts: fitted.jobs.map(({ parts }) => parts.map(({ leader, batches }) => [leader.index, batches.length])),
    cut: [...fitted.cut].map(({ index }) => index),
  };
}

describe('what fits the memory of a round', () => {
  it('is everything where there is room', async () => {
    expect(await lengths([jobOf([inObjects(1, 2, 3), inObjects(1, 2, 3)])], 3000)).toEqual({
      parts: [
        [
          [0, 3],
          [1, 3],
        ],
      ],
      cut: [],
    });
  });

  it('is the oldest objects, for all jobs alike', async () => {
    const jobs = [jobOf([inObjects(2, 3, 5), inObjects(4, 5)]), jobOf([inObjects(1, 3)], 7)];
    expect(await lengths(jobs, 3000)).toEqual({ parts: [[[0, 2]], [[7, 2]]], cut: [0, 1] });
  });

  it('counts what lies between the batches that are wanted of an object', async () => {
    const apart = [
      { object: 1, position: 0, length: 1000, appendedAtMs: 1 },
      { object: 1, position: 9000, length: 1000, appendedAtMs: 1 },
      { object: 2, length: 1000, appendedAtMs: 2 },
    ];
    expect(await lengths([jobOf([apart])], 10_000)).toEqual({ parts: [[[0, 2]]], cut: [0] });
    expect(await lengths([jobOf([apart])], 11_000)).toEqual({ parts: [[[0, 3]]], cut: [] });
  });

  it('is one object at least, and always gets somebody on, also where clocks jumped', async () => {
    expect((await lengths([jobOf([inObjects(1, 2)])], 10)).parts).toEqual([[[0, 1]]]);
    const jumping = [
      { object: 1, length: 1000, appendedAtMs: 100 },
      { object: 2, length: 1000, appendedAtMs: 1 },
    ];
    const other = [{ object: 2, length: 1000, appendedAtMs: 100 }];
    const { parts } = await lengths([jobOf([jumping, other])], 10);
    expect(parts.length).toBe(1);
  });
});
