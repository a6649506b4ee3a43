import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../src/engine/base/random.ts';
import { BlockCache } from '../../../../src/engine/lsm/io/block-cache.ts';

const block = (memoryBytes: number, name = '') => ({ memoryBytes, name });

/** What one kept block costs beside its own bytes. */
function overhead(): number {
  const cache = new BlockCache(1_000_000);
  cache.of({}).put(0, block(0));
  return cache.bytes;
}

describe('the block cache', () => {
  it('gives back what was put in, per table and number, and counts hits and misses', () => {
    const cache = new BlockCache(100_000);
    const [one, two] = [cache.of({}), cache.of({})];
    const kept = block(10);
    one.put(7, kept);
    expect(one.get(7)).toBe(kept);
    expect(one.peek(7)).toBe(kept);
    expect(two.get(7)).toBeUndefined();
    expect(one.get(6)).toBeUndefined();
    expect(one.get(8)).toBeUndefined();
    expect([cache.hits, cache.misses]).toEqual([1, 3]);
  });

  it('knows a table by identity', () => {
    const cache = new BlockCache(100_000);
    const table = {};
    cache.of(table).put(0, block(10));
    expect(cache.of(table).get(0)).toBeDefined();
  });

  it('never holds more bytes than its limit, whatever comes, and counts exactly what it holds', () => {
    const random = seededRandom(7);
    const cache = new BlockCache(50_000);
    const tables = Array.from({ length: 5 }, () => ({}));
    for (let round = 0; round < 20_000; round++) {
      const table = tables[Math.floor(Math.floor(random.fraction() * tables.length))] as object;
      const at = Math.floor(random.fraction() * 40);
      const roll = random.fraction();
      if (roll < 0.5) cache.of(table).put(at, block(Math.floor(random.fraction() * 4000)));
      else if (roll < 0.999) cache.of(table).get(at);
      else cache.forget(table);
      expect(cache.bytes).toBeLessThanOrEqual(50_000);
    }
    let held = 0;
    for (const table of tables) {
      for (let at = 0; at < 40; at++) {
        const kept = cache.of<ReturnType<typeof block>>(table).peek(at);
        if (kept !== undefined) held += kept.memoryBytes + overhead();
      }
    }
    expect(cache.bytes).toBe(held);
    expect(held).toBeGreaterThan(30_000);
    for (const table of tables) cache.forget(table);
    expect(cache.bytes).toBe(0);
  });

  it('does not keep what is larger than all of it, and nothing at all when its limit is zero', () => {
    const cache = new BlockCache(1000);
    cache.of({}).put(0, block(1000));
    expect(cache.bytes).toBe(0);
    const none = new BlockCache(0);
    none.of({}).put(0, block(0));
    expect(none.bytes).toBe(0);
  });

  it('lets a block that is in use outlive those that were read once', () => {
    const cache = new BlockCache(10 * (100 + overhead()));
    const blocks = cache.of({});
    blocks.put(0, block(100, 'in use'));
    for (let at = 1; at < 100; at++) {
      expect(blocks.get(0)).toBeDefined();
      blocks.put(at, block(100));
    }
  });

  it('replaces a block without counting it twice', () => {
    const cache = new BlockCache(10_000);
    const blocks = cache.of({});
    blocks.put(3, block(100));
    blocks.put(3, block(200));
    expect(cache.bytes).toBe(200 + overhead());
  });

  it('forgets a table whole, and that table may be read again', () => {
    const cache = new BlockCache(10_000);
    const [one, two] = [{}, {}];
    for (let at = 0; at < 5; at++) {
      cache.of(one).put(at, block(100));
      cache.of(two).put(at, block(100));
    }
    cache.forget(one);
    cache.forget({});
    expect(cache.bytes).toBe(5 * (100 + overhead()));
    expect(cache.of(one).get(2)).toBeUndefined();
    expect(cache.of(two).get(2)).toBeDefined();
    cache.of(one).put(2, block(100));
    expect(cache.of(one).get(2)).toBeDefined();
  });
});
