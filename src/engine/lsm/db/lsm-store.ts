// The writer's store: the interface, and what it is made of.
//
// - one writer per term; entries are applied in the order of their log indexes, without gaps in what was committed
// - *flushed*: in tables that are in the bucket, in a manifest that is in the bucket, and that manifest recorded in the log
// - obsolete tables and manifests are left in the bucket; obsolete-objects.ts lists them for the collector
// - work in the background (writing out a memtable, compaction) that the store refuses for now is tried again by itself; what ends
//   the store for good (`fenced-…`, `outcome-unknown`, damage) is told through `onGiveUp`, once, and everything rejects with it

import type { Clock } from '../../base/clock.ts';
import type { EngineError } from '../../base/errors.ts';
import type { Incarnation, Term } from '../../base/ids.ts';
import type { Logger } from '../../base/logger.ts';
import type { ObjectStore } from '../../store/object-store.ts';
import type { LsmRules } from '../core/lsm-rules.ts';
import type { Change } from '../core/row.ts';
import type { LsmCaches } from '../io/lsm-caches.ts';
import type { Manifest, ManifestJournal, ManifestRef } from '../manifest/manifest.ts';
import type { LsmReads } from './lsm-reads.ts';

export interface LsmOptions {
  readonly store: ObjectStore;
  /** "<cluster id>/domain/<name>/". */
  readonly prefix: string;
  readonly incarnation: Incarnation;
  readonly term: Term;
  readonly journal: ManifestJournal;
  /** The one the log names; undefined for a store that has none yet. */
  readonly manifest: ManifestRef | undefined;
  /** Shared by the stores of a process. */
  readonly caches: LsmCaches;
  readonly rules: LsmRules;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Lets others run: resolves in a later turn of the event loop (setImmediate). Long work calls it every few milliseconds. */
  readonly pause: () => Promise<void>;
  readonly onGiveUp: (error: EngineError) => void;
}

export type OpenLsm = (options: LsmOptions) => Promise<LsmStore>;

export interface LsmEntry {
  readonly index: number;
  readonly changes: readonly Change[];
}

export interface LsmStore extends LsmReads, AsyncDisposable {
  /** Everything up to here has been applied. */
  readonly appliedIndex: number;
  /** Everything up to here is flushed. */
  readonly coveredIndex: number;
  /** The manifest that is recorded; undefined before the first flush ever. */
  readonly manifest: Manifest | undefined;
  /**
   * After opening, before any apply: the entries that the log holds behind the manifest, in order. Sorted in one go. The values are
   * kept as they are, with the memory they are cut from: what is more than a few memtables is applied behind.
   */
  replay(entries: readonly LsmEntry[]): void;
  /** Undefined when an entry may be committed and applied now; else a promise of when (memtables full, level 0 full). */
  room(): Promise<void> | undefined;
  /** Makes an entry visible, whole. Of changes to the same key the last counts. The values are copied or never changed. */
  apply(entry: LsmEntry): void;
  /** Resolves when everything that was applied before the call is flushed. Rejects when that failed for now, or for good. */
  flush(): Promise<void>;
  /** Merges everything into the deepest level, tombstones out; flushes first. */
  compact(): Promise<void>;
  stats(): LsmStats;
}

export interface LsmStats {
  readonly appliedIndex: number;
  readonly coveredIndex: number;
  readonly memtable: { readonly rows: number; readonly bytes: number };
  readonly immutable: { readonly rows: number; readonly bytes: number } | undefined;
  readonly levels: readonly { readonly tables: number; readonly bytes: number; readonly entries: number }[];
  readonly manifest: { readonly name: string; readonly createdMs: number } | undefined;
  /** Wall clock of the last flush that was recorded by this process or found at opening. */
  readonly flushedMs: number | undefined;
  /**
   * When the oldest entry that is not flushed was applied, by the wall clock as it is set now: it is as long ago as this says, also
   * where the clock was set since. Undefined when all are flushed.
   */
  readonly dirtySinceMs: number | undefined;
  readonly snapshots: number;
  readonly counters: {
    readonly flushes: number;
    readonly compactions: number;
    readonly trivialMoves: number;
    readonly bytesWritten: number;
    readonly writesSlowed: number;
    readonly writesStopped: number;
    readonly retries: number;
  };
}
