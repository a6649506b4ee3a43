// The replicated log in memory: deterministic, for the simulator and for tests.
//
// - Nothing happens when a call is made; it happens at the next flush, in the order of the calls. A call resolves only then.
// - `crash()` drops what was not flushed. The disk survives: a new MemoryLog on the same disk goes on from there.
// - Two logs on one disk are two processes on one log service: terms fence them against each other.
// - A fault plan can make any call fenced, refused, slow, or unknown with and without effect.

import { EngineError } from '../base/errors.ts';
import { type Term, term } from '../base/ids.ts';
import {
  belowFirst,
  checkGroupName,
  fenced,
  type GroupHead,
  judgeAppend,
  judgeSnapshot,
  judgeTrim,
  nextTerm,
  refused,
} from './group-rules.ts';
import type {
  AppendOutcome,
  GroupAppend,
  LogEntry,
  LogSnapshot,
  OpenedGroup,
  ReplicatedLog,
} from './replicated-log.ts';

interface MemoryGroup extends GroupHead {
  entries: LogEntry[];
  snapshot: LogSnapshot | undefined;
}

/** What survives a crash. */
export class MemoryLogDisk {
  readonly identity: string;
  readonly groups = new Map<string, MemoryGroup>();
  readonly meta = new Map<string, string>();
  highestRemovedTerm = 0;

  constructor(identity: string) {
    this.identity = identity;
  }

  /** An independent disk with the same content, as `cp -r` of a data directory would make. */
  copy(): MemoryLogDisk {
    const copy = new MemoryLogDisk(this.identity);
    for (const [name, group] of this.groups) copy.groups.set(name, { ...group, entries: [...group.entries] });
    for (const [key, value] of this.meta) copy.meta.set(key, value);
    copy.highestRemovedTerm = this.highestRemovedTerm;
    return copy;
  }
}

export type LogOperation = 'open' | 'append' | 'snapshot' | 'trim' | 'remove' | 'write-meta';

export type LogFault =
  /** Another leader opens the group just before. */
  | { readonly kind: 'fenced' }
  /** Nothing happens; `disk-full` unless said otherwise. */
  | { readonly kind: 'refused'; readonly error?: Error }
  /** The caller never learns whether it happened; `effect` says whether it did. */
  | { readonly kind: 'unknown'; readonly effect: boolean }
  /** This call, and all behind it, wait for the promise. */
  | { readonly kind: 'slow'; readonly until: Promise<unknown> };

/** Asked once per call and group (for `write-meta` the name is the key). */
export type LogFaultPlan = (operation: LogOperation, name: string) => LogFault | undefined;

export interface MemoryLogOptions {
  readonly disk?: MemoryLogDisk;
  readonly identity?: string;
  readonly faults?: LogFaultPlan;
  /** `auto` (default) flushes by itself, all calls of the same turn together; `manual` only in `flush()`. */
  readonly flush?: 'auto' | 'manual';
}

interface Pending {
  readonly until: Promise<unknown> | undefined;
  /** Changes the disk and settles the caller. */
  readonly run: () => void;
  /** Settles the caller after a crash. */
  readonly lost: () => void;
}

export class MemoryLog implements ReplicatedLog {
  readonly disk: MemoryLogDisk;
  readonly #manual: boolean;
  #faults: LogFaultPlan | undefined;
  #pending: Pending[] = [];
  #flushing: Promise<void> | undefined;
  #closed = false;
  /** How many times something was flushed; concurrent calls share one. */
  flushes = 0;

  constructor(options: MemoryLogOptions = {}) {
    this.disk = options.disk ?? new MemoryLogDisk(options.identity ?? '00000000-0000-4000-8000-000000000001');
    this.#faults = options.faults;
    this.#manual = options.flush === 'manual';
  }

  get identity(): string {
    return this.disk.identity;
  }

  /** Replaces the fault plan; undefined ends all trouble. */
  setFaults(faults: LogFaultPlan | undefined): void {
    this.#faults = faults;
  }

