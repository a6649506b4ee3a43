// What the admin server can show and do beside the broker itself: the port, which the composition root fills. The shapes are those
// of docs/operating/admin-http.md; times are RFC 3339 text there, so they are here.

import type { DomainReads } from '../domain/domain.ts';
import type { MaintenanceOperations } from './maintenance-operations.ts';

export interface ManifestNote {
  /** "<incarnation>-<term>-<number>". */
  readonly name: string;
  /** Of the object in the bucket. */
  readonly key: string;
  readonly created: string;
}

export interface RowsAndBytes {
  readonly rows: number;
  readonly bytes: number;
}

/** One domain as `/v1/domains` shows it. */
export interface DomainStatus {
  readonly name: string;
  readonly term: number;
  /** 0: every change is flushed before it is answered. */
  readonly flushEveryMs: number;
  /** Index of the last log entry that is applied, and of the last one that is in the bucket. */
  readonly appliedIndex: number;
  readonly coveredIndex: number;
  readonly memtable: RowsAndBytes;
  readonly immutable: RowsAndBytes | null;
  readonly levels: readonly { readonly tables: number; readonly bytes: number; readonly entries: number }[];
  readonly manifest: ManifestNote | null;
  /** When the last flush was recorded. */
  readonly flushed: string | null;
  /** When the oldest change that is not in the bucket was made. */
  readonly dirtySince: string | null;
  readonly lastFlushMs: number | null;
  /** The domain's log: what it keeps, what an opening would replay, and what waits to be appended. */
  readonly log: {
    readonly first: number;
    readonly end: number;
    readonly tailEntries: number;
    readonly tailBytes: number;
    readonly queuedBytes: number;
  };
  readonly snapshots: number;
  /** Terms that were given up and opened again from the log. */
  readonly reopenings: number;
  readonly counters: Readonly<Record<string, number>>;
}

export interface CacheStatus {
  readonly bytes: number;
  readonly bytesMax: number;
  readonly hits: number;
  readonly misses: number;
}

export interface CachesStatus {
  readonly blocks: CacheStatus;
  /** Null where there is none. */
  readonly disk: CacheStatus | null;
}

export interface AdministeredDomain {
  readonly name: string;
  /** As the owner of the cluster: what is read is what was acknowledged. */
  readonly reads: DomainReads;
  status(): DomainStatus;
  flush(): Promise<void>;
  compact(): Promise<void>;
}

export interface AdminOperations {
  /** control, groups/0 …, metastore/0 … */
  readonly domains: readonly AdministeredDomain[];
  caches(): CachesStatus;
  /** Undefined: this broker does no work on history. */
  readonly maintenance?: MaintenanceOperations | undefined;
}
