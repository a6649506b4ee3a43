import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../src/engine/base/random.ts';
import { BloomFilter, BloomFilterBuilder, hashKey } from '../../../../src/engine/lsm/sst/bloom-filter.ts';

function filterOf(keys: readonly string[], bitsPerKey: number): { bytes: Buffer; filter: BloomFilter } {
  const bytes = new BloomFilterBuilder(Uint32Array.from(keys, hashKey), bitsPerKey).finish();
  return { bytes, filter: BloomFilter.decode(bytes, { key: 'the/key', start: 7, length: bytes.length }) };
}

/** The share of absent keys that a filter does not deny. */
function falseShare(filter: BloomFilter, absent: readonly string[]): number {
  return absent.filter((key) => filter.mayContain(key)).length / absent.length;
}

const random = seededRandom(5);
const shapes: Record<string, (at: number) => string> = {
  'counted in digits': (at) => String(at).padStart(16, '0'),
  'binary numbers behind a long beginning': (at) =>
    `${'x'.repeat(40)}\0\0${String.fromCharCode(at >>> 16, (at >>> 8) & 255, at & 255)}`,
  'at random': () => random.bytes(12).toString('latin1'),
  'of one to three bytes': (at) =>
    String.fromCharCode(...[at & 255, (at >>> 8) & 255, at >>> 16].filter((b, i) => i === 0 || b > 0)),
};

describe('the bloom filter', () => {
  it.each(Object.entries(shapes))(
    'denies no key that it has, and 98.5 %% of the others at ten bits: keys %s',
    (_, shape) => {
      const keys = Array.from({ length: 60_000 }, (_, at) => shape(at * 2));
      const absent = Array.from({ length: 60_000 }, (_, at) => shape(at * 2 + 1));
      const { filter, bytes } = filterOf(keys, 10);
      expect(keys.every((key) => filter.mayContain(key))).toBe(true);
      expect(falseShare(filter, absent)).toBeLessThan(0.015);
      expect(bytes.length).toBeLessThan((60_000 * 10) / 8 + 100);
    },
  );

  it('is the same however many keys are added at a time', () => {
    const hashes = Uint32Array.from({ length: 5000 }, (_, at) => hashKey(`key ${at}`));
    const expected = new BloomFilterBuilder(hashes, 10).finish();
    for (const some of [1, 7, 4999, 5000, 5001]) {
      const builder = new BloomFilterBuilder(hashes, 10);
      let steps = 1;
      while (builder.add(some)) steps++;
      expect(steps).toBe(Math.ceil(5000 / some));
      expect(builder.finish()).toEqual(expected);
    }
  });

  it('works for any number of keys and bits, and says nothing where it has no bits', () => {
    for (const count of [1, 2, 51, 52, 1000]) {
      for (const bits of [1, 4, 10, 30]) {
        const keys = Array.from({ length: count }, (_, at) => `key ${at}`);
        const { filter } = filterOf(keys, bits);
        expect(keys.every((key) => filter.mayContain(key))).toBe(true);
      }
    }
    expect(filterOf(['a'], 0).filter.mayContain('b')).toBe(true);
  });

  it('keeps its hash: what was written once must be found forever', () => {
    expect(['', 'a', 'apple', '\0\xff', '0000000000000042'].map(hashKey)).toEqual([
      0xab3e7c0b, 0x1a80b1b3, 0xb1397ef8, 0x4957cfb0, 0xe9d1f46c,
    ]);
  });

  it('is refused where its head and its length do not fit, also under a right checksum', () => {
    const { bytes } = filterOf(['a', 'b'], 10);
    const range = { key: 'the/key', start: 7, length: bytes.length };
    const refused = expect.objectContaining({
      code: 'corrupt-object',
      context: expect.objectContaining({ key: 'the/key' }),
    });
    for (const [at, value] of [
      [0, 0],
      [0, 17],
      [1, 255],
      [4, 2],
      [4, 0],
    ] as const) {
      const forged = Buffer.from(bytes);
      forged[at] = value;
      expect(() => BloomFilter.decode(forged, range)).toThrow(refused);
      expect(() => BloomFilter.decodeUnchecked(forged, range)).toThrow(refused);
    }
    for (let length = 0; length < bytes.length; length++) {
      expect(() => BloomFilter.decode(bytes.subarray(0, length), range)).toThrow(refused);
      expect(() => BloomFilter.decodeUnchecked(bytes.subarray(0, length), range)).toThrow(refused);
    }
  });
});
