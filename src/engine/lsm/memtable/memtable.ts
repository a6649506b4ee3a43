// The rows that are not in tables yet: a sorted map in memory, from key to its versions, newest first.
//
// - a B+tree with fat leaves: a row moves a few dozen array slots and costs no object; leaves are linked both ways and never go away
// - of each key the newest version is in the leaf; older ones hang behind it, only while `isRead` says that somebody reads them
// - values are copied, one behind the other (value-room.ts)
// - sequences of a key never go down; the same sequence again replaces the value (the last change of a batch counts)
// - `bytes` counts keys, values and what they cost beside their bytes, so that it can be held against a limit in bytes; values that
//   were overwritten do not count, and take no more than half as much again

import { EngineError } from '../../base/errors.ts';
import type { Cursor, Found } from '../core/cursor.ts';
import type { Change, Key } from '../core/row.ts';
import { sortedNewest } from './entry-sort.ts';
import { Branch, type MemtableNode } from './memtable-branch.ts';
import { MemtableCursor } from './memtable-cursor.ts';
import { Leaf, type Older } from './memtable-leaf.ts';
import { nodeKeysMax } from './sorted-keys.ts';
import { noValue, type ValuePlace, ValueRoom } from './value-room.ts';

/** Whether somebody reads at a sequence in [from, below); see snapshots.ts. */
export type IsRead = (from: number, below: number) => boolean;

/** Changes that share a sequence. */
export interface SequencedChanges {
  readonly index: number;
  readonly changes: readonly Change[];
}

/** Measured on 64-bit Node 24: the key's string and its share of leaf and inner nodes; the object of a version behind the newest. */
export const rowOverheadBytes = 64;
export const olderOverheadBytes = 64;
/** Fewer are not worth moving the others for. */
const deadBytesMin = 64 * 1024;

const nobodyReads: IsRead = () => false;

export class Memtable {
  readonly #isRead: IsRead;
  #values = new ValueRoom();
  /** Of values that nobody needs any more. */
  #deadBytes = 0;
  #root: MemtableNode;
  /** Branches above a leaf. */
  #depth = 0;
  #firstLeaf: Leaf;
  #lastLeaf: Leaf;
  #rows = 0;
  #bytes = 0;
  /** The way down of the last `put`: branches, root first, and which child was taken. */
  readonly #path: Branch[] = [];
  readonly #taken: number[] = [];

  constructor(isRead: IsRead = nobodyReads) {
    this.#isRead = isRead;
    const leaf = new Leaf([], [], [], undefined, undefined);
    this.#root = leaf;
    this.#firstLeaf = leaf;
    this.#lastLeaf = leaf;
  }

  /** The newest version of every key in the entries, which are in order. Sorted in one go, leaves are filled directly. */
  static fromEntries(entries: readonly SequencedChanges[], isRead: IsRead = nobodyReads): Memtable {
    const memtable = new Memtable(isRead);
    memtable.#fill(entries);
    return memtable;
  }

  /** Versions, tombstones included. */
  get rows(): number {
    return this.#rows;
  }

  get bytes(): number {
    return this.#bytes + this.#values.bytes - this.#deadBytes;
  }

  /** For its cursors. Another one when `changes` of the leaves go up. */
  get values(): ValueRoom {
    return this.#values;
  }

  /** Undefined as value: a tombstone. The bytes are copied. */
  put(key: Key, sequence: number, bytes: Uint8Array | undefined): void {
    const leaf = this.#descend(key);
    const at = leaf.firstAtOrAbove(key);
    leaf.changes++;
    if (leaf.keys[at] === key) {
      this.#overwrite(leaf, at, sequence, bytes);
      return;
    }
    const value = this.#values.add(bytes);
    this.#rows++;
    this.#bytes += rowOverheadBytes + key.length;
    if (!leaf.full) {
      leaf.insert(at, key, sequence, value);
      return;
    }
    // Keys that come in order leave full leaves behind; else both halves get room.
    const inOrder = at === nodeKeysMax && leaf === this.#lastLeaf;
    const kept = inOrder ? nodeKeysMax : nodeKeysMax >>> 1;
    const right = leaf.split(kept, inOrder ? key : (leaf.keys[kept] as Key));
    if (leaf === this.#lastLeaf) this.#lastLeaf = right;
    if (at > kept || inOrder) right.insert(at - kept, key, sequence, value);
    else leaf.insert(at, key, sequence, value);
    this.#addChild(right);
  }

  /** The newest version of the key at or below the sequence. */
  find(key: Key, sequence: number): Found | undefined {
    const leaf = this.leafOf(key);
    const at = leaf.firstAtOrAbove(key);
    if (leaf.keys[at] !== key) return undefined;
    const newest = leaf.sequences[at] as number;
    if (newest <= sequence) return this.#found(newest, leaf.values[at] as ValuePlace);
    let older = leaf.older?.[at];
    while (older !== undefined && older.sequence > sequence) older = older.older;
    return older === undefined ? undefined : this.#found(older.sequence, older.value);
  }

  #found(sequence: number, place: ValuePlace): Found {
    return { sequence, value: place === noValue ? undefined : this.#values.at(place) };
  }

  /** Through all versions. It stays right while others put: it goes on from the version it stands on. */
  cursor(): Cursor {
    return new MemtableCursor(this);
  }

  /** For its cursors. */
  get firstLeaf(): Leaf {
    return this.#firstLeaf;
  }

  get lastLeaf(): Leaf {
    return this.#lastLeaf;
  }

  /** The leaf where the key is or would be. */
  leafOf(key: Key): Leaf {
    let node = this.#root;
    for (let level = this.#depth; level > 0; level--) {
      const branch = node as Branch;
      node = branch.children[branch.firstAbove(key)] as MemtableNode;
    }
    return node as Leaf;
  }

  #descend(key: Key): Leaf {
    let node = this.#root;
    for (let level = 0; level < this.#depth; level++) {
      const branch = node as Branch;
      const at = branch.firstAbove(key);
      this.#path[level] = branch;
      this.#taken[level] = at;
      node = branch.children[at] as MemtableNode;
    }
    return node as Leaf;
  }

