import { describe, expect, it } from 'vitest';
import { ByteRate } from '../../../src/engine/base/byte-rate.ts';
import { VirtualClock } from '../../../src/engine/base/virtual-clock.ts';

describe('a rate in bytes per second', () => {
  it('lets everything pass where there is none', async () => {
    const rate = new ByteRate(new VirtualClock(), () => 0);
    await rate.pass(1e12);
  });

  it('holds over all who share it, whatever they ask for', async () => {
    const clock = new VirtualClock();
    const rate = new ByteRate(clock, () => 1000);
    const began = clock.monotonicMs();
    let passed = 0;
    const work = async () => {
      for (let turn = 0; turn < 10; turn++) {
        await rate.pass(250);
        passed += 250;
      }
    };
    const all = Promise.all([work(), work()]);
    for (let step = 0; step < 60; step++) {
      await clock.advance(100);
      expect(passed).toBeLessThanOrEqual(1000 + clock.monotonicMs() - began);
    }
    await all;
    expect(passed).toBe(5000);
  });

  it('follows a limit that is changed, and gives up with the signal', async () => {
    const clock = new VirtualClock();
    let limit = 10;
    const rate = new ByteRate(clock, () => limit);
    const stop = new AbortController();
    const waiting = rate.pass(1000, stop.signal);
    stop.abort(new Error('stopped'));
    await expect(waiting).rejects.toThrow('stopped');
    limit = 0;
    await rate.pass(1e9);
  });

  it('follows it also for who waits already, and takes no debt along from before there was none', async () => {
    const clock = new VirtualClock();
    let limit = 1;
    const rate = new ByteRate(clock, () => limit);
    let passed = 0;
    const counted = (bytes: number) => rate.pass(bytes).then(() => passed++);
    const waiting = [counted(10_000_000), counted(10_000_000)];
    await clock.advance(5000);
    limit = 10_000_000;
    await clock.advance(2100);
    expect(passed).toBe(1);
    limit = 0;
    await clock.advance(1000);
    await Promise.all(waiting);
    await rate.pass(1);
    limit = 100;
    const soon = counted(100);
    await clock.advance(1000);
    await soon;
  });
});
