// Random objects over random extents, read at random by many readers at once, compared with a plain array of what was written: over a
// store that fails, while objects are replaced and vanish, with little memory, with and without local copies.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { offset } from '../../../src/engine/base/ids.ts';
import { silentLogger } from '../../../src/engine/base/logger.ts';
import { type Random, seededRandom } from '../../../src/engine/base/random.ts';
import { DiskCache } from '../../../src/engine/disk-cache/disk-cache.ts';
import type { L1Place, L1Reader } from '../../../src/engine/l1/l1.ts';
import { readBaseOffset, readLastOffsetDelta } from '../../../src/engine/records/record-batch-format.ts';
import { batchesIn, batchOf, type ExtentPlan, keyOf, L1Stage, read, topic } from './l1-stage.ts';

const partitions = 3;
const lastOf = (batch: Buffer) => readBaseOffset(batch) + readLastOffsetDelta(batch);
const below = (random: Random, limit: number) => Math.floor(random.fraction() * limit);

/** What each partition holds, and the extents it was written in. */
class History {
  readonly stage = new L1Stage();
  readonly batches: Buffer[][] = Array.from({ length: partitions }, () => []);
  readonly ends: number[] = Array.from({ length: partitions }, () => 0);
  #objects = 0;

  async grow(random: Random): Promise<void> {
    const plans: ExtentPlan[] = [];
    for (let partition = 0; partition < partitions; partition++) {
      for (let left = below(random, 3); left > 0; left--) plans.push(this.#extent(random, partition));
    }
    await this.#write(plans, random);
  }

  /** Writes all extents of an object anew, as compaction does, and removes the object. */
  async replace(random: Random): Promise<void> {
    const number = 1 + below(random, this.#objects);
    const key = keyOf(number);
    const plans: ExtentPlan[] = [];
    const gone: L1Place[] = [];
    for (const [partition, places] of this.stage.places) {
      for (const place of places.filter(({ objectId }) => key.endsWith(objectId))) {
        const { baseOffset: base, lastOffset: last } = place;
        const its = (batch: Buffer) => readBaseOffset(batch) >= base && lastOf(batch) <= last;
        plans.push({ partition, base, last, batches: (this.batches[partition] as Buffer[]).filter(its) });
        gone.push(place);
      }
    }
    plans.sort((a, b) => (a.partition ?? 0) - (b.partition ?? 0) || a.base - b.base);
    await this.#write(plans, random, gone);
    await this.stage.inner.deleteMany([key]);
  }

  expected(partition: number, from: number, until: number): Buffer[] {
    const all = this.batches[partition] as Buffer[];
    return all.filter((batch) => lastOf(batch) >= from && readBaseOffset(batch) < until);
  }

  async #write(plans: ExtentPlan[], random: Random, instead?: L1Place[]): Promise<void> {
    if (plans.every(({ batches }) => batches.length === 0)) return;
    const indexBytes = 200 + below(random, 5000);
    this.#objects++;
    await this.stage.object(plans, { indexBytes, partBytes: 1000 + below(random, 20_000) }, instead);
  }

  #extent(random: Random, partition: number): ExtentPlan {
    const base = this.ends[partition] as number;
    const batches: Buffer[] = [];
    let next = base + (random.fraction() < 0.3 ? below(random, 20) : 0);
    for (let left = below(random, 30); left > 0; left--) {
      const count = 1 + below(random, 10);
      const size = random.fraction() < 0.05 ? 20_000 : 61 + below(random, 1500);
      batches.push(batchOf(next, size, count));
      next += count + (random.fraction() < 0.2 ? below(random, 50) : 0);
    }
    const last = next + below(random, 3);
    this.ends[partition] = last + 1;
    (this.batches[partition] as Buffer[]).push(...batches);
    return { partition, base, last, batches };
  }
}

