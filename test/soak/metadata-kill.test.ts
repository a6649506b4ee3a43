// SIGKILL under a load of metadata changes, hundreds of rounds: CLOUDTOPICS_SOAK_ROUNDS (300).

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'vitest';
import { BrokerProcess } from '../support/broker-process.ts';
import { asFlags, busyDomains, killUnderMetadataLoad } from '../support/metadata-kill-rounds.ts';

const rounds = Number(process.env['CLOUDTOPICS_SOAK_ROUNDS'] ?? 300);

test('metadata survives a long series of kills', { timeout: 0 }, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'cloudtopics-metadata-'));
  try {
    await using broker = await BrokerProcess.start({ directory, flags: asFlags(busyDomains) });
    await killUnderMetadataLoad(broker, { rounds, loadMsMax: 1_500, workers: 6 });
  } finally {
    await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  }
});
