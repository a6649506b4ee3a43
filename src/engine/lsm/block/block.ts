// An opened block. Written by block-builder.ts, opened by open-block.ts, walked through by block-cursor.ts.
//
// - `openBlock` has looked at every byte of it, so reading checks nothing
// - a look-up makes no string and no cursor: it compares the byte string that is sought with the bytes as they lie

import type { Found } from '../core/cursor.ts';
import type { Key } from '../core/row.ts';
import type { SizedBlock } from '../io/block-cache.ts';

/** Of the objects around a payload, about. */
const blockOverheadBytes = 200;

/** What looking at every entry has shown. */
export interface WalkedBlock {
  readonly entries: number;
  readonly commonBytes: number;
  readonly firstKeyAt: number;
}

export class Block implements SizedBlock {
  readonly bytes: Buffer;
  /** Where the entries end and the restart points begin. */
  readonly entriesEnd: number;
  readonly restartCount: number;
  readonly sequenceBase: number;
  readonly entries: number;
  /** Length of what all keys begin with; found at the first entry. */
  readonly #common: number;
  readonly #firstKeyAt: number;

  /** For openBlock, which has looked at the bytes. */
  constructor(bytes: Buffer, entriesEnd: number, restartCount: number, sequenceBase: number, walked: WalkedBlock) {
    this.bytes = bytes;
    this.entriesEnd = entriesEnd;
    this.restartCount = restartCount;
    this.sequenceBase = sequenceBase;
    this.entries = walked.entries;
    this.#common = walked.commonBytes;
    this.#firstKeyAt = walked.firstKeyAt;
  }

  get memoryBytes(): number {
    return this.bytes.length + blockOverheadBytes;
  }

  /** Position of the entry at a restart point. */
  restart(at: number): number {
    const position = this.entriesEnd + 4 * at;
    const bytes = this.bytes;
    return (
      (((bytes[position] as number) << 24) |
        ((bytes[position + 1] as number) << 16) |
        ((bytes[position + 2] as number) << 8) |
        (bytes[position + 3] as number)) >>>
      0
    );
  }

  /** Of the key against what all keys begin with: 0 where it begins so too, else which side of all of them it is on. */
  #side(key: Key): number {
    const bytes = this.bytes;
    const common = this.#common;
    for (let at = 0; at < common; at++) {
      if (at >= key.length) return -1;
      const difference = key.charCodeAt(at) - (bytes[this.#firstKeyAt + at] as number);
      if (difference !== 0) return difference;
    }
    return 0;
  }

  /** The last restart point whose entry is before (key, sequence); 0 also where none is. */
  restartBefore(key: Key, sequence: number): number {
    const side = this.#side(key);
    if (side !== 0) return side < 0 ? 0 : this.restartCount - 1;
    return this.#restartWithin(key, sequence);
  }

  #restartWithin(key: Key, sequence: number): number {
    let low = 0;
    let high = this.restartCount - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#restartIsBefore(this.restart(middle), key, sequence)) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #restartIsBefore(start: number, key: Key, sequence: number): boolean {
    const bytes = this.bytes;
    // The shared length is 0, in one byte.
    let position = start + 1;
    let added = bytes[position++] as number;
    if (added >= 0x80) added = (added & 0x7f) | ((bytes[position++] as number) << 7);
    while ((bytes[position++] as number) >= 0x80);
    const sequenceAt = position;
    while ((bytes[position++] as number) >= 0x80);
    const shorter = Math.min(added, key.length);
    for (let at = this.#common; at < shorter; at++) {
      const difference = (bytes[position + at] as number) - key.charCodeAt(at);
      if (difference !== 0) return difference < 0;
    }
    if (added !== key.length) return added < key.length;
    return this.sequenceAt(sequenceAt) > sequence;
  }

  /** The sequence whose varint begins there. */
  sequenceAt(position: number): number {
    const bytes = this.bytes;
    const first = bytes[position] as number;
    let distance = (first & 0x7f) >>> 1;
    if (first >= 0x80) {
      let factor = 64;
      for (let at = position + 1; ; at++) {
        const byte = bytes[at] as number;
        distance += (byte & 0x7f) * factor;
        if (byte < 0x80) break;
        factor *= 128;
      }
    }
    return (first & 1) === 0 ? this.sequenceBase + distance : this.sequenceBase - distance;
  }

  /** The newest version of the key at or below the sequence. */
  find(key: Key, sequence: number): Found | undefined {
    if (this.#side(key) !== 0) return undefined;
    const { bytes, entriesEnd } = this;
    const common = this.#common;
    const keyLength = key.length;
    let position = this.restart(this.#restartWithin(key, sequence));
    // How many bytes of the key the entry before has at its beginning. That entry is before what is sought.
    let matched = common;
    while (position < entriesEnd) {
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
      const valueStart = position + added;
      const valueEnd = valueTag === 0 ? valueStart : valueStart + valueTag - 1;
      // Sharing more with the entry before than that has in common with the key: on the same side of the key.
      if (shared <= matched) {
        matched = Math.max(shared, common);
        position += matched - shared;
        while (position < valueStart && matched < keyLength && bytes[position] === key.charCodeAt(matched)) {
          position++;
          matched++;
        }
        if (position === valueStart) {
          if (matched === keyLength) {
            const found = this.sequenceAt(sequenceAt);
            if (found <= sequence)
              return { sequence: found, value: valueTag === 0 ? undefined : bytes.subarray(valueStart, valueEnd) };
          }
        } else if (matched === keyLength || (bytes[position] as number) > key.charCodeAt(matched)) return undefined;
      }
      position = valueEnd;
    }
    return undefined;
  }
}
