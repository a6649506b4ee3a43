import { expect, test } from 'vitest';
import type { ErrorCode } from '../../../../src/engine/base/error-table.ts';
import { EngineError } from '../../../../src/engine/base/errors.ts';
import { silentLogger } from '../../../../src/engine/base/logger.ts';
import { VirtualClock } from '../../../../src/engine/base/virtual-clock.ts';
import { BackgroundTries, passesByItself } from '../../../../src/engine/lsm/db/background-tries.ts';
import { StoreLife } from '../../../../src/engine/lsm/db/store-life.ts';

const setup = () => {
  const clock = new VirtualClock();
  const gaveUp: EngineError[] = [];
  const life = new StoreLife((error) => void gaveUp.push(error));
  return { clock, gaveUp, life, tries: new BackgroundTries({ clock, logger: silentLogger, life }) };
};

const unavailable = new EngineError('store-unavailable', 'down');

test.each<[ErrorCode, boolean]>([
  ['store-unavailable', true],
  ['store-timeout', true],
  ['store-conflict', true],
  ['store-denied', true],
  ['disk-full', true],
  ['store-url', true],
  ['fenced-term', false],
  ['fenced-owner', false],
  ['precondition-failed', false],
  ['outcome-unknown', false],
  ['corrupt-object', false],
  ['object-not-found', false],
  ['cancelled', false],
  ['bug', false],
])('%s passes by itself: %s', (code, passes) => {
  expect(passesByItself(new EngineError(code, 'failed'))).toBe(passes);
});

test('a call is made again after 100 ms, doubling to 30 s, until it succeeds', async () => {
  const { clock, tries } = setup();
  const startMs = clock.nowMs();
  const atMs: number[] = [];
  const heard: EngineError[] = [];
  const done = tries.until(
    'a put',
    async () => {
      atMs.push(clock.nowMs() - startMs);
      if (atMs.length <= 11) throw unavailable;
      return 'there';
    },
    (error) => void heard.push(error),
  );
  await clock.advance(200_000);
  await expect(done).resolves.toBe('there');
  const waits = atMs.slice(1).map((ms, at) => ms - (atMs[at] as number));
  expect(waits).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
  expect(heard).toHaveLength(11);
  expect(tries.retries).toBe(11);
});

test('whoever is in a hurry has it tried at once', async () => {
  const { clock, tries } = setup();
  let calls = 0;
  const done = tries.until('a put', async () => {
    calls += 1;
    if (calls === 1) throw unavailable;
  });
  await clock.advance(10);
  expect(calls).toBe(1);
  tries.hurry();
  await done;
  expect(calls).toBe(2);
});

test('what does not pass ends the store', async () => {
  const { gaveUp, tries } = setup();
  const fenced = new EngineError('fenced-owner', 'replaced');
  await expect(tries.until('a put', () => Promise.reject(fenced))).rejects.toBe(fenced);
  expect(gaveUp).toEqual([fenced]);
  await expect(tries.until('a put', async () => undefined)).rejects.toBe(fenced);
});

test('a store that is closed waits no longer', async () => {
  const { gaveUp, life, tries } = setup();
  const done = tries.until('a put', () => Promise.reject(unavailable));
  setImmediate(() => life.close());
  await expect(done).rejects.toMatchObject({ code: 'shutting-down' });
  expect(gaveUp).toEqual([]);
});
