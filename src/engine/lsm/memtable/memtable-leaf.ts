// A leaf of the memtable's tree: up to 128 keys in order, each with its newest version, and links to the leaves beside it.

import type { Key } from '../core/row.ts';
import { nodeKeysMax, SortedKeys } from './sorted-keys.ts';
import type { ValuePlace } from './value-room.ts';

/** A version that a newer one hides. Never changed: whoever stands on one may go on from there. */
export interface Older {
  readonly sequence: number;
  readonly value: ValuePlace;
  readonly older: Older | undefined;
}

export class Leaf extends SortedKeys {
  /** Of the newest version of each key. */
  readonly sequences: number[];
  readonly values: ValuePlace[];
  /** Older versions by row; undefined as long as there was none in this leaf. */
  older: (Older | undefined)[] | undefined = undefined;
  previous: Leaf | undefined = undefined;
  next: Leaf | undefined = undefined;
  /** Counts puts into it, so that cursors notice. */
  changes = 0;

  constructor(
    keys: Key[],
    sequences: number[],
    values: ValuePlace[],
    lowFence: Key | undefined,
    highFence: Key | undefined,
  ) {
    super(keys, lowFence, highFence);
    this.sequences = sequences;
    this.values = values;
  }

  get full(): boolean {
    return this.keys.length === nodeKeysMax;
  }

  /** Links it behind a leaf that has no next one. */
  follow(leaf: Leaf | undefined): void {
    this.previous = leaf;
    if (leaf !== undefined) leaf.next = this;
  }

  insert(at: number, key: Key, sequence: number, value: ValuePlace): void {
    const { sequences, values } = this;
    const count = sequences.length;
    this.insertKey(at, key);
    sequences.push(sequence);
    values.push(value);
    for (let to = count; to > at; to--) {
      sequences[to] = sequences[to - 1] as number;
      values[to] = values[to - 1] as ValuePlace;
    }
    sequences[at] = sequence;
    values[at] = value;
    this.older?.splice(at, 0, undefined);
  }

  hangBehind(at: number, older: Older | undefined): void {
    this.older ??= this.keys.map(() => undefined);
    this.older[at] = older;
  }

  /** Gives its rows from an index on to a new leaf at its right; `separator` is the lowest key that belongs there. */
  split(from: number, separator: Key): Leaf {
    const { highFence } = this;
    const keys = this.cut(from, separator);
    const right = new Leaf(keys, this.sequences.splice(from), this.values.splice(from), separator, highFence);
    if (this.older !== undefined) right.older = this.older.splice(from);
    right.next = this.next;
    right.previous = this;
    if (this.next !== undefined) this.next.previous = right;
    this.next = right;
    return right;
  }
}
