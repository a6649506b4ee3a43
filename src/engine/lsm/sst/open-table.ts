// Opens a table for reading: footer, facts, index and bloom filter are read and checked, blocks later, when they are asked for.

import { EngineError } from '../../base/errors.ts';
import type { BlockCache } from '../io/block-cache.ts';
import type { TableSource } from '../io/table-storage.ts';
import type { TableFacts } from './table-builder.ts';
import type { TableInfo } from './table-info.ts';
import type { TableReader } from './table-reader.ts';

/** Rejects with `corrupt-object` when the table is damaged or says something else of itself than `info`. */
export async function openTable(source: TableSource, _info: TableInfo, _blocks: BlockCache): Promise<TableReader> {
  throw new EngineError('bug', `tables cannot be opened yet: ${source.key}`);
}

/** What a table says of itself; needs the source's size only. */
export async function readTableFacts(source: TableSource): Promise<TableFacts> {
  throw new EngineError('bug', `tables cannot be opened yet: ${source.key}`);
}
