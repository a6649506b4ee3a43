// What every manifest obeys, whoever wrote it: judged after decoding, and before encoding, so that a wrong one is never written.

import { type Key, keyBytesMax } from '../core/row.ts';
import { compareNames, nameText, type WriterName } from '../core/table-name.ts';
import type { TableInfo } from '../sst/table-info.ts';
import type { Manifest } from './manifest.ts';

/** More levels than any store has; the format counts them in one byte. */
export const levelsMax = 255;

/** A sentence about the first thing that is wrong; undefined when nothing is. */
export function manifestProblem(manifest: Manifest): string | undefined {
  return (
    numbersProblem(manifest) ??
    tablesProblem(manifest) ??
    levelZeroProblem(manifest.levels[0] ?? []) ??
    sortedLevelsProblem(manifest)
  );
}

function numbersProblem(manifest: Manifest): string | undefined {
  const { prefix, createdMs, coveredIndex, nextTableNumber, settledTableNumber, levels } = manifest;
  if (!prefix.endsWith('/')) return `the prefix ${JSON.stringify(prefix)} does not end with "/"`;
  if (!isCount(createdMs)) return `the time of creation is ${createdMs}`;
  if (!isCount(coveredIndex)) return `the covered index is ${coveredIndex}`;
  if (!isCount(nextTableNumber)) return `the next table number is ${nextTableNumber}`;
  if (!isCount(settledTableNumber) || settledTableNumber > nextTableNumber) {
    return `the settled table number ${settledTableNumber} is above the next one, ${nextTableNumber}`;
  }
  if (levels.length > levelsMax) return `it has ${levels.length} levels`;
  return undefined;
}

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;

function tablesProblem(manifest: Manifest): string | undefined {
  const names = new Set<string>();
  for (const [level, tables] of manifest.levels.entries()) {
    for (const table of tables) {
      const name = nameText(table.name);
      const problem = names.has(name) ? 'is there twice' : tableProblem(table, manifest);
      if (problem !== undefined) return `table ${name} in level ${level} ${problem}`;
      names.add(name);
    }
  }
  return undefined;
}

function tableProblem(table: TableInfo, manifest: Manifest): string | undefined {
  const { name, sizeBytes, smallest, largest, oldest, newest, entries, tombstones } = table;
  if (writerIsNewer(name, manifest.name)) return 'was written by a later term than the manifest';
  if (name.number >= manifest.nextTableNumber) return `is not below the next table number ${manifest.nextTableNumber}`;
  if (!(isCount(sizeBytes) && sizeBytes > 0)) return `has ${sizeBytes} bytes`;
  if (!(isCount(entries) && entries > 0)) return `has ${entries} entries`;
  if (!isCount(tombstones) || tombstones > entries) return `has ${tombstones} tombstones among ${entries} entries`;
  if (!isKeySize(smallest)) return `has a smallest key of ${smallest.length} bytes`;
  if (!isKeySize(largest)) return `has a largest key of ${largest.length} bytes`;
  if (smallest > largest) return 'has a smallest key above its largest';
  if (!(isCount(oldest) && oldest > 0) || !isCount(newest) || oldest > newest) {
    return `has sequences from ${oldest} to ${newest}`;
  }
  if (newest > manifest.coveredIndex) return `has sequence ${newest}, above the covered index ${manifest.coveredIndex}`;
  return undefined;
}

const isKeySize = (key: Key): boolean => key.length > 0 && key.length <= keyBytesMax;

function writerIsNewer(table: WriterName, manifest: WriterName): boolean {
  return compareNames({ ...table, number: 0 }, { ...manifest, number: 0 }) > 0;
}

/** Where two tables of level 0 share keys, a reader takes the first: it must hold only newer versions. */
function levelZeroProblem(tables: readonly TableInfo[]): string | undefined {
  for (const [at, newer] of tables.entries()) {
    for (const older of tables.slice(at + 1)) {
      if (newer.largest < older.smallest || older.largest < newer.smallest) continue;
      if (newer.oldest > older.newest) continue;
      return `in level 0 table ${nameText(newer.name)} stands before ${nameText(older.name)} and is not newer`;
    }
  }
  return undefined;
}

function sortedLevelsProblem({ levels }: Manifest): string | undefined {
  for (let level = 1; level < levels.length; level++) {
    let before: TableInfo | undefined;
    for (const table of levels[level] as readonly TableInfo[]) {
      if (before !== undefined && before.largest >= table.smallest) {
        return `in level ${level} tables ${nameText(before.name)} and ${nameText(table.name)} overlap or are out of order`;
      }
      before = table;
    }
  }
  return undefined;
}
