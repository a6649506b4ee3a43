// Where a partition's committed batches lie. Recent ones are in memory, with a hold on the batch cache; older ones are read
// back from the partition's log, found by a sparse list of segments. Both parts are bounded.

import { EngineError } from '../base/errors.ts';
import type { Offset, Term, TimestampMs } from '../base/ids.ts';
import type { SlabRange } from '../base/slab-pool.ts';
import type { L0Object } from '../l0/l0.ts';
import type { LogEntry } from '../replicated-log/replicated-log.ts';
import { decodePartitionEntry } from './placeholder-format.ts';

/** One committed batch. */
export interface Extent {
  readonly baseOffset: Offset;
  readonly lastOffset: Offset;
  readonly object: L0Object;
  readonly position: number;
  readonly length: number;
  readonly attributes: number;
  readonly maxTimestamp: TimestampMs;
  readonly term: Term;
  /** The batch cache's copy; its `pin` tells whether it is still there. */
  readonly records: SlabRange | undefined;
}

/** A run of log entries, from `firstEntry` up to where the next segment begins. */
export interface Segment {
  readonly baseOffset: Offset;
  readonly firstEntry: number;
  entries: number;
  bytes: number;
  maxTimestamp: number;
}

export interface ExtentIndexOptions {
  /** How many recent extents this partition may keep in memory now. */
  readonly recentMax: () => number;
  readonly readLog: (fromEntry: number, bytesMax: number) => Promise<LogEntry[]>;
  readonly group: string;
  readonly cold: ColdRuns;
}

/** Extents that were read back from a log, and the entry behind them. */
interface ColdRun {
  readonly extents: readonly Extent[];
  readonly nextEntry: number;
}

/** The last run of each partition whose history is read: its reader comes back for what follows. Shared, and bounded in number. */
export class ColdRuns {
  readonly #runsMax: number;
  readonly #runs = new Map<ExtentIndex, ColdRun>();

  constructor(runsMax: number) {
    this.#runsMax = runsMax;
  }

  get(index: ExtentIndex): ColdRun | undefined {
    return this.#runs.get(index);
  }

  keep(index: ExtentIndex, run: ColdRun): void {
    this.#runs.delete(index);
    this.#runs.set(index, run);
    for (const oldest of this.#runs.keys()) {
      if (this.#runs.size <= this.#runsMax) return;
      this.#runs.delete(oldest);
    }
  }
}

const segmentsMax = 2048;
const entriesPerSegmentMin = 4;
const coldReadBytes = 64 * 1024;

export class ExtentIndex {
  readonly #options: ExtentIndexOptions;
  #recent: Extent[] = [];
  /** Extents before this place in `#recent` are dropped; compacted now and then. */
  #recentStart = 0;
  #segments: Segment[] = [];
  /** Entries below are trimmed: a snapshot from before may still have segments that begin there. */
  #firstEntry = 1;
  #entriesPerSegment = entriesPerSegmentMin;

  constructor(options: ExtentIndexOptions) {
    this.#options = options;
  }

  get segments(): readonly Segment[] {
    return this.#segments;
  }

  get recentCount(): number {
    return this.#recent.length - this.#recentStart;
  }

  /** Adds the batches of one log entry. */
  addEntry(entryIndex: number, extents: readonly Extent[]): void {
    const first = extents[0];
    if (first === undefined) return;
    let bytes = 0;
    let maxTimestamp = -1;
    for (const extent of extents) {
      bytes += extent.length;
      if (extent.maxTimestamp > maxTimestamp) maxTimestamp = extent.maxTimestamp;
      this.#recent.push(extent);
    }
    const segment = this.#segments.at(-1);
    if (segment !== undefined && segment.entries < this.#entriesPerSegment) {
      segment.entries = entryIndex - segment.firstEntry + 1;
      segment.bytes += bytes;
      segment.maxTimestamp = Math.max(segment.maxTimestamp, maxTimestamp);
    } else {
      this.#segments.push({ baseOffset: first.baseOffset, firstEntry: entryIndex, entries: 1, bytes, maxTimestamp });
      if (this.#segments.length > segmentsMax) this.#thin();
    }
    this.#dropOld();
  }

  /** Starts from a snapshot's segments. */
  restore(segments: Segment[], entriesPerSegment: number): void {
    this.#segments = segments;
    this.#entriesPerSegment = entriesPerSegment;
  }

  get entriesPerSegment(): number {
    return this.#entriesPerSegment;
  }

  #thin(): void {
    this.#entriesPerSegment *= 2;
    const thinned: Segment[] = [];
    for (const segment of this.#segments) {
      const last = thinned.at(-1);
      if (last !== undefined && last.entries + segment.entries <= this.#entriesPerSegment) {
        last.entries = segment.firstEntry + segment.entries - last.firstEntry;
        last.bytes += segment.bytes;
        last.maxTimestamp = Math.max(last.maxTimestamp, segment.maxTimestamp);
      } else {
        thinned.push(segment);
      }
    }
    this.#segments = thinned;
  }

