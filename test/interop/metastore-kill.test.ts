// SIGKILL of the metastore by itself under random operations. CLOUDTOPICS_KILL_ROUNDS sets how many rounds (25), CLOUDTOPICS_KILL_SEED what
// is asked of it: the operations are the same for the same seed as far as they are answered alike; the instants of the kills are not.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { seededRandom } from '../../src/engine/base/random.ts';
import { KilledMetastore } from '../support/killed-metastore.ts';
import { killMetastoreUnderLoad } from '../support/metastore-kill-rounds.ts';

const rounds = Number(process.env['CLOUDTOPICS_KILL_ROUNDS'] ?? 25);
const seed = Number(process.env['CLOUDTOPICS_KILL_SEED'] ?? Math.floor(Math.random() * 1e9));

test(`the metastore has what it acknowledged over kill -9 (CLOUDTOPICS_KILL_SEED=${seed})`, {
  timeout: 600_000,
}, async () => {
  await using cleanup = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'cloudtopics-metastore-'));
  cleanup.defer(() => rm(directory, { recursive: true, force: true, maxRetries: 3 }));
  const metastore = cleanup.use(await KilledMetastore.in(directory));
  const random = seededRandom(seed);
  const report = await killMetastoreUnderLoad(metastore, { rounds, loadMsMax: 300, loads: 3, random });
  // The rounds did meet what they are for: orders under way when the process died, and tables that were merged.
  expect(report.doubts.happened + report.doubts['did not happen']).toBeGreaterThan(rounds);
  expect(report.acknowledged).toBeGreaterThan(rounds * 10);
  for (const manifest of report.manifests) {
    expect(manifest.name.number).toBeGreaterThan(rounds * 3);
    expect(manifest.levels.length).toBeGreaterThan(1);
  }
});
