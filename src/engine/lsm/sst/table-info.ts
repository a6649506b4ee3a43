// What a manifest says about a table, and what building one yields.

import type { Key } from '../core/row.ts';
import type { TableName } from '../core/table-name.ts';

export interface TableInfo {
  readonly name: TableName;
  /** Of the object. */
  readonly sizeBytes: number;
  readonly smallest: Key;
  readonly largest: Key;
  /** Lowest and highest sequence inside. */
  readonly oldest: number;
  readonly newest: number;
  /** Versions, tombstones included. */
  readonly entries: number;
  readonly tombstones: number;
}
