// The front door of the domains. A domain is a small database with its own replicated log as write-ahead log, and tables and manifests in the bucket: control,
// metastore/0…, groups/0…. Below is the interface every domain is used through; lsm-domain.ts is the domain itself, domain-view.ts what the
// bucket alone shows of one, and a simple one that keeps all rows in memory is the oracle in the tests.
//
// Keys are text, compared by UTF-8 bytes; values are bytes.
// - `write` resolves when the batch is durable; it is applied atomically, and visible only then
// - reads see every write that has resolved
// - after an unknown outcome the domain gives up its term, reloads from the log, and rejects with `outcome-unknown`

export { domainPrefix } from './domain-opening.ts';
export { type DomainView, openDomainView } from './domain-view.ts';
export {
  type DomainStats,
  type FlushPolicy,
  type LsmDomain,
  openLsmDomain,
} from './lsm-domain.ts';

export interface DomainRow {
  readonly key: string;
  /** A view; whoever keeps it for long should copy it, because it may hold a larger block. Nobody changes it. */
  readonly value: Buffer;
}

/** A value of undefined deletes the key. */
export interface DomainChange {
  readonly key: string;
  readonly value: Uint8Array | undefined;
}

/** All bounds hold together. */
export interface ScanOptions {
  readonly prefix?: string;
  /** Only keys strictly greater. */
  readonly after?: string;
  /** Only keys at or above this. */
  readonly from?: string;
  /** Only keys strictly below this. */
  readonly before?: string;
  /** From the highest key down. */
  readonly reverse?: boolean;
  readonly limit?: number;
}

/** What a live domain, a view of one in the bucket, and a broker's admin server have in common. */
export interface DomainReads {
  get(key: string): Promise<Buffer | undefined>;
  /** Rows in key order. */
  scan(options: ScanOptions): Promise<DomainRow[]>;
}

export interface Domain extends DomainReads, AsyncDisposable {
  readonly name: string;
  write(changes: readonly DomainChange[]): Promise<void>;
  /** Several batches, each atomic for itself, in order, in as few commits as possible. One outcome per batch. */
  writeAll?(batches: readonly (readonly DomainChange[])[]): Promise<PromiseSettledResult<void>[]>;
  /** Resolves when everything that was written before is in the bucket, and recorded there and in the log. */
  flush(): Promise<void>;
}
