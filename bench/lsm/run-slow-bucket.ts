// The domain that run-subject.ts left behind, on a store that takes 10 ms for every call: how long it takes to open, with an empty log
// tail and a full one, with local copies of its tables and without; and what reads cost that find nothing locally.
//
//   node bench/lsm/run-slow-bucket.ts DIRECTORY ROWS SEED

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../src/engine/base/clock.ts';
import { seededRandom } from '../../src/engine/base/random.ts';
import { FaultyStore } from '../../src/engine/store/faulty-store.ts';
import type { ObjectStore } from '../../src/engine/store/object-store.ts';
import { openBenchDomain, openNewest, openPlace, readsOf } from './cloudtopics-subject.ts';
import type { BenchRow } from './subject.ts';
import { benchKey } from './workloads.ts';

const latencyMs = 10;
const [directory = '', rowCount = '', seed = ''] = process.argv.slice(2);
const place = join(directory, 'main');
const rows = Number(rowCount);
const random = seededRandom(Number(seed));
const slow = (store: ObjectStore) => new FaultyStore(store, { next: () => ({ latencyMs }) }, systemClock);
const forgetLocalCopies = () => rm(join(place, 'cache'), { recursive: true, force: true });

await openings('empty log tail');
await fillTail();
await openings('full log tail');
await coldReads();
process.exit(0);

async function openings(tail: string): Promise<void> {
  await opening(`open, ${tail}, local copies`);
  await forgetLocalCopies();
  await opening(`open, ${tail}, no local copies`);
}

/** From nothing in memory to the first answer. */
async function opening(workload: string): Promise<void> {
  const opened = await openPlace(place, 256 * 1024 * 1024, slow);
  const began = performance.now();
  const domain = await openBenchDomain(opened);
  const openedMs = performance.now() - began;
  const value = await domain.get(benchKey(Math.floor(random.fraction() * rows)));
  const answeredMs = performance.now() - began;
  if (value === undefined) throw new Error('a row is missing');
  await domain[Symbol.asyncDispose]();
  await opened.close();
  print(workload, 1, openedMs);
  print(`${workload}: until the first row is read`, 1, answeredMs);
}

/** As much as fits a memtable without being written out. */
async function fillTail(): Promise<void> {
  const opened = await openPlace(place, 256 * 1024 * 1024);
  const domain = await openBenchDomain(opened);
  const batch = 1000;
  while (domain.stats().lsm.memtable.bytes < 15 * 1024 * 1024) {
    const some = new Map<string, BenchRow>();
    while (some.size < batch) {
      const key = benchKey(Math.floor(random.fraction() * rows));
      some.set(key, { key, value: random.bytes(100) });
    }
    await domain.write([...some.values()]);
  }
  const { tailEntries, tailBytes } = domain.stats().log;
  process.stderr.write(`log tail: ${tailEntries} entries, ${tailBytes} bytes\n`);
  await domain[Symbol.asyncDispose]();
  await opened.close();
}

async function coldReads(): Promise<void> {
  await forgetLocalCopies();
  const opened = await openPlace(place, 256 * 1024 * 1024, slow);
  const domain = await openBenchDomain(opened);
  const view = await openNewest(domain, opened);
  const reads = readsOf(async () => view);
  const keys = (count: number) => Array.from({ length: count }, () => benchKey(Math.floor(random.fraction() * rows)));
  const some = keys(100);
  const latenciesMs = new Float64Array(some.length);
  const began = performance.now();
  await reads.readRandom(some, { latenciesMs });
  print('readrandom, nothing local', some.length, performance.now() - began);
  const many = keys(1000);
  const manyBegan = performance.now();
  await reads.readMany(many, 100, { latenciesMs });
  print('readmany, nothing local at first', many.length, performance.now() - manyBegan);
  await view[Symbol.asyncDispose]();
  await domain[Symbol.asyncDispose]();
  await opened.close();
  await scanCold();
}

async function scanCold(): Promise<void> {
  await forgetLocalCopies();
  const opened = await openPlace(place, 256 * 1024 * 1024, slow);
  const domain = await openBenchDomain(opened);
  const view = await openNewest(domain, opened);
  const began = performance.now();
  const seen = await readsOf(async () => view).scan(false);
  print('readseq, nothing local', seen, performance.now() - began);
  await view[Symbol.asyncDispose]();
  await domain[Symbol.asyncDispose]();
  await opened.close();
}

function print(workload: string, operations: number, ms: number): void {
  const subject = `cloudtopics, ${latencyMs} ms a store call`;
  process.stdout.write(`${JSON.stringify({ subject, workload, operations, seconds: ms / 1000 })}\n`);
}
