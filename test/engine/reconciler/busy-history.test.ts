// One story for everybody who looks, whatever goes on (busy-history.ts). CLOUDTOPICS_HISTORIES sets how many histories,
// CLOUDTOPICS_FIRST_SEED where they begin; a failure names its seed.

import { expect, it } from 'vitest';
import { runBusyHistory } from './busy-history.ts';

const histories = Number(process.env['CLOUDTOPICS_HISTORIES'] ?? 40);
const firstSeed = Number(process.env['CLOUDTOPICS_FIRST_SEED'] ?? 1);

it(`readers and queries by time see one story over ${histories} random histories in which everything goes on at once`, {
  timeout: 3_600_000,
}, async () => {
  const told = { acked: 0, crashes: 0, objects: 0, l0Reads: 0, trims: 0, reads: 0, answers: 0 };
  for (let seed = firstSeed; seed < firstSeed + histories; seed++) {
    try {
      const one = await runBusyHistory(seed);
      for (const name of Object.keys(told) as (keyof typeof told)[]) told[name] += one[name];
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
  if (histories < 20) return;
  expect(told.acked).toBeGreaterThan(histories * 20);
  expect(told.objects).toBeGreaterThan(histories * 4);
  expect(told.l0Reads).toBeGreaterThan(histories);
  expect(told.trims).toBeGreaterThan(histories / 4);
  expect(told.crashes).toBeGreaterThan(histories);
  expect(told.reads).toBeGreaterThan(histories * 50);
  expect(told.answers).toBeGreaterThan(histories * 20);
});
