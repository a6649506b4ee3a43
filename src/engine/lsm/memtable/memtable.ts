// The rows that are not in tables yet: a sorted map in memory, from key to its versions, newest first.
//
// - a B+tree with fat leaves: a row moves a few dozen array slots and costs no object; leaves are linked both ways and never go away
// - of each key the newest version is in the leaf; older ones hang behind it, only while `isRead` says that somebody reads them
// - values are kept as they are given, not copied: whoever gives one never changes it, and copies it before where it is a small
//   part of something large, which would stay in memory with it
// - sequences of a key never go down; the same sequence again replaces the value (the last change of a batch counts)
// - `bytes` counts keys, values and what they cost beside their bytes, so that it can be held against a limit in bytes

import { EngineError } from '../../base/errors.ts';
import type { Cursor, Found } from '../core/cursor.ts';
import type { Change, Key } from '../core/row.ts';
import { asBuffer, sortedNewest } from './entry-sort.ts';
import { MemtableCursor } from './memtable-cursor.ts';
import { firstAbove, firstAtOrAbove, Leaf, leafRows, type Older } from './memtable-leaf.ts';

/** Whether somebody reads at a sequence in [from, below); see snapshots.ts. */
export type IsRead = (from: number, below: number) => boolean;

/** Changes that share a sequence. */
export interface SequencedChanges {
  readonly index: number;
  readonly changes: readonly Change[];
}

/** Measured on 64-bit Node 24: the key's string, its share of leaf and inner nodes, and the object around a value. */
export const rowOverheadBytes = 64;
export const valueOverheadBytes = 104;

/** Branches have as many children at most as leaves have rows. `separators[i]` is the lowest key that can be in `children[i + 1]`. */
interface Branch {
  readonly separators: Key[];
  readonly children: (Branch | Leaf)[];
}

const nobodyReads: IsRead = () => false;

