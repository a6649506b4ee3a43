// Walks through one table: a block's cursor, taken from block to block. Waits only where a block has to be fetched.

import { Block } from '../block/block.ts';
import { BlockCursor } from '../block/block-cursor.ts';
import type { Cursor, Wait } from '../core/cursor.ts';
import type { Key } from '../core/row.ts';
import type { ScanBlocks } from './scan-blocks.ts';
import type { TableBlocks } from './table-blocks.ts';

type Move = (cursor: BlockCursor) => void;
const toFirst: Move = (cursor) => cursor.first();
const toLast: Move = (cursor) => cursor.last();

export class TableCursor implements Cursor {
  readonly #blocks: TableBlocks;
  readonly #scan: ScanBlocks | undefined;
  readonly #block = new BlockCursor();
  /** The block that #block is in; -1: in none. */
  #at = -1;

  constructor(blocks: TableBlocks, scan: boolean) {
    this.#blocks = blocks;
    this.#scan = scan ? blocks.scan() : undefined;
  }

  get valid(): boolean {
    return this.#block.valid;
  }

  get key(): Key {
    return this.#block.key;
  }

  get sequence(): number {
    return this.#block.sequence;
  }

  get deleted(): boolean {
    return this.#block.deleted;
  }

  value(): Buffer {
    return this.#block.value();
  }

  first(): Wait {
    return this.#enter(0, toFirst);
  }

  last(): Wait {
    return this.#enter(this.#blocks.index.count - 1, toLast);
  }

  seek(key: Key, sequence: number): Wait {
    const at = this.#blocks.index.find(key, sequence);
    const wait = this.#enter(at, (cursor) => cursor.seek(key, sequence));
    return wait === undefined ? this.#orFirstOf(at + 1) : wait.then(() => this.#orFirstOf(at + 1));
  }

  /** A boundary can be behind the last entry of its block, so what is sought may begin the next one. */
  #orFirstOf(at: number): Wait {
    return this.#block.valid ? undefined : this.#enter(at, toFirst);
  }

  seekBefore(key: Key, sequence: number): Wait {
    const at = this.#blocks.index.find(key, sequence);
    if (at === this.#blocks.index.count) return this.last();
    const wait = this.#enter(at, (cursor) => cursor.seekBefore(key, sequence));
    return wait === undefined ? this.#orLastOf(at - 1) : wait.then(() => this.#orLastOf(at - 1));
  }

  #orLastOf(at: number): Wait {
    return this.#block.valid ? undefined : this.#enter(at, toLast);
  }

  next(): Wait {
    if (!this.#block.valid) return undefined;
    this.#block.next();
    return this.#block.valid ? undefined : this.#enter(this.#at + 1, toFirst);
  }

  previous(): Wait {
    if (!this.#block.valid) return undefined;
    this.#block.previous();
    return this.#block.valid ? undefined : this.#enter(this.#at - 1, toLast);
  }

  #enter(at: number, move: Move): Wait {
    if (at === this.#at) {
      move(this.#block);
      return undefined;
    }
    this.#leave();
    if (at < 0 || at >= this.#blocks.index.count) return undefined;
    const block = (this.#scan ?? this.#blocks).at(at);
    if (!(block instanceof Block)) return block.then((fetched) => this.#stand(at, fetched, move));
    this.#stand(at, block, move);
    return undefined;
  }

  #leave(): void {
    this.#at = -1;
    this.#block.reset(undefined);
  }

  #stand(at: number, block: Block, move: Move): void {
    this.#at = at;
    this.#block.reset(block);
    move(this.#block);
  }
}
