// Opens a table for reading: footer, facts, index and bloom filter are read and checked, blocks later, when they are asked for.

import { Block } from '../block/block.ts';
import type { Cursor, Found } from '../core/cursor.ts';
import type { Key } from '../core/row.ts';
import type { BlockCache } from '../io/block-cache.ts';
import type { TableSource } from '../io/table-storage.ts';
import type { BloomFilter } from './bloom-filter.ts';
import { TableBlocks } from './table-blocks.ts';
import { TableCursor } from './table-cursor.ts';
import { checkFacts, type TableFacts } from './table-format.ts';
import type { TableInfo } from './table-info.ts';
import type { TableReader } from './table-reader.ts';
import { readTail, type TableTail, tailGuessBytes } from './table-tail.ts';

/** Of filter and index, for a guess that is mostly enough: tables of the default rules have 1.5. */
const tailBytesPerEntry = 2;
const tailGuessBytesMax = 2 * 1024 * 1024;

/** Rejects with `corrupt-object` where the table is damaged or is another one than `info` means. */
export async function openTable(source: TableSource, info: TableInfo, blocks: BlockCache): Promise<TableReader> {
  const guess = Math.min(tailGuessBytesMax, tailGuessBytes + tailBytesPerEntry * info.entries);
  const tail = await readTail(source, guess, ({ facts }) => checkFacts(facts, info, source.key));
  return new OpenTable(source, info, tail, blocks);
}

/** What a table says of itself, for who has no manifest that says it; needs the source's size only. */
export async function readTableFacts(source: TableSource): Promise<TableFacts> {
  return (await readTail(source, tailGuessBytes)).facts;
}

class OpenTable implements TableReader {
  readonly info: TableInfo;
  readonly #filter: BloomFilter;
  readonly #blocks: TableBlocks;

  constructor(source: TableSource, info: TableInfo, tail: TableTail, blocks: BlockCache) {
    this.info = info;
    this.#filter = tail.filter;
    this.#blocks = new TableBlocks(source, tail.index, blocks.of<Block>(this));
  }

  get memoryBytes(): number {
    return this.#filter.memoryBytes + this.#blocks.index.memoryBytes;
  }

  find(key: Key, sequence: number): Found | undefined | Promise<Found | undefined> {
    if (!this.#filter.mayContain(key)) return undefined;
    const index = this.#blocks.index;
    const at = index.find(key, sequence);
    if (at === index.count) return undefined;
    const block = this.#blocks.at(at);
    return block instanceof Block ? block.find(key, sequence) : block.then((fetched) => fetched.find(key, sequence));
  }

  cursor(options: { readonly scan?: boolean } = {}): Cursor {
    return new TableCursor(this.#blocks, options.scan === true);
  }
}
