// When a transfer counts as stalled: looked at every five seconds with an allowance of a minute.

import { describe, expect, test } from 'vitest';
import { StallWatch, transferBytesPerMsMin } from '../../../src/engine/broker/stall-watch.ts';

const stallMs = 60_000;
const stepMs = 5_000;
const mebibyte = 1 << 20;

/** Seconds after which `bytesAt` (by the second) has stalled; undefined when not within an hour. */
function stallsAfter(bytesAt: (second: number) => number, more: { heldUntil?: number } = {}): number | undefined {
  const watch = new StallWatch();
  for (let nowMs = 0; nowMs <= 3_600_000; nowMs += stepMs) {
    const held = nowMs / 1000 < (more.heldUntil ?? 0);
    if (watch.look({ nowMs, movedBytes: bytesAt(nowMs / 1000), stallMs, transfer: 1, held })) return nowMs / 1000;
  }
  return undefined;
}

describe('a transfer stalls', () => {
  const floor = transferBytesPerMsMin * 1_000;
  test.each([
    ['after a minute when nothing moves', () => 0, 60],
    [
      'a minute after it stopped, however much it brought before',
      (second: number) => Math.min(second, 100) * mebibyte,
      160,
    ],
    ['in twice the time when it moves at half the floor', (second: number) => second * floor * 0.5, 120],
    ['never when it keeps up the floor', (second: number) => second * floor, undefined],
    ['never when it keeps it up in bursts', (second: number) => Math.floor(second / 50) * 55 * floor, undefined],
  ])('%s', (_when, bytesAt, expected) => {
    expect(stallsAfter(bytesAt)).toBe(expected);
  });

  test('not while the broker itself holds it', () => {
    expect(stallsAfter(() => 0, { heldUntil: 1_000 })).toBe(1_055);
  });

  test('not because of another before it, nor of a rest', () => {
    const watch = new StallWatch();
    const look = (nowMs: number, transfer: number) =>
      watch.look({ nowMs, movedBytes: 0, stallMs, transfer, held: false });
    expect([look(0, 1), look(55_000, 1), look(59_000, 2), look(115_000, 2), look(119_000, 2)]).toEqual([
      false,
      false,
      false,
      false,
      true,
    ]);
    watch.rest();
    expect(look(300_000, 2)).toBe(false);
  });
});
