// Which tables are merged next. Pure.
//
// Level 0 is judged by its number of tables, because every one of them may have to be asked for a key; the levels below by their
// bytes over their target. The level that is furthest over goes first. Its inputs go round by key, so that a level is worn down
// evenly; inputs of level 0 take along whatever overlaps them there, because an older version must not stay above a newer one.
//
// Tables in one of the levels below 0 never share a key: outputs are cut between keys, never between versions of one key.

import type { LsmRules } from '../core/lsm-rules.ts';
import type { Key } from '../core/row.ts';
import type { TableInfo } from '../sst/table-info.ts';

/** As in a manifest: level 0 newest first; below, sorted by key and without overlap. Trailing empty levels may be missing. */
export type Levels = readonly (readonly TableInfo[])[];

export interface CompactionPick {
  /** `upper` leaves this level, `lower` leaves `outputLevel`, and what is merged from both goes to `outputLevel`. */
  readonly level: number;
  readonly outputLevel: number;
  readonly upper: readonly TableInfo[];
  readonly lower: readonly TableInfo[];
  /** What the outputs will have to be merged with one day: overlapping tables one level further down. */
  readonly grandparents: readonly TableInfo[];
  /** The one table of `upper` goes down as it is: nothing overlaps it, and nothing could be dropped from it. */
  readonly trivialMove: boolean;
}

export interface PickState {
  readonly levels: Levels;
  readonly rules: LsmRules;
  /** Per level, the largest key that was merged down last; the next inputs begin behind it. */
  readonly pointers: readonly (Key | undefined)[];
  /** Tables that cannot be merged now: damage was found in them. */
  readonly blocked?: ReadonlySet<TableInfo>;
}

/** At 1 and above a level should be merged down. */
export function levelScore(levels: Levels, level: number, rules: LsmRules): number {
  // The deepest level has nowhere to go.
  if (level >= rules.levels - 1) return 0;
  if (level === 0) return (levels[0]?.length ?? 0) / rules.level0Trigger;
  return bytesOf(levels[level] ?? []) / (rules.level1Bytes * rules.levelRatio ** (level - 1));
}

/** Undefined when no level is over its target, or all that are over it are blocked. */
export function pickCompaction(state: PickState): CompactionPick | undefined {
  const { levels, rules, pointers, blocked } = state;
  const due = levels
    .map((_, level) => ({ level, score: levelScore(levels, level, rules) }))
    .filter(({ score }) => score >= 1)
    .sort((a, b) => b.score - a.score || a.level - b.level);
  for (const { level } of due) {
    const tables = levels[level] as readonly TableInfo[];
    for (const table of level === 0 ? [...tables].reverse() : roundRobin(tables, pointers[level])) {
      const pick = inputsFor(levels, level, [table], rules);
      const isBlocked = blocked !== undefined && [...pick.upper, ...pick.lower].some((input) => blocked.has(input));
      if (!isBlocked) return pick;
    }
  }
  return undefined;
}

/** The compaction that takes these tables of a level one level down, with everything that has to go along. */
export function inputsFor(
  levels: Levels,
  level: number,
  chosen: readonly TableInfo[],
  rules: LsmRules,
): CompactionPick {
  const upper = level === 0 ? withOverlapping(levels[0] ?? [], chosen) : chosen;
  const [smallest, largest] = rangeOf(upper);
  const outputLevel = level + 1;
  const lower = overlapping(levels[outputLevel] ?? [], smallest, largest);
  const [all, most] = rangeOf([...upper, ...lower]);
  const grandparents = overlapping(levels[outputLevel + 1] ?? [], all, most);
  return {
    level,
    outputLevel,
    upper,
    lower,
    grandparents,
    trivialMove:
      upper.length === 1 &&
      lower.length === 0 &&
      bytesOf(grandparents) <= overlapBytesMax(rules) &&
      !hasIdleTombstones(upper[0] as TableInfo, levels, outputLevel),
  };
}

/** Beyond so many bytes of grandparents an output is closed, and a table is not moved down as it is. */
export function overlapBytesMax(rules: LsmRules): number {
  return rules.grandparentOverlapTables * rules.tableBytes;
}

export function overlapping(tables: readonly TableInfo[], smallest: Key, largest: Key): readonly TableInfo[] {
  return tables.filter((table) => table.largest >= smallest && table.smallest <= largest);
}

export function bytesOf(tables: readonly TableInfo[]): number {
  let sum = 0;
  for (const table of tables) sum += table.sizeBytes;
  return sum;
}

/** Tombstones that no deeper table needs: merging the table gets rid of them, moving it would not. */
function hasIdleTombstones(table: TableInfo, levels: Levels, outputLevel: number): boolean {
  if (table.tombstones === 0) return false;
  return levels.slice(outputLevel + 1).every((below) => overlapping(below, table.smallest, table.largest).length === 0);
}

function roundRobin(tables: readonly TableInfo[], pointer: Key | undefined): readonly TableInfo[] {
  const start = pointer === undefined ? 0 : tables.findIndex((table) => table.largest > pointer);
  return start <= 0 ? tables : [...tables.slice(start), ...tables.slice(0, start)];
}

/** Grows the choice until no table of level 0 outside of it overlaps it; keeps the level's order. */
function withOverlapping(level0: readonly TableInfo[], chosen: readonly TableInfo[]): readonly TableInfo[] {
  let grown = chosen;
  for (;;) {
    const next = overlapping(level0, ...rangeOf(grown));
    if (next.length === grown.length) return next;
    grown = next;
  }
}

/** Of at least one table. */
function rangeOf(tables: readonly TableInfo[]): [smallest: Key, largest: Key] {
  let [{ smallest, largest }] = tables as [TableInfo];
  for (const table of tables) {
    if (table.smallest < smallest) smallest = table.smallest;
    if (table.largest > largest) largest = table.largest;
  }
  return [smallest, largest];
}
