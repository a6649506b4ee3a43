// A broker on a store that fails, killed and started again and again under idempotent producers while history is made of what they
// write: after each death the bucket alone, L1 as far as the metastore was flushed and L0 from there on, has every acknowledged record at
// its acknowledged offset; after the last start the broker serves the same.
//
// CLOUDTOPICS_KILLS sets how many rounds, CLOUDTOPICS_FIRST_SEED where the faults begin.

import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { missingFromBucket } from '../../support/bucket-salvage.ts';
import { freePort, ServerProcess } from '../../support/server-process.ts';
import type { RawClient } from '../broker/raw-client.ts';
import { EngineStage, until } from './engine-stage.ts';
import { fetchValues } from './wire-consumer.ts';
import { WireProducer } from './wire-producer.ts';

const child = fileURLToPath(new URL('engine-child.ts', import.meta.url));
const kills = Number(process.env['CLOUDTOPICS_KILLS'] ?? 3);
const firstSeed = Number(process.env['CLOUDTOPICS_FIRST_SEED'] ?? 1);
const partitions = 3;

it(`every acknowledged record is in the bucket over ${kills} kills and a store that fails`, async () => {
  await using stage = await EngineStage.open();
  // Made by an engine in this process, so that the id of the topic is known.
  const first = await stage.start();
  const topicId = await stage.createTopic('survivors', partitions);
  await first.stop();

  const port = await freePort();
  const start = (round: number) =>
    ServerProcess.start({
      name: 'engine',
      command: process.execPath,
      args: [child, stage.dataDirectory, stage.storeUrl, String(port), String(firstSeed + round)],
      isReadyLine: (line) => line === 'ready',
    });
  await using running = new AsyncDisposableStack();
  let stopped = false;
  running.defer(() => {
    stopped = true;
  });
  // Two of them share partition 0.
  const producers = Array.from(
    { length: partitions + 1 },
    (_, at) => new WireProducer({ port: () => port, topic: 'survivors', partition: at % partitions, name: `p${at}` }),
  );
  const acknowledged = () => producers.flatMap((one) => one.acknowledged);
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  const runs = producers.map((one) => one.run(() => stopped).catch(failed.reject));
  const unlessFailed = (holds: () => boolean, what: string) =>
    Promise.race([until(holds, what, 30_000), failed.promise]);

  const batchesIn = { l1: 0, l0Only: 0 };
  for (let round = 0; round <= kills; round++) {
    const broker = running.use(await start(round));
    const goals = producers.map((one) => one.acknowledged.length + 30 + 13 * (round % 4));
    await unlessFailed(
      () => producers.every((one, at) => one.acknowledged.length >= (goals[at] as number)),
      'all went on',
    );
    if (round === kills) {
      stopped = true;
      await Promise.race([Promise.all(runs), failed.promise]);
    }
    await broker.kill();
    const told = acknowledged();
    const bucket = await stage.salvage();
    expect(await bucket.missing(topicId, told)).toEqual([]);
    for (const { history, batches } of bucket.partitions) {
      batchesIn.l1 += history?.batches.length ?? 0;
      batchesIn.l0Only += batches.length;
    }
    // The check itself sees what is not there.
    const invented = { partition: 0, offset: 0, value: 'never sent' };
    expect(await missingFromBucket(stage.storeUrl, [...told, invented])).toMatchObject([invented]);
    expect(bucket.owner?.start.counter).toBe(round + 2);
  }

  const bucket = await stage.salvage();
  await stage.start();
  const client: RawClient = await stage.client();
  for (const partition of bucket.partitions) {
    const salvaged = (await partition.records()).map((one) => one.value);
    const live = await fetchValues(client, topicId, partition.index);
    // Batches that were uploaded and never committed may follow in the bucket.
    expect(salvaged.slice(0, live.length)).toEqual(live);
    expect(new Set(live).size).toBe(live.length);
    for (const name of new Set(live.map((value) => value.split('.')[0]))) {
      const own = live.filter((value) => value.startsWith(`${name}.`)).map((value) => Number(value.split('.')[1]));
      expect(own).toEqual(own.map((_, at) => at));
    }
  }
  // The faults did happen: uploads were given up, and left what is not on the chain.
  expect(producers.reduce((sum, one) => sum + one.retries, 0)).toBeGreaterThan(0);
  const uploads = bucket.partitions.map((one) => one.uploads);
  expect(uploads.some((own) => new Set(own.map((batch) => batch.baseOffset)).size < own.length)).toBe(true);
  expect(uploads.flat().some((batch) => batch.stamp.attempt > 0)).toBe(true);
  // And the bucket had some of it in L1, some in L0 only.
  expect(batchesIn.l1).toBeGreaterThan(0);
  expect(batchesIn.l0Only).toBeGreaterThan(0);
}, 120_000);
