import { describe, expect, test } from 'vitest';
import { defaultLsmRules } from '../../../../src/engine/lsm/core/lsm-rules.ts';
import type { Levels } from '../../../../src/engine/lsm/db/compaction-policy.ts';
import { fullCompactionSteps, targetLevel } from '../../../../src/engine/lsm/db/full-compaction.ts';
import { editLevels } from '../../../../src/engine/lsm/db/levels-edit.ts';
import { rangesOf, table } from './table-infos.ts';

const megabyte = 1_000_000;
const rules = { ...defaultLsmRules, tableBytes: megabyte, level1Bytes: 2 * megabyte, levelRatio: 2, levels: 4 };

const levelsOf = (...lines: string[]): Levels =>
  lines.map((line) =>
    line
      .split(' ')
      .filter((range) => range !== '')
      .map((range) => table(range)),
  );

/** Runs the steps as if every merge gave one table per input of the upper level; says what each took. */
function run(start: Levels, between: (levels: Levels) => Levels = (levels) => levels): string[] {
  let levels = start;
  const taken: string[] = [];
  for (const step of fullCompactionSteps(rules, () => levels)) {
    const pick = step();
    if (pick === undefined) continue;
    taken.push(`${pick.level}→${pick.outputLevel}: ${rangesOf(pick.upper)} | ${rangesOf(pick.lower)}`);
    const removed = [...pick.upper, ...pick.lower];
    levels = between(editLevels(levels, { removed, added: pick.lower, level: pick.outputLevel }));
    if (taken.length > 20) throw new Error('it does not end');
  }
  return taken;
}

describe('where everything goes', () => {
  test.each([
    ['level 1 when there is nothing but level 0', levelsOf('a-b a-b'), 1],
    ['the deepest level in use', levelsOf('a-b', '', 'c-d'), 2],
    ['a deeper one when the level could not hold it', levelsOf('', 'a-b c-d e-f g-h i-j'), 3],
    ['the last one at most', levelsOf('', '', '', 'a-b c-d e-f g-h i-j k-l m-n o-p q-r'), 3],
    ['level 1 of an empty store', [], 1],
  ])('%s', (_, levels, expected) => {
    expect(targetLevel(levels, rules)).toBe(expected);
  });
});

test('level by level, in steps of a few tables', () => {
  expect(run(levelsOf('a-z b-c', 'a-c d-f g-i j-l m-o p-r', 'a-f g-l m-z'))).toEqual([
    '0→1: a-z b-c | a-c d-f g-i j-l m-o p-r',
    '1→2: a-c d-f g-i j-l | a-f g-l',
    '1→2: m-o p-r | m-z',
    '2→3: a-f g-l m-z | ',
  ]);
});

test('tables of the deepest level are written anew where they have tombstones', () => {
  const buried = table('g-l', { tombstones: 2 });
  expect(run([[], [], [table('a-f'), buried]])).toEqual(['2→2: g-l | ']);
});

test('it ends although more is written all the time', () => {
  const more = (levels: Levels) => editLevels(levels, { removed: [], added: [table('a-z')], level: 0 });
  expect(run(levelsOf('a-z', 'a-b c-d', 'a-d'), more).length).toBeLessThan(6);
});
