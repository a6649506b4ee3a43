// Objects and extents of history as lines for people. They come one by one, however many there are, so their columns have fixed widths.

import type { ListedObject, ShownExtent } from '../engine/admin/admin.ts';
import { formatAge, formatSize } from './duration-format.ts';
import { printable } from './row-text.ts';

interface FixedColumn {
  readonly title: string;
  readonly width: number;
  readonly right?: boolean;
}

const right = true;

const objectColumns: readonly FixedColumn[] = [
  { title: 'object', width: 36 },
  { title: 'state', width: 13 },
  { title: 'size', width: 9, right },
  { title: 'in use', width: 9, right },
  { title: '', width: 4, right },
  { title: 'age', width: 7, right },
  { title: 'domain', width: 11 },
  { title: '', width: 0 },
];

export const listedObjectsHead = fixedLine(
  objectColumns,
  objectColumns.map(({ title }) => title.toUpperCase()),
);

export function listedObjectText(one: ListedObject): string {
  const { object, state, sizeBytes, totalBytes, liveBytes, ageMs, domain, stored, finding } = one;
  const size = sizeBytes ?? stored?.sizeBytes ?? null;
  // Of the bytes of extents: the footer of an object is in use by nobody.
  const share = liveBytes === null || totalBytes === null || totalBytes === 0 ? null : liveBytes / totalBytes;
  return fixedLine(objectColumns, [
    printable(object),
    state,
    size === null ? '-' : formatSize(size),
    liveBytes === null ? '-' : formatSize(liveBytes),
    share === null ? '' : `${Math.floor(share * 100)}%`,
    ageMs === null ? '-' : formatAge(ageMs),
    domain ?? '-',
    finding === null ? '' : `${finding.severity}: ${printable(finding.problem)}`,
  ]);
}

const extentColumns: readonly FixedColumn[] = [
  { title: 'partition', width: 9, right },
  { title: 'from', width: 12, right },
  { title: 'to', width: 12, right },
  { title: 'bytes', width: 9, right },
  { title: 'up to', width: 24 },
  { title: 'object', width: 36 },
  { title: 'at byte', width: 0 },
];

export const extentsHead = fixedLine(
  extentColumns,
  extentColumns.map(({ title }) => title.toUpperCase()),
);

export function extentText(one: ShownExtent): string {
  const { partition, kind, baseOffset, lastOffset, length, maxTimestamp, object, position, problem } = one;
  const place = [String(partition), String(baseOffset), lastOffset === null ? '?' : String(lastOffset)];
  if (kind === 'empty') return fixedLine(extentColumns, [...place, '-', 'no data']);
  if (kind === 'undecoded') return fixedLine(extentColumns, [...place, '?', `DAMAGED: ${printable(problem ?? '')}`]);
  const bytes = formatSize(length ?? 0);
  return fixedLine(extentColumns, [...place, bytes, maxTimestamp ?? '-', object ?? '-', String(position)]);
}

function fixedLine(columns: readonly FixedColumn[], cells: readonly string[]): string {
  const padded = cells.map((cell, at) => {
    const { width = 0, right } = columns[at] ?? {};
    return right === true ? cell.padStart(width) : cell.padEnd(width);
  });
  return padded.join('  ').trimEnd();
}
