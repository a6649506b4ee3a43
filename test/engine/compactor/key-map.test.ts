// The map of keys against a plain Map: many keys, few slots, never more memory than allowed.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { digestOf, KeyMap, keyMapSlotBytes } from '../../../src/engine/compactor/key-map.ts';

const unlimited = Number.MAX_SAFE_INTEGER;
const of = (key: number | string) => digestOf(Buffer.from(String(key)));

describe('a map of keys', () => {
  it('has the last offset of every key, as a plain map would', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 2 ** 50 }))), (puts) => {
        using map = new KeyMap({ bytesMax: unlimited, keysMax: 61 });
        const model = new Map<number, number>();
        for (const [key, offset] of puts) {
          map.put(of(key), offset);
          model.set(key, Math.max(offset, model.get(key) ?? -1));
        }
        expect(map.size).toBe(model.size);
        expect(map.room).toBe(map.capacity - model.size);
        for (let key = 0; key <= 60; key++) expect(map.get(of(key))).toBe(model.get(key) ?? -1);
      }),
    );
  });

  it('finds all of them when it is as full as it gets', () => {
    using map = new KeyMap({ bytesMax: 100_000 * keyMapSlotBytes, keysMax: unlimited });
    expect(map.capacity).toBe(90_000);
    for (let key = 0; key < map.capacity; key++) map.put(of(key), key);
    for (let key = 0; key < map.capacity; key++) expect(map.get(of(key))).toBe(key);
    expect(map.get(of('another'))).toBe(-1);
    expect(map.room).toBe(0);
    map.put(of(0), 5);
    expect(() => map.put(of('another'), 5)).toThrow('a map of 90000 keys is full');
  });

  it('keeps offsets that need more than 32 bits, and offset 0', () => {
    using map = new KeyMap({ bytesMax: unlimited, keysMax: 10 });
    map.put(of('first'), 0);
    map.put(of('far'), 2 ** 52 + 1);
    expect(map.get(of('first'))).toBe(0);
    expect(map.get(of('far'))).toBe(2 ** 52 + 1);
    map.put(of('far'), 7);
    expect(map.get(of('far'))).toBe(2 ** 52 + 1);
  });

  it('takes no more memory than it may, no more than it needs, and gives it back', () => {
    const bounded = new KeyMap({ bytesMax: 4096, keysMax: unlimited });
    expect(bounded.bytes).toBeLessThanOrEqual(4096);
    expect(bounded.capacity).toBe(153);
    const small = new KeyMap({ bytesMax: unlimited, keysMax: 100 });
    expect(small.capacity).toBeGreaterThanOrEqual(100);
    expect(small.bytes).toBeLessThan(120 * keyMapSlotBytes);
    for (const map of [bounded, small]) {
      map[Symbol.dispose]();
      expect(map.bytes).toBe(0);
      map[Symbol.dispose]();
    }
  });
});
