// Which block of a table has what. Format page: docs/formats/sstable.md.
//
//   index := count u32, entry{count}, crc u32
//   entry := shared uvarint, added uvarint, addedBytes, sequence varlong, blockLength uvarint
//
// Blocks lie back to back from the table's first byte. The boundary (key, sequence) of a block is at or behind its last entry and
// before the first entry of the next block; the key may be shorter than any that is stored.

import { ByteReader } from '../../base/byte-reader.ts';
import { ByteWriter } from '../../base/byte-writer.ts';
import { crc32c } from '../../base/checksum.ts';
import { checkSum, damage, decodeWithin, type ObjectRange } from '../block/object-damage.ts';
import { blockTrailerBytes } from '../block/sealed-block-format.ts';
import { type Key, keyBytesMax } from '../core/row.ts';

export interface Boundary {
  readonly key: Key;
  readonly sequence: number;
}

/** A boundary between two neighbouring entries. */
export function boundaryBetween(last: Boundary, next: Boundary): Boundary {
  if (last.key === next.key) return last;
  const [low, high] = [last.key, next.key];
  let common = 0;
  while (common < low.length && low.charCodeAt(common) === high.charCodeAt(common)) common++;
  // Sequence 0 is behind every version of a key.
  if (common >= low.length) return { key: low, sequence: 0 };
  if (common + 1 < high.length) return { key: high.slice(0, common + 1), sequence: 0 };
  const raised = low.charCodeAt(common) + 1;
  if (raised < high.charCodeAt(common)) {
    return { key: low.slice(0, common) + String.fromCharCode(raised), sequence: 0 };
  }
  return { key: low, sequence: 0 };
}

/** Collects the boundaries and lengths of blocks, in order. */
export class BlockIndexBuilder {
  readonly #writer = new ByteWriter(4096);
  #count = 0;
  #previous: Key = '';

  /** Of the section, when it were finished now. */
  get bytes(): number {
    return this.#writer.length + 8;
  }

