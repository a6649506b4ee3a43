import { describe, expect, it } from 'vitest';
import { ReaderPins } from '../../../src/engine/partition/reader-pins.ts';

async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const note = () => {
    settled = true;
  };
  promise.then(note, note);
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  return settled;
}

describe('pins of readers', () => {
  it('tell the lowest offset that is read', () => {
    const pins = new ReaderPins();
    expect(pins.lowest).toBe(Number.POSITIVE_INFINITY);
    const high = pins.pin(9);
    const low = pins.pin(4);
    expect([pins.count, pins.lowest]).toEqual([2, 4]);
    low[Symbol.dispose]();
    low[Symbol.dispose]();
    expect([pins.count, pins.lowest]).toEqual([1, 9]);
    high[Symbol.dispose]();
    expect(pins.count).toBe(0);
  });

  it('let a compaction wait for those who began below its end, and for no others', async () => {
    const pins = new ReaderPins();
    const below = pins.pin(4);
    pins.pin(10);
    const waiting = pins.noneBelow(10);
    expect(await isSettled(waiting)).toBe(false);
    below[Symbol.dispose]();
    await waiting;
    await pins.noneBelow(10);
  });

  it('stop being waited for when the signal says so', async () => {
    const pins = new ReaderPins();
    pins.pin(1);
    const stop = new AbortController();
    const waiting = pins.noneBelow(2, stop.signal);
    stop.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'cancelled' });
    await expect(pins.noneBelow(2, stop.signal)).rejects.toMatchObject({ code: 'cancelled' });
  });
});
