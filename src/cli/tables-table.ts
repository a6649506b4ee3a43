// Tables of manifests as a table for people.

import type { ShownTable } from '../engine/admin/admin.ts';
import { formatCount, formatSize } from './duration-format.ts';
import { printable } from './row-text.ts';
import { renderTable } from './table.ts';

export function tablesTable(tables: readonly (ShownTable & { readonly domain?: string })[]): Promise<string> {
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
