// The real broker under a load of metadata changes, killed a few times; test/interop and test/soak do it for longer.
// CLOUDTOPICS_KILLS sets how many rounds (3).

import { expect, it } from 'vitest';
import { BrokerProcess } from '../../support/broker-process.ts';
import { asFlags, busyDomains, killUnderMetadataLoad } from '../../support/metadata-kill-rounds.ts';
import { EngineStage } from './engine-stage.ts';

const rounds = Number(process.env['CLOUDTOPICS_KILLS'] ?? 3);

it(`all acknowledged metadata is there over ${rounds} kills, in the broker and in its bucket`, async () => {
  await using stage = await EngineStage.open();
  await using broker = await BrokerProcess.start({ directory: stage.directory, flags: asFlags(busyDomains) });
  await killUnderMetadataLoad(broker, { rounds, loadMsMax: 300, workers: 4 });
  expect(broker.isRunning()).toBe(false);
}, 120_000);
