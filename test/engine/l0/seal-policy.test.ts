import { describe, expect, it } from 'vitest';
import { automaticInterval, defaultSealRules } from '../../../src/engine/l0/l0.ts';
import { whenToSeal } from '../../../src/engine/l0/seal-policy.ts';

const local = { ...defaultSealRules, interval: automaticInterval(false) };
const remote = { ...defaultSealRules, interval: automaticInterval(true) };
const some = { bytes: 100, partitions: 1, batches: 1, uploadsInFlight: 0, behindUpload: false };

describe('when an open object is sealed', () => {
  it.each([
    ['a directory, nothing in flight', some, local, 'soon'],
    ['a directory, an upload in flight', { ...some, uploadsInFlight: 1 }, local, 250],
    ['a directory, an upload has just settled', { ...some, behindUpload: true }, local, 1],
    ['a remote store', some, remote, 250],
    ['a remote store, an upload in flight', { ...some, uploadsInFlight: 3 }, remote, 250],
    ['full in bytes', { ...some, bytes: 4 * 1024 * 1024, uploadsInFlight: 3 }, local, 'now'],
    ['full in partitions', { ...some, partitions: 1000 }, remote, 'now'],
    ['full in batches', { ...some, batches: 8000 }, remote, 'now'],
  ] as const)('%s', (_, facts, rules, expected) => {
    expect(whenToSeal(facts, rules)).toBe(expected);
  });
});
