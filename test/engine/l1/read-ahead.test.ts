// Sequential readers are read ahead for, so that they wait for the store as little as may be; others are not.

import { beforeAll, describe, expect, it } from 'vitest';
import { sleep } from '../../../src/engine/base/clock.ts';
import { EngineError } from '../../../src/engine/base/errors.ts';
import type { L1Reader } from '../../../src/engine/l1/l1.ts';
import { nextWindow, runLimits } from '../../../src/engine/l1/read-ahead-policy.ts';
import { batchesFrom, batchOf, kibibyte, L1Stage, mebibyte, offsetsOf, read, readOffsets } from './l1-stage.ts';

const latencyMs = 30;

/** Moves the stage's time until the work is done; gives how long that took. */
async function timed(stage: L1Stage, work: Promise<unknown>): Promise<number> {
  const began = stage.clock.monotonicMs();
  let over = false;
  const done = work.finally(() => {
    over = true;
  });
  done.catch(() => {});
  while (!over) await stage.clock.advance(1);
  await done;
  return stage.clock.monotonicMs() - began;
}

/** Every GET takes a while; gives how many were under way at most. */
function slowGets(stage: L1Stage): { most: number } {
  const seen = { most: 0 };
  let underWay = 0;
  stage.onGet = async (_get, go) => {
    underWay++;
    seen.most = Math.max(seen.most, underWay);
    await sleep(stage.clock, latencyMs);
    underWay--;
    return await go();
  };
  return seen;
}

/** A reader that is closed in the stage's time: what was read ahead is still on its way then. */
async function withReader<T>(
  stage: L1Stage,
  memoryBytesMax: number,
  work: (reader: L1Reader) => Promise<T>,
): Promise<T> {
  const reader = stage.reader({ memoryBytesMax });
  const done = await work(reader);
  await timed(stage, reader[Symbol.asyncDispose]());
  return done;
}

/** Reads through, taking `thinkMs` for each MiB. */
async function readThrough(
  stage: L1Stage,
  reader: L1Reader,
  thinkMs: number,
  start: number,
  stop: number,
  until = stop,
) {
  for (let from = start; from < stop; ) {
    using got = await read(reader, { from, until, bytesMax: mebibyte });
    const offsets = offsetsOf(got.parts);
    expect(offsets[0]).toBe(from);
    from = (offsets.at(-1) as number) + 1;
    if (thinkMs > 0) await sleep(stage.clock, thinkMs);
  }
}

describe('a reader that reads on', () => {
  const objects = 3;
  const batchesPerObject = 512;
  const last = objects * batchesPerObject;
  let stage: L1Stage;

  /** Three objects of 32 MiB. */
  beforeAll(async () => {
    stage = new L1Stage();
    for (let at = 0; at < objects; at++) {
      const base = at * batchesPerObject;
      const batches = batchesFrom(base, batchesPerObject, 64 * kibibyte);
      await stage.object([{ base, last: base + batchesPerObject - 1, batches }]);
    }
  });

  it('loses less than a fifth of its speed to 30 ms for every GET, at 200 MiB a second', async () => {
    const seen = slowGets(stage);
    const thinkMs = 5;
    const took = await withReader(stage, 128 * mebibyte, async (reader) => {
      await timed(stage, readThrough(stage, reader, thinkMs, 0, batchesPerObject, last));
      return await timed(stage, readThrough(stage, reader, thinkMs, batchesPerObject, last));
    });
    expect(took).toBeLessThan(((objects - 1) * 32 * thinkMs) / 0.8);
    expect(seen.most).toBeGreaterThanOrEqual(2);
  });

  it('has half a GiB a second once it is under way, when it is as fast as it can be', async () => {
    const seen = slowGets(stage);
    const took = await withReader(stage, 128 * mebibyte, async (reader) => {
      await timed(stage, readThrough(stage, reader, 0, 0, batchesPerObject, last));
      return await timed(stage, readThrough(stage, reader, 0, batchesPerObject, last));
    });
    expect((((objects - 1) * 32) / took) * 1000).toBeGreaterThan(512);
    expect(seen.most).toBeGreaterThanOrEqual(3);
  });

  it('gets every byte by one GET, few of them small', async () => {
    stage.onGet = undefined;
    stage.gets.length = 0;
    await using reader = stage.reader({ memoryBytesMax: 128 * mebibyte });
    await readThrough(stage, reader, 0, 0, last);
    const sizes = stage.bodyGets.map(({ range }) => (range?.end ?? 0) - (range?.start ?? 0));
    expect(sizes.reduce((sum, bytes) => sum + bytes, 0)).toBe(last * 64 * kibibyte);
    expect(sizes.length).toBeLessThan(objects * 32 * 0.4);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(8 * mebibyte);
    expect(stage.gets.length - sizes.length).toBe(objects);
  });

  it('shares the memory with others, in which all keep within half of it', async () => {
    slowGets(stage);
    const { memoryBytes, memoryBytesMax } = await withReader(stage, 32 * mebibyte, async (reader) => {
      await timed(stage, Promise.all([0, 1, 2, 3].map(() => readThrough(stage, reader, 5, 0, last / 2))));
      return reader.stats();
    });
    expect(memoryBytes).toBeLessThanOrEqual(memoryBytesMax);
  });
});

