// Walks through one opened block, and then another: a table's cursor keeps one of these. Moves are as in core/cursor.ts, but never
// wait.
//
// Entries are decoded a window at a time, from one restart point to the next: so a step in either direction is a step in a list, and
// the keys of a window are made as one string, of which each key is a slice. Making a string costs the same for sixteen keys as
// for one. Whoever keeps a key keeps those beside it, a few hundred bytes.

import type { Key } from '../core/row.ts';
import type { Block } from './block.ts';

/** Of an entry in #fields: where its key ends in #keyBytes; where in the block its sequence and value begin, and its value ends. */
const fieldsPerEntry = 4;
/** In place of a value's end. */
const tombstone = -1;
const entriesAtFirst = 16;
const keyBytesAtFirst = 1024;
/** From here on a call that copies is quicker than a loop. */
const sharedBytesMany = 24;

export class BlockCursor {
  #block: Block | undefined;
  /** Number of the restart point that the window begins at. */
  #restart = 0;
  /** Entries in the window; 0 when the cursor stands nowhere. */
  #count = 0;
  /** The current entry's place in the window. */
  #at = 0;
  #fields = new Int32Array(entriesAtFirst * fieldsPerEntry);
  /** The keys of the window, whole, one behind the other. */
  #keyBytes = Buffer.allocUnsafeSlow(keyBytesAtFirst);
  /** The same as a string, once one of them was asked for. */
  #keys: string | undefined;

  get valid(): boolean {
    return this.#at < this.#count;
  }

  get key(): Key {
    this.#keys ??= this.#keyBytes.toString('latin1', 0, this.#keyEnd(this.#count - 1));
    return this.#keys.substring(this.#keyEnd(this.#at - 1), this.#keyEnd(this.#at));
  }

  get sequence(): number {
    return this.#sequenceOf(this.#at);
  }

  get deleted(): boolean {
    return this.#fields[fieldsPerEntry * this.#at + 3] === tombstone;
  }

  value(): Buffer {
    const field = fieldsPerEntry * this.#at;
    return (this.#block as Block).bytes.subarray(this.#fields[field + 2], this.#fields[field + 3]);
  }

  /** Stands on nothing afterwards. Undefined: lets the block go. */
  reset(block: Block | undefined): void {
    this.#block = block;
    this.#invalidate();
  }

  #invalidate(): void {
    this.#count = 0;
    this.#at = 0;
  }

  first(): void {
    this.#decode(0);
  }

  last(): void {
    this.#decode((this.#block as Block).restartCount - 1);
    this.#at = this.#count - 1;
  }

  seek(key: Key, sequence: number): void {
    this.#decode((this.#block as Block).restartBefore(key, sequence));
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#isBefore(middle, key, sequence)) low = middle + 1;
      else high = middle;
    }
    this.#at = low;
    if (low === this.#count) this.#decodeNext();
  }

  seekBefore(key: Key, sequence: number): void {
    this.seek(key, sequence);
    if (this.valid) this.previous();
    else this.last();
  }

  next(): void {
    this.#at++;
    if (this.#at >= this.#count) this.#decodeNext();
  }

  previous(): void {
    this.#at--;
    if (this.#at >= 0) return;
    if (this.#restart === 0) {
      this.#invalidate();
      return;
    }
    this.#decode(this.#restart - 1);
    this.#at = this.#count - 1;
  }

  #decodeNext(): void {
    if (this.#restart + 1 < (this.#block as Block).restartCount) this.#decode(this.#restart + 1);
    else this.#invalidate();
  }

  /** Makes the entries from this restart point on the window, and stands on the first of them. */
  #decode(restart: number): void {
    const block = this.#block as Block;
    const bytes = block.bytes;
    const end = restart + 1 < block.restartCount ? block.restart(restart + 1) : block.entriesEnd;
    let position = block.restart(restart);
    let count = 0;
    let previousStart = 0;
    let keyStart = 0;
    while (position < end) {
      let shared = bytes[position++] as number;
      if (shared >= 0x80) shared = (shared & 0x7f) | ((bytes[position++] as number) << 7);
      let added = bytes[position++] as number;
      if (added >= 0x80) added = (added & 0x7f) | ((bytes[position++] as number) << 7);
      let valueTag = bytes[position++] as number;
      if (valueTag >= 0x80) {
        valueTag &= 0x7f;
        for (let shift = 7; ; shift += 7) {
          const byte = bytes[position++] as number;
          valueTag |= (byte & 0x7f) << shift;
          if (byte < 0x80) break;
        }
      }
      const sequenceAt = position;
      while ((bytes[position++] as number) >= 0x80);
      const keyEnd = keyStart + shared + added;
      if (keyEnd > this.#keyBytes.length) this.#growKeyBytes(keyEnd);
      const keyBytes = this.#keyBytes;
      if (shared >= sharedBytesMany) keyBytes.copyWithin(keyStart, previousStart, previousStart + shared);
      else for (let at = 0; at < shared; at++) keyBytes[keyStart + at] = keyBytes[previousStart + at] as number;
      for (let at = keyStart + shared; at < keyEnd; at++) keyBytes[at] = bytes[position++] as number;
      const field = fieldsPerEntry * count;
      if (field === this.#fields.length) this.#growFields();
      const fields = this.#fields;
      fields[field] = keyEnd;
      fields[field + 1] = sequenceAt;
      fields[field + 2] = position;
      if (valueTag === 0) fields[field + 3] = tombstone;
      else {
        position += valueTag - 1;
        fields[field + 3] = position;
      }
      previousStart = keyStart;
      keyStart = keyEnd;
      count++;
    }
    this.#restart = restart;
    this.#count = count;
    this.#at = 0;
    this.#keys = undefined;
  }

  #growFields(): void {
    const grown = new Int32Array(2 * this.#fields.length);
    grown.set(this.#fields);
    this.#fields = grown;
  }

  #growKeyBytes(length: number): void {
    const grown = Buffer.allocUnsafeSlow(length * 2);
    grown.set(this.#keyBytes);
    this.#keyBytes = grown;
  }

  /** Where the key ends; of the entry before the first, where that one begins. */
  #keyEnd(at: number): number {
    return at < 0 ? 0 : (this.#fields[fieldsPerEntry * at] as number);
  }

  #sequenceOf(at: number): number {
    return (this.#block as Block).sequenceAt(this.#fields[fieldsPerEntry * at + 1] as number);
  }

  #isBefore(at: number, key: Key, sequence: number): boolean {
    const keyBytes = this.#keyBytes;
    const start = this.#keyEnd(at - 1);
    const length = this.#keyEnd(at) - start;
    const shorter = Math.min(length, key.length);
    for (let place = 0; place < shorter; place++) {
      const difference = (keyBytes[start + place] as number) - key.charCodeAt(place);
      if (difference !== 0) return difference < 0;
    }
    if (length !== key.length) return length < key.length;
    return this.#sequenceOf(at) > sequence;
  }
}
