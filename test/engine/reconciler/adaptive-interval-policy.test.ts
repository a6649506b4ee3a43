import { describe, expect, it } from 'vitest';
import { nextIntervalMs } from '../../../src/engine/reconciler/adaptive-interval-policy.ts';

const mebibyte = 1024 * 1024;
const rules = { targetBytes: 64 * mebibyte, minMs: 250, maxMs: 10_000 };

describe('the interval of a topic', () => {
  it.each([
    ['stays where objects have the target size', 2_000, 64, 2_000],
    ['goes slowly towards a longer one where they are small', 250, 10, 790],
    ['goes fast towards a shorter one where they are large', 10_000, 160, 4_600],
    ['grows where there was nothing to do', 250, 0, 0.6 * 250 + 0.4 * 10_000],
    ['never exceeds the longest', 10_000, 1, 10_000],
    ['never goes below the shortest', 250, 80, 250],
  ])('%s', (_, current, objectMebibytes, next) => {
    expect(nextIntervalMs(current, objectMebibytes * mebibyte, rules)).toBeCloseTo(next, 6);
  });

  it('settles where a steady stream fills the target, from either end', () => {
    for (const [bytesPerSecond, start] of [
      [10 * mebibyte, 250],
      [10 * mebibyte, 10_000],
      [30 * mebibyte, 10_000],
    ] as const) {
      let interval: number = start;
      for (let round = 0; round < 60; round++) {
        interval = nextIntervalMs(interval, (interval / 1000) * bytesPerSecond, rules);
      }
      expect((interval / 1000) * bytesPerSecond).toBeCloseTo(rules.targetBytes, -3);
    }
  });

  it('of a topic with little to do is the longest after a while', () => {
    let interval = 250;
    for (let round = 0; round < 20; round++) interval = nextIntervalMs(interval, interval * 100, rules);
    expect(interval).toBe(10_000);
  });
});
