// Writes the payload of a block, entry by entry. Format page: docs/formats/sstable.md.
//
//   payload := entry+ restart u32+ restartCount u32, sequenceBase i64
//   entry   := shared uvarint, added uvarint, value uvarint, sequence signed varint, addedBytes, valueBytes
//
// `value` is 0 for a tombstone, else the length of the value and one. `sequence` is relative to that of the first entry.

import { EngineError } from '../../base/errors.ts';
import { type Key, keyBytesMax, valueBytesMax } from '../core/row.ts';

/** What the four varints of an entry take at most. */
const entryHeadBytesMax = 2 + 2 + 4 + 8;
export const payloadTailBytes = 12;
/** Entries from one restart point to the next: a reader decodes so many at once, and has to have memory for their keys. */
export const restartIntervalMax = 256;

export class BlockBuilder {
  readonly #restartInterval: number;
  #bytes: Buffer;
  #position = 0;
  #restarts: number[] = [];
  #sinceRestart = 0;
  #sequenceBase = 0;
  #previousKey: Key = '';
  #previousSequence = Number.POSITIVE_INFINITY;
  /** In this block. */
  entries = 0;

  /** `sizeHint`: about how large a block becomes. */
  constructor(restartInterval: number, sizeHint: number) {
    this.#restartInterval = Math.min(restartIntervalMax, Math.max(1, restartInterval));
    this.#bytes = Buffer.allocUnsafeSlow(Math.max(1024, sizeHint + (sizeHint >>> 2)));
  }

  /** Of the payload, when it were finished now. */
  get payloadBytes(): number {
    return this.#position + 4 * this.#restarts.length + payloadTailBytes;
  }

  /** Of the last entry, in this block or the one before. */
  get previousKey(): Key {
    return this.#previousKey;
  }

  get previousSequence(): number {
    return this.#previousSequence;
  }

  /**
   * Copies the entry in and gives the length that its key shares with the one before, the key's own length where they are equal.
   * Throws `bug` for one out of order, here also across blocks.
   */
  add(key: Key, sequence: number, value: Uint8Array | undefined): number {
    const common = this.#commonWithPrevious(key, sequence);
    const valueBytes = value === undefined ? 0 : value.length;
    if (valueBytes > valueBytesMax) throw new EngineError('bug', `a value of ${valueBytes} bytes at ${shown(key)}`);
    this.#reserve(entryHeadBytesMax + key.length + valueBytes);
    let shared = common;
    if (this.entries === 0 || this.#sinceRestart >= this.#restartInterval) {
      if (this.entries === 0) this.#sequenceBase = sequence;
      this.#restarts.push(this.#position);
      this.#sinceRestart = 0;
      shared = 0;
    }
    this.#uvarint(shared);
    this.#uvarint(key.length - shared);
    this.#uvarint(value === undefined ? 0 : valueBytes + 1);
    this.#signedVarint(sequence - this.#sequenceBase);
    const bytes = this.#bytes;
    let position = this.#position;
    for (let at = shared; at < key.length; at++) bytes[position++] = key.charCodeAt(at);
    if (value !== undefined) bytes.set(value, position);
    this.#position = position + valueBytes;
    this.#sinceRestart++;
    this.entries++;
    this.#previousKey = key;
    this.#previousSequence = sequence;
    return common;
  }

  #commonWithPrevious(key: Key, sequence: number): number {
    const previous = this.#previousKey;
    const shorter = Math.min(previous.length, key.length);
    let common = 0;
    while (common < shorter && previous.charCodeAt(common) === key.charCodeAt(common)) common++;
    const inOrder =
      common < key.length
        ? common === previous.length || previous.charCodeAt(common) < key.charCodeAt(common)
        : common === previous.length && sequence < this.#previousSequence;
    if (!inOrder || key.length === 0 || key.length > keyBytesMax || !Number.isSafeInteger(sequence) || sequence < 0) {
      throw new EngineError('bug', `entry out of order: ${shown(key)}@${sequence} after ${shown(previous)}`);
    }
    return common;
  }

  #reserve(count: number): void {
    if (this.#position + count <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow((this.#position + count) * 2);
    grown.set(this.#bytes.subarray(0, this.#position));
    this.#bytes = grown;
  }

  #uvarint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#position++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.#position++] = rest;
  }

  /** Sign in the lowest bit of the first byte, so that all 53 bits of the distance stay exact. */
  #signedVarint(value: number): void {
    const distance = Math.abs(value);
    let rest = Math.floor(distance / 64);
    const low = ((distance % 64) << 1) | (value < 0 ? 1 : 0);
    this.#bytes[this.#position++] = rest > 0 ? low | 0x80 : low;
    while (rest >= 0x80) {
      this.#bytes[this.#position++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    if (rest > 0) this.#bytes[this.#position++] = rest;
  }

  /** The payload, valid until the next `add`: the builder begins another block in the same memory. */
  finish(): Buffer {
    const tailBytes = 4 * this.#restarts.length + payloadTailBytes;
    this.#reserve(tailBytes);
    let position = this.#position;
    for (const restart of this.#restarts) position = this.#bytes.writeUInt32BE(restart, position);
    position = this.#bytes.writeUInt32BE(this.#restarts.length, position);
    position = this.#bytes.writeUInt32BE(Math.floor(this.#sequenceBase / 0x1_0000_0000), position);
    position = this.#bytes.writeUInt32BE(this.#sequenceBase % 0x1_0000_0000, position);
    const payload = this.#bytes.subarray(0, position);
    this.#position = 0;
    this.#restarts = [];
    this.#sinceRestart = 0;
    this.entries = 0;
    return payload;
  }
}

const shown = (key: Key): string => JSON.stringify(key.slice(0, 200));
