import { describe, expect, test } from 'vitest';
import { defaultLsmRules, type LsmRules } from '../../../../src/engine/lsm/core/lsm-rules.ts';
import { inputsFor, type Levels, levelScore, pickCompaction } from '../../../../src/engine/lsm/db/compaction-policy.ts';
import type { TableInfo } from '../../../../src/engine/lsm/sst/table-info.ts';
import { rangesOf, table } from './table-infos.ts';

const megabyte = 1_000_000;
const rules: LsmRules = {
  ...defaultLsmRules,
  tableBytes: megabyte,
  level0Trigger: 2,
  level1Bytes: 2 * megabyte,
  levelRatio: 2,
  levels: 4,
  grandparentOverlapTables: 2,
};

/** One line a level: the ranges of its tables. */
const levelsOf = (...lines: string[]): Levels =>
  lines.map((line) =>
    line
      .split(' ')
      .filter((range) => range !== '')
      .map((range) => table(range)),
  );

const pick = (levels: Levels, pointers: (string | undefined)[] = [], blocked?: ReadonlySet<TableInfo>) =>
  pickCompaction({ levels, rules, pointers, ...(blocked === undefined ? {} : { blocked }) });

describe('which level', () => {
  test.each([
    { name: 'level 0 counts tables', levels: levelsOf('a-b a-b a-b'), scores: [1.5] },
    { name: 'level 1 counts bytes over its target', levels: levelsOf('', 'a-b c-d e-f'), scores: [0, 1.5] },
    { name: 'a level below is larger by the ratio', levels: levelsOf('', '', 'a-b c-d'), scores: [0, 0, 0.5] },
    { name: 'the deepest has nowhere to go', levels: levelsOf('', '', '', 'a-b c-d e-f g-h'), scores: [0, 0, 0, 0] },
  ])('$name', ({ levels, scores }) => {
    expect(levels.map((_, level) => levelScore(levels, level, rules))).toEqual(scores);
  });

  test('nothing is merged while all are within their targets', () => {
    expect(pick(levelsOf('a-b', 'a-b'))).toBeUndefined();
    expect(pick([])).toBeUndefined();
  });

  test('the one that is furthest over its target goes first', () => {
    expect(pick(levelsOf('a-b a-b', 'a-b c-d e-f g-h'))?.level).toBe(1);
    expect(pick(levelsOf('a-b a-b a-b a-b a-b', 'a-b c-d e-f g-h'))?.level).toBe(0);
  });
});

describe('which tables', () => {
  test('tables of level 0 take along all that overlap them, over several steps', () => {
    const found = pick(levelsOf('e-g x-z b-f a-c', 'a-a b-d f-h m-n'));
    expect(rangesOf(found?.upper ?? [])).toBe('e-g b-f a-c');
    expect(rangesOf(found?.lower ?? [])).toBe('a-a b-d f-h');
  });

  test('level 0 begins with its oldest table', () => {
    expect(rangesOf(pick(levelsOf('x-z a-c'))?.upper ?? [])).toBe('a-c');
  });

  test.each([
    [undefined, 'a-b'],
    ['b', 'c-d'],
    ['c', 'c-d'],
    ['d', 'e-f'],
    ['f', 'a-b'],
  ])('a level goes round by key: behind %s comes %s', (pointer, expected) => {
    expect(rangesOf(pick(levelsOf('', 'a-b c-d e-f'), [undefined, pointer])?.upper ?? [])).toBe(expected);
  });

  test('grandparents are what overlaps the outputs two levels down', () => {
    const found = inputsFor(levelsOf('', 'c-d', 'b-f', 'a-b c-c g-h'), 1, [table('c-d')], rules);
    expect(rangesOf(found.grandparents)).toBe('a-b c-c');
  });

  test('blocked tables are left out: others of the level, then other levels', () => {
    const levels = levelsOf('', 'a-b c-d e-f', 'a-b');
    const below = levels[2]?.[0] as TableInfo;
    expect(rangesOf(pick(levels, [], new Set([below]))?.upper ?? [])).toBe('c-d');
    expect(pick(levels, [], new Set(levels[1]))).toBeUndefined();
    const both = levelsOf('a-b a-b', 'a-b m-n o-p x-z');
    expect(pick(both, [], new Set([both[1]?.[0] as TableInfo]))?.level).toBe(1);
  });
});

describe('moving a table down as it is', () => {
  const move = (levels: Levels, level = 1) =>
    inputsFor(levels, level, levels[level]?.slice(0, 1) ?? [], rules).trivialMove;

  test('when nothing overlaps it', () => {
    expect(move(levelsOf('', 'c-d', 'a-b e-f'))).toBe(true);
    expect(move(levelsOf('c-d', 'a-b e-f'), 0)).toBe(true);
  });

  test.each([
    ['something overlaps it in the next level', levelsOf('', 'c-d', 'd-e')],
    ['it overlaps too much two levels down', levelsOf('', 'a-z', '', 'a-b c-d e-f')],
  ])('not when %s', (_, levels) => {
    expect(move(levels)).toBe(false);
  });

  test('not out of an overlapping level 0', () => {
    expect(move(levelsOf('a-c b-d'), 0)).toBe(false);
  });

  test('not with tombstones that nothing deeper needs: merging drops them', () => {
    const buried = table('c-d', { tombstones: 1 });
    expect(move([[], [buried], [], []])).toBe(false);
    expect(move([[], [buried], [], [table('a-c')]])).toBe(true);
  });
});
