import { expect, test } from 'vitest';
import { editLevels } from '../../../../src/engine/lsm/db/levels-edit.ts';
import { rangesOf, table } from './table-infos.ts';

const old = table('a-z');
const [below, further] = [table('c-d'), table('m-n')];
const levels = [[old], [below, further]];

test.each([
  {
    name: 'new tables of level 0 come first',
    removed: [],
    added: [table('b-c')],
    level: 0,
    expected: ['b-c a-z', 'c-d m-n'],
  },
  { name: 'below they are sorted in', removed: [], added: [table('e-f')], level: 1, expected: ['a-z', 'c-d e-f m-n'] },
  {
    name: 'inputs leave every level',
    removed: [old, below],
    added: [table('a-e')],
    level: 1,
    expected: ['', 'a-e m-n'],
  },
  {
    name: 'a table moves down as it is',
    removed: [further],
    added: [further],
    level: 3,
    expected: ['a-z', 'c-d', '', 'm-n'],
  },
  { name: 'empty levels at the end go', removed: [below, further], added: [], level: 1, expected: ['a-z'] },
])('$name', ({ removed, added, level, expected }) => {
  expect(editLevels(levels, { removed, added, level }).map(rangesOf)).toEqual(expected);
});
