import { describe, expect, it } from 'vitest';
import type { SlabRange } from '../../../src/engine/base/slab-pool.ts';
import { ChunkMemory } from '../../../src/engine/l1/chunk-memory.ts';

const bytesMax = 80_000;

function take(memory: ChunkMemory, length: number): SlabRange {
  const range = memory.allocate(length);
  if (range === undefined) throw new Error('no memory');
  return range;
}

/** Pins all there is. */
function fill(memory: ChunkMemory, length: number): SlabRange[] {
  const ranges: SlabRange[] = [];
  for (let range = memory.allocate(length); range !== undefined; range = memory.allocate(length)) ranges.push(range);
  return ranges;
}

describe('the memory of chunks', () => {
  it('is never more than its limit, slabs and plain memory together', async () => {
    const memory = new ChunkMemory(bytesMax);
    fill(memory, 3000);
    expect(memory.bytes).toBeLessThanOrEqual(bytesMax);
    const giveBack = await memory.takePlain(5000);
    const waits = memory.takePlain(6000);
    expect(memory.bytes).toBeLessThanOrEqual(bytesMax);
    giveBack();
    (await waits)();
    expect(memory.bytes).toBeLessThanOrEqual(bytesMax);
  });

  it('lets one chunk that is larger than the plain memory through alone', async () => {
    const memory = new ChunkMemory(bytesMax);
    expect(memory.allocate(bytesMax)).toBeUndefined();
    const giveBack = await memory.takePlain(10 * bytesMax);
    let next = false;
    const waits = memory.takePlain(1).then((done) => {
      next = true;
      done();
    });
    await Promise.resolve();
    expect(next).toBe(false);
    giveBack();
    await waits;
  });

  it('keeps what is not pinned until it is wanted, and then says that it is gone', () => {
    const memory = new ChunkMemory(bytesMax);
    const range = take(memory, 100);
    memory.keep('a', range);
    range.unpin();
    expect(memory.has('a')).toBe(true);
    const taken = memory.take('a');
    expect(taken).toBe(range);
    taken?.unpin();
    for (let round = 0; round < 2; round++) for (const other of fill(memory, 3000)) other.unpin();
    expect(memory.has('a')).toBe(false);
    expect(memory.take('a')).toBeUndefined();
  });

  it('keeps no more names than its bytes are worth, the latest', () => {
    const memory = new ChunkMemory(bytesMax);
    for (let at = 0; at < 3000; at++) {
      const range = take(memory, 1);
      memory.keep(`${at}`, range);
      range.unpin();
    }
    const kept = Array.from({ length: 3000 }, (_, at) => memory.has(`${at}`));
    expect(kept.filter(Boolean).length).toBe(1024);
    expect(kept.at(-1)).toBe(true);
  });

  it('gives half of it at most to what is read ahead', () => {
    const memory = new ChunkMemory(bytesMax);
    let bytes = 0;
    while (memory.allocateAhead(1000) !== undefined) bytes += 1000;
    expect(memory.aheadBytes).toBe(bytes);
    expect(bytes).toBeLessThanOrEqual(bytesMax / 2);
    expect(bytes).toBeGreaterThan(bytesMax / 3);
    expect(memory.allocate(1000)).toBeDefined();
    memory.aheadDone(1000);
    expect(memory.allocateAhead(1000)).toBeDefined();
  });

  it('gives nothing to what is read ahead while much of it is pinned or somebody waits', async () => {
    const memory = new ChunkMemory(bytesMax);
    const ranges = fill(memory, 3000);
    for (const range of ranges.splice(0, 4)) range.unpin();
    expect(memory.allocateAhead(1000)).toBeUndefined();
    for (const range of ranges) range.unpin();
    const giveBack = await memory.takePlain(10_000);
    const waits = memory.takePlain(10_000);
    expect(memory.allocateAhead(1000)).toBeUndefined();
    giveBack();
    (await waits)();
    expect(memory.allocateAhead(1000)).toBeDefined();
  });

  it('says how large a run should be: what is left of a slab, where that is much of it', () => {
    const memory = new ChunkMemory(bytesMax);
    const most = memory.runBytesMax;
    expect(memory.fit(10 * most)).toBe(most);
    take(memory, 1000);
    expect(memory.fit(10 * most)).toBe(most - 1000);
    expect(memory.fit(500)).toBe(500);
    take(memory, most - 1500);
    expect(memory.fit(10 * most)).toBe(most);
  });
});
