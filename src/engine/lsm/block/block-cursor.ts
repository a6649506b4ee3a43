// Walks through one opened block, and then another: a table's cursor keeps one of these. Moves are as in core/cursor.ts, but never
// wait. The key's string is made only when it is asked for.

import type { Key } from '../core/row.ts';
import type { Block } from './block.ts';

const keyBufferBytes = 256;

export class BlockCursor {
  #block: Block | undefined;
  /** Of the current entry; #end where there is none. */
  #position = 0;
  #next = 0;
  #end = 0;
  /** The restart point of the last jump, near the current entry. */
  #restart = 0;
  #keyBytes = Buffer.allocUnsafeSlow(keyBufferBytes);
  #keyLength = 0;
  #key: Key | undefined;
  #sequenceAt = 0;
  #valueStart = 0;
  #deleted = false;

  get valid(): boolean {
    return this.#position < this.#end;
  }

  get key(): Key {
    this.#key ??= this.#keyBytes.toString('latin1', 0, this.#keyLength);
    return this.#key;
  }

  get sequence(): number {
    return (this.#block as Block).sequenceAt(this.#sequenceAt);
  }

  get deleted(): boolean {
    return this.#deleted;
  }

  value(): Buffer {
    return (this.#block as Block).bytes.subarray(this.#valueStart, this.#next);
  }

  /** Stands on nothing afterwards. Undefined: lets the block go. */
  reset(block: Block | undefined): void {
    this.#block = block;
    this.#end = block?.entriesEnd ?? 0;
    this.#invalidate();
  }

  #invalidate(): void {
    this.#position = this.#end;
  }

  first(): void {
    this.#toRestart(0);
  }

  last(): void {
    this.#toRestart((this.#block as Block).restartCount - 1);
    while (this.#next < this.#end) this.#step();
  }

  seek(key: Key, sequence: number): void {
    this.#toRestart((this.#block as Block).restartBefore(key, sequence));
    while (this.valid && this.#isBefore(key, sequence)) {
      this.next();
    }
  }

  seekBefore(key: Key, sequence: number): void {
    this.seek(key, sequence);
    if (this.valid) this.previous();
    else this.last();
  }

  next(): void {
    if (this.#next < this.#end) this.#step();
    else this.#invalidate();
  }

  previous(): void {
    const target = this.#position;
    if (target === 0) {
      this.#invalidate();
      return;
    }
    const block = this.#block as Block;
    let restart = this.#restart;
    while (restart + 1 < block.restartCount && block.restart(restart + 1) < target) restart++;
    while (block.restart(restart) >= target) restart--;
    this.#toRestart(restart);
    while (this.#next < target) this.#step();
  }

  #toRestart(restart: number): void {
    const block = this.#block as Block;
    this.#restart = restart;
    this.#next = block.restart(restart);
    this.#step();
  }

  /** To the entry at #next, which has what it shares with the current one in #keyBytes. */
  #step(): void {
    const bytes = (this.#block as Block).bytes;
    let position = this.#next;
    this.#position = position;
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
    this.#sequenceAt = position;
    while ((bytes[position++] as number) >= 0x80);
    const keyLength = shared + added;
    if (keyLength > this.#keyBytes.length) this.#growKeyBytes(keyLength);
    const keyBytes = this.#keyBytes;
    for (let at = shared; at < keyLength; at++) keyBytes[at] = bytes[position++] as number;
    if (added !== 0 || keyLength !== this.#keyLength) this.#key = undefined;
    this.#keyLength = keyLength;
    this.#valueStart = position;
    this.#deleted = valueTag === 0;
    this.#next = valueTag === 0 ? position : position + valueTag - 1;
  }

  #growKeyBytes(length: number): void {
    const grown = Buffer.allocUnsafeSlow(length * 2);
    grown.set(this.#keyBytes);
    this.#keyBytes = grown;
  }

  #isBefore(key: Key, sequence: number): boolean {
    const keyBytes = this.#keyBytes;
    const shorter = Math.min(this.#keyLength, key.length);
    for (let at = 0; at < shorter; at++) {
      const difference = (keyBytes[at] as number) - key.charCodeAt(at);
      if (difference !== 0) return difference < 0;
    }
    if (this.#keyLength !== key.length) return this.#keyLength < key.length;
    return this.sequence > sequence;
  }
}
