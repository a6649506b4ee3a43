// What happened to the tables between two manifests.

import { describe, expect, it } from 'vitest';
import { diffManifests } from '../../../../src/engine/lsm/manifest/manifest-diff.ts';
import { manifestSpecimen, tableOf } from './manifest-specimen.ts';

describe('the difference of two manifests', () => {
  it('is what came, what went, and what moved', () => {
    const [old, merged, moving, staying, fresh] = [1, 2, 3, 4, 5].map((number) => tableOf([1, 1, number]));
    if (!old || !merged || !moving || !staying || !fresh) throw new Error('five tables');
    const before = { ...manifestSpecimen, levels: [[old, moving], [merged], [staying]] };
    const after = { ...manifestSpecimen, levels: [[], [fresh, moving], [staying]] };
    expect(diffManifests(before, after)).toEqual({
      added: [{ table: fresh, level: 1 }],
      removed: [
        { table: old, level: 0 },
        { table: merged, level: 1 },
      ],
      moved: [{ table: moving, fromLevel: 0, toLevel: 1 }],
    });
  });

  it('of a manifest and itself is nothing', () => {
    expect(diffManifests(manifestSpecimen, manifestSpecimen)).toEqual({ added: [], removed: [], moved: [] });
  });
});
