// What was acknowledged is read back, in order and once, across L0 and L1, after any of many random histories (reconcile-history.ts);
// the metastore's validators find nothing, and no object is in the bucket that no row knows.
//
// CLOUDTOPICS_HISTORIES sets how many, CLOUDTOPICS_FIRST_SEED where they begin; a failure names its seed.

import { expect, it } from 'vitest';
import { runReconcileHistory } from './reconcile-history.ts';

const histories = Number(process.env['CLOUDTOPICS_HISTORIES'] ?? 60);
const firstSeed = Number(process.env['CLOUDTOPICS_FIRST_SEED'] ?? 1);

// Each of these has lost or refused something once.
const stories = [
  [
    1,
    'the metastore was ahead of the LRO, and what it knew of producers was no earlier than what was added; an entry that was noted as ' +
      'the next to read had been trimmed, because all in it was reconciled',
  ],
  [1055, 'a snapshot from before a trim brought back segments that began in the trimmed part of the log'],
] as const;

it.each(stories)('seed %i is told to its end: %s', async (seed) => {
  await runReconcileHistory(seed);
});

it(`L0 and L1 together lose and double nothing over ${histories} random histories`, {
  timeout: 3_600_000,
}, async () => {
  const told = { acked: 0, crashes: 0, objects: 0, corrections: 0, trims: 0, crashedAt: new Set<string>() };
  for (let seed = firstSeed; seed < firstSeed + histories; seed++) {
    try {
      const one = await runReconcileHistory(seed);
      told.acked += one.acked;
      told.crashes += one.crashes;
      told.objects += one.objects;
      told.corrections += one.corrections;
      told.trims += one.trims;
      for (const step of one.crashedAt) told.crashedAt.add(step);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
  expect(told.acked).toBeGreaterThan(histories * 20);
  expect(told.objects).toBeGreaterThan(histories * 4);
  expect(told.trims).toBeGreaterThan(histories / 4);
  expect(told.crashes).toBeGreaterThan(histories);
  if (histories >= 60) {
    expect(told.corrections).toBeGreaterThan(0);
    const names = ['planned', 'preregistered', 'complete', 'uploaded', 'added', 'moved', 'trimmed'];
    expect([...told.crashedAt]).toEqual(expect.arrayContaining(names.map((name) => `reconcile.${name}`)));
  }
});
