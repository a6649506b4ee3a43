// What readers of history do when the bucket does not give what it should, and when they wait for the same bytes.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EngineError } from '../../../src/engine/base/errors.ts';
import { offset } from '../../../src/engine/base/ids.ts';
import { silentLogger } from '../../../src/engine/base/logger.ts';
import { DiskCache } from '../../../src/engine/disk-cache/disk-cache.ts';
import type { L1Place } from '../../../src/engine/l1/l1.ts';
import type { StoredObject } from '../../../src/engine/store/object-store.ts';
import { batchesFrom, type CountedGet, keyOf, L1Stage, offsetsOf, read, readOffsets, topic } from './l1-stage.ts';

const of = { topicId: topic, partition: 0 };
const chunkBytes = 1000;
const chunks = 5;
/** Of 50,000 bytes of memory: one is always being filled. */
const slabBytes = 7500;
const range = (from: number, until: number) => Array.from({ length: until - from }, (_, at) => from + at);

/** An object of five chunks of ten batches. */
async function staged(): Promise<{ readonly stage: L1Stage; readonly place: L1Place }> {
  const stage = new L1Stage();
  const [place] = await stage.object([{ base: 0, last: 49, batches: batchesFrom(0, 50) }], { indexBytes: chunkBytes });
  return { stage, place: place as L1Place };
}

type Spoil = (object: StoredObject, get: CountedGet) => StoredObject;

const torn: Spoil = (object) => ({ ...object, bytes: object.bytes.subarray(0, object.bytes.length >> 1) });

/** Damages the byte at a place of the object, where the range has it. */
const flipped =
  (position: number): Spoil =>
  (object, { range: asked }) => {
    const at = position - (asked?.start ?? 0);
    if (at >= 0 && at < object.bytes.length) object.bytes[at] = (object.bytes[at] as number) ^ 1;
    return object;
  };

/** Spoils the first GETs that touch the body. */
function spoil(stage: L1Stage, spoiling: Spoil, times: number): void {
  let left = times;
  stage.onGet = async (get, go) => {
    const object = await go();
    return stage.bodyGets.includes(get) && left-- > 0 ? spoiling(object, get) : object;
  };
}

/** GETs wait until they are let go. */
function holdGets(stage: L1Stage): { readonly waiting: (() => void)[]; letGo(): void } {
  const waiting: (() => void)[] = [];
  stage.onGet = async (_get, go) => {
    await new Promise<void>((open) => waiting.push(open));
    return await go();
  };
  return {
    waiting,
    letGo: () => {
      stage.onGet = undefined;
      for (const open of waiting.splice(0)) open();
    },
  };
}

const turns = () => new Promise((resolve) => setImmediate(resolve));

describe('a range of history that comes damaged', () => {
  it.each(range(0, chunks))('is read once more, that chunk alone: chunk %d', async (chunk) => {
    const { stage } = await staged();
    await using reader = stage.reader();
    spoil(stage, flipped(chunk * chunkBytes + 500), 1);
    expect(await readOffsets(reader, { from: 0 })).toEqual(range(0, 50));
    expect(stage.bodyGets.map(({ range: asked }) => asked)).toEqual([
      { start: 0, end: chunks * chunkBytes },
      { start: chunk * chunkBytes, end: (chunk + 1) * chunkBytes },
    ]);
  });

  it.each(range(0, chunks))(
    'fails with key and range when it is still damaged; what is before it comes: chunk %d',
    async (chunk) => {
      const { stage } = await staged();
      await using reader = stage.reader();
      spoil(stage, flipped(chunk * chunkBytes + 500), 1000);
      if (chunk > 0) expect(await readOffsets(reader, { from: 0 })).toEqual(range(0, chunk * 10));
      await expect(read(reader, { from: chunk * 10 })).rejects.toMatchObject({
        code: 'corrupt-object',
        message: expect.stringContaining(keyOf(1)),
        context: { start: chunk * chunkBytes, end: (chunk + 1) * chunkBytes },
      });
      if (chunk < chunks - 1)
        expect(await readOffsets(reader, { from: (chunk + 1) * 10 })).toEqual(range((chunk + 1) * 10, 50));
      stage.onGet = undefined;
      expect(await readOffsets(reader, { from: chunk * 10 })).toEqual(range(chunk * 10, 50));
    },
  );

  it('is read once more when it came short, then it may come another time', async () => {
    const { stage } = await staged();
    await using reader = stage.reader();
    spoil(stage, torn, 1);
    expect(await readOffsets(reader, { from: 0 })).toEqual(range(0, 50));
    const other = stage.reader();
    spoil(stage, torn, 1000);
    await expect(read(other, { from: 49 })).rejects.toMatchObject({ code: 'store-unavailable' });
    await other[Symbol.asyncDispose]();
  });

  it('is told from an object of another size', async () => {
    const { stage, place } = await staged();
    await using reader = stage.reader();
    await reader.footer(place.objectId, place.object);
    const { bytes } = await stage.inner.get(keyOf(1));
    await stage.inner.put(keyOf(1), [bytes, Buffer.from('more')]);
    await expect(read(reader, { from: 0 })).rejects.toMatchObject({
      code: 'corrupt-object',
      context: { actual: bytes.length + 4 },
    });
    await stage.inner.put(keyOf(1), [Buffer.from('less')]);
    await expect(read(reader, { from: 0 })).rejects.toMatchObject({ code: 'corrupt-object', context: { actual: 4 } });
  });
});

