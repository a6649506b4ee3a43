import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keyFromBytes } from '../../../../src/engine/lsm/core/row.ts';
import {
  BlockIndex,
  BlockIndexBuilder,
  type Boundary,
  boundaryBetween,
} from '../../../../src/engine/lsm/sst/block-index.ts';
import { compareVersions } from './table-specimens.ts';

const arbitraryKey = fc
  .array(fc.constantFrom(0, 1, 97, 98, 128, 254, 255), { minLength: 1, maxLength: 10 })
  .map((bytes) => keyFromBytes(Uint8Array.from(bytes)));
const arbitraryBoundary = fc.record({ key: arbitraryKey, sequence: fc.oneof(fc.nat(5), fc.maxSafeNat()) });
const sortedBoundaries = fc
  .array(arbitraryBoundary, { minLength: 1, maxLength: 40 })
  .map((all) => all.toSorted(compareVersions))
  .map((all) => all.filter((one, at) => at === 0 || compareVersions(all[at - 1] as Boundary, one) < 0));

describe('the boundary between two entries', () => {
  it('is at or behind the one and before the other, and never longer than both', () => {
    fc.assert(
      fc.property(arbitraryBoundary, arbitraryBoundary, (one, other) => {
        const [last, next] = compareVersions(one, other) <= 0 ? [one, other] : [other, one];
        fc.pre(compareVersions(last, next) < 0);
        const between = boundaryBetween(last, next);
        expect(compareVersions(last, between)).toBeLessThanOrEqual(0);
        expect(compareVersions(between, next)).toBeLessThan(0);
        expect(between.key.length).toBeLessThanOrEqual(Math.max(last.key.length, next.key.length));
      }),
    );
  });

  it.each([
    [
      { key: 'apple', sequence: 3 },
      { key: 'banana', sequence: 1 },
      { key: 'b', sequence: 0 },
    ],
    [
      { key: 'apple', sequence: 3 },
      { key: 'c', sequence: 1 },
      { key: 'b', sequence: 0 },
    ],
    [
      { key: 'apple', sequence: 3 },
      { key: 'b', sequence: 1 },
      { key: 'apple', sequence: 0 },
    ],
    [
      { key: 'apple', sequence: 3 },
      { key: 'apple pie', sequence: 1 },
      { key: 'apple', sequence: 0 },
    ],
    [
      { key: 'apple', sequence: 3 },
      { key: 'apple', sequence: 2 },
      { key: 'apple', sequence: 3 },
    ],
  ])('of %j and %j is %j', (last, next, between) => {
    expect(boundaryBetween(last, next)).toEqual(between);
  });
});

describe('the index', () => {
  it('finds the only block that can have an entry', () => {
    fc.assert(
      fc.property(
        sortedBoundaries,
        fc.array(arbitraryBoundary, { maxLength: 20 }),
        fc.string({ maxLength: 3 }),
        (all, sought, beginning) => {
          const common = keyFromBytes(Buffer.from(beginning));
          const boundaries = all.map(({ key, sequence }) => ({ key: common + key, sequence }));
          const builder = new BlockIndexBuilder();
          for (const [at, boundary] of boundaries.entries()) builder.add(boundary, 100 + at);
          const size = builder.bytes;
          const bytes = builder.finish();
          expect(bytes.length).toBe(size);
          const dataBytes = boundaries.reduce((sum, _, at) => sum + 100 + at, 0);
          const index = BlockIndex.decode(bytes, dataBytes, { key: 'k', start: 0, length: bytes.length });
          expect(Array.from({ length: index.count }, (_, at) => index.boundary(at))).toEqual(boundaries);
          for (const target of [
            ...boundaries,
            ...sought,
            ...sought.map(({ key, sequence }) => ({ key: common + key, sequence })),
          ]) {
            const at = boundaries.findIndex((boundary) => compareVersions(boundary, target) >= 0);
            expect(index.find(target.key, target.sequence)).toBe(at < 0 ? boundaries.length : at);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
