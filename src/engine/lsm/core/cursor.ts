// The one way to walk through versions: memtables, blocks, tables, levels and merges of them are all cursors.
//
// Order: key ascending, then sequence descending. A cursor stands on one version, or on none (`valid` false: nothing was sought
// yet, or it ran off an end). Every move returns undefined when it is done, or a promise when bytes have to be fetched first; the
// cursor must not be used until that has resolved. So a walk through what is in memory never waits:
//
//   const wait = cursor.next();
//   if (wait !== undefined) await wait;
//
// A move that rejects (damage, a store that does not answer) leaves the cursor invalid.

import type { Key } from './row.ts';

export type Wait = Promise<void> | undefined;

export interface Cursor {
  readonly valid: boolean;
  /** The four below only while valid. */
  readonly key: Key;
  readonly sequence: number;
  readonly deleted: boolean;
  /** A view that stays right after the cursor has moved on. Not for tombstones. */
  value(): Buffer;
  first(): Wait;
  last(): Wait;
  /** To the first version at or behind (key, sequence): of this key with this or a lower sequence, else of a greater key. */
  seek(key: Key, sequence: number): Wait;
  /** To the last version strictly before (key, sequence). */
  seekBefore(key: Key, sequence: number): Wait;
  next(): Wait;
  previous(): Wait;
}

/** What a look-up found: a value, or a tombstone (`value` undefined). No answer at all is undefined in place of this. */
export interface Found {
  readonly sequence: number;
  readonly value: Buffer | undefined;
}
