// The blocks of one table: from the cache, else fetched and checked. A block that its checksum, its structure or its place in the
// index refuses is fetched once more from the object itself; what is wrong there too is `corrupt-object`.

import { hasCode } from '../../base/errors.ts';
import { Block } from '../block/block.ts';
import { BlockCursor } from '../block/block-cursor.ts';
import { damage, type ObjectRange } from '../block/object-damage.ts';
import { openBlock } from '../block/open-block.ts';
import { type PayloadUse, unsealBlock } from '../block/sealed-block-format.ts';
import type { CachedBlocks } from '../io/block-cache.ts';
import type { TableSource } from '../io/table-storage.ts';
import type { BlockIndex } from './block-index.ts';
import { ScanBlocks } from './scan-blocks.ts';

/** A block as it lies in the object, checked and opened. Throws `corrupt-object`. */
function decodeBlock(sealed: Buffer, index: BlockIndex, at: number, range: ObjectRange, use: PayloadUse): Block {
  const block = openBlock(unsealBlock(sealed, range, use).payload, range);
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

  /** From the cache, as if nobody had asked. */
  peek(at: number): Block | undefined {
    return this.#cached.peek(at);
  }

  #fetch(at: number): Block | Promise<Block> {
    const bytes = this.#source.read(this.index.start(at), this.index.length(at));
    return bytes instanceof Promise
      ? bytes.then((fetched) => this.decode(fetched, at, 'kept'))
      : this.decode(bytes, at, 'kept');
  }

  /** Out of bytes as the source gave them. */
  decode(bytes: Buffer, at: number, use: PayloadUse): Block | Promise<Block> {
    const range = { key: this.#source.key, start: this.index.start(at), length: this.index.length(at) };
    try {
      return decodeBlock(bytes, this.index, at, range, use);
    } catch (error) {
      if (!hasCode(error, 'corrupt-object')) throw error;
      return this.#source
        .readAgain(range.start, range.length)
        .then((again) => decodeBlock(again, this.index, at, range, use));
    }
  }

  /** For one walk in order. */
  scan(): ScanBlocks {
    return new ScanBlocks(this, this.#source);
  }
}
