// A domain that is nothing but sorted rows in memory: what the metastore is developed on, and its benchmark runs on. It counts what
// is read, and can be told to fail.

import type { Domain, DomainChange, DomainRow, ScanOptions } from '../../../src/engine/domain/domain.ts';

export class MemoryDomain implements Domain {
  readonly name = 'metastore/0';
  rowsRead = 0;
  reads = 0;
  writes: (readonly DomainChange[])[] = [];
  keepsWrites = false;
  /** Called before every write; throws to make it fail. */
  beforeWrite: () => void | Promise<void> = () => {};
  readonly #values = new Map<string, Buffer>();
  /** Keys by what stands in front of their first slash, each list sorted: adding to one kind moves no other. */
  readonly #kinds = new Map<string, string[]>();

  get size(): number {
    return this.#values.size;
  }

  async get(key: string): Promise<Buffer | undefined> {
    this.reads += 1;
    this.rowsRead += 1;
    return this.#values.get(key);
  }

  async scan({ prefix = '', after, from, before, reverse, limit = Infinity }: ScanOptions): Promise<DomainRow[]> {
    this.reads += 1;
    const inBounds = (key: string) =>
      key.startsWith(prefix) &&
      (after === undefined || key > after) &&
      (from === undefined || key >= from) &&
      (before === undefined || key < before);
    const lists = [...this.#kinds]
      .filter(([kind]) => kind.startsWith(prefix) || prefix.startsWith(kind))
      .sort(([a], [b]) => (a < b ? -1 : 1) * (reverse === true ? -1 : 1));
    const rows: DomainRow[] = [];
    for (const [, keys] of lists) {
      const lows = [prefix, from ?? '', after === undefined ? '' : `${after}\0`];
      let at = Math.max(...lows.map((low) => lowerBound(keys, low)));
      let step = 1;
      if (reverse === true) {
        at =
          Math.min(lowerBound(keys, `${prefix}\x7f`), before === undefined ? keys.length : lowerBound(keys, before)) -
          1;
        step = -1;
      }
      for (; rows.length < limit; at += step) {
        const key = keys[at];
        if (key === undefined || !inBounds(key)) break;
        rows.push({ key, value: this.#values.get(key) as Buffer });
      }
    }
    this.rowsRead += rows.length;
    return rows;
  }

  async write(changes: readonly DomainChange[]): Promise<void> {
    await this.beforeWrite();
    if (this.keepsWrites) this.writes.push(changes);
    for (const change of changes) this.apply(change);
  }

  /** Past everything that guards the rows: damage by hand. */
  apply({ key, value }: DomainChange): void {
    const kind = key.slice(0, key.indexOf('/') + 1);
    const keys = this.#kinds.get(kind) ?? [];
    this.#kinds.set(kind, keys);
    const at = keys.length > 0 && (keys.at(-1) as string) < key ? keys.length : lowerBound(keys, key);
    const isThere = keys[at] === key;
    if (value === undefined) {
      if (isThere) keys.splice(at, 1);
      this.#values.delete(key);
      return;
    }
    if (!isThere) {
      if (at === keys.length) keys.push(key);
      else keys.splice(at, 0, key);
    }
    this.#values.set(key, Buffer.from(value));
  }

  keys(): string[] {
    return [...this.#values.keys()].sort();
  }

  async flush(): Promise<void> {}
  async [Symbol.asyncDispose](): Promise<void> {}
}

function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