export class Memtable {
  readonly #isRead: IsRead;
  #root: Branch | Leaf;
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
    const leaf = new Leaf();
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
    return this.#bytes;
  }

  /** Undefined as value: a tombstone. */
  put(key: Key, sequence: number, bytes: Uint8Array | undefined): void {
    const value = bytes === undefined ? undefined : asBuffer(bytes);
    const leaf = this.#descend(key);
    const at = firstAtOrAbove(leaf.keys, key);
    leaf.changes++;
    if (at < leaf.keys.length && leaf.keys[at] === key) {
      this.#overwrite(leaf, at, sequence, value);
      return;
    }
    this.#rows++;
    this.#bytes += versionBytes(key, value);
    if (leaf.keys.length < leafRows) {
      leaf.insert(at, key, sequence, value);
      return;
    }
    const right = leaf.split(at);
    if (leaf === this.#lastLeaf) this.#lastLeaf = right;
    if (at <= leaf.keys.length && at < leafRows) leaf.insert(at, key, sequence, value);
    else right.insert(at - leaf.keys.length, key, sequence, value);
    this.#addChild(right.keys[0] as Key, right);
  }

  /** The newest version of the key at or below the sequence. */
  find(key: Key, sequence: number): Found | undefined {
    const leaf = this.leafOf(key);
    const at = firstAtOrAbove(leaf.keys, key);
    if (at >= leaf.keys.length || leaf.keys[at] !== key) return undefined;
    const newest = leaf.sequences[at] as number;
    if (newest <= sequence) return { sequence: newest, value: leaf.values[at] };
    let older = leaf.older?.[at];
    while (older !== undefined && older.sequence > sequence) older = older.older;
    return older;
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
      const { separators, children } = node as Branch;
      node = children[firstAbove(separators, key)] as Branch | Leaf;
    }
    return node as Leaf;
  }

  #descend(key: Key): Leaf {
    let node = this.#root;
    for (let level = 0; level < this.#depth; level++) {
      const branch = node as Branch;
      const at = firstAbove(branch.separators, key);
      this.#path[level] = branch;
      this.#taken[level] = at;
      node = branch.children[at] as Branch | Leaf;
    }
    return node as Leaf;
  }

  #overwrite(leaf: Leaf, at: number, sequence: number, value: Buffer | undefined): void {
    const key = leaf.keys[at] as Key;
    const before = leaf.sequences[at] as number;
    if (sequence < before) {
      throw new EngineError('bug', `a change of sequence ${sequence} came behind one of ${before}`, {
        context: { sequence, newest: before },
      });
    }
    const replaced = leaf.values[at];
    const older = leaf.older?.[at];
    leaf.sequences[at] = sequence;
    leaf.values[at] = value;
    this.#bytes += versionBytes(key, value);
    this.#rows++;
    if (sequence > before && this.#isRead(before, sequence)) {
      leaf.hangBehind(at, { sequence: before, value: replaced, older: this.#stillRead(key, older, before) });
      return;
    }
    this.#forget(key, replaced);
    if (older !== undefined) leaf.hangBehind(at, this.#stillRead(key, older, sequence));
  }

  /** What of the versions from `version` down is still read, when the next newer one has the sequence `below`. */
  #stillRead(key: Key, version: Older | undefined, below: number): Older | undefined {
    if (version === undefined) return undefined;
    if (this.#isRead(version.sequence, below)) {
      const { sequence, value } = version;
      return { sequence, value, older: this.#stillRead(key, version.older, sequence) };
    }
    this.#forget(key, version.value);
    return this.#stillRead(key, version.older, below);
  }

  #forget(key: Key, value: Buffer | undefined): void {
    this.#rows--;
    this.#bytes -= versionBytes(key, value);
  }

  /** Puts a new node at the right of the one that the last way down led to, and splits branches up from there where they are full. */
  #addChild(separator: Key, child: Branch | Leaf): void {
    let lowest = separator;
    let added = child;
    for (let level = this.#depth - 1; level >= 0; level--) {
      const { separators, children } = this.#path[level] as Branch;
      const at = this.#taken[level] as number;
      separators.splice(at, 0, lowest);
      children.splice(at + 1, 0, added);
      if (children.length <= leafRows) return;
      // Of a branch that only grows at its end, as keys in order make it do, the left part is left almost full.
      const kept = at === separators.length - 1 ? leafRows - 1 : leafRows >>> 1;
      added = { separators: separators.splice(kept), children: children.splice(kept) };
      lowest = separators.pop() as Key;
    }
    this.#root = { separators: [lowest], children: [this.#root, added] };
    this.#depth++;
  }

  #fill(entries: readonly SequencedChanges[]): void {
    const { keys, sequences, values } = sortedNewest(entries);
    const perLeaf = (leafRows * 3) >>> 2;
    let nodes: (Branch | Leaf)[] = [];
    let lowest: Key[] = [];
    let previous: Leaf | undefined;
    for (let from = 0; from < keys.length; from += perLeaf) {
      const to = from + perLeaf;
      const leaf = new Leaf(keys.slice(from, to), sequences.slice(from, to), values.slice(from, to));
      leaf.follow(previous);
      previous = leaf;
      nodes.push(leaf);
      lowest.push(leaf.keys[0] as Key);
    }
    if (previous === undefined) return;
    this.#firstLeaf = nodes[0] as Leaf;
    this.#lastLeaf = previous;
    while (nodes.length > 1) {
      const groups = Math.ceil(nodes.length / perLeaf);
      const starts = Array.from({ length: groups }, (_, group) => Math.floor((group * nodes.length) / groups));
      const children = starts.map((from, group) => nodes.slice(from, starts[group + 1]));
      const separators = starts.map((from, group) => lowest.slice(from + 1, starts[group + 1]));
      nodes = children.map((own, group) => ({ separators: separators[group] as Key[], children: own }));
      lowest = starts.map((from) => lowest[from] as Key);
      this.#depth++;
    }
    this.#root = nodes[0] as Branch | Leaf;
    this.#rows = keys.length;
    for (let at = 0; at < keys.length; at++) this.#bytes += versionBytes(keys[at] as Key, values[at]);
  }
}

function versionBytes(key: Key, value: Buffer | undefined): number {
  return rowOverheadBytes + key.length + (value === undefined ? 0 : valueOverheadBytes + value.length);
}
