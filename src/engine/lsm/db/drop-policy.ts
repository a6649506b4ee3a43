// Which versions survive a merge. Pure but for its place in the walk: versions come in the order of a cursor (key ascending,
// sequence descending), each asked once.
//
// - of each key the newest version stays, and for every live reader (snapshots, iterators) the newest at or below its sequence
// - a tombstone goes when every reader sees it or something newer (so all older versions in the merge go with it), and no table
//   below the output may hold the key: otherwise it would come to life again
//
// Readers may come and go while a merge runs: a new one reads at or above every sequence in the inputs, and one that goes only makes
// more droppable.

import { type Key, sameKey } from '../core/row.ts';
import type { TableInfo } from '../sst/table-info.ts';
import type { Levels } from './compaction-policy.ts';

/** Who reads at which sequence: snapshots.ts. */
export interface LiveReaders {
  /** The lowest sequence that somebody reads at. */
  readonly oldest: number | undefined;
  /** Whether somebody reads at a sequence in [from, below). */
  anyIn(from: number, below: number): boolean;
}

export interface DropPolicyOptions {
  readonly readers: LiveReaders;
  /** The tables outside of the merge that may hold older versions, by level; only those of level 0 may overlap each other. */
  readonly level0Below: readonly TableInfo[];
  readonly levelsBelow: Levels;
}

export class DropPolicy {
  readonly #readers: LiveReaders;
  readonly #level0Below: readonly TableInfo[];
  readonly #levelsBelow: Levels;
  /** Per level, the first table whose largest key was not passed yet. */
  readonly #places: number[];
  #key: Key | undefined;
  /** Sequence of the version of the same key that came before; of a new key, beyond all. */
  #newer = Number.POSITIVE_INFINITY;

  constructor({ readers, level0Below, levelsBelow }: DropPolicyOptions) {
    this.#readers = readers;
    this.#level0Below = level0Below;
    this.#levelsBelow = levelsBelow;
    this.#places = levelsBelow.map(() => 0);
  }

  keeps(key: Key, sequence: number, deleted: boolean): boolean {
    const first = this.#key === undefined || !sameKey(key, this.#key);
    const newer = first ? Number.POSITIVE_INFINITY : this.#newer;
    this.#key = key;
    this.#newer = sequence;
    if (!first && !this.#readers.anyIn(sequence, newer)) return false;
    if (!deleted) return true;
    return sequence > (this.#readers.oldest ?? Number.POSITIVE_INFINITY) || this.#mayLieBelow(key);
  }

  #mayLieBelow(key: Key): boolean {
    for (const table of this.#level0Below) if (table.smallest <= key && key <= table.largest) return true;
    for (const [level, tables] of this.#levelsBelow.entries()) {
      let place = this.#places[level] as number;
      while (place < tables.length && (tables[place] as TableInfo).largest < key) place += 1;
      this.#places[level] = place;
      const table = tables[place];
      if (table !== undefined && table.smallest <= key) return true;
    }
    return false;
  }
}
