// Which small extents are worth merging: single choices, and a long life in which everything adds up.

import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { chooseMerges } from '../../../src/engine/compactor/leveling-policy.ts';

const sizes = { extentBytesMin: 40, objectBytes: 128 };
const pairs = (lengths: readonly number[]) => chooseMerges(lengths, sizes).map(({ first, last }) => [first, last]);

test.each<[string, number[], number[][]]>([
  ['nothing', [], []],
  ['one', [5], []],
  ['three of a size are too few', [1, 1, 1], []],
  ['four of a size', [1, 1, 1, 1], [[0, 3]]],
  ['two that become large together', [39, 1], [[0, 1]]],
  ['two that do not', [38, 1], []],
  ['a large part is not rewritten for small change', [20, 1, 1, 1], []],
  ['the small change alone', [20, 1, 1, 1, 1], [[1, 4]]],
  ['as much as the large part has', [8, 2, 2, 2, 2], [[0, 4]]],
  ['the longest merge, not the first', [1, 1, 1, 1, 2, 4, 8], [[0, 6]]],
  [
    'two merges apart from each other',
    [1, 1, 1, 1, 19, 1, 1, 1, 1],
    [
      [0, 3],
      [5, 8],
    ],
  ],
  ['powers of two that are there already', [16, 8, 4, 2, 1], []],
  ['and once one comes in', [16, 8, 4, 2, 1, 1], [[0, 5]]],
  [
    'objects of their size',
    Array(12).fill(39),
    [
      [0, 3],
      [4, 7],
      [8, 11],
    ],
  ],
  [
    'and a rest that is large',
    Array(6).fill(39),
    [
      [0, 3],
      [4, 5],
    ],
  ],
  ['and a rest that is not', Array(5).fill(39), [[0, 3]]],
])('%s', (_, lengths, expected) => {
  expect(pairs(lengths)).toEqual(expected);
});

describe('every merge', () => {
  it('pays, and keeps to its place', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 39 }), { maxLength: 300 }), (lengths) => {
        let behind = -1;
        for (const { first, last, bytes } of chooseMerges(lengths, sizes)) {
          expect(first).toBeGreaterThan(behind);
          behind = last;
          const parts = lengths.slice(first, last + 1);
          expect(bytes).toBe(parts.reduce((sum, one) => sum + one, 0));
          expect(bytes).toBeLessThan(sizes.objectBytes + 40);
          const isLarge = bytes >= sizes.extentBytesMin && parts.length >= 2;
          const doubles = parts.length >= 4 && Math.max(...parts) * 2 <= bytes;
          expect(isLarge || doubles).toBe(true);
        }
        expect(behind).toBeLessThan(lengths.length);
      }),
    );
  });
});

/** A partition that gets an extent every 10 s, and is leveled every 5 min: how many extents it has in the end, and at most. */
function life(extentBytes: (at: number) => number, hours: number) {
  const target = 40 * 1024 ** 2;
  const large = { extentBytesMin: target, objectBytes: 128 * 1024 ** 2 };
  let extents: number[] = [];
  let written = 0;
  let rewritten = 0;
  let most = 0;
  for (let second = 10; second <= hours * 3600; second += 10) {
    const bytes = extentBytes(second / 10);
    extents.push(bytes);
    written += bytes;
    if (second % 300 !== 0) continue;
    const next: number[] = [];
    let run: number[] = [];
    const level = () => {
      let at = 0;
      for (const merge of chooseMerges(run, large)) {
        next.push(...run.slice(at, merge.first), merge.bytes);
        rewritten += merge.bytes;
        at = merge.last + 1;
      }
      next.push(...run.slice(at));
      run = [];
    };
    for (const length of extents) {
      if (length < target) run.push(length);
      else {
        level();
        next.push(length);
      }
    }
    level();
    extents = next;
    most = Math.max(most, extents.length);
  }
  return { extents: extents.length, most, amplification: rewritten / written, written, target };
}

describe('a day of small extents', () => {
  it.each([
    ['4 KiB', () => 4096],
    ['100 KiB', () => 100 * 1024],
    ['1 MiB', () => 1024 ** 2],
    ['10 MiB', () => 10 * 1024 ** 2],
    ['mixed', (at: number) => 1024 * (1 + ((at * 7919) % 997))],
  ])('of %s each costs little, and leaves few', (_, extentBytes) => {
    const { extents, most, amplification, written, target } = life(extentBytes, 24);
    const first = written / 8640;
    expect(amplification).toBeLessThanOrEqual(Math.log2(target / first) + 2);
    expect(extents).toBeLessThanOrEqual(written / target + 2 * Math.log2(target / first) + 4);
    expect(most).toBeLessThanOrEqual(written / target + 2 * Math.log2(target / first) + 4);
  });
});
