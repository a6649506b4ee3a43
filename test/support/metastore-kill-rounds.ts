// kill -9 of the metastore under load, round after round; now and then of one that has not come up yet. After every death the bucket
// alone shows a state that is sound. After every start the rows are exactly those of the orders that were answered, with or without the
// one that each load had under way. After a flush the bucket alone shows the same rows, and the validators find nothing.

import { expect } from 'vitest';
import { systemClock } from '../../src/engine/base/clock.ts';
import { silentLogger } from '../../src/engine/base/logger.ts';
import { type Random, systemRandom } from '../../src/engine/base/random.ts';
import { type DomainReads, openDomainView } from '../../src/engine/domain/domain.ts';
import { BlockCache, type Manifest } from '../../src/engine/lsm/lsm.ts';
import { listPartitions } from '../../src/engine/metastore/listing-queries.ts';
import { validateObjects, validatePartition } from '../../src/engine/metastore/metastore.ts';
import { openStore } from '../../src/engine/store/store.ts';
import { type KilledMetastore, killedClusterId, metastoreDomainNames } from './killed-metastore.ts';
import { type DoubtEnd, MetastoreLoad } from './metastore-load.ts';
import { pictureOfRows } from './metastore-picture.ts';

export interface MetastoreKillRounds {
  readonly rounds: number;
  /** Longest time of load before a kill. */
  readonly loadMsMax: number;
  /** Of each domain. */
  readonly loads: number;
  readonly random: Random;
}

export interface KillReport {
  readonly acknowledged: number;
  readonly doubts: Readonly<Record<DoubtEnd, number>>;
  readonly killedAtStart: number;
  /** Of each domain, at the end. */
  readonly manifests: readonly Manifest[];
}

type HexRow = readonly [key: string, hex: string];

export async function killMetastoreUnderLoad(
  metastore: KilledMetastore,
  { rounds, loadMsMax, loads: loadsOfADomain, random }: MetastoreKillRounds,
): Promise<KillReport> {
  const below = (limit: number) => Math.floor(random.fraction() * limit);
  const loads = metastoreDomainNames.flatMap((_, domain) =>
    Array.from({ length: loadsOfADomain }, () => new MetastoreLoad(below(0xffff_ffff), domain)),
  );
  const doubts: Record<DoubtEnd, number> = { happened: 0, 'did not happen': 0, 'changes nothing': 0, 'no doubt': 0 };
  const acknowledged = () => loads.reduce((sum, load) => sum + load.acknowledged, 0);
  let killedAtStart = 0;
  await metastore.start();
  for (let round = 1; round <= rounds; round++) {
    const goal = acknowledged() + loads.length;
    let stopped = false;
    const running = Promise.all(loads.map((load) => load.run(metastore, () => stopped)));
    while (acknowledged() < goal && problemsOf(loads).length === 0) await sleep(2);
    await sleep(below(loadMsMax));
    const killed = metastore.kill();
    await killed;
    stopped = true;
    await running;
    expect(problemsOf(loads), `round ${round}: under load`).toEqual([]);
    await lookAtBucket(metastore.storeUrl, async (reads) => {
      expect(await anomaliesIn(reads), `round ${round}: the bucket after the kill`).toEqual([]);
    });

    while (below(3) === 0 && !(await metastore.start(150 + below(250)))) killedAtStart += 1;
    await metastore.kill();
    await metastore.start();
    const live = await liveRows(metastore);
    for (const end of settleAll(loads, live)) doubts[end] += 1;
    expect(problemsOf(loads), `round ${round}: after the start`).toEqual([]);

    // Now and then what was not flushed has to survive more than one death.
    if (below(4) > 0 || round === rounds) await checkFlushed(metastore, live, round);
  }
  const manifests: Manifest[] = [];
  await lookAtBucket(metastore.storeUrl, async (_, manifest) => void manifests.push(manifest));
  return { acknowledged: acknowledged(), doubts, killedAtStart, manifests };
}

const problemsOf = (loads: readonly MetastoreLoad[]): string[] => loads.flatMap(({ problems }) => problems);

/** By domain. */
function liveRows(metastore: KilledMetastore): Promise<HexRow[][]> {
  return Promise.all(metastoreDomainNames.map((_, domain) => metastore.ask<HexRow[]>({ kind: 'rows', domain })));
}

/** Each load judges its own lines; one that is nobody's is a problem of the first. */
function settleAll(loads: readonly MetastoreLoad[], live: readonly (readonly HexRow[])[]): DoubtEnd[] {
  const picture = pictureOfRows(live.flat());
  for (const key of picture.keys()) {
    if (!loads.some((load) => load.owns(key))) loads[0]?.problems.push(`nobody has asked for ${key}`);
  }
  return loads.map((load) => load.settle(new Map([...picture].filter(([key]) => load.owns(key)))));
}

async function checkFlushed(metastore: KilledMetastore, live: readonly (readonly HexRow[])[], round: number) {
  await metastore.ask({ kind: 'flush' });
  // A domain without any entry has nothing to flush, and shows nothing.
  const shown = new Map<string, HexRow[]>(metastoreDomainNames.map((name) => [name, []]));
  await lookAtBucket(metastore.storeUrl, async (reads, _, name) => {
    const rows = await reads.scan({});
    shown.set(
      name,
      rows.map(({ key, value }) => [key, value.toString('hex')]),
    );
    expect(await anomaliesIn(reads), `round ${round}: the bucket of ${name} after a flush`).toEqual([]);
  });
  for (const [domain, name] of metastoreDomainNames.entries()) {
    expect(shown.get(name), `round ${round}: the rows of ${name} in the bucket after a flush`).toEqual(live[domain]);
  }
}

/** A reader with nothing but the bucket. Domains that were never flushed are left out. */
async function lookAtBucket(
  storeUrl: string,
  look: (reads: DomainReads, manifest: Manifest, name: string) => Promise<void>,
): Promise<void> {
  const deps = { clock: systemClock, random: systemRandom, logger: silentLogger, options: { readOnly: true } };
  await using store = await openStore(storeUrl, deps);
  const caches = { blocks: new BlockCache(16 * 1024 * 1024), disk: undefined };
  for (const name of metastoreDomainNames) {
    await using view = await openDomainView({
      store,
      clusterId: killedClusterId,
      name,
      caches,
      logger: silentLogger,
    });
    if (view !== undefined) await look(view, view.manifest, name);
  }
}

async function anomaliesIn(reads: DomainReads): Promise<string[]> {
  const found = [...(await validateObjects(reads, { objectsMax: 100_000 })).anomalies];
  for (const of of await listPartitions(reads, { limit: 10_000 })) {
    let position: Parameters<typeof validatePartition>[2]['position'];
    do {
      const rowsMax = 40;
      const check = await validatePartition(reads, of, position === undefined ? { rowsMax } : { rowsMax, position });
      found.push(...check.anomalies);
      position = check.position;
    } while (position !== undefined);
  }
  return found.map(({ name, key, detail }) => `${name} ${key}: ${detail}`);
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