  /** Calls that are not flushed yet. */
  get unflushed(): number {
    return this.#pending.length;
  }

  /**
   * The process dies: what was not flushed is gone, except for the first `keep` calls, which reached the disk without
   * anybody having been told. Waiting appends end `unknown`, other calls and all later ones reject with `log-unavailable`.
   */
  crash(keep = 0): MemoryLogDisk {
    this.#closed = true;
    const pending = this.#pending;
    this.#pending = [];
    for (const [at, call] of pending.entries()) {
      // The caller is told first, so that running the call changes only the disk.
      call.lost();
      if (at < keep) call.run();
    }
    return this.disk;
  }

  /** Makes everything issued so far durable. */
  flush(): Promise<void> {
    this.#flushing ??= this.#flushAll().finally(() => {
      this.#flushing = undefined;
      if (this.#pending.length > 0 && !this.#manual) void this.flush();
    });
    return this.#flushing;
  }

  async #flushAll(): Promise<void> {
    await Promise.resolve();
    if (this.#pending.length > 0) this.flushes += 1;
    let count = this.#pending.length;
    while (count > 0 && this.#pending.length > 0) {
      const next = this.#pending[0] as Pending;
      if (next.until !== undefined) await next.until;
      if (this.#pending[0] !== next) return; // crashed meanwhile
      this.#pending.shift();
      next.run();
      count -= 1;
    }
  }

  #unavailable(): EngineError {
    return new EngineError('log-unavailable', 'the log is closed');
  }

  #issue<T>(until: Promise<unknown> | undefined, run: () => T, lost: () => T): Promise<T> {
    if (this.#closed) return Promise.reject(this.#unavailable());
    return new Promise<T>((resolve, reject) => {
      const settle = (make: () => T) => {
        try {
          resolve(make());
        } catch (error) {
          reject(error);
        }
      };
      this.#pending.push({ until, run: () => settle(run), lost: () => settle(lost) });
      if (!this.#manual) void this.flush();
    });
  }

  /** One fenced operation of one group, with what the fault plan has in store for it. */
  #change(operation: LogOperation, group: string, apply: () => AppendOutcome): Promise<AppendOutcome> {
    if (this.#closed) return Promise.resolve(refused(this.#unavailable()));
    const fault = this.#faults?.(operation, group);
    const unknown = (): AppendOutcome => ({
      status: 'unknown',
      error: new EngineError('outcome-unknown', `whether the ${operation} of ${group} happened is not known`),
    });
    const run = (): AppendOutcome => {
      if (fault?.kind === 'refused') {
        return refused(fault.error ?? new EngineError('disk-full', 'the disk is full (injected)'));
      }
      if (fault?.kind === 'fenced') {
        const state = this.disk.groups.get(group);
        if (state !== undefined) state.term = term(state.term + 1);
        return fenced;
      }
      if (fault?.kind === 'unknown') {
        if (fault.effect) apply();
        return unknown();
      }
      return apply();
    };
    return this.#issue(fault?.kind === 'slow' ? fault.until : undefined, run, unknown);
  }

  /** An operation that resolves with a value or rejects. */
  #call<T>(operation: LogOperation, name: string, apply: () => T): Promise<T> {
    const fault = this.#faults?.(operation, name);
    const lost = (): T => {
      throw this.#unavailable();
    };
    const run = (): T => {
      if (fault !== undefined && fault.kind !== 'slow') {
        if (fault.kind === 'unknown' && fault.effect) apply();
        if (fault.kind === 'refused' && fault.error !== undefined) throw fault.error;
        throw new EngineError('log-unavailable', `the log could not do ${operation} of ${name} (injected)`);
      }
      return apply();
    };
    return this.#issue(fault?.kind === 'slow' ? fault.until : undefined, run, lost);
  }

  async open(groups: readonly string[], atLeast: Term = term(0)): Promise<OpenedGroup[]> {
    for (const group of groups) checkGroupName(group);
    return Promise.all(groups.map((group) => this.#call('open', group, () => this.#open(group, atLeast))));
  }

  #open(group: string, atLeast: Term): OpenedGroup {
    let state = this.disk.groups.get(group);
    const next = term(nextTerm(state, this.disk.highestRemovedTerm, atLeast));
    if (state === undefined) {
      state = { term: next, first: 1, end: 0, snapshotIndex: -1, entries: [], snapshot: undefined };
      this.disk.groups.set(group, state);
    }
    state.term = next;
    return { group, term: next, first: state.first, end: state.end, snapshot: state.snapshot };
  }

  async append(appends: readonly GroupAppend[]): Promise<AppendOutcome[]> {
    return Promise.all(appends.map((append) => this.#change('append', append.group, () => this.#append(append))));
  }

  #append(append: GroupAppend): AppendOutcome {
    const state = this.disk.groups.get(append.group);
    const verdict = judgeAppend(state, append);
    if (verdict !== undefined || state === undefined) return verdict ?? fenced;
    for (const bytes of append.entries) {
      state.end += 1;
      state.entries.push({ index: state.end, term: append.term, bytes: Buffer.from(bytes) });
    }
    return { status: 'committed', end: state.end };
  }

  async read(group: string, from: number, bytesMax: number): Promise<LogEntry[]> {
    if (this.#closed) throw this.#unavailable();
    const state = this.disk.groups.get(group);
    if (state === undefined) return [];
    if (from < state.first) throw belowFirst(group, from, state.first);
    const entries: LogEntry[] = [];
    let bytes = 0;
    for (
      let at = from - state.first;
      at < state.entries.length && (bytes < bytesMax || at === from - state.first);
      at++
    ) {
      const entry = state.entries[at] as LogEntry;
      bytes += entry.bytes.length;
      if (bytes > bytesMax && entries.length > 0) break;
      entries.push(entry);
    }
    return entries;
  }

  async saveSnapshot(group: string, of: Term, snapshot: LogSnapshot): Promise<AppendOutcome> {
    return this.#change('snapshot', group, () => {
      const state = this.disk.groups.get(group);
      const verdict = judgeSnapshot(group, state, of, snapshot);
      if (verdict !== undefined || state === undefined) return verdict ?? fenced;
      state.snapshot = { index: snapshot.index, bytes: Buffer.from(snapshot.bytes) };
      state.snapshotIndex = snapshot.index;
      return { status: 'committed', end: state.end };
    });
  }

  async trim(group: string, of: Term, first: number): Promise<AppendOutcome> {
    return this.#change('trim', group, () => {
      const state = this.disk.groups.get(group);
      const verdict = judgeTrim(group, state, of, first);
      if (verdict !== undefined || state === undefined) return verdict ?? fenced;
      if (first > state.first) {
        state.entries = state.entries.slice(first - state.first);
        state.first = first;
      }
      return { status: 'committed', end: state.end };
    });
  }

  async remove(groups: readonly string[]): Promise<void> {
    await Promise.all(
      groups.map((group) =>
        this.#call('remove', group, () => {
          const state = this.disk.groups.get(group);
          if (state === undefined) return;
          this.disk.highestRemovedTerm = Math.max(this.disk.highestRemovedTerm, state.term);
          this.disk.groups.delete(group);
        }),
      ),
    );
  }

  async groups(prefix: string): Promise<string[]> {
    if (this.#closed) throw this.#unavailable();
    const names = [...this.disk.groups.keys()].filter((name) => name.startsWith(prefix));
    return names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  }

  async readMeta(key: string): Promise<string | undefined> {
    if (this.#closed) throw this.#unavailable();
    return this.disk.meta.get(key);
  }

  async writeMeta(key: string, value: string | undefined): Promise<void> {
    await this.#call('write-meta', key, () => {
      if (value === undefined) this.disk.meta.delete(key);
      else this.disk.meta.set(key, value);
    });
  }

  /** Flushes what was issued and closes. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#closed && this.#pending.length > 0) await this.flush();
    this.#closed = true;
  }
}
