// Walks through the versions of a memtable that others put into meanwhile.
//
// What it stands on it keeps itself, so that a version which was dropped since is still answered. Before it moves it looks whether
// its leaf has changed, and then finds its place again by key and sequence.

import type { Cursor } from '../core/cursor.ts';
import type { Key } from '../core/row.ts';
import type { Memtable } from './memtable.ts';
import type { Leaf, Older } from './memtable-leaf.ts';
import { noValue, type ValuePlace, type ValueRoom } from './value-room.ts';

export class MemtableCursor implements Cursor {
  readonly #memtable: Memtable;
  valid = false;
  key: Key = '';
  sequence = 0;
  #value: ValuePlace = noValue;
  #values: ValueRoom;
  /** Where that is: the row's newest version, or one behind it. Right as long as the leaf has not changed. */
  #leaf: Leaf;
  #at = 0;
  #older: Older | undefined;
  #changes = 0;

  constructor(memtable: Memtable) {
    this.#memtable = memtable;
    this.#leaf = memtable.firstLeaf;
    this.#values = memtable.values;
  }

  get deleted(): boolean {
    return this.#value === noValue;
  }

  value(): Buffer {
    return this.#values.at(this.#value);
  }

  first(): undefined {
    this.#standAtOrBehind(this.#memtable.firstLeaf, 0);
  }

  last(): undefined {
    const leaf = this.#memtable.lastLeaf;
    this.#standAtOldest(leaf, leaf.keys.length - 1);
  }

  seek(key: Key, sequence: number): undefined {
    const leaf = this.#memtable.leafOf(key);
    const at = leaf.firstAtOrAbove(key);
    if (leaf.keys[at] !== key || (leaf.sequences[at] as number) <= sequence) {
      this.#standAtOrBehind(leaf, at);
      return;
    }
    let older = leaf.older?.[at];
    while (older !== undefined && older.sequence > sequence) older = older.older;
    if (older === undefined) this.#standAtOrBehind(leaf, at + 1);
    else this.#stand(leaf, at, older);
  }

  seekBefore(key: Key, sequence: number): undefined {
    const leaf = this.#memtable.leafOf(key);
    const at = leaf.firstAtOrAbove(key);
    if (leaf.keys[at] !== key || (leaf.sequences[at] as number) <= sequence) {
      this.#standAtOldest(leaf, at - 1);
      return;
    }
    let last: Older | undefined;
    let older = leaf.older?.[at];
    while (older !== undefined && older.sequence > sequence) {
      last = older;
      older = older.older;
    }
    this.#stand(leaf, at, last);
  }

  next(): undefined {
    if (this.#leaf.changes !== this.#changes) {
      // Sequences are whole numbers: what follows this version is at or behind one less.
      this.seek(this.key, this.sequence - 1);
      return;
    }
    const older = this.#older === undefined ? this.#leaf.older?.[this.#at] : this.#older.older;
    if (older !== undefined) this.#stand(this.#leaf, this.#at, older);
    else this.#standAtOrBehind(this.#leaf, this.#at + 1);
  }

  previous(): undefined {
    if (this.#older !== undefined || this.#leaf.changes !== this.#changes) {
      this.seekBefore(this.key, this.sequence);
      return;
    }
    this.#standAtOldest(this.#leaf, this.#at - 1);
  }

  /** At the newest version of a row, or of the first row of the next leaf. */
  #standAtOrBehind(leaf: Leaf, at: number): void {
    if (at < leaf.keys.length) {
      this.#stand(leaf, at, undefined);
      return;
    }
    // Only the one leaf of an empty memtable is empty.
    const next = leaf.next;
    if (next === undefined) this.valid = false;
    else this.#stand(next, 0, undefined);
  }

  /** At the oldest version of a row, or of the last row of the leaf before. */
  #standAtOldest(leaf: Leaf, at: number): void {
    if (at < 0) {
      const previous = leaf.previous;
      if (previous === undefined) this.valid = false;
      else this.#standAtOldest(previous, previous.keys.length - 1);
      return;
    }
    let oldest = leaf.older?.[at];
    while (oldest?.older !== undefined) oldest = oldest.older;
    this.#stand(leaf, at, oldest);
  }

  #stand(leaf: Leaf, at: number, older: Older | undefined): void {
    this.#leaf = leaf;
    this.#at = at;
    this.#older = older;
    this.#changes = leaf.changes;
    this.key = leaf.keys[at] as Key;
    this.sequence = older === undefined ? (leaf.sequences[at] as number) : older.sequence;
    this.#values = this.#memtable.values;
    this.#value = older === undefined ? (leaf.values[at] as ValuePlace) : older.value;
    this.valid = true;
  }
}
