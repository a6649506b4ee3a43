// When a partition is due for key compaction.

import { expect, test } from 'vitest';
import { type CompactionFacts, judgeCompaction } from '../../../src/engine/compactor/compaction-policy.ts';

const day = 86_400_000;
const facts = (more: Partial<CompactionFacts>): CompactionFacts => ({
  dirtyBytes: 0,
  sizeBytes: 1000,
  earliestDirtyTimestamp: undefined,
  removableRanges: 0,
  nowMs: 10 * day,
  ...more,
});

test.each<[string, Partial<CompactionFacts>, { ratio?: number; lag?: number }, boolean, string]>([
  ['nothing dirty', {}, {}, false, 'nothing is dirty that may be compacted yet'],
  ['nothing dirty, whatever the ratio', {}, { ratio: 0 }, false, 'nothing is dirty that may be compacted yet'],
  ['a ratio below', { dirtyBytes: 499 }, {}, false, 'dirty ratio 0.49, due at 0.5'],
  ['a ratio just reached', { dirtyBytes: 500 }, {}, true, 'dirty ratio 0.5 of at least 0.5'],
  ['all dirty', { dirtyBytes: 1000 }, { ratio: 1 }, true, 'dirty ratio 1 of at least 1'],
  ['anything dirty', { dirtyBytes: 1 }, { ratio: 0 }, true, 'dirty ratio 0 of at least 0'],
  [
    'just within the lag',
    { dirtyBytes: 1, earliestDirtyTimestamp: 9 * day },
    { lag: day },
    false,
    'dirty ratio 0, due at 0.5',
  ],
  [
    'beyond the lag',
    { dirtyBytes: 1, earliestDirtyTimestamp: 9 * day - 1 },
    { lag: day },
    true,
    'dirty records older than 86400000 ms',
  ],
  [
    'no time at all, which counts as old',
    { dirtyBytes: 1, earliestDirtyTimestamp: -1 },
    { lag: day },
    true,
    'dirty records older than 86400000 ms',
  ],
  [
    'old, but all of it has to stay out',
    { dirtyBytes: 0, earliestDirtyTimestamp: 0 },
    { lag: day },
    false,
    'nothing is dirty that may be compacted yet',
  ],
  ['tombstones alone', { removableRanges: 1 }, {}, true, 'tombstones to remove from 1 range'],
  [
    'tombstones, and too little dirt',
    { dirtyBytes: 10, removableRanges: 2 },
    {},
    true,
    'tombstones to remove from 2 ranges',
  ],
])('%s', (_, some, { ratio = 0.5, lag = Infinity }, isDue, reason) => {
  const verdict = judgeCompaction(facts(some), { minCleanableDirtyRatio: ratio, maxCompactionLagMs: lag });
  expect(verdict).toMatchObject({ isDue, reason, dirtyRatio: (some.dirtyBytes ?? 0) / 1000 });
});
