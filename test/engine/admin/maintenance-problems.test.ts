// What of the work on history somebody has to look at.

import { describe, expect, it } from 'vitest';
import { failedOutcomes, reconcileProblems } from '../../../src/engine/admin/maintenance-problems.ts';
import { FakeMaintenance, outcome } from '../../support/fake-maintenance.ts';

const failed = 'store-unavailable: no answer';

describe('work on history', () => {
  it.each([
    ['that succeeded is no failure', [outcome('leveling', 'a', 0)], 0],
    ['that failed is one', [outcome('leveling', 'a', 0, failed)], 1],
    ['that succeeded since is none', [outcome('leveling', 'a', 0), outcome('leveling', 'a', 0, failed)], 0],
    ['that failed again is one', [outcome('leveling', 'a', 0, failed), outcome('leveling', 'a', 0, failed)], 1],
    ['of another partition does not heal it', [outcome('leveling', 'a', 1), outcome('leveling', 'a', 0, failed)], 1],
    ['of another kind does not heal it', [outcome('retention', 'a', 0), outcome('leveling', 'a', 0, failed)], 1],
    ['that lost to something else is none', [outcome('leveling', 'a', 0, 'metastore-conflict: too late')], 0],
    ['whose topic was deleted is none', [outcome('compaction', 'a', 0, 'unknown-topic-id: gone')], 0],
    ['that its broker stopped is none', [outcome('compaction', 'a', 0, 'cancelled: the broker stops')], 0],
  ])('%s', (_, outcomes, failures) => {
    expect(failedOutcomes(outcomes)).toHaveLength(failures);
  });

  it('has a problem where a partition does not get on', () => {
    const { topics } = new FakeMaintenance().topic('a', 2).topic('b', 3, { stuck: 2 }).reconcileStatus({});
    expect(reconcileProblems(topics)).toEqual([
      { topic: 'b', partition: 2, problem: expect.stringMatching(/^corrupt-batch: /) },
    ]);
  });
});
