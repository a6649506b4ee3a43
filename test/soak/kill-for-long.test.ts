// The same as the interop suite's kill test, for an evening: CLOUDTOPICS_SOAK_ROUNDS rounds (300) under more load.

import { describe, test } from 'vitest';
import { killDuringLoad } from '../support/kill-rounds.ts';
import { startTarget, storeKinds } from '../support/target-broker.ts';

const rounds = Number(process.env['CLOUDTOPICS_SOAK_ROUNDS'] ?? 300);

describe.each(storeKinds)('a broker on a %s store', (store) => {
  test('survives a long series of kills', { timeout: 0 }, async () => {
    await using broker = await startTarget(store);
    await killDuringLoad(broker, {
      rounds,
      partitions: 24,
      producers: 3,
      recordsPerSecond: 5_000,
      loadMsMax: 4_000,
    });
  });
});
