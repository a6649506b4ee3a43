// Reads one table. Interface; open-table.ts makes one.
//
// - its index and its bloom filter are in memory while it is open (`memoryBytes`), blocks are in the block cache
// - every block is checked against its checksum when it is fetched; damage in the local copy is mended from the bucket, damage there
//   is `corrupt-object` with the key, the byte range, the expected and the found checksum

import type { Cursor, Found } from '../core/cursor.ts';
import type { Key } from '../core/row.ts';
import type { TableInfo } from './table-info.ts';

export interface TableReader {
  readonly info: TableInfo;
  readonly memoryBytes: number;
  /** The newest version of the key at or below the sequence: at once when its block is in memory, else a promise. */
  find(key: Key, sequence: number): Found | undefined | Promise<Found | undefined>;
  /** `scan`: read once in order (compaction, verification): fetched ahead, and blocks are not kept in the cache. */
  cursor(options?: { readonly scan?: boolean }): Cursor;
}
