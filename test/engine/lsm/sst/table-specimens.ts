// Tables in memory for tests: sources that count and can lie, entries that show every turn of the format.

import { incarnation, term } from '../../../../src/engine/base/ids.ts';
import type { Random } from '../../../../src/engine/base/random.ts';
import type { Cursor, Wait } from '../../../../src/engine/lsm/core/cursor.ts';
import { defaultLsmRules, type LsmRules } from '../../../../src/engine/lsm/core/lsm-rules.ts';
import type { Version } from '../../../../src/engine/lsm/core/row.ts';
import type { TableSource } from '../../../../src/engine/lsm/io/table-storage.ts';
import { TableBuilder } from '../../../../src/engine/lsm/sst/table-builder.ts';
import type { TableInfo } from '../../../../src/engine/lsm/sst/table-info.ts';

export const tableName = { incarnation: incarnation(1), term: term(1), number: 1 };
export const smallRules: LsmRules = { ...defaultLsmRules, blockBytes: 256, restartInterval: 4, compression: 'zstd' };

export type Rules = ConstructorParameters<typeof TableBuilder>[0];

export function buildTable(
  versions: readonly Version[],
  rules: Rules = smallRules,
): { object: Buffer; info: TableInfo } {
  const builder = new TableBuilder(rules);
  for (const { key, sequence, value } of versions) builder.add(key, sequence, value);
  const { parts, facts } = builder.finish();
  return { object: Buffer.concat(parts), info: { name: tableName, ...facts } };
}

/** Bytes in memory as a source. `mode` says whether reads answer at once. */
export class MemorySource implements TableSource {
  readonly key = 'cluster/domain/d/sst/the-table';
  readonly #local: Buffer;
  readonly #original: Buffer;
  readonly #mode: 'sync' | 'async';
  reads = 0;
  readsAgain = 0;
  readonly prefetched: [number, number][] = [];

  constructor(local: Buffer, mode: 'sync' | 'async' = 'sync', original = local) {
    this.#local = local;
    this.#original = original;
    this.#mode = mode;
  }

  get sizeBytes(): number {
    return this.#local.length;
  }

  read(start: number, length: number): Buffer | Promise<Buffer> {
    this.reads++;
    if (start < 0 || start + length > this.#local.length) throw new RangeError(`read of ${start}+${length}`);
    const bytes = this.#local.subarray(start, start + length);
    return this.#mode === 'sync' ? bytes : Promise.resolve(bytes);
  }

  async readAgain(start: number, length: number): Promise<Buffer> {
    this.readsAgain++;
    return this.#original.subarray(start, start + length);
  }

  prefetch(start: number, end: number): void {
    this.prefetched.push([start, end]);
  }
}

/** Order of cursors. */
export function compareVersions(a: Pick<Version, 'key' | 'sequence'>, b: Pick<Version, 'key' | 'sequence'>): number {
  if (a.key !== b.key) return a.key < b.key ? -1 : 1;
  return b.sequence - a.sequence;
}

export function currentVersion(cursor: Cursor): Version | undefined {
  if (!cursor.valid) return undefined;
  const { key, sequence, deleted } = cursor;
  return { key, sequence, value: deleted ? undefined : cursor.value() };
}

/** Everything, from one end to the other. */
export async function walk(cursor: Cursor, direction: 'forward' | 'backward' = 'forward'): Promise<Version[]> {
  const versions: Version[] = [];
  let wait: Wait = direction === 'forward' ? cursor.first() : cursor.last();
  for (;;) {
    if (wait !== undefined) await wait;
    const version = currentVersion(cursor);
    if (version === undefined) return versions;
    versions.push(version);
    wait = direction === 'forward' ? cursor.next() : cursor.previous();
  }
}

/** Keys with long shared beginnings, extreme bytes and many versions; sequences up to 53 bits. In order. */
export function randomVersions(random: Random, count: number): Version[] {
  const below = (limit: number): number => Math.floor(random.fraction() * limit);
  const alphabet = ['\x00', '\x01', 'a', 'b', '\x7f', '\x80', '\xff'];
  const letters = (length: number): string => Array.from({ length }, () => alphabet[below(alphabet.length)]).join('');
  const beginnings = ['', '\x00', '\xff\xff', 'a'.repeat(200), letters(30), letters(150)];
  const found = new Map<string, Version>();
  while (found.size < count) {
    const key = `${beginnings[below(beginnings.length)]}${letters(below(6))}` || '\x00';
    const versions = random.fraction() < 0.2 ? 1 + below(20) : 1;
    const base = random.fraction() < 0.1 ? Number.MAX_SAFE_INTEGER - 100 : below(10_000);
    for (let at = 0; at < versions && found.size < count; at++) {
      const sequence = base + below(100);
      const value = random.fraction() < 0.2 ? undefined : random.bytes(below(8) === 0 ? below(400) : below(20));
      found.set(`${key}@${sequence}`, { key, sequence, value });
    }
  }
  return [...found.values()].sort(compareVersions);
}
