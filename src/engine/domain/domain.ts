// A domain is a small database with its own replicated log: control, groups/0…, later metastore/0….
// This is the interface every domain is used through. The first implementation (simple-domain.ts) keeps all rows in memory
// and the changes in the log; the LSM domain replaces it and is checked against it.
//
// Keys and values are bytes-as-text free: keys are strings compared by UTF-8 bytes, values are buffers.
// - `write` resolves when the batch is durable in the log; it is applied atomically, and visible only then
// - reads see every write that has resolved
// - after an unknown outcome the domain gives up its term, reloads from the log, and rejects with `outcome-unknown`

export interface DomainRow {
  readonly key: string;
  readonly value: Buffer;
}

/** A value of undefined deletes the key. */
export interface DomainChange {
  readonly key: string;
  readonly value: Uint8Array | undefined;
}

export interface ScanOptions {
  readonly prefix?: string;
  /** Only keys strictly greater. */
  readonly after?: string;
  readonly limit?: number;
}

export interface Domain extends AsyncDisposable {
  readonly name: string;
  get(key: string): Promise<Buffer | undefined>;
  /** Rows in key order. */
  scan(options: ScanOptions): Promise<DomainRow[]>;
  write(changes: readonly DomainChange[]): Promise<void>;
}
