// Tables of manifests as a table for people.

import { formatCount, formatSize } from './duration-format.ts';
import { printable } from './row-text.ts';
import { renderTable } from './table.ts';

interface ShownTable {
  readonly domain?: string;
  readonly name: string;
  readonly level: number;
  readonly sizeBytes: number;
  readonly smallest: string;
  readonly largest: string;
  readonly entries: number;
  readonly tombstones: number;
  readonly oldest: number;
  readonly newest: number;
}

export function tablesTable(tables: readonly ShownTable[]): Promise<string> {
  const named = tables.some(({ domain }) => domain !== undefined);
  const right = true;
  const columns = [
    ...(named ? [{ title: 'domain' }] : []),
    { title: 'level', right },
    { title: 'table' },
    { title: 'size', right },
    { title: 'entries', right },
    { title: 'tombstones', right },
    { title: 'sequences', right },
    { title: 'smallest key' },
    { title: 'largest key' },
  ];
  const rows = tables.map((table) => [
    ...(named ? [table.domain ?? ''] : []),
    `L${table.level}`,
    table.name,
    formatSize(table.sizeBytes),
    formatCount(table.entries),
    formatCount(table.tombstones),
    `${table.oldest}-${table.newest}`,
    printable(table.smallest),
    printable(table.largest),
  ]);
  return renderTable(columns, rows);
}
