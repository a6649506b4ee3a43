// SIGKILL at named steps of reconciling, compaction, leveling and retention, on a store that fails: CLOUDTOPICS_SOAK_ROUNDS kills (300),
// each step many times, in the order that CLOUDTOPICS_KILL_SEED draws. A new cluster every few dozen kills; one in four has objects of
// several parts, on a store that does not fail: too little would be written for them.

import { expect, test } from 'vitest';
import { type Random, seededRandom } from '../../src/engine/base/random.ts';
import { historySteps, type Kill, killAtSteps, partSteps } from '../engine/engine/history-kills.ts';

const rounds = Number(process.env['CLOUDTOPICS_SOAK_ROUNDS'] ?? 300);
const firstSeed = Number(process.env['CLOUDTOPICS_KILL_SEED'] ?? Math.floor(Math.random() * 1e9));

test(`history survives a long series of kills (CLOUDTOPICS_KILL_SEED=${firstSeed})`, { timeout: 0 }, async () => {
  let awaited = 0;
  for (let done = 0, cluster = 0; done < rounds; cluster++) {
    const random = seededRandom(firstSeed + cluster);
    const size = cluster % 4 === 3 ? 'parts' : 'small';
    const kills = killsOf(size === 'parts' ? [...partSteps, ...partSteps, ...partSteps] : historySteps, random);
    const told = await killAtSteps({
      kills,
      seed: size === 'parts' ? 0 : 1 + ((firstSeed + cluster * 1000) % 1e9),
      size,
    });
    awaited += told.awaited;
    done += kills.length;
  }
  expect(awaited).toBeGreaterThan(0);
});

/** Each step once, in any order. */
function killsOf(steps: readonly string[], random: Random): Kill[] {
  const below = (limit: number) => Math.floor(random.fraction() * limit);
  const left = [...steps];
  const kills: Kill[] = [];
  while (left.length > 0) {
    const [step] = left.splice(below(left.length), 1) as [string];
    kills.push({ step, times: 1 + below(below(2) === 0 ? 2 : 5), atStart: below(3) === 0 });
  }
  return kills;
}
