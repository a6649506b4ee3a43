// Says of a key that a table does not have it, mostly without reading the table. Format page: docs/formats/sstable.md.
//
//   filter := probes u8, lines u32, bits[64 * lines], crc u32
//
// A key touches one line of 64 bytes only: one cache miss. `hashKey` and `mayContain` are part of the format: once written, what
// they compute may never change. A filter of no lines says nothing.

import { crc32c } from '../../base/checksum.ts';
import { checkSum, damage, type ObjectRange } from '../block/object-damage.ts';
import type { Key } from '../core/row.ts';

const lineBytes = 64;
const headBytes = 5;
const sumBytes = 4;
const probesMax = 16;
const golden = 0x9e3779b1;

/** FNV-1a over the bytes, then mixed so that every bit of the key counts in every bit of the hash. Unsigned 32 bit. */
export function hashKey(key: Key): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** A look-up asks the filters of many tables for one key, one after the other. */
let lastKey: Key = '';
let lastHash = hashKey('');

function hashOnce(key: Key): number {
  if (key !== lastKey) {
    lastKey = key;
    lastHash = hashKey(key);
  }
  return lastHash;
}

/** The line of a filter, chosen by the high bits of the hash. */
const lineOf = (hash: number, lines: number): number => Math.floor((hash * lines) / 0x1_0000_0000);

/** Builds the serialised filter of the keys with these hashes, some at a time: all of a large table take several milliseconds. */
export class BloomFilterBuilder {
  readonly #hashes: Uint32Array;
  readonly #lines: number;
  readonly #probes: number;
  readonly #bytes: Buffer;
  #next = 0;

  constructor(hashes: Uint32Array, bitsPerKey: number) {
    this.#hashes = hashes;
    this.#lines = Math.ceil((hashes.length * Math.max(0, bitsPerKey)) / (8 * lineBytes));
    this.#probes = Math.min(probesMax, Math.max(1, Math.round(bitsPerKey * 0.6)));
    this.#bytes = Buffer.alloc(headBytes + lineBytes * this.#lines + sumBytes);
  }

  /** Adds up to so many keys. False when that was the last one. */
  add(keysMax: number): boolean {
    const hashes = this.#hashes;
    const bytes = this.#bytes;
    const lines = this.#lines;
    const probes = this.#probes;
    const end = lines === 0 ? hashes.length : Math.min(hashes.length, this.#next + keysMax);
    for (let key = this.#next; lines > 0 && key < end; key++) {
      const hash = hashes[key] as number;
      const line = headBytes + lineBytes * lineOf(hash, lines);
      // As a signed number, so that V8 keeps it in 32 bits.
      let mixed = hash | 0;
      for (let probe = 0; probe < probes; probe++) {
        mixed = Math.imul(mixed, golden);
        const at = line + (mixed >>> 26);
        bytes[at] = (bytes[at] as number) | (1 << ((mixed >>> 23) & 7));
      }
    }
    this.#next = end;
    return end < hashes.length;
  }

  /** With all keys. */
  finish(): Buffer {
    this.add(Number.POSITIVE_INFINITY);
    const bytes = this.#bytes;
    bytes[0] = this.#probes;
    bytes.writeUInt32BE(this.#lines, 1);
    bytes.writeUInt32BE(crc32c(bytes.subarray(0, bytes.length - sumBytes)), bytes.length - sumBytes);
    return bytes;
  }
}

export class BloomFilter {
  readonly #bytes: Buffer;
  readonly #lines: number;
  readonly #probes: number;

  private constructor(bytes: Buffer, lines: number, probes: number) {
    this.#bytes = bytes;
    this.#lines = lines;
    this.#probes = probes;
  }

  /** Keeps the bytes. Throws `corrupt-object` that names the range. */
  static decode(bytes: Buffer, range: ObjectRange): BloomFilter {
    checkSum(bytes, 'bloom filter', range);
    return BloomFilter.decodeUnchecked(bytes, range);
  }

  /** Without comparing the checksum: for inspecting what is damaged. */
  static decodeUnchecked(bytes: Buffer, range: ObjectRange): BloomFilter {
    if (bytes.length < headBytes + sumBytes) throw damage('bloom filter', range, 'is too short');
    const probes = bytes[0] as number;
    const lines = bytes.readUInt32BE(1);
    if (probes < 1 || probes > probesMax || headBytes + lineBytes * lines + sumBytes !== bytes.length)
      throw damage('bloom filter', range, `cannot have ${lines} lines and ${probes} probes`);
    return new BloomFilter(bytes, lines, probes);
  }

  get memoryBytes(): number {
    return this.#bytes.length;
  }

  /** False: the table has no version of the key. */
  mayContain(key: Key): boolean {
    if (this.#lines === 0) return true;
    const hash = hashOnce(key);
    const bytes = this.#bytes;
    const line = headBytes + lineBytes * lineOf(hash, this.#lines);
    let mixed = hash | 0;
    for (let probe = 0; probe < this.#probes; probe++) {
      mixed = Math.imul(mixed, golden);
      if (((bytes[line + (mixed >>> 26)] as number) & (1 << ((mixed >>> 23) & 7))) === 0) return false;
    }
    return true;
  }
}
