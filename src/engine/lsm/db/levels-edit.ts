// A change to the levels of a store, and its effect. Pure.

import type { TableInfo } from '../sst/table-info.ts';
import type { Levels } from './compaction-policy.ts';

export interface LevelsEdit {
  readonly removed: readonly TableInfo[];
  readonly added: readonly TableInfo[];
  /** Where the added ones go. In level 0 they come before all others: they are newer. */
  readonly level: number;
  /** What is covered from here on; unchanged where not given. */
  readonly coveredIndex?: number;
}

/** Without trailing empty levels. */
export function editLevels(levels: Levels, { removed, added, level }: LevelsEdit): Levels {
  const gone = new Set(removed);
  const depth = Math.max(levels.length, level + 1);
  const edited = Array.from({ length: depth }, (_, at) => (levels[at] ?? []).filter((table) => !gone.has(table)));
  const changed = [...added, ...(edited[level] as TableInfo[])];
  edited[level] = level === 0 ? changed : changed.sort((a, b) => (a.smallest < b.smallest ? -1 : 1));
  while (edited.at(-1)?.length === 0) edited.pop();
  return edited;
}