  add(boundary: Boundary, blockLength: number): void {
    const { key, sequence } = boundary;
    let shared = 0;
    while (shared < this.#previous.length && this.#previous.charCodeAt(shared) === key.charCodeAt(shared)) shared++;
    this.#writer
      .uvarint(shared)
      .uvarint(key.length - shared)
      .copy(Buffer.from(key.slice(shared), 'latin1'))
      .varlong(sequence)
      .uvarint(blockLength);
    this.#previous = key;
    this.#count++;
  }

  finish(): Buffer {
    const section = Buffer.concat([Buffer.alloc(4), this.#writer.bytes(), Buffer.alloc(4)]);
    section.writeUInt32BE(this.#count, 0);
    section.writeUInt32BE(crc32c(section.subarray(0, section.length - 4)), section.length - 4);
    return section;
  }
}

/** Bytes of a key that one number holds exactly. */
const prefixBytes = 6;
const memoryBytesPerBlock = 64;

export class BlockIndex {
  readonly #keys: Key[];
  readonly #sequences: Float64Array;
  /** Where each block begins, and behind them where the last one ends. */
  readonly #starts: Float64Array;
  /** What all keys begin with. */
  readonly #common: Key;
  /** Of each key the bytes behind #common as a number: the search compares numbers, and strings only where those are equal. */
  readonly #prefixes: Float64Array;
  readonly memoryBytes: number;

  private constructor(keys: Key[], sequences: Float64Array, starts: Float64Array) {
    this.#keys = keys;
    this.#sequences = sequences;
    this.#starts = starts;
    this.#common = commonBeginning(keys[0] as Key, keys[keys.length - 1] as Key);
    this.#prefixes = Float64Array.from(keys, (key) => numberAt(key, this.#common.length));
    this.memoryBytes = keys.reduce((sum, key) => sum + key.length + memoryBytesPerBlock, 0);
  }

  /** Of a table whose blocks have `dataBytes` together. Throws `corrupt-object` that names the range. */
  static decode(bytes: Buffer, dataBytes: number, range: ObjectRange): BlockIndex {
    checkSum(bytes, 'index', range);
    return BlockIndex.decodeUnchecked(bytes, dataBytes, range);
  }

  /** Without comparing the checksum: for inspecting what is damaged. */
  static decodeUnchecked(bytes: Buffer, dataBytes: number, range: ObjectRange): BlockIndex {
    return decodeWithin('index', range, () => BlockIndex.#decode(bytes, dataBytes, range));
  }

  static #decode(bytes: Buffer, dataBytes: number, range: ObjectRange): BlockIndex {
    const wrong = (problem: string) => damage('index', range, problem);
    const reader = new ByteReader(bytes.subarray(0, bytes.length - 4), 'index');
    const count = reader.u32();
    if (count === 0) throw wrong('has no blocks');
    // Of any entry at least four varints.
    reader.need(4 * count);
    const keys = new Array<Key>(count);
    const sequences = new Float64Array(count);
    const starts = new Float64Array(count + 1);
    const key = Buffer.alloc(keyBytesMax);
    let keyLength = 0;
    for (let at = 0; at < count; at++) {
      const shared = reader.uvarint();
      const added = reader.uvarint();
      if (shared > keyLength || shared + added === 0 || shared + added > keyBytesMax)
        throw wrong('a key has a wrong length');
      key.set(reader.view(added), shared);
      keyLength = shared + added;
      keys[at] = key.toString('latin1', 0, keyLength);
      sequences[at] = reader.varlong();
      const length = reader.uvarint();
      if (length <= blockTrailerBytes) throw wrong(`block ${at} cannot have ${length} bytes`);
      starts[at + 1] = (starts[at] as number) + length;
      if (
        at > 0 &&
        !isBefore(keys[at - 1] as Key, sequences[at - 1] as number, keys[at] as Key, sequences[at] as number)
      )
        throw wrong('boundaries are out of order');
      if ((sequences[at] as number) < 0) throw wrong('a sequence is negative');
    }
    if (reader.remaining > 0) throw wrong(`${reader.remaining} bytes are left over`);
    if (starts[count] !== dataBytes) throw wrong(`its blocks have ${starts[count]} bytes, not ${dataBytes}`);
    return new BlockIndex(keys, sequences, starts);
  }

  get count(): number {
    return this.#keys.length;
  }

  start(at: number): number {
    return this.#starts[at] as number;
  }

  length(at: number): number {
    return (this.#starts[at + 1] as number) - (this.#starts[at] as number);
  }

  boundary(at: number): Boundary {
    return { key: this.#keys[at] as Key, sequence: this.#sequences[at] as number };
  }

  /** The first block whose boundary is at or behind (key, sequence): the only one that can have it. `count` where none is. */
  find(key: Key, sequence: number): number {
    const count = this.#keys.length;
    const common = this.#common;
    for (let at = 0; at < common.length; at++) {
      if (at >= key.length) return 0;
      const difference = key.charCodeAt(at) - common.charCodeAt(at);
      if (difference !== 0) return difference < 0 ? 0 : count;
    }
    const number = numberAt(key, common.length);
    const prefixes = this.#prefixes;
    let low = 0;
    let high = count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const prefix = prefixes[middle] as number;
      if (prefix < number || (prefix === number && this.#boundaryIsBefore(middle, key, sequence))) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #boundaryIsBefore(at: number, key: Key, sequence: number): boolean {
    return isBefore(this.#keys[at] as Key, this.#sequences[at] as number, key, sequence);
  }
}

const isBefore = (key: Key, sequence: number, thanKey: Key, thanSequence: number): boolean =>
  key < thanKey || (key === thanKey && sequence > thanSequence);

function commonBeginning(a: Key, b: Key): Key {
  let common = 0;
  while (common < a.length && common < b.length && a.charCodeAt(common) === b.charCodeAt(common)) common++;
  return a.slice(0, common);
}

/** Keeps the order of keys: a lesser key never has a greater number. Bytes that are missing count as 0. */
function numberAt(key: Key, start: number): number {
  let number = 0;
  for (let at = start; at < start + prefixBytes; at++) {
    number = number * 256 + (at < key.length ? key.charCodeAt(at) : 0);
  }
  return number;
}
