// Keys of records, each with the highest offset that was put under it, in a fixed amount of memory.
//
// Open addressing with linear steps over one array: 24 bytes a slot, six words: four of the key's hash, two of offset + 1 (0 where the
// slot is free). A key is known by 128 bits of its SHA-256 alone, so nobody can make up two keys that are taken for one.
// It is never filled beyond nine tenths; putting more is a bug of the caller, who asks for room before.

import { hash } from 'node:crypto';
import { EngineError } from '../base/errors.ts';

export const keyMapSlotBytes = 24;
const slotWords = 6;
const loadMax = 0.9;
const two32 = 0x1_0000_0000;

/** What a key is known by: at least 16 characters, a byte each. As text, because that is five times faster to get than a buffer. */
export type KeyDigest = string;

export const digestOf = (key: Buffer): KeyDigest => hash('sha256', key, 'binary');

export class KeyMap implements Disposable {
  readonly #words: Uint32Array<ArrayBuffer>;
  readonly #slots: number;
  readonly capacity: number;
  #size = 0;
  /** The digest of the last look-up, in words. */
  #a = 0;
  #b = 0;
  #c = 0;
  #d = 0;

  /** As large as `keysMax` keys need, within `bytesMax`. */
  constructor({ bytesMax, keysMax }: { readonly bytesMax: number; readonly keysMax: number }) {
    const wanted = Math.ceil(keysMax / loadMax) + 1;
    this.#slots = Math.max(1, Math.min(Math.floor(bytesMax / keyMapSlotBytes), wanted));
    this.capacity = Math.floor(this.#slots * loadMax);
    this.#words = new Uint32Array(this.#slots * slotWords);
  }

  get size(): number {
    return this.#size;
  }

  get bytes(): number {
    return this.#words.byteLength;
  }

  /** How many new keys may still be put. */
  get room(): number {
    return this.capacity - this.#size;
  }

  /** The offset under the key; −1 where there is none. */
  get(digest: KeyDigest): number {
    return this.#offsetAt(this.#find(digest));
  }

  /** Offsets only go up: a lower one than is there changes nothing. */
  put(digest: KeyDigest, offset: number): void {
    const at = this.#find(digest);
    const words = this.#words;
    const known = this.#offsetAt(at);
    if (known >= offset) return;
    if (known < 0) {
      if (this.#size >= this.capacity) throw new EngineError('bug', `a map of ${this.capacity} keys is full`);
      this.#size += 1;
      words[at] = this.#a;
      words[at + 1] = this.#b;
      words[at + 2] = this.#c;
      words[at + 3] = this.#d;
    }
    const stored = offset + 1;
    words[at + 4] = stored / two32;
    words[at + 5] = stored % two32;
  }

  /** Gives the memory back at once. */
  [Symbol.dispose](): void {
    if (!this.#words.buffer.detached) this.#words.buffer.transfer(0);
  }

  #offsetAt(at: number): number {
    return (this.#words[at + 4] as number) * two32 + (this.#words[at + 5] as number) - 1;
  }

  /** The slot of the digest, or the free one where it belongs. */
  #find(digest: KeyDigest): number {
    const words = this.#words;
    this.#a = word(digest, 0);
    this.#b = word(digest, 4);
    this.#c = word(digest, 8);
    this.#d = word(digest, 12);
    const end = words.length;
    let at = Math.floor((this.#a / two32) * this.#slots) * slotWords;
    while (words[at + 4] !== 0 || words[at + 5] !== 0) {
      if (
        words[at] === this.#a &&
        words[at + 1] === this.#b &&
        words[at + 2] === this.#c &&
        words[at + 3] === this.#d
      ) {
        return at;
      }
      at += slotWords;
      if (at === end) at = 0;
    }
    return at;
  }
}

function word(digest: KeyDigest, at: number): number {
  return (
    ((digest.charCodeAt(at) << 24) |
      (digest.charCodeAt(at + 1) << 16) |
      (digest.charCodeAt(at + 2) << 8) |
      digest.charCodeAt(at + 3)) >>>
    0
  );
}
