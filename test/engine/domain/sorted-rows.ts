// Rows in memory, sorted by the UTF-8 bytes of their keys.
//
// A map finds a row at once; the order is an array of keys that is rebuilt by merging in what was added since the last scan.
// UTF-8 bytes and JavaScript's UTF-16 units order alike except for surrogates, which the comparison accounts for.

import type { DomainChange, DomainRow, ScanOptions } from '../../../src/engine/domain/domain.ts';

export class SortedRows {
  readonly #values = new Map<string, Buffer>();
  #sorted: string[] = [];
  #added = new Set<string>();
  #removed = 0;
  #bytes = 0;

  get size(): number {
    return this.#values.size;
  }

  /** Of keys and values together. */
  get bytes(): number {
    return this.#bytes;
  }

  get(key: string): Buffer | undefined {
    return this.#values.get(key);
  }

  apply({ key, value }: DomainChange): void {
    const before = this.#values.get(key);
    if (before !== undefined) this.#bytes -= before.length + Buffer.byteLength(key);
    if (value === undefined) {
      if (before === undefined) return;
      this.#values.delete(key);
      if (!this.#added.delete(key)) this.#removed += 1;
      return;
    }
    this.#values.set(key, Buffer.isBuffer(value) ? value : Buffer.from(value));
    this.#bytes += value.length + Buffer.byteLength(key);
    // A key that was removed since the last scan may still stand in the array; the merge drops the double.
    if (before === undefined) this.#added.add(key);
  }

  scan({
    prefix = '',
    after,
    from,
    before,
    reverse = false,
    limit = Number.POSITIVE_INFINITY,
  }: ScanOptions): DomainRow[] {
    const keys = this.#order().filter(
      (key) =>
        key.startsWith(prefix) &&
        (after === undefined || compareKeys(key, after) > 0) &&
        (from === undefined || compareKeys(key, from) >= 0) &&
        (before === undefined || compareKeys(key, before) < 0),
    );
    if (reverse) keys.reverse();
    return keys.slice(0, limit).map((key) => ({ key, value: this.#values.get(key) as Buffer }));
  }

  #order(): string[] {
    if (this.#added.size === 0 && this.#removed === 0) return this.#sorted;
    const added = [...this.#added].sort(compareKeys);
    const merged: string[] = [];
    let next = 0;
    for (const key of this.#sorted) {
      if (!this.#values.has(key)) continue;
      while (next < added.length && compareKeys(added[next] as string, key) < 0) merged.push(added[next++] as string);
      if (added[next] === key) next += 1;
      merged.push(key);
    }
    while (next < added.length) merged.push(added[next++] as string);
    this.#sorted = merged;
    this.#added = new Set();
    this.#removed = 0;
    return merged;
  }
}

/** Compares by UTF-8 bytes, which is by code points. */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const left = a.charCodeAt(at);
    const right = b.charCodeAt(at);
    if (left !== right) return rank(left) - rank(right);
  }
  return a.length - b.length;
}

/** Surrogates stand for code points above all that a single unit can hold. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x1_0000 : unit;
}
