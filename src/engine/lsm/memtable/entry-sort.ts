// Sorts the tail of a log in one go: of each key the newest version, in the order of the keys.
//
// Rows are sorted by a few bytes of their keys at a time, behind what a group has in common: those bytes and the row's place in the
// group make one number, so that the engine sorts plain numbers and rows with equal bytes keep their order. Groups of equal bytes
// are then sorted by the bytes behind.

import { EngineError } from '../../base/errors.ts';
import type { Key } from '../core/row.ts';
import type { SequencedChanges } from './memtable.ts';
import { commonLength } from './sorted-keys.ts';

export interface SortedRows {
  readonly keys: Key[];
  readonly sequences: number[];
  readonly values: (Uint8Array | undefined)[];
}

/** Numbers are exact up to here: the bytes of a key and a place have to fit. */
const numberBits = 53;
/** A byte counts one more than it is: 0 is a byte that is missing, so that what is equal here is equal as far as it goes. */
const base = 257;
/** Groups up to this are sorted by comparing. */
const compareRowsMax = 16;

/** The entries are in the order of their indexes; of the changes of one entry to the same key the last counts. */
export function sortedNewest(entries: readonly SequencedChanges[]): SortedRows {
  const keys: Key[] = [];
  const sequences: number[] = [];
  const values: (Uint8Array | undefined)[] = [];
  let before = 0;
  for (const { index, changes } of entries) {
    if (index < before) throw new EngineError('bug', `entry ${index} came behind entry ${before}`);
    before = index;
    for (const { key, value } of changes) {
      keys.push(key);
      sequences.push(index);
      values.push(value);
    }
  }
  if (isAscending(keys)) return { keys, sequences, values };
  const sorted: SortedRows = { keys: [], sequences: [], values: [] };
  const order = sortedOrder(keys);
  for (let at = 0; at < order.length; at++) {
    const row = order[at] as number;
    const next = order[at + 1];
    if (next !== undefined && keys[next] === keys[row]) continue;
    sorted.keys.push(keys[row] as Key);
    sorted.sequences.push(sequences[row] as number);
    sorted.values.push(values[row]);
  }
  return sorted;
}

/** Each key once, in order: nothing to sort. */
function isAscending(keys: readonly Key[]): boolean {
  for (let at = 1; at < keys.length; at++) if ((keys[at - 1] as Key) >= (keys[at] as Key)) return false;
  return true;
}

/** Indexes of the keys in the order of the keys; of equal keys, in the order they came. */
function sortedOrder(keys: readonly Key[]): Uint32Array {
  const order = Uint32Array.from(keys, (_, at) => at);
  const groups: { readonly from: number; readonly to: number; readonly skip: number }[] = [
    { from: 0, to: keys.length, skip: 0 },
  ];
  for (let group = groups.pop(); group !== undefined; group = groups.pop()) {
    const { from, to } = group;
    const rows = order.subarray(from, to);
    if (rows.length <= compareRowsMax) {
      sortByComparing(rows, keys);
      continue;
    }
    const skip = commonOf(rows, keys, group.skip);
    const placeBits = 32 - Math.clz32(rows.length);
    const bytes = Math.floor((numberBits - placeBits) / Math.log2(base));
    const places = 2 ** placeBits;
    const numbers = new Float64Array(rows.length);
    let longest = 0;
    for (let place = 0; place < rows.length; place++) {
      const key = keys[rows[place] as number] as Key;
      if (key.length > longest) longest = key.length;
      numbers[place] = numberOf(key, skip, bytes) * places + place;
    }
    numbers.sort();
    const unsorted = rows.slice();
    for (let at = 0; at < rows.length; at++) rows[at] = unsorted[(numbers[at] as number) % places] as number;
    // Nothing is behind the bytes that were compared: what is equal here is equal.
    if (longest <= skip + bytes) continue;
    let start = 0;
    for (let at = 1; at <= rows.length; at++) {
      const bytesHere = Math.floor((numbers[start] as number) / places);
      if (at < rows.length && Math.floor((numbers[at] as number) / places) === bytesHere) continue;
      if (at - start > 1) groups.push({ from: from + start, to: from + at, skip: skip + bytes });
      start = at;
    }
  }
  return order;
}

/** How many bytes all keys of the rows have in common; `from` of them are known. */
function commonOf(rows: Uint32Array, keys: readonly Key[], from: number): number {
  const first = keys[rows[0] as number] as Key;
  let common = first.length;
  for (let at = 1; at < rows.length && common > from; at++) {
    common = Math.min(common, commonLength(keys[rows[at] as number] as Key, first, from));
  }
  return common;
}

function numberOf(key: Key, start: number, bytes: number): number {
  let number = 0;
  for (let at = start; at < start + bytes; at++)
    number = number * base + (at < key.length ? key.charCodeAt(at) + 1 : 0);
  return number;
}

/** By insertion. Rows come in the order of their indexes, and equal ones stay so. */
function sortByComparing(rows: Uint32Array, keys: readonly Key[]): void {
  for (let end = 1; end < rows.length; end++) {
    const row = rows[end] as number;
    const key = keys[row] as Key;
    let at = end;
    for (; at > 0 && (keys[rows[at - 1] as number] as Key) > key; at--) rows[at] = rows[at - 1] as number;
    rows[at] = row;
  }
}
