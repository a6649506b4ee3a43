// Where a compaction closes an output table early: before it overlaps too much of the level after the next, so that merging that
// table down one day stays a small step. Pure but for its place in the walk: keys come in ascending order, each asked once.

import type { Key } from '../core/row.ts';
import type { TableInfo } from '../sst/table-info.ts';

export class OutputSplitPolicy {
  readonly #grandparents: readonly TableInfo[];
  readonly #overlapBytesMax: number;
  #next = 0;
  #overlapBytes = 0;
  #begun = false;

  constructor(grandparents: readonly TableInfo[], overlapBytesMax: number) {
    this.#grandparents = grandparents;
    this.#overlapBytesMax = overlapBytesMax;
  }

  /** Whether the output should be closed before this key. */
  closesBefore(key: Key): boolean {
    for (;;) {
      const table = this.#grandparents[this.#next];
      if (table === undefined || table.largest >= key) break;
      // What lies before the first key of all overlaps nothing.
      if (this.#begun) this.#overlapBytes += table.sizeBytes;
      this.#next += 1;
    }
    this.#begun = true;
    if (this.#overlapBytes <= this.#overlapBytesMax) return false;
    this.#overlapBytes = 0;
    return true;
  }
}
