import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shareBudget } from '../../../src/engine/reconciler/budget-share-policy.ts';

const kib = 1024;

describe('the budget of an object', () => {
  it.each([
    ['goes to whom there is only', [500], 1000, 0, [500]],
    ['is shared evenly where all want more', [9000 * kib, 9000 * kib], 8000 * kib, 0, [4000 * kib, 4000 * kib]],
    ['is left over by those who want little', [100 * kib, 9000 * kib], 4100 * kib, 0, [100 * kib, 4000 * kib]],
    ['is not given to whom there is nothing of', [0, 300 * kib, 0], 4000 * kib, 0, [0, 300 * kib, 0]],
    [
      'serves as many as get a share worth a section, beginning with whose turn it is',
      [900 * kib, 900 * kib, 900 * kib, 900 * kib],
      128 * kib,
      3,
      [64 * kib, 0, 0, 64 * kib],
    ],
  ])('%s', (_, wants, budget, first, shares) => {
    expect(shareBudget(wants, budget, first)).toEqual(shares);
  });

  it('is never exceeded, nor is anybody given more than it wants', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(10_000_000), { minLength: 1, maxLength: 200 }),
        fc.integer({ min: 1, max: 100_000_000 }),
        fc.nat(1000),
        (wants, budget, turn) => {
          const shares = shareBudget(wants, budget, turn % wants.length);
          const total = shares.reduce((sum, one) => sum + one, 0);
          // One byte each for those that get less than one: a share always gets its partition on.
          expect(total).toBeLessThanOrEqual(budget + wants.length);
          for (const [at, share] of shares.entries()) expect(share).toBeLessThanOrEqual(wants[at] as number);
          if (wants.some((want) => want > 0)) expect(total).toBeGreaterThan(0);
        },
      ),
    );
  });

  it('reaches everybody when the turn goes round, however hot one is', () => {
    const wants = [1_000_000_000, ...Array.from({ length: 99 }, () => 200 * kib)];
    const reached = new Set<number>();
    for (let turn = 0; turn < 100; turn++) {
      for (const [at, share] of shareBudget(wants, 640 * kib, turn).entries()) if (share > 0) reached.add(at);
    }
    expect(reached.size).toBe(100);
  });
});
