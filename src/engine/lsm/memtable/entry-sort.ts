// Sorts the tail of a log in one go: of each key the newest version, in the order of the keys.

import { EngineError } from '../../base/errors.ts';
import type { Key } from '../core/row.ts';
import type { SequencedChanges } from './memtable.ts';

export interface SortedRows {
  readonly keys: Key[];
  readonly sequences: number[];
  readonly values: (Buffer | undefined)[];
}

/** The entries are in the order of their indexes; of the changes of one entry to the same key the last counts. */
export function sortedNewest(entries: readonly SequencedChanges[]): SortedRows {
  const newest = new Map<Key, number>();
  const allSequences: number[] = [];
  const allValues: (Buffer | undefined)[] = [];
  let before = 0;
  for (const { index, changes } of entries) {
    if (index < before) throw new EngineError('bug', `entry ${index} came behind entry ${before}`);
    before = index;
    for (const { key, value } of changes) {
      newest.set(key, allSequences.length);
      allSequences.push(index);
      allValues.push(value === undefined ? undefined : asBuffer(value));
    }
  }
  const keys = [...newest.keys()].sort();
  const sequences: number[] = [];
  const values: (Buffer | undefined)[] = [];
  for (const key of keys) {
    const at = newest.get(key) as number;
    sequences.push(allSequences[at] as number);
    values.push(allValues[at]);
  }
  return { keys, sequences, values };
}

/** The same bytes, not a copy. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
