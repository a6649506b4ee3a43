import { describe, expect, it } from 'vitest';
import { formatBar, formatElapsed, formatShare, plainMarks } from '../../../src/cli/screens/bar-format.ts';
import { paceOf, shareOf, transferBegun, transferMoved } from '../../../src/cli/screens/transfer-state.ts';

/** A run of 100 records of 10 bytes per second towards 2,000, seen `perSecond` times a second. */
function steady(seconds: number, perSecond: number) {
  let state = transferBegun(1_000);
  for (let tick = 1; tick <= seconds * perSecond; tick++) {
    const records = (tick * 100) / perSecond;
    const snapshot = { records, bytes: records * 10, goal: { done: records, total: 2_000 } };
    state = transferMoved(state, snapshot, 1_000 + (tick * 1_000) / perSecond);
  }
  return state;
}

describe('the pace of a transfer', () => {
  it('is measured over the last seconds, however often it is looked at', () => {
    for (const perSecond of [8, 1, 0.1]) {
      expect(paceOf(steady(10, perSecond))).toEqual({
        elapsedMs: 10_000,
        recordsPerSecond: 100,
        bytesPerSecond: 1_000,
        remainingMs: 10_000,
      });
    }
  });

  it('falls to nothing when the run stalls, and then promises no end', () => {
    const state = steady(10, 8);
    const stalled = [11_500, 13_000, 16_500].reduce((at, ms) => transferMoved(at, state.snapshot, ms), state);
    expect(paceOf(transferMoved(state, state.snapshot, 12_000)).recordsPerSecond).toBeLessThan(100);
    expect(paceOf(stalled)).toMatchObject({ recordsPerSecond: 0, bytesPerSecond: 0, remainingMs: undefined });
  });

  it('promises no end in the first second, and none where none is known', () => {
    expect(paceOf(steady(0.5, 8)).remainingMs).toBeUndefined();
    const endless = transferMoved(transferBegun(0), { records: 5, bytes: 5 }, 5_000);
    expect(paceOf(endless)).toMatchObject({ recordsPerSecond: 1, remainingMs: undefined });
  });

  it('keeps a bounded memory of the past', () => {
    expect(steady(3_600, 8).samples.length).toBeLessThan(50);
  });

  it('is nothing before anything was seen', () => {
    expect(paceOf(transferBegun(7))).toEqual({
      elapsedMs: 0,
      recordsPerSecond: 0,
      bytesPerSecond: 0,
      remainingMs: undefined,
    });
  });
});

describe('shares and bars', () => {
  it.each([
    [0, 10, 0],
    [5, 10, 0.5],
    [12, 10, 1],
    [-1, 10, 0],
    [0, 0, 1],
  ])('%i of %i is %f', (done, total, share) => {
    expect(shareOf({ done, total })).toBe(share);
  });
  it.each([
    [0, '----------', '  0%'],
    [0.5, '#####-----', ' 50%'],
    [0.999, '#########-', ' 99%'],
    [1, '##########', '100%'],
  ])('%f is drawn as %s', (share, bar, text) => {
    expect(formatBar(share, 10, plainMarks)).toBe(bar);
    expect(formatShare(share)).toBe(text);
  });
  it.each([
    [0, '0:00'],
    [7_999, '0:07'],
    [725_000, '12:05'],
    [10_859_000, '3:00:59'],
  ])('%i ms are %s', (ms, text) => {
    expect(formatElapsed(ms)).toBe(text);
  });
});
