// The rows that are not in tables yet: the memtable that fills, and the full one before it while that is written out.

import { EngineError } from '../../base/errors.ts';
import { checkChange } from '../core/row.ts';
import { type IsRead, Memtable } from '../memtable/memtable.ts';
import type { LsmEntry } from './lsm-store.ts';

/** A memtable, and which entries are in it. */
export interface FilledMemtable {
  readonly memtable: Memtable;
  /** Everything up to here is in this memtable or was flushed before. */
  readonly lastIndex: number;
  /** Monotonic clock, when its first entry was applied. */
  readonly sinceMs: number;
}

export class Memtables {
  readonly #isRead: IsRead;
  #active: Memtable;
  #activeSinceMs: number | undefined;
  #immutable: FilledMemtable | undefined;
  #appliedIndex: number;
  #newestFirst: readonly Memtable[];

  constructor(appliedIndex: number, isRead: IsRead) {
    this.#appliedIndex = appliedIndex;
    this.#isRead = isRead;
    this.#active = new Memtable(isRead);
    this.#newestFirst = [this.#active];
  }

  /** For reads. */
  get newestFirst(): readonly Memtable[] {
    return this.#newestFirst;
  }

  get active(): Memtable {
    return this.#active;
  }

  get immutable(): FilledMemtable | undefined {
    return this.#immutable;
  }

  get appliedIndex(): number {
    return this.#appliedIndex;
  }

  /** Monotonic clock, when the oldest entry in them was applied: the wall clock may be set meanwhile. */
  get sinceMs(): number | undefined {
    return this.#immutable?.sinceMs ?? this.#activeSinceMs;
  }

  apply({ index, changes }: LsmEntry, monotonicMs: number): void {
    if (index <= this.#appliedIndex) throw outOfOrder(index, this.#appliedIndex);
    for (const change of changes) checkChange(change);
    for (const { key, value } of changes) this.#active.put(key, index, value);
    this.#appliedIndex = index;
    this.#activeSinceMs ??= monotonicMs;
  }

  /** Before any apply. */
  replay(entries: readonly LsmEntry[], monotonicMs: number): void {
    const last = entries.at(-1);
    if (last === undefined) return;
    if (this.#activeSinceMs !== undefined) throw new EngineError('bug', 'entries are replayed before any is applied');
    let before = this.#appliedIndex;
    for (const { index, changes } of entries) {
      if (index <= before) throw outOfOrder(index, before);
      before = index;
      for (const change of changes) checkChange(change);
    }
    this.#active = Memtable.fromEntries(entries, this.#isRead);
    this.#newestFirst = [this.#active];
    this.#appliedIndex = last.index;
    this.#activeSinceMs = monotonicMs;
  }

  /** What fills becomes what is written out; there must be none. Undefined when nothing was applied since the last time. */
  close(): FilledMemtable | undefined {
    if (this.#activeSinceMs === undefined) return undefined;
    this.#immutable = {
      memtable: this.#active,
      lastIndex: this.#appliedIndex,
      sinceMs: this.#activeSinceMs,
    };
    this.#active = new Memtable(this.#isRead);
    this.#newestFirst = [this.#active, this.#immutable.memtable];
    this.#activeSinceMs = undefined;
    return this.#immutable;
  }

  /** The immutable one is in tables. */
  written(): void {
    this.#immutable = undefined;
    this.#newestFirst = [this.#active];
  }
}

function outOfOrder(index: number, before: number): EngineError {
  return new EngineError('bug', `entry ${index} was applied behind entry ${before}`, { context: { index, before } });
}