describe('a footer that comes damaged', () => {
  it.each([
    ['torn', torn],
    ['flipped', flipped(5000 + 70)],
  ] as const)('is read once more: %s', async (_name, spoiling) => {
    const { stage, place } = await staged();
    let left = 1;
    stage.onGet = async (get, go) => (left-- > 0 ? spoiling(await go(), get) : await go());
    await using reader = stage.reader();
    expect((await reader.footer(place.objectId, place.object)).chunkCount).toBe(chunks);
    expect(stage.gets.length).toBe(2);
    left = 1000;
    await using other = stage.reader();
    await expect(read(other, { from: 0 })).rejects.toBeInstanceOf(EngineError);
  });

  it('is refused when it is that of another object, or has not the extent that the metastore says', async () => {
    const { stage, place } = await staged();
    const { bytes } = await stage.inner.get(keyOf(1));
    await stage.inner.put(keyOf(2), [bytes]);
    stage.places.set(0, [{ ...place, objectId: place.objectId.replace(/1$/, '2') }]);
    await using reader = stage.reader();
    await expect(read(reader, { from: 0 })).rejects.toMatchObject({ code: 'corrupt-object' });
    for (const wrong of [{ position: 1 }, { length: 7 }, { baseOffset: offset(70), lastOffset: offset(80) }]) {
      stage.places.set(0, [{ ...place, ...wrong }]);
      await using other = stage.reader();
      await expect(read(other, { from: 0 })).rejects.toMatchObject({ code: 'corrupt-object' });
    }
  });
});

describe('an object that is gone', () => {
  it('has its extent looked up again, once, and its replacement read', async () => {
    const { stage, place } = await staged();
    await using reader = stage.reader();
    expect(await readOffsets(reader, { from: 0, bytesMax: 1000 })).toEqual(range(0, 10));
    await stage.object([{ base: 0, last: 49, batches: batchesFrom(0, 50) }], {}, [place]);
    await stage.inner.deleteMany([keyOf(1)]);
    expect(await readOffsets(reader, { from: 10 })).toEqual(range(10, 50));
    expect(stage.located).toBe(2);
  });

  it('fails the read when the metastore still names it', async () => {
    const { stage } = await staged();
    await stage.inner.deleteMany([keyOf(1)]);
    await using reader = stage.reader();
    await expect(read(reader, { from: 0 })).rejects.toMatchObject({ code: 'object-not-found' });
    expect(stage.located).toBe(2);
  });

  it('fails a scan, which was given the place', async () => {
    const { stage, place } = await staged();
    await using reader = stage.reader();
    await reader.footer(place.objectId, place.object);
    await stage.inner.deleteMany([keyOf(1)]);
    await expect(Array.fromAsync(reader.scan(of, place))).rejects.toMatchObject({ code: 'object-not-found' });
  });
});

