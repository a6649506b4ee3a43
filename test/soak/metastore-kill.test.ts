// SIGKILL of the metastore by itself, hundreds of rounds: CLOUDTOPICS_SOAK_ROUNDS (300). CLOUDTOPICS_KILL_SEED as in
// test/interop/metastore-kill.test.ts.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { seededRandom } from '../../src/engine/base/random.ts';
import { KilledMetastore } from '../support/killed-metastore.ts';
import { killMetastoreUnderLoad } from '../support/metastore-kill-rounds.ts';

const rounds = Number(process.env['CLOUDTOPICS_SOAK_ROUNDS'] ?? 300);
const seed = Number(process.env['CLOUDTOPICS_KILL_SEED'] ?? Math.floor(Math.random() * 1e9));

test(`the metastore survives a long series of kills (CLOUDTOPICS_KILL_SEED=${seed})`, { timeout: 0 }, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'cloudtopics-metastore-'));
  try {
    await using metastore = await KilledMetastore.in(directory);
    const random = seededRandom(seed);
    const report = await killMetastoreUnderLoad(metastore, { rounds, loadMsMax: 600, loads: 4, random });
    // Both ways of an end were met, and kills of a process that was only starting.
    expect(report.doubts.happened).toBeGreaterThan(0);
    expect(report.doubts['did not happen']).toBeGreaterThan(0);
    expect(report.killedAtStart).toBeGreaterThan(0);
  } finally {
    await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  }
});
