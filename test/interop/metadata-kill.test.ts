// SIGKILL under a load of metadata changes. CLOUDTOPICS_KILL_ROUNDS sets how many rounds (30); the S3 store gets a third of them.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'vitest';
import { BrokerProcess } from '../support/broker-process.ts';
import { asFlags, busyDomains, killUnderMetadataLoad } from '../support/metadata-kill-rounds.ts';
import { type StoreKind, targetIsKafka } from '../support/target-broker.ts';
import { VersitygwProcess } from '../support/versitygw-process.ts';

const rounds = Number(process.env['CLOUDTOPICS_KILL_ROUNDS'] ?? 30);
const stores: readonly StoreKind[] = ['file', 's3'];

describe.skipIf(targetIsKafka).each(stores)('a broker on a %s store', (store) => {
  test('keeps all metadata that it acknowledged over kill -9', { timeout: 900_000 }, async () => {
    await using cleanup = new AsyncDisposableStack();
    const directory = await mkdtemp(join(tmpdir(), 'cloudtopics-metadata-'));
    cleanup.defer(() => rm(directory, { recursive: true, force: true, maxRetries: 3 }));
    const flags = asFlags(busyDomains);
    if (store === 'file') {
      const broker = cleanup.use(await BrokerProcess.start({ directory, flags }));
      await killUnderMetadataLoad(broker, { rounds, loadMsMax: 700, workers: 4 });
      return;
    }
    const s3 = cleanup.use(await VersitygwProcess.start(join(directory, 's3')));
    // For the reader of the bucket in this process.
    Object.assign(process.env, s3.credentials);
    const bucket = await s3.makeBucket('metadata');
    const broker = cleanup.use(await BrokerProcess.start({ directory, flags, store: bucket, env: s3.credentials }));
    await killUnderMetadataLoad(broker, { rounds: Math.ceil(rounds / 3), loadMsMax: 700, workers: 4 });
  });
});
