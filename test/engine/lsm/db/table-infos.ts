// Makes the facts of tables for tests of policies.

import { incarnation, term } from '../../../../src/engine/base/ids.ts';
import type { TableInfo } from '../../../../src/engine/lsm/sst/table-info.ts';

let number = 0;

/** A table over a range written "a-m", of one megabyte where not said otherwise. */
export function table(range: string, facts: Partial<TableInfo> = {}): TableInfo {
  const [smallest, largest] = range.split('-') as [string, string];
  number += 1;
  return {
    name: { incarnation: incarnation(1), term: term(1), number },
    sizeBytes: 1_000_000,
    smallest,
    largest,
    oldest: 1,
    newest: 1,
    entries: 10,
    tombstones: 0,
    ...facts,
  };
}

/** "a-c d-f" for two tables. */
export const rangesOf = (tables: readonly TableInfo[]): string =>
  tables.map(({ smallest, largest }) => `${smallest}-${largest}`).join(' ');