describe('many small extents of many objects', () => {
  it('are looked up and opened ahead, many at once', async () => {
    const stage = new L1Stage();
    const extents = 60;
    for (let at = 0; at < extents; at++) {
      await stage.object([{ base: at * 10, last: at * 10 + 9, batches: batchesFrom(at * 10, 10, 10 * kibibyte) }]);
    }
    const seen = slowGets(stage);
    const took = await withReader(stage, 64 * mebibyte, (reader) =>
      timed(stage, readThrough(stage, reader, 0, 0, extents * 10)),
    );
    // One after the other it would be a footer and a range each.
    expect(took).toBeLessThan((extents * 2 * latencyMs) / 4);
    expect(seen.most).toBeGreaterThan(8);
    expect(stage.located).toBeLessThanOrEqual(extents);
    expect(stage.gets.length).toBe(extents * 2);
  });
});

describe('reading ahead', () => {
  async function oneObject(batches = 400): Promise<L1Stage> {
    const stage = new L1Stage();
    await stage.object([{ base: 0, last: batches - 1, batches: batchesFrom(0, batches, 10 * kibibyte) }], {
      indexBytes: 100 * kibibyte,
    });
    return stage;
  }

  it('is not done for reads at random places', async () => {
    const stage = await oneObject();
    await using reader = stage.reader();
    for (const from of [0, 300, 100, 390, 200]) await readOffsets(reader, { from, bytesMax: 100 * kibibyte });
    expect(reader.stats().readAheadBytes).toBe(0);
  });

  it('begins with the second read in a row, and with little', async () => {
    const stage = await oneObject();
    await using reader = stage.reader();
    await readOffsets(reader, { from: 0, bytesMax: 100 * kibibyte });
    expect(reader.stats().readAheadBytes).toBe(0);
    await readOffsets(reader, { from: 10, bytesMax: 100 * kibibyte });
    await stage.clock.advance(1);
    const { readAheadBytes } = reader.stats();
    expect(readAheadBytes).toBeGreaterThan(0);
    expect(readAheadBytes).toBeLessThanOrEqual(2 * mebibyte);
  });

  it('ends for a reader that was idle for a minute', async () => {
    const stage = await oneObject();
    await using reader = stage.reader();
    await readOffsets(reader, { from: 0, bytesMax: 100 * kibibyte });
    await stage.clock.advance(60_001);
    await readOffsets(reader, { from: 10, bytesMax: 100 * kibibyte });
    await stage.clock.advance(1);
    expect(reader.stats().readAheadBytes).toBe(0);
    expect(stage.located).toBe(2);
  });

  it('says nothing of what fails; the reader sees it when it comes there', async () => {
    const stage = await oneObject();
    await using reader = stage.reader();
    await readOffsets(reader, { from: 0, bytesMax: 100 * kibibyte });
    let failing = true;
    stage.onGet = ({ range }, go) =>
      failing && (range?.start ?? 0) >= 200 * kibibyte
        ? Promise.reject(new EngineError('store-timeout', 'injected'))
        : go();
    await readOffsets(reader, { from: 10, bytesMax: 100 * kibibyte });
    await stage.clock.advance(1);
    expect(reader.stats().readAheadBytes).toBeGreaterThan(0);
    await expect(read(reader, { from: 20, bytesMax: 100 * kibibyte })).rejects.toMatchObject({ code: 'store-timeout' });
    failing = false;
    expect((await readOffsets(reader, { from: 20, bytesMax: 100 * kibibyte }))[0]).toBe(20);
  });

  it('goes no further than the reader may read', async () => {
    const stage = await oneObject(20);
    await stage.object([{ base: 20, last: 39, batches: batchesFrom(20, 20, 10 * kibibyte) }]);
    await using reader = stage.reader();
    for (const from of [0, 5]) await readOffsets(reader, { from, until: 20, bytesMax: 50 * kibibyte });
    await stage.clock.advance(1);
    expect(stage.located).toBe(1);
  });

  it('takes no memory that somebody waits for', async () => {
    const stage = new L1Stage();
    for (const base of [0, 40]) {
      await stage.object([{ base, last: base + 39, batches: batchesFrom(base, 40, 10 * kibibyte) }], {
        indexBytes: 10 * kibibyte,
      });
    }
    await stage.object([{ partition: 1, base: 0, last: 9, batches: [batchOf(0, 100 * kibibyte)] }]);
    const memoryBytesMax = 100 * kibibyte;
    await using reader = stage.reader({ memoryBytesMax });
    // Answers that are not let go pin all of it.
    const held: Disposable[] = [];
    for (let from = 0; from < 60; from += 2) held.push(await read(reader, { from, bytesMax: 20 * kibibyte }));
    await stage.clock.advance(1);
    const before = reader.stats().readAheadBytes;
    expect(reader.stats().memoryBytes).toBeLessThanOrEqual(memoryBytesMax);
    for (let from = 60; from < 70; from += 2) held.push(await read(reader, { from, bytesMax: 20 * kibibyte }));
    await stage.clock.advance(1);
    expect(reader.stats().readAheadBytes).toBe(before);
    // And yet a batch as large as all of it can be read.
    expect(await readOffsets(reader, { partition: 1, from: 0 })).toEqual([0]);
    for (const one of held) one[Symbol.dispose]();
    expect(reader.stats().pinnedBytes).toBeLessThanOrEqual(memoryBytesMax / 6);
  });

  it('goes on when an answer that held the memory has left', async () => {
    const stage = await oneObject();
    await using reader = stage.reader({ memoryBytesMax: mebibyte });
    const held: Disposable[] = [];
    for (let from = 0; from < 100; ) {
      const got = await read(reader, { from, bytesMax: 200 * kibibyte });
      held.push(got);
      from = (offsetsOf(got.parts).at(-1) as number) + 1;
    }
    await stage.clock.advance(1);
    const before = reader.stats().readAheadBytes;
    for (const one of held) one[Symbol.dispose]();
    await stage.clock.advance(1);
    expect(reader.stats().readAheadBytes).toBeGreaterThan(before);
  });
});

describe('the window of a reader', () => {
  const limits = { windowBytesMin: 2, windowBytesMax: 32, bytesMax: 60 };

  it.each([
    [0, 1, 2],
    [2, 1, 4],
    [16, 1, 32],
    [32, 1, 32],
    [16, 2, 30],
    [16, 10, 6],
    [2, 100, 0],
    [0, 0, 2],
  ])('of %d becomes, with %d readers, %d', (window, readers, expected) => {
    expect(nextWindow(window, readers, limits)).toBe(expected);
  });

  it.each([
    [32, 1, 8, { leastBytes: 8, mostBytes: 8 }],
    [8, 1, 8, { leastBytes: 4, mostBytes: 4 }],
    [8, 6, 8, { leastBytes: 4, mostBytes: 6 }],
    [8, 20, 8, { leastBytes: 4, mostBytes: 8 }],
    [1, 0, 8, { leastBytes: 0, mostBytes: 0 }],
  ])('of %d, read %d at a time, is fetched by GETs within limits, a slab holding %d', (window, read, slab, limits) => {
    expect(runLimits(window, read, slab)).toEqual(limits);
  });
});
