// SIGKILL during load, many rounds. CLOUDTOPICS_KILL_ROUNDS sets how many (25); the S3 store gets a third of them.

import { describe, test } from 'vitest';
import { killDuringLoad } from '../support/kill-rounds.ts';
import { startTarget, storeKinds } from '../support/target-broker.ts';

const rounds = Number(process.env['CLOUDTOPICS_KILL_ROUNDS'] ?? 25);

describe.each(storeKinds)('a broker on a %s store', (store) => {
  test('loses nothing, doubles nothing and keeps the order over kill -9', { timeout: 900_000 }, async () => {
    await using broker = await startTarget(store);
    await killDuringLoad(broker, {
      rounds: store === 'file' ? rounds : Math.ceil(rounds / 3),
      partitions: 5,
      producers: 2,
      recordsPerSecond: 1_500,
      loadMsMax: 1_000,
    });
  });
});
