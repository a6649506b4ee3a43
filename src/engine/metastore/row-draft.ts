// Rows of a domain with changes laid over them that are not committed yet: reads see the changes, the domain does not.
//
// An update works on a draft of its own, so that it sees what it has changed itself; the updates that share a commit work on a draft
// of what those before them changed. Keys are ASCII, so JavaScript's order of strings is the domain's.

import type { DomainChange, DomainReads, DomainRow, ScanOptions } from '../domain/domain.ts';

/** What a change costs in a log entry beyond its key and value. */
const changeOverheadBytes = 9;
const pageRowsMax = 1024;

export class RowDraft implements DomainReads {
  readonly #below: DomainReads;
  readonly #changed = new Map<string, Uint8Array | undefined>();
  /** The changed keys, sorted. */
  readonly #keys: string[] = [];
  #bytes = 0;

  constructor(below: DomainReads) {
    this.#below = below;
  }

  /** What a change takes in a log entry. */
  static bytesOf(key: string, value: Uint8Array | undefined): number {
    return key.length + (value?.length ?? 0) + changeOverheadBytes;
  }

  get isEmpty(): boolean {
    return this.#keys.length === 0;
  }

  /** Of all changes, as a log entry will hold them. */
  get bytes(): number {
    return this.#bytes;
  }

  put(key: string, value: Uint8Array): void {
    this.#change(key, value);
  }

  delete(key: string): void {
    this.#change(key, undefined);
  }

  /** Takes over the changes of a draft that was laid over this one. */
  take(changes: readonly DomainChange[]): void {
    for (const { key, value } of changes) this.#change(key, value);
  }

  /** In key order. */
  changes(): DomainChange[] {
    return this.#keys.map((key) => ({ key, value: this.#changed.get(key) }));
  }

  async get(key: string): Promise<Buffer | undefined> {
    if (!this.#changed.has(key)) return this.#below.get(key);
    const value = this.#changed.get(key);
    return value === undefined ? undefined : asBuffer(value);
  }

  async scan(options: ScanOptions): Promise<DomainRow[]> {
    const own = this.#keysIn(options);
    if (own.length === 0) return this.#below.scan(options);
    const limit = options.limit ?? Number.POSITIVE_INFINITY;
    let pageRows = Math.min(limit, pageRowsMax);
    const rows: DomainRow[] = [];
    let page = await this.#below.scan({ ...options, limit: pageRows });
    let at = 0;
    let next = 0;
    while (rows.length < limit) {
      if (at === page.length && page.length === pageRows) {
        const { key } = page[at - 1] as DomainRow;
        const rest = options.reverse === true ? { ...options, before: key } : { ...options, after: key };
        // Growing: many rows in a row may be deleted here.
        pageRows = Math.min(pageRows * 4, pageRowsMax);
        page = await this.#below.scan({ ...rest, limit: pageRows });
        at = 0;
      }
      const below = page[at];
      const key = own[next];
      if (below === undefined && key === undefined) break;
      if (key === undefined || (below !== undefined && isBefore(below.key, key, options.reverse))) {
        rows.push(below as DomainRow);
        at += 1;
        continue;
      }
      if (below?.key === key) at += 1;
      next += 1;
      const value = this.#changed.get(key);
      if (value !== undefined) rows.push({ key, value: asBuffer(value) });
    }
    return rows;
  }

  #change(key: string, value: Uint8Array | undefined): void {
    if (this.#changed.has(key)) this.#bytes -= RowDraft.bytesOf(key, this.#changed.get(key));
    else this.#keys.splice(lowerBound(this.#keys, key), 0, key);
    this.#changed.set(key, value);
    this.#bytes += RowDraft.bytesOf(key, value);
  }

  /** The changed keys within the bounds, in the order of the scan. */
  #keysIn({ prefix = '', from = '', after, before, reverse }: ScanOptions): string[] {
    let low = lowerBound(this.#keys, prefix > from ? prefix : from);
    if (after !== undefined) low = Math.max(low, lowerBound(this.#keys, `${after}\0`));
    // No key has a character above ASCII, so this is behind all keys with the prefix.
    let high = prefix === '' ? this.#keys.length : lowerBound(this.#keys, `${prefix}\x7f`);
    if (before !== undefined) high = Math.min(high, lowerBound(this.#keys, before));
    const keys = this.#keys.slice(low, Math.max(low, high));
    return reverse === true ? keys.reverse() : keys;
  }
}

function isBefore(a: string, b: string, reverse = false): boolean {
  return reverse ? a > b : a < b;
}

function asBuffer(value: Uint8Array): Buffer {
  return Buffer.isBuffer(value) ? value : Buffer.from(value);
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