  /**
   * Forgets where offsets below `bound` lie, as far as whole segments go, and gives the first entry of the log that is still needed.
   * Undefined where that is no other than before. Whoever calls it makes sure that nobody looks for those offsets any more.
   */
  dropBelow(bound: Offset, end: { readonly offset: Offset; readonly entry: number }): number | undefined {
    let gone = 0;
    while (gone < this.#segments.length && (this.#segments[gone + 1]?.baseOffset ?? end.offset) <= bound) gone++;
    if (gone === 0) return undefined;
    this.#segments.splice(0, gone);
    if (this.#segments.length < segmentsMax / 4) {
      this.#entriesPerSegment = Math.max(entriesPerSegmentMin, this.#entriesPerSegment / 2);
    }
    this.beginAt(this.#segments[0]?.firstEntry ?? end.entry + 1);
    return this.#firstEntry;
  }

  /** The log begins at this entry. */
  beginAt(firstEntry: number): void {
    this.#firstEntry = Math.max(this.#firstEntry, firstEntry);
  }

  #dropOld(): void {
    const surplus = this.recentCount - this.#options.recentMax();
    if (surplus > 0) this.#recentStart += surplus;
    if (this.#recentStart > 16 && this.#recentStart * 2 > this.#recent.length) {
      this.#recent = this.#recent.slice(this.#recentStart);
      this.#recentStart = 0;
    }
  }

  /** Extents from the one that holds `from` on, in order; at least one where `from` is committed. Not to be changed. */
  recentFrom(from: Offset): { readonly extents: readonly Extent[]; readonly start: number } | undefined {
    const oldest = this.#recent[this.#recentStart];
    if (oldest === undefined || from < oldest.baseOffset) return undefined;
    return { extents: this.#recent, start: findExtent(this.#recent, from, this.#recentStart) };
  }

  /** Recent extents from `from` on, or from the oldest that is in memory. Not to be changed. */
  oldestRecent(from: Offset): { readonly extents: readonly Extent[]; readonly start: number } {
    return { extents: this.#recent, start: findExtent(this.#recent, from, this.#recentStart) };
  }

  /** An entry of the log at or before the one that holds the offset. */
  entryOf(from: Offset): number {
    return Math.max(this.#firstEntry, this.#segments[this.#findSegment(from)]?.firstEntry ?? 1);
  }

  /** As `recentFrom`, out of the log. */
  async coldFrom(from: Offset): Promise<{ readonly extents: readonly Extent[]; readonly start: number }> {
    const cold = this.#options.cold.get(this);
    if (cold !== undefined && covers(cold.extents, from)) {
      return { extents: cold.extents, start: findExtent(cold.extents, from, 0) };
    }
    const goesOn = cold !== undefined && cold.extents.at(-1)?.lastOffset === from - 1;
    // What came behind the last run is not kept for this reader where it tells of no batches: it may be trimmed, also while this waits.
    let entry = Math.max(this.entryOf(from), goesOn ? cold.nextEntry : 0);
    for (;;) {
      const entries = await this.#options.readLog(entry, coldReadBytes);
      const last = entries.at(-1);
      if (last === undefined) {
        throw new EngineError('corrupt-log', `${this.#options.group}: no log entry holds offset ${from}`, {
          context: { group: this.#options.group, entry, offset: from },
        });
      }
      const extents = entries.flatMap((one) => extentsOf(one, this.#options.group));
      entry = last.index + 1;
      if (covers(extents, from)) {
        this.#options.cold.keep(this, { extents, nextEntry: entry });
        return { extents, start: findExtent(extents, from, 0) };
      }
    }
  }

  #findSegment(from: Offset): number {
    let low = 0;
    let high = this.#segments.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.#segments[middle] as Segment).baseOffset <= from) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Bytes from `from` on, exact to a segment. */
  bytesFrom(from: Offset): number {
    const recent = this.recentFrom(from);
    if (recent !== undefined) {
      let bytes = 0;
      for (let at = recent.start; at < recent.extents.length; at++) bytes += (recent.extents[at] as Extent).length;
      return bytes;
    }
    let bytes = 0;
    for (let at = this.#findSegment(from); at < this.#segments.length; at++)
      bytes += (this.#segments[at] as Segment).bytes;
    return bytes;
  }
}

function covers(extents: readonly Extent[], from: Offset): boolean {
  const first = extents[0];
  const last = extents.at(-1);
  return first !== undefined && last !== undefined && first.baseOffset <= from && from <= last.lastOffset;
}

/** Place of the extent that holds `from`, or of the first above it; binary search from `start` on. */
function findExtent(extents: readonly Extent[], from: Offset, start: number): number {
  let low = start;
  let high = extents.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((extents[middle] as Extent).lastOffset < from) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The extents an entry of the log brings; none for entries of other kinds. */
function extentsOf(entry: LogEntry, group: string): Extent[] {
  const decoded = decodePartitionEntry(entry.bytes, `${group}#${entry.index}`);
  if (decoded.kind !== 'placeholders') return [];
  return decoded.shares.flatMap(({ object, batches }) =>
    batches.map((batch) => ({
      baseOffset: batch.baseOffset,
      lastOffset: batch.lastOffset,
      object,
      position: batch.position,
      length: batch.length,
      attributes: batch.attributes,
      maxTimestamp: batch.maxTimestamp,
      term: batch.stamp.term,
      records: undefined,
    })),
  );
}
