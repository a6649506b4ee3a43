// Turns on a period and out of turn, in virtual time.

import { expect, test } from 'vitest';
import { silentLogger } from '../../../src/engine/base/logger.ts';
import { VirtualClock } from '../../../src/engine/base/virtual-clock.ts';
import { TurnLoop } from '../../../src/engine/compactor/turn-loop.ts';

function start(turn: (kind: string, signal: AbortSignal) => Promise<void> = async () => {}) {
  const clock = new VirtualClock(0);
  const turns: string[] = [];
  const interval = { ms: 60_000 };
  const loop = new TurnLoop({
    name: 'the test',
    clock,
    logger: silentLogger,
    intervalMs: () => interval.ms,
    async turn(kind, signal) {
      turns.push(`${kind} at ${clock.nowMs() / 1000}`);
      await turn(kind, signal);
    },
  });
  return { clock, turns, interval, loop };
}

test('a turn comes after every interval, counted from the end of the one before', async () => {
  const { clock, turns, loop } = start(() => new Promise((resolve) => void clock.after(10_000, resolve)));
  await clock.advance(59_999);
  expect(turns).toEqual([]);
  await clock.advance(100_000);
  expect(turns).toEqual(['period at 60', 'period at 130']);
  const disposed = loop[Symbol.asyncDispose]();
  await clock.advance(10_000);
  await disposed;
  await clock.advance(1e6);
  expect(turns).toHaveLength(2);
});

test('a shorter interval is noticed before the old one is over', async () => {
  const { clock, turns, interval, loop } = start();
  interval.ms = 1e9;
  await clock.advance(100_000);
  interval.ms = 1000;
  await clock.advance(10_000);
  expect(turns).toEqual(['period at 110']);
  await loop[Symbol.asyncDispose]();
});

test('it can be woken, once for many calls, and keeps its period all the same', async () => {
  const { clock, turns, loop } = start();
  await clock.advance(1000);
  loop.wake(2000);
  loop.wake(500);
  loop.wake(5000);
  await clock.advance(10_000);
  expect(turns).toEqual(['woken at 1.5']);
  await clock.advance(60_000);
  expect(turns).toEqual(['woken at 1.5', 'period at 60']);
  await loop[Symbol.asyncDispose]();
});

test('a call that comes during a turn is not forgotten', async () => {
  const { clock, turns, loop } = start(() => new Promise((resolve) => void clock.after(3000, resolve)));
  loop.wake(0);
  await clock.advance(1000);
  loop.wake(500);
  await clock.advance(2000);
  expect(turns).toEqual(['woken at 0', 'woken at 3']);
  const disposed = loop[Symbol.asyncDispose]();
  await clock.advance(3000);
  await disposed;
});

test('what a turn throws does not end it', async () => {
  const { clock, turns, loop } = start(async () => {
    throw new Error('no luck');
  });
  await clock.advance(200_000);
  expect(turns).toHaveLength(3);
  await loop[Symbol.asyncDispose]();
});

test('a turn is told when it should stop, and waited for', async () => {
  const { clock, loop } = start(
    (_, signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve())),
  );
  loop.wake(0);
  await clock.advance(1);
  await loop[Symbol.asyncDispose]();
});
