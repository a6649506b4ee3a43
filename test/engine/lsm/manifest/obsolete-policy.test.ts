// Which tables and manifests nobody needs any more: one case per rule, each with what would go wrong without it.

import { describe, expect, it } from 'vitest';
import type { Manifest } from '../../../../src/engine/lsm/manifest/manifest.ts';
import {
  type ManifestVerdict,
  ObsoletePolicy,
  settledManifest,
  type TableVerdict,
} from '../../../../src/engine/lsm/manifest/obsolete-policy.ts';
import { manifestOf, type NameParts, nameOf } from './manifest-specimen.ts';

interface Case {
  readonly story: string;
  readonly settled: Manifest;
  readonly newer?: readonly Manifest[];
  readonly recorded: Manifest;
  readonly tables?: readonly (readonly [NameParts, TableVerdict])[];
  readonly manifests?: readonly (readonly [NameParts, ManifestVerdict])[];
}

const first = manifestOf(
  [1, 3, 5],
  [
    [1, 3, 1],
    [1, 3, 2],
  ],
  { nextTableNumber: 6, settledTableNumber: 5 },
);
const second = manifestOf(
  [1, 3, 6],
  [
    [1, 3, 2],
    [1, 3, 5],
  ],
  { nextTableNumber: 8, settledTableNumber: 8 },
);
const byNextTerm = manifestOf(
  [1, 4, 7],
  [
    [1, 3, 2],
    [1, 4, 8],
  ],
);

const cases: Case[] = [
  {
    story: 'a compaction replaced a table, and everybody had time to see it',
    settled: second,
    recorded: second,
    tables: [
      [[1, 3, 1], 'obsolete'],
      [[1, 3, 2], 'recorded'],
    ],
    manifests: [
      [[1, 3, 5], 'obsolete'],
      [[1, 3, 6], 'recorded'],
    ],
  },
  {
    story: 'a compaction replaced a table a moment ago: readers of the manifest before may be at it',
    settled: first,
    newer: [second],
    recorded: second,
    tables: [
      [[1, 3, 1], 'in-manifest'],
      [[1, 3, 5], 'recorded'],
    ],
    manifests: [
      [[1, 3, 4], 'obsolete'],
      [[1, 3, 5], 'readers-may-hold-it'],
      [[1, 3, 6], 'recorded'],
    ],
  },
  {
    story: 'an upload of this writer is on its way, an earlier one came to nothing',
    settled: first,
    recorded: first,
    tables: [
      [[1, 3, 4], 'obsolete'],
      [[1, 3, 5], 'may-be-on-its-way'],
      [[1, 3, 9], 'may-be-on-its-way'],
    ],
  },
  {
    story: 'a new writer has uploaded tables, and no manifest yet',
    settled: second,
    recorded: second,
    tables: [
      [[1, 4, 8], 'may-be-on-its-way'],
      [[2, 1, 1], 'may-be-on-its-way'],
    ],
  },
  {
    story: 'a writer crashed in its uploads; its successor has had a manifest for long',
    settled: byNextTerm,
    recorded: byNextTerm,
    tables: [
      [[1, 3, 99], 'obsolete'],
      [[1, 3, 2], 'recorded'],
      [[1, 4, 9], 'may-be-on-its-way'],
    ],
    manifests: [[[1, 3, 99], 'obsolete']],
  },
  {
    story: 'its successor has had a manifest for a moment only',
    settled: second,
    newer: [byNextTerm],
    recorded: byNextTerm,
    tables: [
      [[1, 3, 5], 'in-manifest'],
      [[1, 3, 8], 'may-be-on-its-way'],
    ],
  },
  {
    story:
      'a manifest was uploaded and never recorded; the log goes on from the one before, which has a table that it lacks',
    settled: second,
    recorded: first,
    tables: [
      [[1, 3, 1], 'recorded'],
      [[1, 3, 4], 'obsolete'],
      [[1, 3, 7], 'may-be-on-its-way'],
    ],
    manifests: [
      [[1, 3, 5], 'recorded'],
      [[1, 3, 4], 'obsolete'],
    ],
  },
  {
    story:
      'the same, but the next writer went on from the one before, and has just now replaced the table: readers hold its first',
    settled: second,
    newer: [manifestOf([1, 4, 6], [[1, 3, 1]]), manifestOf([1, 4, 7], [[1, 4, 9]])],
    recorded: manifestOf([1, 4, 7], [[1, 4, 9]]),
    tables: [
      [[1, 3, 1], 'in-manifest'],
      [[1, 3, 2], 'in-manifest'],
      [[1, 3, 4], 'obsolete'],
    ],
  },
  {
    story: 'what the log has recorded is newer than what has settled, and lacks what was on its way then',
    settled: first,
    newer: [second],
    recorded: second,
    tables: [[[1, 3, 6], 'may-be-on-its-way']],
  },
  {
    story: 'a deposed writer of an incarnation before uploads on, past the manifest that a restore began from',
    settled: manifestOf([1, 3, 20], [[1, 3, 2]], { nextTableNumber: 30, settledTableNumber: 30 }),
    recorded: first,
    tables: [
      [[1, 3, 1], 'recorded'],
      [[1, 3, 31], 'may-be-on-its-way'],
      [[2, 1, 6], 'may-be-on-its-way'],
    ],
  },
  {
    story: 'the restored incarnation has its own manifest: what the deposed writer uploaded goes',
    settled: manifestOf(
      [2, 1, 6],
      [
        [1, 3, 1],
        [2, 1, 6],
      ],
    ),
    recorded: manifestOf(
      [2, 1, 6],
      [
        [1, 3, 1],
        [2, 1, 6],
      ],
    ),
    tables: [
      [[1, 3, 31], 'obsolete'],
      [[1, 99, 1000], 'obsolete'],
      [[1, 3, 1], 'recorded'],
    ],
    manifests: [[[1, 99, 1000], 'obsolete']],
  },
];

describe('what is obsolete', () => {
  it.each(cases)('$story', ({ settled, newer = [], recorded, tables = [], manifests = [] }) => {
    const policy = new ObsoletePolicy(settled, recorded);
    for (const manifest of newer) policy.alsoHeldBy(manifest);
    for (const [name, verdict] of tables) expect(policy.judgeTable(nameOf(name)), String(name)).toBe(verdict);
    for (const [name, verdict] of manifests) expect(policy.judgeManifest(nameOf(name)), String(name)).toBe(verdict);
  });

  it('is nothing where no manifest has settled', () => {
    const policy = new ObsoletePolicy(undefined, second);
    expect(policy.judgeTable(nameOf([1, 1, 1]))).toBe('nothing-settled');
    expect(policy.judgeManifest(nameOf([1, 1, 1]))).toBe('nothing-settled');
  });
});

describe('the settled manifest', () => {
  const aged = (name: NameParts, modifiedMs: number) => ({ name: nameOf(name), modifiedMs });

  it.each([
    ['the newest that is old enough', [aged([1, 1, 1], 100), aged([1, 1, 2], 200), aged([1, 1, 3], 301)], [1, 1, 2]],
    ['one that is exactly as old as that', [aged([1, 1, 1], 300)], [1, 1, 1]],
    ['the newest by name, not by time', [aged([1, 2, 1], 100), aged([1, 1, 9], 250)], [1, 2, 1]],
    ['none where all are young', [aged([1, 1, 1], 301)], undefined],
    ['none where there is none', [], undefined],
  ])('is %s', (_, manifests, name) => {
    const settled = settledManifest(manifests, 1300, 1000);
    expect(settled?.name).toEqual(name === undefined ? undefined : nameOf(name as unknown as NameParts));
  });
});
