import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Snapshots } from '../../../../src/engine/lsm/db/snapshots.ts';

describe('snapshots', () => {
  it('say whether somebody reads in a range of sequences, like a list that is looked through', () => {
    const step = fc.record({ release: fc.boolean(), sequence: fc.nat(20), from: fc.nat(20), width: fc.nat(5) });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const snapshots = new Snapshots();
        const held: number[] = [];
        for (const { release, sequence, from, width } of steps) {
          if (release && held.length > 0) snapshots.release(held.splice(sequence % held.length, 1)[0] as number);
          else {
            snapshots.hold(sequence);
            held.push(sequence);
          }
          const expected = held.some((one) => one >= from && one < from + width);
          expect(snapshots.anyIn(from, from + width)).toBe(expected);
          expect([snapshots.count, snapshots.oldest]).toEqual([
            held.length,
            held.length === 0 ? undefined : Math.min(...held),
          ]);
        }
      }),
    );
  });

  it('are released once, however often that is asked', () => {
    const snapshots = new Snapshots();
    const first = snapshots.take(7);
    const second = snapshots.take(7);
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    expect([snapshots.count, snapshots.oldest]).toEqual([1, 7]);
    second[Symbol.dispose]();
    expect([snapshots.count, snapshots.oldest]).toEqual([0, undefined]);
  });

  it('are refused after they were released, and by another store', () => {
    const snapshots = new Snapshots();
    const snapshot = snapshots.take(3);
    expect(snapshots.sequenceOf(snapshot)).toBe(3);
    expect(() => new Snapshots().sequenceOf(snapshot)).toThrow('another store');
    snapshot[Symbol.dispose]();
    expect(() => snapshots.sequenceOf(snapshot)).toThrow('released');
  });

  it('cannot be released where nobody holds them', () => {
    expect(() => new Snapshots().release(1)).toThrow('nobody holds');
  });
});
