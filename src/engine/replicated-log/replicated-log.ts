// The port to the durable, ordered, fenced log under every partition and domain (the Raft log's role).
// Engines: embedded (LMDB in the data directory), memory (deterministic, with crashes). Conformance: test/engine/replicated-log/.
//
// A group is one log, named by a short string ("partition/<topic id>/<n>", "domain/control"). Its entries have indexes
// 1, 2, 3 … without gaps. What the port promises:
// - `open` makes a strictly higher term durable before it resolves; entries of an older term are refused from then on
// - an append that resolved `committed` is flushed to disk; it is there after any crash
// - the outcome is per group: nobody relies on atomicity across groups
// - `unknown` means just that: the caller must give up its term and open again, which settles it
// What it refuses: entries over 1 MiB (`limit`), an append whose expected end is not the group's end (`fenced`).

import type { Term } from '../base/ids.ts';

/** One MiB; also the reason why a big commit is split into several entries. */
export const logEntryBytesMax = 1024 * 1024;

export interface OpenedGroup {
  readonly group: string;
  readonly term: Term;
  /** Index of the first entry that is kept; end + 1 when none is. */
  readonly first: number;
  /** Index of the last committed entry; 0 when there is none. */
  readonly end: number;
  readonly snapshot: LogSnapshot | undefined;
}

export interface LogSnapshot {
  /** The snapshot holds the effect of every entry up to and with this index. */
  readonly index: number;
  readonly bytes: Buffer;
}

export interface LogEntry {
  readonly index: number;
  readonly term: Term;
  readonly bytes: Buffer;
}

export interface GroupAppend {
  readonly group: string;
  readonly term: Term;
  /** The group's end as the caller knows it; the first new entry gets this + 1. */
  readonly expectedEnd: number;
  readonly entries: readonly Uint8Array[];
}

export type AppendOutcome =
  | { readonly status: 'committed'; readonly end: number }
  /** A newer term or another end: nothing of this group was written, nor ever will be. */
  | { readonly status: 'fenced' }
  /** Nothing was written, for a reason that may pass (`disk-full`, `log-unavailable`): the term stays valid. */
  | { readonly status: 'refused'; readonly error: Error }
  | { readonly status: 'unknown'; readonly error: Error };

export interface ReplicatedLog extends AsyncDisposable {
  /** Names this log for the cluster's OWNER object; made when the log is created, never changes. */
  readonly identity: string;
  /** Opens groups (made when missing) each at a new, durable, higher term. `atLeast` raises the term further. */
  open(groups: readonly string[], atLeast?: Term): Promise<OpenedGroup[]>;
  /** Outcomes in the order of the appends. Never rejects for a single group's trouble. */
  append(appends: readonly GroupAppend[]): Promise<AppendOutcome[]>;
  /** Entries from index `from` on, in order, until about `bytesMax` (at least one, when there is one). */
  read(group: string, from: number, bytesMax: number): Promise<LogEntry[]>;
  /** Keeps a snapshot in place of the one before. Fenced like an append. Durable when it resolves. */
  saveSnapshot(group: string, term: Term, snapshot: LogSnapshot): Promise<AppendOutcome>;
  /** Drops entries below `first`; never above the snapshot's index + 1. Fenced like an append. */
  trim(group: string, term: Term, first: number): Promise<AppendOutcome>;
  /** Removes groups with everything in them, whatever their term (their topic was deleted). */
  remove(groups: readonly string[]): Promise<void>;
  /** All group names that begin with `prefix`, sorted. */
  groups(prefix: string): Promise<string[]>;
  /** Small durable settings of this log itself (its side of the OWNER agreement); `value` undefined deletes. */
  readMeta(key: string): Promise<string | undefined>;
  writeMeta(key: string, value: string | undefined): Promise<void>;
}
