// A node above the leaves of the memtable's tree: `keys[i]` is the lowest key that belongs below `children[i + 1]`.

import type { Key } from '../core/row.ts';
import type { Leaf } from './memtable-leaf.ts';
import { nodeKeysMax, SortedKeys } from './sorted-keys.ts';

export type MemtableNode = Branch | Leaf;

export class Branch extends SortedKeys {
  readonly children: MemtableNode[];

  constructor(keys: Key[], children: MemtableNode[], lowFence: Key | undefined, highFence: Key | undefined) {
    super(keys, lowFence, highFence);
    this.children = children;
  }

  /** Puts a node behind `children[at]`, for the keys from `separator` on. The branch must not be full. */
  add(at: number, separator: Key, child: MemtableNode): void {
    this.insertKey(at, separator);
    this.children.splice(at + 1, 0, child);
  }

  get full(): boolean {
    return this.keys.length === nodeKeysMax;
  }

  /** Gives the children behind `children[at]` to a new branch at its right, whose low fence separates the two. */
  split(at: number): Branch {
    const { highFence } = this;
    const separator = this.keys[at] as Key;
    const [, ...keys] = this.cut(at, separator);
    return new Branch(keys, this.children.splice(at + 1), separator, highFence);
  }
}
