// An extent read through for compaction: every batch once, by large GETs, beside the caches.

import { describe, expect, it } from 'vitest';
import { offset } from '../../../src/engine/base/ids.ts';
import type { L1Place } from '../../../src/engine/l1/l1.ts';
import { batchesFrom, batchOf, kibibyte, L1Stage, mebibyte, offsetsOf, readOffsets, topic } from './l1-stage.ts';

const of = { topicId: topic, partition: 0 };
const range = (from: number, until: number) => Array.from({ length: until - from }, (_, at) => from + at);

/** 20 MiB in chunks of a MiB and less. */
async function staged(): Promise<{ readonly stage: L1Stage; readonly place: L1Place }> {
  const stage = new L1Stage();
  const [place] = await stage.object([
    { base: 0, last: 199, batches: batchesFrom(0, 200, 100 * kibibyte) },
    { base: 200, last: 299, batches: batchesFrom(200, 100) },
  ]);
  return { stage, place: place as L1Place };
}

describe('a scan of an extent', () => {
  it('gives every batch in a buffer of its own, by GETs of about 8 MiB, of that extent only', async () => {
    const { stage, place } = await staged();
    await using reader = stage.reader();
    const offsets: number[] = [];
    for await (const group of reader.scan(of, place)) {
      for (const batch of group)
        expect(batch.equals(batchOf(offsetsOf([batch])[0] as number, 100 * kibibyte))).toBe(true);
      offsets.push(...offsetsOf(group));
    }
    expect(offsets).toEqual(range(0, 200));
    const sizes = stage.bodyGets.map(({ range: asked }) => (asked?.end ?? 0) - (asked?.start ?? 0));
    expect(sizes.length).toBe(3);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(8 * mebibyte);
    expect(sizes.reduce((sum, bytes) => sum + bytes, 0)).toBe(place.length);
  });

  it('begins with the chunk of an offset, and leaves out what ends below it', async () => {
    const { stage, place } = await staged();
    await using reader = stage.reader();
    const groups = await Array.fromAsync(reader.scan(of, place, { from: offset(155) }), (group) => offsetsOf(group));
    expect(groups.flat()).toEqual(range(155, 200));
    expect(stage.bodyGets.length).toBe(1);
    expect(await Array.fromAsync(reader.scan(of, place, { from: offset(200) }))).toEqual([]);
  });

  it('keeps nothing, takes no memory of the caches, and uses its own again', async () => {
    const { stage, place } = await staged();
    await using reader = stage.reader();
    const memories = new Set<ArrayBufferLike>();
    for await (const group of reader.scan(of, place)) memories.add((group[0] as Buffer).buffer);
    expect(memories.size).toBe(1);
    expect([...memories][0]?.byteLength).toBeLessThanOrEqual(8 * mebibyte);
    expect(reader.stats()).toMatchObject({ memoryBytes: 0, cacheHits: 0, cacheMisses: 0 });
  });

  it('asks before each GET how fast it may be, and gets one after the other', async () => {
    const { stage, place } = await staged();
    await using reader = stage.reader();
    const asked: number[] = [];
    const pace = async (bytes: number) => {
      asked.push(bytes);
      expect(stage.bodyGets.length).toBe(asked.length - 1);
    };
    for await (const group of reader.scan(of, place, { pace })) expect(group.length).toBeGreaterThan(0);
    expect(asked.reduce((sum, bytes) => sum + bytes, 0)).toBe(place.length);
  });

  it('takes what readers have in memory from there', async () => {
    const { stage, place } = await staged();
    await using reader = stage.reader();
    await readOffsets(reader, { from: 45, bytesMax: 1000 });
    stage.gets.length = 0;
    const groups = await Array.fromAsync(reader.scan(of, place), (group) => offsetsOf(group));
    expect(groups.flat()).toEqual(range(0, 200));
    const sizes = stage.bodyGets.map(({ range: asked }) => (asked?.end ?? 0) - (asked?.start ?? 0));
    expect(sizes.reduce((sum, bytes) => sum + bytes, 0)).toBe(place.length - 1000 * kibibyte);
    expect(reader.stats().pinnedBytes).toBeLessThanOrEqual(8 * mebibyte);
  });

  it('stops when its signal comes, and when its reader goes', async () => {
    const { stage, place } = await staged();
    await using reader = stage.reader();
    const controller = new AbortController();
    const scan = reader.scan(of, place, { signal: controller.signal });
    await scan.next();
    controller.abort();
    await expect(scan.next()).rejects.toMatchObject({ code: 'cancelled' });
    for await (const group of reader.scan(of, place)) {
      expect(group.length).toBeGreaterThan(0);
      break;
    }
    expect(stage.bodyGets.length).toBe(2);
  });

  it('reads a batch that is larger than a GET', async () => {
    const stage = new L1Stage();
    const batches = [batchOf(0), batchOf(1, 9 * mebibyte), batchOf(2)];
    const [place] = await stage.object([{ base: 0, last: 2, batches }]);
    await using reader = stage.reader();
    const groups = reader.scan(of, place as L1Place);
    expect(await Array.fromAsync(groups, (group) => offsetsOf(group))).toEqual([[0], [1], [2]]);
  });
});
