// SIGKILL at every named step of reconciling, compaction, leveling and retention. test/soak/history-kill.test.ts does it for long.

import { expect, it } from 'vitest';
import { historySteps, killAtSteps } from './history-kills.ts';

it('a broker that is killed at any step of its work on history loses nothing, and shows consumers what it has shown', async () => {
  const kills = historySteps.map((step, at) => ({ step, times: 1 + (at % 3), atStart: at % 3 === 1 }));
  const told = await killAtSteps({ kills, seed: 0, size: 'small' });
  expect(told.acknowledged).toBeGreaterThan(1_000);
  // Of those that died between preregistering and adding.
  expect(told.awaited).toBeGreaterThan(0);
  for (const logStart of told.logStarts) expect(logStart).toBeGreaterThan(0);
  expect(told.compacted.left).toBeLessThan(told.compacted.written / 2);
}, 180_000);
