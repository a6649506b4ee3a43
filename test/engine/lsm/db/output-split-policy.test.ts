import { expect, test } from 'vitest';
import { OutputSplitPolicy } from '../../../../src/engine/lsm/db/output-split-policy.ts';
import { table } from './table-infos.ts';

const grandparents = ['b-c', 'd-e', 'f-g', 'h-i', 'j-k'].map((range) => table(range, { sizeBytes: 10 }));

const splits = (keys: string, overlapBytesMax: number): string => {
  const policy = new OutputSplitPolicy(grandparents, overlapBytesMax);
  return [...keys].filter((key) => policy.closesBefore(key)).join('');
};

test.each([
  { name: 'never without much overlap', keys: 'abcdefghijkl', limit: 1000, expected: '' },
  { name: 'when more than two tables were passed', keys: 'abcdefghijkl', limit: 20, expected: 'h' },
  { name: 'after each table', keys: 'abcdefghijkl', limit: 0, expected: 'dfhjl' },
  { name: 'what lies before the first key counts nothing', keys: 'ijkl', limit: 0, expected: 'jl' },
  { name: 'a leap counts all it leapt over, and is one cut', keys: 'al', limit: 20, expected: 'l' },
])('an output is closed $name', ({ keys, limit, expected }) => {
  expect(splits(keys, limit)).toBe(expected);
});

test('without grandparents nothing is cut', () => {
  expect(new OutputSplitPolicy([], 0).closesBefore('a')).toBe(false);
});