  #overwrite(leaf: Leaf, at: number, sequence: number, bytes: Uint8Array | undefined): void {
    const before = leaf.sequences[at] as number;
    if (sequence < before) {
      throw new EngineError('bug', `a change of sequence ${sequence} came behind one of ${before}`, {
        context: { sequence, newest: before },
      });
    }
    const replaced = leaf.values[at] as ValuePlace;
    const older = leaf.older?.[at];
    leaf.sequences[at] = sequence;
    leaf.values[at] = this.#values.add(bytes);
    if (sequence > before && this.#isRead(before, sequence)) {
      this.#rows++;
      this.#bytes += olderOverheadBytes;
      leaf.hangBehind(at, { sequence: before, value: replaced, older: this.#stillRead(older, before) });
      return;
    }
    this.#deadBytes += this.#values.bytesAt(replaced);
    if (older !== undefined) leaf.hangBehind(at, this.#stillRead(older, sequence));
    if (this.#deadBytes > deadBytesMin + (this.#values.bytes - this.#deadBytes) / 2) this.#moveValues();
  }

  /** What of the versions from `version` down is still read, when the next newer one has the sequence `below`. */
  #stillRead(version: Older | undefined, below: number): Older | undefined {
    if (version === undefined) return undefined;
    if (this.#isRead(version.sequence, below)) {
      const { sequence, value } = version;
      return { sequence, value, older: this.#stillRead(version.older, sequence) };
    }
    this.#rows--;
    this.#bytes -= olderOverheadBytes;
    this.#deadBytes += this.#values.bytesAt(version.value);
    return this.#stillRead(version.older, below);
  }

  /** Into room without what is dead. A cursor finds its place again, and keeps the room of the value it stands on. */
  #moveValues(): void {
    const before = this.#values;
    const values = new ValueRoom();
    const moved = (place: ValuePlace): ValuePlace => (place === noValue ? noValue : values.add(before.at(place)));
    const movedOlder = (older: Older | undefined): Older | undefined =>
      older && { sequence: older.sequence, value: moved(older.value), older: movedOlder(older.older) };
    for (let leaf: Leaf | undefined = this.#firstLeaf; leaf !== undefined; leaf = leaf.next) {
      for (let at = 0; at < leaf.values.length; at++) leaf.values[at] = moved(leaf.values[at] as ValuePlace);
      leaf.older = leaf.older?.map(movedOlder);
      leaf.changes++;
    }
    this.#values = values;
    this.#deadBytes = 0;
  }

  /** Puts a new node at the right of the one that the last way down led to; on the way up, branches that are full are split. */
  #addChild(child: MemtableNode): void {
    let added = child;
    for (let level = this.#depth - 1; level >= 0; level--) {
      const branch = this.#path[level] as Branch;
      branch.add(this.#taken[level] as number, added.lowFence as Key, added);
      if (!branch.full) return;
      // As with leaves: a branch that grows at its end is left almost full.
      const inOrder = this.#taken[level] === nodeKeysMax - 1;
      added = branch.split(inOrder ? nodeKeysMax - 1 : nodeKeysMax >>> 1);
    }
    this.#root = new Branch([added.lowFence as Key], [this.#root, added], undefined, undefined);
    this.#depth++;
  }

  #fill(entries: readonly SequencedChanges[]): void {
    const { keys, sequences, values: bytes } = sortedNewest(entries);
    if (keys.length === 0) return;
    const values = bytes.map((value) => this.#values.add(value));
    // Nodes are left a quarter empty, for the puts to come.
    const leaves = evenly(keys.length, (nodeKeysMax * 3) >>> 2).map(([from, to]) => {
      const lowFence = from === 0 ? undefined : keys[from];
      return new Leaf(keys.slice(from, to), sequences.slice(from, to), values.slice(from, to), lowFence, keys[to]);
    });
    for (const [at, leaf] of leaves.entries()) leaf.follow(leaves[at - 1]);
    this.#firstLeaf = leaves[0] as Leaf;
    this.#lastLeaf = leaves.at(-1) as Leaf;
    let nodes: MemtableNode[] = leaves;
    for (; nodes.length > 1; this.#depth++) {
      const below = nodes;
      nodes = evenly(below.length, (nodeKeysMax * 3) >>> 2).map(([from, to]) => {
        const children = below.slice(from, to);
        const separators = children.slice(1).map(({ lowFence }) => lowFence as Key);
        return new Branch(separators, children, below[from]?.lowFence, below[to]?.lowFence);
      });
    }
    this.#root = nodes[0] as MemtableNode;
    this.#rows = keys.length;
    for (const key of keys) this.#bytes += rowOverheadBytes + key.length;
  }
}

/** Ranges of about equal length that are `most` long at most, together 0 to `count`. */
function evenly(count: number, most: number): [from: number, to: number][] {
  const parts = Math.ceil(count / most);
  const start = (part: number): number => Math.floor((part * count) / parts);
  return Array.from({ length: parts }, (_, part) => [start(part), start(part + 1)]);
}
