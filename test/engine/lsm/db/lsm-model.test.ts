// The store against a sorted map: random histories of everything that can be done and everything that can go wrong.
//
// A failure names its seed. `LSM_HISTORIES=5000` runs more of them, `LSM_SEED=123` that one alone.

import { env } from 'node:process';
import { describe, expect, test } from 'vitest';
import { type LastWrite, tinyRules } from './crashing-process.ts';
import { type HistoryOptions, LsmHistory } from './lsm-history.ts';

const histories = Number(env['LSM_HISTORIES'] ?? 40);
/** Of one seed that is run again it is not asked whether it was a busy one. */
const isWholeSet = env['LSM_SEED'] === undefined;
const seeds = isWholeSet ? Array.from({ length: histories }, (_, at) => at + 1) : [Number(env['LSM_SEED'])];

/** Runs in a few lanes at a time; the failure of one says which seed it was. */
async function runAll(options: (seed: number) => HistoryOptions): Promise<LsmHistory[]> {
  const done: LsmHistory[] = [];
  for (const seed of seeds) {
    const history = new LsmHistory(options(seed));
    await history.run().catch((error: unknown) => {
      throw new Error(`history of seed ${seed} failed; LSM_SEED=${seed} runs it again`, { cause: error });
    });
    done.push(history);
  }
  return done;
}

/** Some of the first few hundred writes. */
function lastWrites(seed: number): LastWrite[] {
  const writes: LastWrite[] = [];
  for (let number = 1 + (seed % 40); number < 1000; number += 7 + ((seed * 31 + number) % 60)) {
    writes.push({ number, side: (seed + number) % 2 === 0 ? 'before' : 'after' });
  }
  return writes;
}

describe('a history agrees with a sorted map', () => {
  test('of processes that are stopped and replaced', { timeout: 300_000 }, async () => {
    const done = await runAll((seed) => ({ seed, steps: 120 }));
    if (isWholeSet) expect(done.some(({ lives }) => lives > 2)).toBe(true);
  });

  test('of processes that die at writes to bucket and log', { timeout: 300_000 }, async () => {
    const done = await runAll((seed) => ({ seed, steps: 150, lastWrites: lastWrites(seed) }));
    if (isWholeSet) expect(done.some(({ lives }) => lives > 3)).toBe(true);
  });

  test('of a bucket that fails for now, and a log whose answers get lost', { timeout: 300_000 }, async () => {
    const kinds = {
      unavailable: 0.05,
      conflict: 0.02,
      'timeout-before': 0.03,
      'timeout-after': 0.03,
      'timeout-late': 0.03,
    };
    await runAll((seed) => ({
      seed,
      steps: 120,
      rules: { ...tinyRules, compression: 'zstd' },
      faults: { kinds, latencyMsMax: 5 },
      unknownRecords: 0.03,
      lastWrites: lastWrites(seed + 7),
    }));
  });

  // One history, again and again: once with every single write to bucket or log as the last one of its process, on either side of it.
  test('whichever write was the last one', { timeout: 300_000 }, async () => {
    const seed = seeds[0] as number;
    const steps = 60;
    const whole = new LsmHistory({ seed, steps });
    await whole.run();
    if (isWholeSet) expect(whole.world.writes).toBeGreaterThan(40);
    for (let number = 1; number <= whole.world.writes; number++) {
      for (const side of ['before', 'after'] as const) {
        const history = new LsmHistory({ seed, steps, lastWrites: [{ number, side }] });
        await history.run().catch((error: unknown) => {
          throw new Error(`it failed when write ${number} was the last one, dying ${side} it; LSM_SEED=${seed}`, {
            cause: error,
          });
        });
      }
    }
  });
});