describe('readers of the same bytes', () => {
  it('share one GET of the footer and one of each chunk', async () => {
    const { stage } = await staged();
    await using reader = stage.reader();
    const got = await Promise.all(range(0, 20).map((at) => readOffsets(reader, { from: at })));
    expect(got).toEqual(range(0, 20).map((at) => range(at, 50)));
    const starts = stage.bodyGets.map(({ range: asked }) => asked?.start);
    expect(stage.gets.length - starts.length).toBe(1);
    expect(starts.length).toBeLessThanOrEqual(2);
    expect(reader.stats().sharedReads).toBeGreaterThan(0);
  });

  it('share what failed, and the next one tries again', async () => {
    const { stage, place } = await staged();
    await using reader = stage.reader();
    await reader.footer(place.objectId, place.object);
    stage.onGet = () => Promise.reject(new EngineError('store-timeout', 'injected'));
    const got = await Promise.allSettled([0, 1, 2].map((from) => read(reader, { from })));
    expect(got.every(({ status }) => status === 'rejected')).toBe(true);
    stage.onGet = undefined;
    expect(await readOffsets(reader, { from: 0 })).toEqual(range(0, 50));
  });

  it('do not lose it when one of them goes away, and its memory is given back', async () => {
    const { stage, place } = await staged();
    await using reader = stage.reader({ memoryBytesMax: 50_000 });
    await reader.footer(place.objectId, place.object);
    const held = holdGets(stage);
    const controller = new AbortController();
    const leaving = read(reader, { from: 0, signal: controller.signal });
    const staying = readOffsets(reader, { from: 0 });
    await turns();
    expect(held.waiting.length).toBe(1);
    controller.abort();
    await expect(leaving).rejects.toMatchObject({ code: 'cancelled' });
    held.letGo();
    expect(await staying).toEqual(range(0, 50));
    await turns();
    expect(reader.stats().pinnedBytes).toBeLessThanOrEqual(slabBytes);
  });

  it('give its memory back when all of them go away', async () => {
    const { stage, place } = await staged();
    await using reader = stage.reader({ memoryBytesMax: 50_000 });
    await reader.footer(place.objectId, place.object);
    const held = holdGets(stage);
    const controllers = [0, 1, 2].map(() => new AbortController());
    const reads = controllers.map(({ signal }) => read(reader, { from: 0, signal }));
    await turns();
    for (const controller of controllers) controller.abort();
    for (const one of reads) await expect(one).rejects.toMatchObject({ code: 'cancelled' });
    held.letGo();
    await turns();
    expect(reader.stats().pinnedBytes).toBeLessThanOrEqual(slabBytes);
    expect(await readOffsets(reader, { from: 0 })).toEqual(range(0, 50));
  });
});

describe('local copies', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'l1-disk-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const open = (stage: L1Stage) =>
    DiskCache.open({ directory, bytesMax: 1_000_000, clock: stage.clock, logger: silentLogger });

  const files = () =>
    readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));

  it('of footers and chunks save a later process every GET', async () => {
    const { stage } = await staged();
    {
      await using disk = await open(stage);
      await using reader = stage.reader({ disk });
      await readOffsets(reader, { from: 0 });
      await disk.settled();
    }
    expect(files().length).toBe(chunks + 1);
    const { length } = stage.gets;
    await using disk = await open(stage);
    await using reader = stage.reader({ disk });
    expect(await readOffsets(reader, { from: 0 })).toEqual(range(0, 50));
    expect(stage.gets.length).toBe(length);
  });

  it.each(range(0, chunks + 1))('that are damaged are thrown away and read from the bucket: file %d', async (file) => {
    const { stage } = await staged();
    {
      await using disk = await open(stage);
      await using reader = stage.reader({ disk });
      await readOffsets(reader, { from: 0 });
      await disk.settled();
    }
    const path = files().sort()[file] as string;
    const bytes = readFileSync(path);
    bytes[10] = (bytes[10] as number) ^ 1;
    writeFileSync(path, bytes);
    await using disk = await open(stage);
    await using reader = stage.reader({ disk });
    expect(await readOffsets(reader, { from: 0 })).toEqual(range(0, 50));
    expect(stage.gets.length).toBeGreaterThan(2);
    await disk.settled();
    expect(disk.stats().failures).toBe(0);
  });

  it('are not made of what is scanned for compaction, and are used by it', async () => {
    const { stage, place } = await staged();
    await using disk = await open(stage);
    await using reader = stage.reader({ disk });
    const scan = async () => (await Array.fromAsync(reader.scan(of, place), (group) => offsetsOf(group))).flat();
    expect(await scan()).toEqual(range(0, 50));
    expect(disk.stats().chunks).toBe(1);
    await readOffsets(reader, { from: 0, bytesMax: 3000 });
    await disk.settled();
    await using other = stage.reader({ disk });
    stage.gets.length = 0;
    expect((await Array.fromAsync(other.scan(of, place), (group) => offsetsOf(group))).flat()).toEqual(range(0, 50));
    expect(stage.bodyGets).toMatchObject([{ range: { start: 3000, end: 5000 } }]);
  });
});
