// How the store is read, alive or from a manifest in the bucket: one interface for both.

import type { Wait } from '../core/cursor.ts';
import type { Key } from '../core/row.ts';
import type { Manifest } from '../manifest/manifest.ts';

/** Holds the versions that reads at this sequence see, until it is released (Symbol.dispose). */
export interface LsmSnapshot extends Disposable {
  readonly sequence: number;
}

export interface RangeOptions {
  /** Keys at or above this. */
  readonly lower?: Key;
  /** Keys strictly below this. */
  readonly upper?: Key;
  /** Reads as of the snapshot; of the moment the iterator is made where not given. */
  readonly snapshot?: LsmSnapshot;
  /** Much will be read in order: tables are fetched ahead. */
  readonly sequential?: boolean;
}

/** Stands on one live row, within the bounds, or on none. Must be released: it holds tables and versions. Moves as in cursor.ts. */
export interface LsmIterator extends Disposable {
  readonly valid: boolean;
  readonly key: Key;
  /** A view, right also after the iterator moved. */
  value(): Buffer;
  first(): Wait;
  last(): Wait;
  /** To the first row at or behind the key. */
  seek(key: Key): Wait;
  /** To the last row at or before the key. */
  seekReverse(key: Key): Wait;
  next(): Wait;
  previous(): Wait;
}

export interface LsmReads {
  /** At once when everything needed is in memory, else a promise. Undefined: no such row. */
  get(key: Key, snapshot?: LsmSnapshot): Buffer | undefined | Promise<Buffer | undefined>;
  /** In the order of the keys. */
  getMany(keys: readonly Key[], snapshot?: LsmSnapshot): Promise<(Buffer | undefined)[]>;
  iterator(options?: RangeOptions): LsmIterator;
  snapshot(): LsmSnapshot;
}

/** A read-only picture of a store at one manifest: no log, no writer, any process. */
export interface LsmView extends LsmReads, AsyncDisposable {
  readonly manifest: Manifest;
}