async function readOnce(history: History, reader: L1Reader, random: Random, from: number, partition: number) {
  const until = from + 1 + (random.fraction() < 0.3 ? below(random, 300) : 1_000_000);
  const bytesMax = below(random, 2) === 0 ? below(random, 3000) : below(random, 60_000);
  const atLeastOne = random.fraction() < 0.7;
  using got = await read(reader, { partition, from, until, bytesMax, atLeastOne });
  const expected = history.expected(partition, from, until);
  const batches = batchesIn(got.parts);
  expect(batches).toEqual(expected.slice(0, batches.length));
  expect(got.bytes).toBe(batches.reduce((sum, batch) => sum + batch.length, 0));
  expect(got.nothingThere).toBe(expected.length === 0);
  if (batches.length === 0 && expected.length > 0) {
    expect(atLeastOne).toBe(false);
    expect(expected[0]?.length).toBeGreaterThan(bytesMax);
  }
  if (got.bytes > bytesMax) expect([batches.length, atLeastOne]).toEqual([1, true]);
  const last = batches.at(-1);
  if (last !== undefined) return lastOf(last) + 1;
  return got.nothingThere ? until : from;
}

/** Reads at random places, and on from where it is. */
async function wander(history: History, reader: L1Reader, random: Random, reads: number): Promise<void> {
  let partition = below(random, partitions);
  let from = 0;
  for (let left = reads; left > 0; left--) {
    if (random.fraction() < 0.15 || from >= (history.ends[partition] as number)) {
      partition = below(random, partitions);
      from = below(random, history.ends[partition] as number);
    }
    from = await readOnce(history, reader, random, from, partition);
  }
}

async function play(seed: number, memoryBytesMax: number, directory?: string): Promise<void> {
  const random = seededRandom(seed);
  const history = new History();
  const { stage } = history;
  for (let objects = 0; objects < 12; objects++) await history.grow(random);
  const disk =
    directory === undefined
      ? undefined
      : await DiskCache.open({ directory, bytesMax: 200_000, clock: stage.clock, logger: silentLogger });
  // Of what comes from the store, some is torn and some is damaged, each place once.
  const spoiled: { readonly key: string; readonly start: number; readonly end: number }[] = [];
  stage.onGet = async ({ key, range }, go) => {
    const object = await go();
    const start = range?.start ?? 0;
    const end = start + object.bytes.length;
    if (random.fraction() >= 0.1) return object;
    if (spoiled.some((one) => one.key === key && one.start < end && start < one.end)) return object;
    spoiled.push({ key, start, end });
    if (random.fraction() < 0.5) return { ...object, bytes: object.bytes.subarray(0, object.bytes.length >> 1) };
    const at = below(random, object.bytes.length);
    object.bytes[at] = (object.bytes[at] as number) ^ 1;
    return object;
  };
  await using reader = stage.reader({ memoryBytesMax, footerBytesMax: 20_000, disk });
  for (let round = 0; round < 4; round++) {
    await wander(history, reader, random, 60);
    const { memoryBytes, footerBytes } = reader.stats();
    expect(memoryBytes).toBeLessThanOrEqual(Math.max(memoryBytesMax, 40_000));
    expect(footerBytes).toBeLessThanOrEqual(20_000);
    await history.replace(random);
    await history.grow(random);
  }
  stage.onGet = undefined;
  await Promise.all(Array.from({ length: 8 }, () => wander(history, reader, random, 40)));
  for (let partition = 0; partition < partitions; partition++) {
    const of = { topicId: topic, partition };
    const from = below(random, history.ends[partition] as number);
    const scanned: Buffer[] = [];
    for (const place of stage.places.get(partition) ?? []) {
      if (place.lastOffset < from) continue;
      const groups = reader.scan(of, place, { from: offset(from) });
      for await (const group of groups) scanned.push(...group.map((batch) => Buffer.from(batch)));
    }
    expect(scanned).toEqual(history.expected(partition, from, Number.MAX_SAFE_INTEGER));
  }
  await disk?.[Symbol.asyncDispose]();
}

describe('history', () => {
  it.each(Array.from({ length: 12 }, (_, at) => at + 1))('is read as it was written, seed %d', async (seed) => {
    await play(seed, 1_000_000);
  });

  it.each([101, 102, 103, 104, 105, 106])('is read as it was written with hardly any memory, seed %d', async (seed) => {
    await play(seed, 30_000);
  });

  it.each([201, 202, 203, 204])('is read as it was written with local copies, seed %d', async (seed) => {
    const directory = mkdtempSync(join(tmpdir(), 'l1-history-'));
    try {
      await play(seed, 200_000, directory);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
