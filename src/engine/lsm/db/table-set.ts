// An immutable picture of which tables make up the store, level by level: what a manifest says, ready to be read. The field calls it
// a version; here that word means one version of a key.
//
// - level 0: newest table first, ranges overlap; below, tables are sorted by key and no key is in two tables of a level
// - what is found first, going down, is the newest: each level is older than the one above it, key by key
// - readers hold it while they need it; TableSets says when nobody has a table any more

import type { Found } from '../core/cursor.ts';
import type { Key } from '../core/row.ts';
import type { TableInfo } from '../sst/table-info.ts';
import type { TableReader } from '../sst/table-reader.ts';
import { firstReaching, LevelCursor, type LevelCursorOptions } from './level-cursor.ts';
import { checkLevels, type OpenTables, type TableHandle } from './open-tables.ts';

type Later = Promise<Found | undefined>;

export class TableSet {
  readonly levels: readonly (readonly TableInfo[])[];
  readonly #tables: OpenTables;
  readonly #handles: readonly (readonly TableHandle[])[];
  readonly #onUnused: (set: TableSet) => void;
  #holders = 0;
  #over = false;

  constructor(levels: readonly (readonly TableInfo[])[], tables: OpenTables, onUnused: (set: TableSet) => void) {
    checkLevels(levels);
    this.levels = levels;
    this.#tables = tables;
    this.#handles = levels.map((infos) => infos.map((info) => tables.handle(info)));
    this.#onUnused = onUnused;
  }

  /** Level by level. */
  get handles(): readonly (readonly TableHandle[])[] {
    return this.#handles;
  }

  /** Its tables stay readable until `release` was called as often. */
  hold(): void {
    this.#holders++;
  }

  release(): void {
    this.#holders--;
    if (this.#holders > 0 || this.#over) return;
    this.#over = true;
    this.#onUnused(this);
  }

  /** The newest version of the key at or below the sequence. At once when what has to be looked at is in memory. */
  find(key: Key, sequence: number): Found | undefined | Later {
    const newest = this.#handles[0];
    if (newest !== undefined && newest.length > 0) return this.#findInLevel0(key, sequence, newest, 0);
    return this.#findBelow(key, sequence, 1);
  }

  /**
   * Cursors over everything that can hold keys in the bounds, newest source first: for MergingCursor. They have to be released.
   * The bounds only leave tables out; keys beyond them may still be met.
   */
  cursors(lower: Key | undefined, upper: Key | undefined, options: LevelCursorOptions = {}): LevelCursor[] {
    return this.#handles.flatMap((handles, level) => {
      const inside = handles.filter(
        ({ info }) => (lower === undefined || info.largest >= lower) && (upper === undefined || info.smallest < upper),
      );
      const runs = level === 0 ? inside.map((handle) => [handle]) : inside.length === 0 ? [] : [inside];
      return runs.map((run) => new LevelCursor(this.#tables, run, options));
    });
  }

  #findInLevel0(key: Key, sequence: number, handles: readonly TableHandle[], from: number): Found | undefined | Later {
    for (let at = from; at < handles.length; at++) {
      const handle = handles[at] as TableHandle;
      if (key < handle.info.smallest || key > handle.info.largest) continue;
      const found = this.#findInTable(handle, key, sequence);
      if (found instanceof Promise) {
        return this.#findLater(found, () => this.#findInLevel0(key, sequence, handles, at + 1));
      }
      if (found !== undefined) return found;
    }
    return this.#findBelow(key, sequence, 1);
  }

  #findBelow(key: Key, sequence: number, from: number): Found | undefined | Later {
    for (let level = from; level < this.#handles.length; level++) {
      const handles = this.#handles[level] as readonly TableHandle[];
      const handle = handles[firstReaching(handles, key)];
      if (handle === undefined || key < handle.info.smallest) continue;
      const found = this.#findInTable(handle, key, sequence);
      if (found instanceof Promise) return this.#findLater(found, () => this.#findBelow(key, sequence, level + 1));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #findInTable(handle: TableHandle, key: Key, sequence: number): Found | undefined | Later {
    const reader = this.#tables.reader(handle);
    if (reader instanceof Promise) return reader.then((opened: TableReader) => opened.find(key, sequence));
    return reader.find(key, sequence);
  }

  async #findLater(first: Later, goOn: () => Found | undefined | Later): Later {
    this.hold();
    try {
      return (await first) ?? (await goOn());
    } finally {
      this.release();
    }
  }
}

/** The current table set of a store, and those before it that are still read. */
export class TableSets {
  readonly #tables: OpenTables;
  readonly #onGone: ((info: TableInfo) => void) | undefined;
  #current: TableSet;
  #closed = false;

  /** `onGone`: no set that anybody reads has the table any more. Closing is no such case. */
  constructor(levels: readonly (readonly TableInfo[])[], tables: OpenTables, onGone?: (info: TableInfo) => void) {
    this.#tables = tables;
    this.#onGone = onGone;
    this.#current = this.#begin(levels);
  }

  get current(): TableSet {
    return this.#current;
  }

  /** Makes these levels the current ones. The set before stays for those who hold it. */
  install(levels: readonly (readonly TableInfo[])[]): void {
    const before = this.#current;
    this.#current = this.#begin(levels);
    before.release();
  }

  /** Nobody begins to read any more: tables go with their last reader. */
  close(): void {
    this.#closed = true;
    this.#current.release();
  }

  #begin(levels: readonly (readonly TableInfo[])[]): TableSet {
    const set = new TableSet(levels, this.#tables, (unused) => this.#end(unused));
    for (const handle of set.handles.flat()) handle.sets++;
    set.hold();
    return set;
  }

  #end(set: TableSet): void {
    for (const handle of set.handles.flat()) {
      handle.sets--;
      if (handle.sets > 0) continue;
      this.#tables.drop(handle);
      if (!this.#closed) this.#onGone?.(handle.info);
    }
  }
}
