// A cursor through the tables of one sorted level, or through a single table of level 0: one after the other, as if they were one.
// Only the table it stands in is open on its behalf, and the next one where it reads ahead.

import type { Cursor, Wait } from '../core/cursor.ts';
import type { Key } from '../core/row.ts';
import type { TableReader } from '../sst/table-reader.ts';
import type { OpenTables, TableHandle } from './open-tables.ts';

export interface LevelCursorOptions {
  /** Read once in order: fetched ahead, blocks are not kept in the cache. */
  readonly scan?: boolean;
}

/** Must be released: it keeps the table it stands in open. */
export class LevelCursor implements Cursor {
  readonly #tables: OpenTables;
  readonly #handles: readonly TableHandle[];
  readonly #options: LevelCursorOptions;
  /** The table that `#inner` goes through; -1: none. */
  #at = -1;
  #inner: Cursor | undefined;
  /** Only while a move waits or after it failed does this differ from the inner cursor's. */
  valid = false;
  #released = false;

  /** The tables have to be sorted, without overlap. */
  constructor(tables: OpenTables, handles: readonly TableHandle[], options: LevelCursorOptions = {}) {
    this.#tables = tables;
    this.#handles = handles;
    this.#options = options;
  }

  get key(): Key {
    return (this.#inner as Cursor).key;
  }

  get sequence(): number {
    return (this.#inner as Cursor).sequence;
  }

  get deleted(): boolean {
    return (this.#inner as Cursor).deleted;
  }

  value(): Buffer {
    return (this.#inner as Cursor).value();
  }

  first(): Wait {
    return this.#go(0, 1, (cursor) => cursor.first());
  }

  last(): Wait {
    return this.#go(this.#handles.length - 1, -1, (cursor) => cursor.last());
  }

  seek(key: Key, sequence: number): Wait {
    return this.#go(firstReaching(this.#handles, key), 1, (cursor) => cursor.seek(key, sequence));
  }

  seekBefore(key: Key, sequence: number): Wait {
    // The first table that reaches up to the key is the last one that can have versions before it, or begins behind it.
    const reaching = firstReaching(this.#handles, key);
    const handle = this.#handles[reaching];
    const at = handle === undefined || key < handle.info.smallest ? reaching - 1 : reaching;
    return this.#go(at, -1, (cursor) => cursor.seekBefore(key, sequence));
  }

  next(): Wait {
    const inner = this.#inner as Cursor;
    const wait = inner.next();
    if (wait === undefined && inner.valid) return undefined;
    return this.#settle(wait, 1);
  }

  previous(): Wait {
    const inner = this.#inner as Cursor;
    const wait = inner.previous();
    if (wait === undefined && inner.valid) return undefined;
    return this.#settle(wait, -1);
  }

  release(): void {
    this.#released = true;
    this.#leave();
  }

  /** Makes the move in table `at`; where that ends up outside of it, goes on with its neighbours in the direction. */
  #go(at: number, direction: 1 | -1, move: (cursor: Cursor) => Wait): Wait {
    this.valid = false;
    const wait = this.#enter(at);
    if (wait !== undefined) return this.#goLater(wait, direction, move);
    if (this.#inner === undefined) return undefined;
    return this.#settle(move(this.#inner), direction);
  }

  async #goLater(entered: Promise<void>, direction: 1 | -1, move: (cursor: Cursor) => Wait): Promise<void> {
    await entered;
    if (this.#inner !== undefined) await this.#settle(move(this.#inner), direction);
  }

  /** After a move of the inner cursor: waits for it, and walks on to the next table when it ran off its end. */
  #settle(moved: Wait, direction: 1 | -1): Wait {
    this.valid = false;
    let wait = moved;
    for (;;) {
      if (wait !== undefined) return this.#settleLater(wait, direction);
      const inner = this.#inner;
      if (inner === undefined) return undefined;
      if (inner.valid) {
        this.valid = true;
        return undefined;
      }
      wait = this.#enter(this.#at + direction);
      if (wait !== undefined) return this.#goLater(wait, direction, direction > 0 ? toFirst : toLast);
      if (this.#inner === undefined) return undefined;
      wait = direction > 0 ? this.#inner.first() : this.#inner.last();
    }
  }

  async #settleLater(moved: Promise<void>, direction: 1 | -1): Promise<void> {
    await moved;
    await this.#settle(undefined, direction);
  }

  /** Stands at the table, with a cursor that is nowhere yet; beyond both ends there is none. */
  #enter(at: number): Wait {
    if (at === this.#at && this.#inner !== undefined) return undefined;
    this.#leave();
    const handle = this.#handles[at];
    if (handle === undefined || this.#released) return undefined;
    this.#at = at;
    this.#tables.enter(handle);
    const reader = this.#tables.reader(handle);
    if (!(reader instanceof Promise)) {
      this.#stand(reader, at);
      return undefined;
    }
    return reader.then((opened) => {
      if (!this.#released) this.#stand(opened, at);
    });
  }

  #stand(reader: TableReader, at: number): void {
    const scan = this.#options.scan ?? false;
    this.#inner = reader.cursor({ scan });
    const next = scan ? this.#handles[at + 1] : undefined;
    if (next === undefined || next.reader !== undefined) return;
    // Read ahead; should it fail, the opening is tried again when the cursor gets there.
    void Promise.resolve(this.#tables.reader(next)).catch(() => undefined);
  }

  #leave(): void {
    const handle = this.#handles[this.#at];
    this.valid = false;
    this.#inner = undefined;
    this.#at = -1;
    if (handle !== undefined) this.#tables.leave(handle);
  }
}

const toFirst = (cursor: Cursor): Wait => cursor.first();
const toLast = (cursor: Cursor): Wait => cursor.last();

/** Index of the first table whose largest key is at or behind the key; the number of tables where there is none. */
export function firstReaching(handles: readonly TableHandle[], key: Key): number {
  let low = 0;
  let high = handles.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((handles[middle] as TableHandle).info.largest < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
