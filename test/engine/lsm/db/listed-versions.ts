// Versions in a plain sorted list, with a cursor that walks it step by step and finds its place by looking at all of it: the oracle
// of every other cursor, and a table that needs no bytes. Moves can be made to wait.

import { incarnation, term } from '../../../../src/engine/base/ids.ts';
import type { Cursor, Found, Wait } from '../../../../src/engine/lsm/core/cursor.ts';
import type { Key, Version } from '../../../../src/engine/lsm/core/row.ts';
import type { TableInfo } from '../../../../src/engine/lsm/sst/table-info.ts';
import type { TableReader } from '../../../../src/engine/lsm/sst/table-reader.ts';

/** True: the next move or look-up has to wait. */
export type Waits = () => boolean;
const never: Waits = () => false;

export function compareVersions(a: Version, b: Version): number {
  if (a.key !== b.key) return a.key < b.key ? -1 : 1;
  return b.sequence - a.sequence;
}

export class ListedCursor implements Cursor {
  readonly #versions: readonly Version[];
  readonly #waits: Waits;
  #at = -1;
  #moving = false;

  constructor(versions: readonly Version[], waits: Waits = never) {
    this.#versions = versions.toSorted(compareVersions);
    this.#waits = waits;
  }

  get valid(): boolean {
    return !this.#moving && this.#at >= 0 && this.#at < this.#versions.length;
  }
  get key(): Key {
    return this.#current().key;
  }
  get sequence(): number {
    return this.#current().sequence;
  }
  get deleted(): boolean {
    return this.#current().value === undefined;
  }
  value(): Buffer {
    return this.#current().value as Buffer;
  }
  first(): Wait {
    return this.#go(0);
  }
  last(): Wait {
    return this.#go(this.#versions.length - 1);
  }
  seek(key: Key, sequence: number): Wait {
    const at = this.#versions.findIndex(
      (version) => compareVersions(version, { key, sequence, value: undefined }) >= 0,
    );
    return this.#go(at === -1 ? this.#versions.length : at);
  }
  seekBefore(key: Key, sequence: number): Wait {
    return this.#go(
      this.#versions.findLastIndex((version) => compareVersions(version, { key, sequence, value: undefined }) < 0),
    );
  }
  next(): Wait {
    this.#current();
    return this.#go(this.#at + 1);
  }
  previous(): Wait {
    this.#current();
    return this.#go(this.#at - 1);
  }

  #go(at: number): Wait {
    if (this.#moving) throw new Error('moved while it was moving');
    this.#at = at;
    if (!this.#waits()) return undefined;
    this.#moving = true;
    return Promise.resolve().then(() => {
      this.#moving = false;
    });
  }

  #current(): Version {
    if (!this.valid) throw new Error('used where it stands nowhere');
    return this.#versions[this.#at] as Version;
  }
}

let tables = 0;

/** A table of versions, as TableReader. */
export function listedTable(versions: readonly Version[], waits: Waits = never): TableReader {
  const sorted = versions.toSorted(compareVersions);
  const sequences = sorted.map(({ sequence }) => sequence);
  const info: TableInfo = {
    name: { incarnation: incarnation(1), term: term(1), number: ++tables },
    sizeBytes: 1000,
    smallest: (sorted[0] as Version).key,
    largest: (sorted.at(-1) as Version).key,
    oldest: Math.min(...sequences),
    newest: Math.max(...sequences),
    entries: sorted.length,
    tombstones: sorted.filter(({ value }) => value === undefined).length,
  };
  const find = (key: Key, sequence: number): Found | undefined =>
    sorted.find((version) => version.key === key && version.sequence <= sequence);
  return {
    info,
    memoryBytes: 100,
    find: (key, sequence) => (waits() ? Promise.resolve().then(() => find(key, sequence)) : find(key, sequence)),
    cursor: () => new ListedCursor(sorted, waits),
  };
}

/** What a cursor or an iterator shows where it stands. */
export const shown = (cursor: Cursor): string =>
  cursor.valid
    ? `${cursor.key}@${cursor.sequence}=${cursor.deleted ? 'deleted' : cursor.value().toString('latin1')}`
    : 'nowhere';

/** A random walk that switches directions, of two cursors that have to agree at every step. */
export async function walkTogether(
  cursor: Cursor,
  oracle: Cursor,
  pick: (below: number) => number,
  keys: readonly Key[],
  steps: number,
): Promise<readonly [string, string][]> {
  const disagreements: [string, string][] = [];
  for (let step = 0; step < steps; step++) {
    const key = keys[pick(keys.length)] as Key;
    const sequence = pick(50);
    const choice = pick(cursor.valid ? 14 : 4);
    const move = (one: Cursor): Wait => {
      if (choice === 0) return one.first();
      if (choice === 1) return one.last();
      if (choice === 2) return one.seek(key, sequence);
      if (choice === 3) return one.seekBefore(key, sequence);
      return choice < 9 ? one.next() : one.previous();
    };
    await move(cursor);
    await move(oracle);
    if (shown(cursor) !== shown(oracle)) disagreements.push([shown(cursor), shown(oracle)]);
  }
  return disagreements;
}
