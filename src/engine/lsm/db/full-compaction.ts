// The steps of merging everything into one level. Each step is decided when its turn comes, by the levels as they are then: memtables
// may be written out and other compactions may run in between. One walk through each level, so it ends however much is written.

import type { LsmRules } from '../core/lsm-rules.ts';
import type { Key } from '../core/row.ts';
import type { TableInfo } from '../sst/table-info.ts';
import { bytesOf, type CompactionPick, inputsFor, type Levels } from './compaction-policy.ts';

/** Tables of a level that are merged down together, in multiples of a table: few steps, none of them long. */
const stepTables = 4;

/** A step that finds nothing to do is undefined. */
export function* fullCompactionSteps(
  rules: LsmRules,
  levelsNow: () => Levels,
): Generator<() => CompactionPick | undefined> {
  const target = targetLevel(levelsNow(), rules);
  yield () => {
    const level0 = levelsNow()[0] ?? [];
    return level0.length === 0 ? undefined : inputsFor(levelsNow(), 0, level0, rules);
  };
  for (let level = 1; level < target; level++) {
    yield* walk((passed) => {
      const chosen = nextTables(levelsNow()[level] ?? [], passed, stepTables * rules.tableBytes);
      return chosen.length === 0 ? undefined : inputsFor(levelsNow(), level, chosen, rules);
    });
  }
  // What was in the deepest level before has not been touched where nothing overlapped it.
  yield* walk((passed) => {
    const buried = (levelsNow()[target] ?? []).find((table) => table.tombstones > 0 && isBehind(table, passed));
    return buried === undefined ? undefined : rewriting(buried, target);
  });
}

/** The deepest level in use, at least 1; deeper where everything together is more than the level should hold. */
export function targetLevel(levels: Levels, rules: LsmRules): number {
  const bytes = bytesOf(levels.flat());
  let target = Math.max(1, levels.length - 1);
  let levelBytes = rules.level1Bytes * rules.levelRatio ** (target - 1);
  for (; target < rules.levels - 1 && bytes > levelBytes; target++) levelBytes *= rules.levelRatio;
  return target;
}

function* walk(
  next: (passed: Key | undefined) => CompactionPick | undefined,
): Generator<() => CompactionPick | undefined> {
  let passed: Key | undefined;
  for (let ended = false; !ended; ) {
    yield () => {
      const pick = next(passed);
      if (pick === undefined) ended = true;
      else passed = pick.upper.at(-1)?.largest;
      return pick;
    };
  }
}

const isBehind = (table: TableInfo, passed: Key | undefined): boolean =>
  passed === undefined || table.smallest > passed;

function nextTables(tables: readonly TableInfo[], passed: Key | undefined, bytesMax: number): readonly TableInfo[] {
  const chosen: TableInfo[] = [];
  for (const table of tables) {
    if (!isBehind(table, passed)) continue;
    if (chosen.length > 0 && bytesOf(chosen) + table.sizeBytes > bytesMax) break;
    chosen.push(table);
  }
  return chosen;
}

const rewriting = (table: TableInfo, level: number): CompactionPick => ({
  level,
  outputLevel: level,
  upper: [table],
  lower: [],
  grandparents: [],
  trivialMove: false,
});
