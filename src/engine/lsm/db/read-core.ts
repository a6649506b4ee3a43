// The reads of a store, alive or from a manifest: memtables first, newest to oldest, then tables. One implementation for both.
//
// - every read is of one instant: what it will need of memtables, table set and sequence it takes before it first waits
// - reads without a snapshot see everything that was applied before the call; an iterator holds its sequence until it is released

import type { EngineError } from '../../base/errors.ts';
import type { Cursor, Found } from '../core/cursor.ts';
import { type Key, newestSequence } from '../core/row.ts';
import type { Memtable } from '../memtable/memtable.ts';
import type { LsmIterator, LsmReads, LsmSnapshot, RangeOptions } from './lsm-reads.ts';
import { MergingCursor } from './merging-cursor.ts';
import { RowIterator } from './row-iterator.ts';
import type { Snapshots } from './snapshots.ts';
import type { TableSet } from './table-set.ts';

/**
 * Where the rows are right now. Read anew by every call, so the owner may give getters; what belongs together has to change in
 * one turn: a memtable leaves in the turn in which the set with its tables comes.
 */
export interface ReadSources {
  /** Newest first: the one that fills, then those on their way into tables. */
  readonly memtables: readonly Memtable[];
  readonly tables: TableSet;
  /** The highest sequence that was applied, whole. */
  readonly newest: number;
}

/** Cold look-ups of one getMany that are under way at the same time. */
const getManyParallelism = 64;

export class ReadCore implements LsmReads {
  readonly #sources: ReadSources;
  readonly #snapshots: Snapshots;
  #ended: EngineError | undefined;

  constructor(sources: ReadSources, snapshots: Snapshots) {
    this.#sources = sources;
    this.#snapshots = snapshots;
  }

  /** From here on every read throws or rejects with this; those under way end as they can. */
  end(error: EngineError): void {
    this.#ended ??= error;
  }

  get(key: Key, snapshot?: LsmSnapshot): Buffer | undefined | Promise<Buffer | undefined> {
    const found = this.#find(key, this.#sequence(snapshot));
    return found instanceof Promise ? found.then(valueIn) : found?.value;
  }

  async getMany(keys: readonly Key[], snapshot?: LsmSnapshot): Promise<(Buffer | undefined)[]> {
    const sequence = this.#sequence(snapshot);
    const { memtables, tables } = this.#sources;
    const values: (Buffer | undefined)[] = new Array(keys.length);
    /** Indexes of the keys that no memtable knows: the tables are asked later on, in the picture of now. */
    const asked: number[] = [];
    for (let at = 0; at < keys.length; at++) {
      const found = findIn(memtables, keys[at] as Key, sequence);
      if (found === undefined) asked.push(at);
      else values[at] = found.value;
    }
    tables.hold();
    try {
      const waiting = asked.values();
      const work = async (): Promise<void> => {
        for (const at of waiting) {
          const found = tables.find(keys[at] as Key, sequence);
          values[at] = (found instanceof Promise ? await found : found)?.value;
        }
      };
      // A worker waits only for what is cold, so where all is in memory the first one has done everything.
      const workers: Promise<void>[] = [];
      for (let count = 0; count < Math.min(getManyParallelism, asked.length); count++) workers.push(work());
      const failed = (await Promise.allSettled(workers)).find(({ status }) => status === 'rejected');
      if (failed?.status === 'rejected') throw failed.reason;
    } finally {
      tables.release();
    }
    return values;
  }

  iterator({ lower, upper, snapshot, sequential }: RangeOptions = {}): LsmIterator {
    if (this.#ended !== undefined) throw this.#ended;
    const { memtables, tables, newest } = this.#sources;
    const sequence = snapshot === undefined ? newest : this.#snapshots.sequenceOf(snapshot);
    const inTables = tables.cursors(lower, upper, { scan: sequential ?? false });
    const inMemory = memtables.filter(({ rows }) => rows > 0).map((memtable) => memtable.cursor());
    const cursors: Cursor[] = [...inMemory, ...inTables];
    const only = cursors.length === 1 ? cursors[0] : undefined;
    tables.hold();
    this.#snapshots.hold(sequence);
    return new RowIterator({
      cursor: only ?? new MergingCursor(cursors),
      sequence,
      lower,
      upper,
      onRelease: () => {
        for (const cursor of inTables) cursor.release();
        this.#snapshots.release(sequence);
        tables.release();
      },
    });
  }

  snapshot(): LsmSnapshot {
    if (this.#ended !== undefined) throw this.#ended;
    return this.#snapshots.take(this.#sources.newest);
  }

  #sequence(snapshot: LsmSnapshot | undefined): number {
    if (this.#ended !== undefined) throw this.#ended;
    return snapshot === undefined ? newestSequence : this.#snapshots.sequenceOf(snapshot);
  }

  #find(key: Key, sequence: number): Found | undefined | Promise<Found | undefined> {
    const { memtables, tables } = this.#sources;
    return findIn(memtables, key, sequence) ?? tables.find(key, sequence);
  }
}

function findIn(memtables: readonly Memtable[], key: Key, sequence: number): Found | undefined {
  for (const memtable of memtables) {
    const found = memtable.find(key, sequence);
    if (found !== undefined) return found;
  }
  return undefined;
}

const valueIn = (found: Found | undefined): Buffer | undefined => found?.value;
