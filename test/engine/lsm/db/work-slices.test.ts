import { expect, test } from 'vitest';
import { VirtualClock } from '../../../../src/engine/base/virtual-clock.ts';
import { WorkSlices } from '../../../../src/engine/lsm/db/work-slices.ts';

class WorkingClock extends VirtualClock {
  workedMs = 0;
  override monotonicMs(): number {
    return this.workedMs;
  }
}

function setup() {
  const clock = new WorkingClock();
  const pausesAtMs: number[] = [];
  const slices = new WorkSlices(clock, async () => void pausesAtMs.push(clock.workedMs));
  return { clock, pausesAtMs, slices };
}

test('work steps aside every few milliseconds', async () => {
  const { clock, pausesAtMs, slices } = setup();
  for (let row = 0; row < 10_000; row++) {
    clock.workedMs += 0.001;
    const wait = slices.worked(100);
    if (wait !== undefined) await wait;
  }
  expect(pausesAtMs).toHaveLength(3);
  for (const [at, ms] of pausesAtMs.entries()) expect(ms).toBeCloseTo(3 * (at + 1), 0);
});

test('large rows count by their bytes', async () => {
  const { clock, pausesAtMs, slices } = setup();
  for (let row = 0; row < 3; row++) {
    clock.workedMs += 4;
    await slices.worked(1024 * 1024);
  }
  expect(pausesAtMs).toEqual([4, 8, 12]);
});
