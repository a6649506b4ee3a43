import { describe, expect, test } from 'vitest';
import { DropPolicy, type DropPolicyOptions } from '../../../../src/engine/lsm/db/drop-policy.ts';
import { Snapshots } from '../../../../src/engine/lsm/db/snapshots.ts';
import { table } from './table-infos.ts';

interface KeptOptions extends Partial<Omit<DropPolicyOptions, 'readers'>> {
  readonly snapshots?: readonly number[];
}

/** Versions written "a9 a5- b3": key, sequence, and a minus for a tombstone, in the order of a cursor. Gives the ones kept. */
function kept(versions: string, options: KeptOptions = {}): string {
  const { snapshots = [], level0Below = [], levelsBelow = [] } = options;
  const readers = new Snapshots();
  for (const sequence of snapshots) readers.hold(sequence);
  const policy = new DropPolicy({ readers, level0Below, levelsBelow });
  return versions
    .split(' ')
    .filter((text) => policy.keeps(text[0] as string, Number.parseInt(text.slice(1), 10), text.endsWith('-')))
    .join(' ');
}

describe('overwritten versions', () => {
  test.each([
    { snapshots: [], expected: 'a9 b8' },
    { snapshots: [9], expected: 'a9 b8' },
    { snapshots: [20], expected: 'a9 b8' },
    { snapshots: [8], expected: 'a9 a7 b8' },
    { snapshots: [7], expected: 'a9 a7 b8' },
    { snapshots: [6], expected: 'a9 a5 b8' },
    { snapshots: [6, 8, 2], expected: 'a9 a7 a5 a2 b8' },
    { snapshots: [5, 6], expected: 'a9 a5 b8' },
    { snapshots: [1], expected: 'a9 b8' },
  ])('stay for the snapshots $snapshots: $expected', ({ snapshots, expected }) => {
    expect(kept('a9 a7 a5 a2 b8', { snapshots })).toBe(expected);
  });
});

describe('tombstones', () => {
  test.each([
    { name: 'go with all they hide when nothing lies below', versions: 'a9- a5 b3', expected: 'b3' },
    { name: 'hide nothing newer', versions: 'a9 a5- a2', expected: 'a9' },
    {
      name: 'stay while a snapshot sees an older version',
      versions: 'a9- a5',
      snapshots: [7],
      expected: 'a9- a5',
    },
    { name: 'go when the oldest snapshot sees them too', versions: 'a9- a5', snapshots: [9, 12], expected: '' },
    {
      name: 'go below the oldest snapshot although a newer version stays',
      versions: 'a9 a5- a2',
      snapshots: [6],
      expected: 'a9',
    },
    {
      name: 'stay between two snapshots',
      versions: 'a9 a5- a2',
      snapshots: [6, 3],
      expected: 'a9 a5- a2',
    },
  ])('$name', ({ versions, snapshots = [], expected }) => {
    expect(kept(versions, { snapshots })).toBe(expected);
  });

  test('stay where a deeper table may hold the key, in any level', () => {
    const levelsBelow = [[table('b-c'), table('e-f')], [table('h-h')]];
    expect(kept('a9- b9- c9- d9- e9- f9- g9- h9- i9-', { levelsBelow })).toBe('b9- c9- e9- f9- h9-');
  });

  test('stay where an overlapping table of level 0 may hold the key', () => {
    const level0Below = [table('d-e'), table('b-d')];
    expect(kept('a9- b9- d9- e9- f9-', { level0Below })).toBe('b9- d9- e9-');
  });
});

// What must hold of every merge: each snapshot, and the newest state, read the same before and after it.
test('reads at every live snapshot are the same before and after, for all histories of one key', () => {
  const newestAtOrBelow = (versions: readonly string[], sequence: number): string | undefined => {
    const found = versions.find((text) => Number.parseInt(text.slice(1), 10) <= sequence);
    return found?.endsWith('-') === true ? undefined : found;
  };
  for (let tombstones = 0; tombstones < 16; tombstones++) {
    for (let taken = 0; taken < 32; taken++) {
      const versions = [4, 3, 2, 1].map((sequence) => `a${sequence}${(tombstones >> (sequence - 1)) & 1 ? '-' : ''}`);
      const snapshots = [0, 1, 2, 3, 4].filter((sequence) => (taken >> sequence) & 1);
      const left = kept(versions.join(' '), { snapshots }).split(' ').filter(Boolean);
      for (const sequence of [...snapshots, 5]) {
        expect(newestAtOrBelow(left, sequence), `${versions} at ${snapshots}`).toBe(
          newestAtOrBelow(versions, sequence),
        );
      }
    }
  }
});
