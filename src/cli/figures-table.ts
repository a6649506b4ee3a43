// The figures of domains as tables for people: one line per domain, then one per level, then the caches.

import type { DomainFigures, LiveCluster } from '../engine/admin/admin.ts';
import { formatAge, formatCount, formatSize } from './duration-format.ts';
import { renderTable } from './table.ts';

export async function figuresTable(
  figures: readonly DomainFigures[],
  caches: LiveCluster['caches'] | undefined,
): Promise<string> {
  const parts = [await domainTable(figures, caches !== undefined), await levelTable(figures)];
  if (caches !== undefined) parts.push(await cacheTable(caches));
  return parts.join('\n\n');
}

function domainTable(figures: readonly DomainFigures[], live: boolean): Promise<string> {
  const right = true;
  const columns = [
    { title: 'domain' },
    { title: 'tables', right },
    { title: 'bytes', right },
    { title: 'entries', right },
    { title: 'covered', right },
    { title: 'manifest age', right },
    ...(live
      ? [
          { title: 'applied', right },
          { title: 'in memory', right },
          { title: 'log to replay', right },
          { title: 'not in the bucket since' },
          { title: 'flushed' },
        ]
      : [{ title: 'recovery point' }, { title: 'obsolete', right }]),
  ];
  const rows = figures.map((one) => [
    one.domain,
    formatCount(one.tables),
    formatSize(one.bytes),
    formatCount(one.entries),
    shown(one.coveredIndex),
    one.manifest === null ? '-' : formatAge(one.manifest.ageMs),
    ...(live
      ? [
          shown(one.appliedIndex),
          formatSize((one.memtable?.bytes ?? 0) + (one.immutable?.bytes ?? 0)),
          one.log === null ? '-' : formatSize(one.log.tailBytes),
          one.dirtySince ?? '-',
          one.flushed ?? 'never',
        ]
      : [one.recoveryPoint ?? 'never flushed', obsoleteText(one)]),
  ]);
  return renderTable(columns, rows);
}

const shown = (value: number | null): string => (value === null ? '-' : String(value));

function obsoleteText({ obsolete }: DomainFigures): string {
  if (obsolete === null) return '-';
  return `${formatCount(obsolete.tables + obsolete.manifests)} (${formatSize(obsolete.bytes)})`;
}

function levelTable(figures: readonly DomainFigures[]): Promise<string> {
  const right = true;
  const columns = [
    { title: 'domain' },
    { title: 'level', right },
    { title: 'tables', right },
    { title: 'bytes', right },
    { title: 'entries', right },
    { title: 'tombstones', right },
  ];
  const rows = figures.flatMap(({ domain, levels }) =>
    levels
      .filter(({ tables }) => tables > 0)
      .map(({ level, tables, bytes, entries, tombstones }) => [
        domain,
        `L${level}`,
        formatCount(tables),
        formatSize(bytes),
        formatCount(entries),
        tombstones === null ? '-' : formatCount(tombstones),
      ]),
  );
  return renderTable(columns, rows);
}

function cacheTable({ blocks, disk }: LiveCluster['caches']): Promise<string> {
  const right = true;
  const columns = [
    { title: 'cache' },
    { title: 'bytes', right },
    { title: 'limit', right },
    { title: 'hits', right },
    { title: 'misses', right },
  ];
  const rows = (
    [
      ['blocks', blocks],
      ['disk', disk],
    ] as const
  ).flatMap(([name, cache]) =>
    cache === null
      ? []
      : [
          [
            name,
            formatSize(cache.bytes),
            formatSize(cache.bytesMax),
            formatCount(cache.hits),
            formatCount(cache.misses),
          ],
        ],
  );
  return renderTable(columns, rows);
}
