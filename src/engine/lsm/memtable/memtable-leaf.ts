// A leaf of the memtable's tree: up to 128 keys in order, each with its newest version, and links to the leaves beside it.

import type { Found } from '../core/cursor.ts';
import type { Key } from '../core/row.ts';

export const leafRows = 128;

/** A version that a newer one hides. Never changed: whoever stands on one may go on from there. */
export interface Older extends Found {
  readonly older: Older | undefined;
}

export class Leaf {
  readonly keys: Key[];
  /** Of the newest version of each key. */
  readonly sequences: number[];
  readonly values: (Buffer | undefined)[];
  /** Older versions by row; undefined as long as there was none in this leaf. */
  older: (Older | undefined)[] | undefined = undefined;
  previous: Leaf | undefined = undefined;
  next: Leaf | undefined = undefined;
  /** Counts puts into it, so that cursors notice. */
  changes = 0;

  constructor(keys: Key[] = [], sequences: number[] = [], values: (Buffer | undefined)[] = []) {
    this.keys = keys;
    this.sequences = sequences;
    this.values = values;
  }

  /** Links it behind a leaf that has no next one. */
  follow(leaf: Leaf | undefined): void {
    this.previous = leaf;
    if (leaf !== undefined) leaf.next = this;
  }

  insert(at: number, key: Key, sequence: number, value: Buffer | undefined): void {
    const { keys, sequences, values } = this;
    let to = keys.length;
    if (at === to) {
      keys.push(key);
      sequences.push(sequence);
      values.push(value);
    } else {
      keys.push(keys[to - 1] as Key);
      sequences.push(sequences[to - 1] as number);
      values.push(values[to - 1]);
      for (to--; to > at; to--) {
        keys[to] = keys[to - 1] as Key;
        sequences[to] = sequences[to - 1] as number;
        values[to] = values[to - 1];
      }
      keys[at] = key;
      sequences[at] = sequence;
      values[at] = value;
    }
    this.older?.splice(at, 0, undefined);
  }

  hangBehind(at: number, older: Older | undefined): void {
    this.older ??= this.keys.map(() => undefined);
    this.older[at] = older;
  }

  /** Gives the upper half to a new leaf at its right, or nothing where rows come in order: `at` is where the next one belongs. */
  split(at: number): Leaf {
    const kept = at === this.keys.length && this.next === undefined ? this.keys.length : this.keys.length >>> 1;
    const right = new Leaf(this.keys.splice(kept), this.sequences.splice(kept), this.values.splice(kept));
    if (this.older !== undefined) right.older = this.older.splice(kept);
    right.next = this.next;
    right.previous = this;
    if (this.next !== undefined) this.next.previous = right;
    this.next = right;
    return right;
  }
}

/** Index of the first key at or above the given one. */
export function firstAtOrAbove(keys: readonly Key[], key: Key): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] as Key) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Index of the first key above the given one. */
export function firstAbove(keys: readonly Key[], key: Key): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] as Key) <= key) low = middle + 1;
    else high = middle;
  }
  return low;
}
