// Where sequential readers stand: a read that begins where an earlier one of its partition ended goes on with what that one knew.
//
// - a cursor holds places, never bytes nor footers
// - there are at most `cursorsMax`, the least recently used go first; one that was idle for a minute is gone
// - a place that any cursor of the partition knows serves every read of it

import type { Clock } from '../base/clock.ts';
import type { Offset, TopicId } from '../base/ids.ts';
import type { L1Place } from './l1-place.ts';

export interface L1Partition {
  readonly topicId: TopicId;
  readonly partition: number;
}

/** An extent, found from an offset on: nothing lies between that and its first. */
export interface Located {
  readonly from: number;
  readonly place: L1Place;
  /** The next of its chunks to be fetched ahead. */
  aheadChunk?: number;
}

/** The next batch, in its object. */
export interface BatchPlace {
  readonly objectId: string;
  readonly chunk: number;
  readonly position: number;
}

export class ReadCursor {
  readonly of: L1Partition;
  /** The offset that the reader goes on at. */
  next: number;
  at: BatchPlace | undefined;
  /** Extents from the one being read on, each continuing the one before. */
  located: Located[] = [];
  /** How far ahead is read; 0 until the reader is known to be sequential. */
  window = 0;
  /** What its last read gave it. */
  readBytes = 0;
  /** Nothing lay behind its last read: what others may read ahead is not shared with it. */
  atEnd = false;
  lastUsedMs = 0;
  gone = false;
  /** A look-up of the next extent that is under way. */
  looking: { readonly from: number; readonly found: Promise<Located | undefined> } | undefined;

  constructor(of: L1Partition, next: number) {
    this.of = of;
    this.next = next;
  }

  find(from: number): Located | undefined {
    return this.located.find((one) => one.from <= from && from <= one.place.lastOffset);
  }

  /** Takes what was found, where it continues what is known. */
  extend(found: Located): void {
    const last = this.located.at(-1);
    if (last === undefined || last.place.lastOffset + 1 === found.from) this.located.push(found);
    else if (this.find(found.from) === undefined) this.located = [found];
  }

  moveTo(next: number, at: BatchPlace | undefined): void {
    this.next = next;
    this.at = at;
    this.located = this.located.filter(({ place }) => place.lastOffset >= next);
  }
}

export interface ReadCursorsOptions {
  readonly clock: Clock;
  readonly cursorsMax: number;
  readonly idleMs: number;
}

const nameOf = ({ topicId, partition }: L1Partition): string => `${topicId}/${partition}`;

export class ReadCursors {
  readonly #options: ReadCursorsOptions;
  /** Least recently used first. */
  readonly #all = new Set<ReadCursor>();
  readonly #byPartition = new Map<string, Set<ReadCursor>>();
  readonly #sequential = new Set<ReadCursor>();

  constructor(options: ReadCursorsOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#all.size;
  }

  /** Readers that are read ahead for. */
  get sequentialCount(): number {
    return this.#sequential.size;
  }

  /** The cursor that stands at an offset. */
  at(of: L1Partition, from: Offset): ReadCursor | undefined {
    this.#expire();
    for (const cursor of this.#byPartition.get(nameOf(of)) ?? []) if (cursor.next === from) return cursor;
    return undefined;
  }

  /** The extent of an offset, where a cursor of the partition knows it. */
  find(of: L1Partition, from: number): Located | undefined {
    for (const cursor of this.#byPartition.get(nameOf(of)) ?? []) {
      const located = cursor.find(from);
      if (located !== undefined) return located;
    }
    return undefined;
  }

  /** A read moved the cursor. Of two that stand at one place, the one that reads further ahead is kept. */
  used(cursor: ReadCursor): void {
    if (cursor.gone) return;
    cursor.lastUsedMs = this.#options.clock.monotonicMs();
    const name = nameOf(cursor.of);
    const cursors = this.#byPartition.get(name) ?? new Set();
    for (const other of cursors) {
      if (other === cursor || other.next !== cursor.next) continue;
      if (other.window >= cursor.window) {
        this.#drop(cursor);
        return;
      }
      this.#drop(other);
    }
    this.#byPartition.set(name, cursors.add(cursor));
    this.#all.delete(cursor);
    this.#all.add(cursor);
    if (cursor.window > 0 && !cursor.atEnd) this.#sequential.add(cursor);
    else this.#sequential.delete(cursor);
    for (const oldest of this.#all) {
      if (this.#all.size <= this.#options.cursorsMax) return;
      this.#drop(oldest);
    }
  }

  /** What is known of a partition's extents turned out to be of the past. */
  forget(of: L1Partition): void {
    for (const cursor of [...(this.#byPartition.get(nameOf(of)) ?? [])]) this.#drop(cursor);
  }

  #expire(): void {
    const until = this.#options.clock.monotonicMs() - this.#options.idleMs;
    for (const oldest of this.#all) {
      if (oldest.lastUsedMs >= until) return;
      this.#drop(oldest);
    }
  }

  #drop(cursor: ReadCursor): void {
    cursor.gone = true;
    this.#all.delete(cursor);
    this.#sequential.delete(cursor);
    const name = nameOf(cursor.of);
    const cursors = this.#byPartition.get(name);
    cursors?.delete(cursor);
    if (cursors?.size === 0) this.#byPartition.delete(name);
  }
}
