// Pauses after failures: doubling, bounded, forgotten after success and with the topic.

import { expect, test } from 'vitest';
import { FailurePauses } from '../../../src/engine/compactor/failure-pauses.ts';
import { topic } from './compactor-stage.ts';

const due = {
  kind: 'compaction',
  topicId: topic,
  partition: 3,
  reason: '',
  bytes: 0,
  extents: 0,
  urgency: 0,
} as const;
const minute = 60_000;

test('they double up to an hour, for each kind of work and partition alone', () => {
  const pauses = new FailurePauses();
  expect(pauses.isPaused(due, 0)).toBe(false);
  for (const minutes of [1, 2, 4, 8, 16, 32, 60, 60]) {
    pauses.failed(due, 0);
    expect(pauses.isPaused(due, minutes * minute - 1)).toBe(true);
    expect(pauses.isPaused(due, minutes * minute)).toBe(false);
  }
  expect(pauses.isPaused({ ...due, kind: 'leveling' }, 0)).toBe(false);
  expect(pauses.isPaused({ ...due, partition: 4 }, 0)).toBe(false);
});

test('they end with a success, and with the topic', () => {
  const pauses = new FailurePauses();
  pauses.failed(due, 0);
  pauses.succeeded(due);
  expect(pauses.isPaused(due, 0)).toBe(false);
  pauses.failed(due, 0);
  pauses.forget(() => false);
  expect(pauses.isPaused(due, 0)).toBe(true);
  pauses.forget((topicId) => topicId === topic);
  expect(pauses.isPaused(due, 0)).toBe(false);
});
