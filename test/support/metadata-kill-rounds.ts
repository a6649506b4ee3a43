// kill -9 under a load of metadata changes, round after round. After every death the bucket alone has everything that was
// acknowledged of topics and settings; after every start the broker has that and every committed offset, and nothing that was deleted
// is back; after a flush the bucket alone says the same as the broker, in everything.

import { expect } from 'vitest';
import { systemRandom } from '../../src/engine/base/random.ts';
import { RawClient } from '../engine/broker/raw-client.ts';
import type { BrokerProcess } from './broker-process.ts';
import { MetadataLoad } from './metadata-load.ts';
import { bucketPicture, differences, livePicture } from './metadata-picture.ts';

export interface MetadataKillRounds {
  readonly rounds: number;
  /** Longest time of load before a kill. */
  readonly loadMsMax: number;
  readonly workers: number;
}

/** Much of everything in a short time: flushes, merges of tables, raised epochs. */
export const busyDomains = {
  'cloudtopics.groups.flush.interval.ms': '150',
  'cloudtopics.metastore.flush.interval.ms': '150',
  'cloudtopics.epoch.interval.ms': '1000',
} as const;

export const asFlags = (settings: Readonly<Record<string, string>>): string[] =>
  Object.entries(settings).flatMap(([name, value]) => ['--set', `${name}=${value}`]);

export async function killUnderMetadataLoad(broker: BrokerProcess, plan: MetadataKillRounds): Promise<void> {
  const port = () => Number(broker.bootstrap.split(':')[1]);
  const load = new MetadataLoad({ port, random: systemRandom, workers: plan.workers });
  await load.begin();
  let epoch = 0;
  for (let round = 1; round <= plan.rounds; round++) {
    const before = load.acknowledged;
    let stopped = false;
    const running = load.run(() => stopped);
    while (load.acknowledged < before + 5 && load.problems.length === 0) await sleep(5);
    await sleep(Math.random() * plan.loadMsMax);
    stopped = true;
    await broker.kill();
    await running;
    expect(load.problems, `round ${round}: ${broker.output()}`).toEqual([]);

    const left = await bucketPicture(broker.store);
    expect(load.check(left.picture, ['topic/', 'broker/']), `round ${round}: the bucket after the kill`).toEqual([]);
    expect(left.clusterEpoch).toBeGreaterThanOrEqual(epoch);
    epoch = left.clusterEpoch;

    await broker.restart();
    const client = await RawClient.open(port());
    const live = await livePicture(client, load.groups);
    client.destroy();
    expect(load.check(live), `round ${round}: the broker after the start`).toEqual([]);
    // The check itself sees what is missing.
    expect(load.check(new Map()).length).toBeGreaterThan(1);
    load.settle(live);

    await flushAll(broker.admin);
    const flushed = await bucketPicture(broker.store);
    expect(differences(live, flushed.picture), `round ${round}: the broker, and the bucket after a flush`).toEqual([]);
  }
  // An orderly stop leaves nothing behind in the log alone.
  let stopped = false;
  const before = load.acknowledged;
  const running = load.run(() => stopped);
  while (load.acknowledged < before + 50 && load.problems.length === 0) await sleep(5);
  stopped = true;
  await running;
  expect(await broker.stop()).toBe(0);
  expect(load.check((await bucketPicture(broker.store)).picture), 'the bucket after an orderly stop').toEqual([]);
}

async function flushAll(admin: string): Promise<void> {
  const { domains } = (await (await fetch(`${admin}/v1/domains`)).json()) as { domains: { name: string }[] };
  const flushed = domains.map(async ({ name }) => {
    const path = `${admin}/v1/domains/${encodeURIComponent(name)}/flush`;
    const answer = await fetch(path, { method: 'POST', headers: { 'x-cloudtopics-admin': '1' } });
    if (!answer.ok) throw new Error(`${name} was not flushed: ${await answer.text()}`);
  });
  await Promise.all(flushed);
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
