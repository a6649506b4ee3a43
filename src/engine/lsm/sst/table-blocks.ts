// The blocks of one table: from the cache, else fetched and checked. A block that its checksum, its structure or its place in the
// index refuses is fetched once more from the object itself; what is wrong there too is `corrupt-object`.

import { hasCode } from '../../base/errors.ts';
import { Block } from '../block/block.ts';
import { BlockCursor } from '../block/block-cursor.ts';
import { damage, type ObjectRange } from '../block/object-damage.ts';
import { openBlock } from '../block/open-block.ts';
import { unsealBlock } from '../block/sealed-block-format.ts';
import type { CachedBlocks } from '../io/block-cache.ts';
import type { TableSource } from '../io/table-storage.ts';
import type { BlockIndex } from './block-index.ts';

/** How far ahead of a scan the source is told what will be read, and in which steps. */
export const scanAheadBytes = 8 * 1024 * 1024;
const scanStepBytes = scanAheadBytes / 2;

/** A block as it lies in the object, checked and opened. Throws `corrupt-object`. */
function decodeBlock(sealed: Buffer, index: BlockIndex, at: number, range: ObjectRange): Block {
  const block = openBlock(unsealBlock(sealed, range).payload, range);
  checkPlace(block, index, at, range);
  return block;
}

/** A block may be whole and still be another one. Throws `corrupt-object`. */
export function checkPlace(block: Block, index: BlockIndex, at: number, range: ObjectRange): void {
  edges.reset(block);
  const problem = misplaced(index, at);
  edges.reset(undefined);
  if (problem !== undefined) throw damage('block', range, `is not the one that the index means: ${problem}`);
}

/** Stands on the first and last entry of a block, only inside one call of `checkPlace`. */
const edges = new BlockCursor();

function misplaced(index: BlockIndex, at: number): string | undefined {
  edges.last();
  const upper = index.boundary(at);
  if (edges.key > upper.key || (edges.key === upper.key && edges.sequence < upper.sequence))
    return 'its last entry lies behind its boundary';
  if (at === 0) return undefined;
  edges.first();
  const lower = index.boundary(at - 1);
  if (edges.key < lower.key || (edges.key === lower.key && edges.sequence >= lower.sequence))
    return 'its first entry lies before its boundary';
  return undefined;
}

export class TableBlocks {
  readonly #source: TableSource;
  readonly #cached: CachedBlocks<Block>;
  readonly index: BlockIndex;
  /** Being fetched for the cache: whoever asks meanwhile waits for the same bytes. */
  readonly #pending = new Map<number, Promise<Block>>();

  constructor(source: TableSource, index: BlockIndex, cached: CachedBlocks<Block>) {
    this.#source = source;
    this.index = index;
    this.#cached = cached;
  }

  /** For a look-up: kept in the cache. */
  at(at: number): Block | Promise<Block> {
    const cached = this.#cached.get(at);
    if (cached !== undefined) return cached;
    const pending = this.#pending.get(at);
    if (pending !== undefined) return pending;
    const fetched = this.#fetch(at);
    if (fetched instanceof Block) {
      this.#cached.put(at, fetched);
      return fetched;
    }
    const kept = this.#keep(at, fetched);
    this.#pending.set(at, kept);
    return kept;
  }

  async #keep(at: number, fetched: Promise<Block>): Promise<Block> {
    try {
      const block = await fetched;
      this.#cached.put(at, block);
      return block;
    } finally {
      this.#pending.delete(at);
    }
  }

  /** For a scan: looked for in the cache, not kept there. */
  once(at: number): Block | Promise<Block> {
    return this.#cached.peek(at) ?? this.#fetch(at);
  }

  /** Tells the source what a scan that reads this block now will read; gives the byte up to which it has been told. */
  lookAhead(at: number, toldBytes: number): number {
    const start = this.index.start(at);
    const end = this.index.start(this.index.count);
    const from = Math.max(start, toldBytes);
    if (from >= end || from - start > scanAheadBytes - scanStepBytes) return toldBytes;
    const to = Math.min(end, start + scanAheadBytes);
    this.#source.prefetch(from, to);
    return to;
  }

  #fetch(at: number): Block | Promise<Block> {
    const range = { key: this.#source.key, start: this.index.start(at), length: this.index.length(at) };
    const bytes = this.#source.read(range.start, range.length);
    return bytes instanceof Promise
      ? bytes.then((fetched) => this.#decode(fetched, at, range))
      : this.#decode(bytes, at, range);
  }

  #decode(bytes: Buffer, at: number, range: ObjectRange): Block | Promise<Block> {
    try {
      return decodeBlock(bytes, this.index, at, range);
    } catch (error) {
      if (!hasCode(error, 'corrupt-object')) throw error;
      return this.#source
        .readAgain(range.start, range.length)
        .then((again) => decodeBlock(again, this.index, at, range));
    }
  }
}
