import { describe, expect, it } from 'vitest';
import { PendingAge } from '../../../src/engine/partition/pending-age.ts';

describe('the age of what is pending', () => {
  it('is that of the oldest offset that is not reconciled', () => {
    const age = new PendingAge();
    expect(age.sinceMs(0)).toBeUndefined();
    for (let at = 0; at < 10; at++) age.note(at * 100, at * 1000);
    expect(age.sinceMs(0)).toBe(0);
    expect(age.sinceMs(450)).toBe(4000);
    age.passed(450);
    expect(age.sinceMs(450)).toBe(4000);
    expect(age.sinceMs(950)).toBe(9000);
  });

  it('is never younger than it should be, and takes a bounded number of notes, however long a backlog grows', () => {
    const age = new PendingAge();
    const hours = 5 * 3600;
    for (let second = 0; second < hours; second++) age.note(second * 10, second * 1000);
    expect(age.sinceMs(0)).toBe(0);
    for (const offset of [1000, 50_000, 100_000]) expect(age.sinceMs(offset)).toBeLessThanOrEqual(offset * 100);
    const recent = (hours - 10) * 10;
    expect(age.sinceMs(recent)).toBeGreaterThan(recent * 100 - 60_000);
  });
});
