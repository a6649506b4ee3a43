// The sorted keys of one node of the memtable's tree, searched by numbers: comparing strings costs a call and, in a large tree, a
// cache miss each time.
//
// - all keys that can ever be in a node lie between its fences, so they share what the fences have in common (`skip` bytes)
// - the six bytes behind that are kept as a number beside each key; only where numbers are equal are the strings compared
// - a node at the edge of the tree, as the root is, has no fence on one side: it skips what its keys happen to have in common, compares
//   that with the key that is sought, and numbers its keys anew when one comes that has less in common

import type { Key } from '../core/row.ts';

/** Of a node; fat, because a step down costs more than a search in it. */
export const nodeKeysMax = 128;

export const keyNumberBytes = 6;

/** Bytes `start` and the five behind it, as a number. Keeps the order of keys that are equal up to there; missing bytes count as 0. */
export function keyNumber(key: Key, start: number): number {
  if (start + keyNumberBytes <= key.length) {
    const upper = (key.charCodeAt(start) << 16) | (key.charCodeAt(start + 1) << 8) | key.charCodeAt(start + 2);
    const lower = (key.charCodeAt(start + 3) << 16) | (key.charCodeAt(start + 4) << 8) | key.charCodeAt(start + 5);
    return upper * 0x1_00_00_00 + lower;
  }
  let number = 0;
  for (let at = start; at < start + keyNumberBytes; at++) {
    number = number * 256 + (at < key.length ? key.charCodeAt(at) : 0);
  }
  return number;
}

/** How many bytes two keys have in common at their beginning; it is known to be at least `from`. */
export function commonLength(a: Key, b: Key, from: number): number {
  const shorter = Math.min(a.length, b.length);
  let at = from;
  while (at < shorter && a.charCodeAt(at) === b.charCodeAt(at)) at++;
  return at;
}

export class SortedKeys {
  readonly keys: Key[];
  /** Every key is at or above this; undefined at the left edge. */
  readonly lowFence: Key | undefined;
  /** Every key is below this; undefined at the right edge. */
  #highFence: Key | undefined;
  #skip = 0;
  /** A fence is missing: keys that come may have less than `#skip` bytes in common with those here. */
  #open = false;
  readonly #numbers = new Float64Array(nodeKeysMax);

  constructor(keys: Key[], lowFence: Key | undefined, highFence: Key | undefined) {
    this.keys = keys;
    this.lowFence = lowFence;
    this.#highFence = highFence;
    this.#number();
  }

  get highFence(): Key | undefined {
    return this.#highFence;
  }

  /** Index of the first key at or above the given one, which has to be between the fences. */
  firstAtOrAbove(key: Key): number {
    const keys = this.keys;
    if (this.#open && this.#commonWith(key) < this.#skip) return key < (keys[0] as Key) ? 0 : keys.length;
    const numbers = this.#numbers;
    const number = keyNumber(key, this.#skip);
    let low = 0;
    let high = keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const one = numbers[middle] as number;
      if (one < number || (one === number && (keys[middle] as Key) < key)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Index of the first key above the given one, which has to be between the fences. */
  firstAbove(key: Key): number {
    const at = this.firstAtOrAbove(key);
    return this.keys[at] === key ? at + 1 : at;
  }

  insertKey(at: number, key: Key): void {
    const keys = this.keys;
    const numbers = this.#numbers;
    const count = keys.length;
    keys.push(key);
    if (this.#open && (count === 0 || this.#commonWith(key) < this.#skip)) {
      for (let to = count; to > at; to--) keys[to] = keys[to - 1] as Key;
      keys[at] = key;
      this.#number();
      return;
    }
    for (let to = count; to > at; to--) {
      keys[to] = keys[to - 1] as Key;
      numbers[to] = numbers[to - 1] as number;
    }
    keys[at] = key;
    numbers[at] = keyNumber(key, this.#skip);
  }

  /** Takes off the keys from an index on; what is left, and what comes later, is below the separator. */
  cut(from: number, separator: Key): Key[] {
    const taken = this.keys.splice(from);
    this.#highFence = separator;
    this.#number();
    return taken;
  }

  #commonWith(key: Key): number {
    const first = this.keys[0];
    return first === undefined ? 0 : commonLength(key, first, 0);
  }

  #number(): void {
    const { keys, lowFence } = this;
    const highFence = this.#highFence;
    this.#open = lowFence === undefined || highFence === undefined;
    const low = this.#open ? keys[0] : lowFence;
    const high = this.#open ? keys.at(-1) : highFence;
    this.#skip = low === undefined || high === undefined ? 0 : commonLength(low, high, 0);
    for (let at = 0; at < keys.length; at++) this.#numbers[at] = keyNumber(keys[at] as Key, this.#skip);
  }
}
