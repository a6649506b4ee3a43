// Up to where retention moves a log start.

import { expect, test } from 'vitest';
import { decideRetention, type RetentionFacts } from '../../../src/engine/compactor/retention-policy.ts';

const facts = (more: Partial<RetentionFacts>): RetentionFacts => ({
  logStartOffset: 100,
  reconciledEnd: 1000,
  keptByTime: undefined,
  keptByBytes: undefined,
  ...more,
});

test.each<[string, Partial<RetentionFacts>, ReturnType<typeof decideRetention>]>([
  ['no limit', {}, undefined],
  ['time', { keptByTime: 300 }, { startOffset: 300, reason: 'retention.ms' }],
  ['size', { keptByBytes: 300 }, { startOffset: 300, reason: 'retention.bytes' }],
  ['both, time further', { keptByTime: 400, keptByBytes: 300 }, { startOffset: 400, reason: 'retention.ms' }],
  ['both, size further', { keptByTime: 300, keptByBytes: 400 }, { startOffset: 400, reason: 'retention.bytes' }],
  ['what is gone already', { keptByTime: 100 }, undefined],
  ['less than is gone already', { keptByTime: 50, keptByBytes: 60 }, undefined],
  [
    'all that the metastore has, more than is reconciled',
    { keptByTime: 1200 },
    { startOffset: 1000, reason: 'retention.ms' },
  ],
  ['nothing reconciled above the log start', { keptByTime: 500, reconciledEnd: 100 }, undefined],
  ['a log start above what is reconciled', { keptByTime: 500, logStartOffset: 1500 }, undefined],
])('%s', (_, some, move) => {
  expect(decideRetention(facts(some))).toEqual(move);
});
