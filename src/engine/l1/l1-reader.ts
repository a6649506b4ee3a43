// Reads history out of L1 objects: for consumers from an offset on, by look-up of an offset or a time, and through for compaction.
//
// - the unit of reading is the chunk (about 1 MiB): every one that comes from the store or the disk is checked before it is used
// - `memoryBytesMax` bounds chunks kept, on their way and read ahead (chunk-memory.ts), `footerBytesMax` the footers. Plain memory that
//   an answer was read into while all else was pinned belongs to the answer
// - a read that begins where another of its partition ended is sequential: it is read ahead for, through extents and objects
// - objects vanish when compaction has replaced them: a read that meets one looks its extent up again, once
// What it refuses: to say where a partition begins or ends. Whoever asks knows that.

import type { Clock } from '../base/clock.ts';
import { EngineError, hasCode } from '../base/errors.ts';
import type { Offset } from '../base/ids.ts';
import type { Logger } from '../base/logger.ts';
import type { DiskCache } from '../disk-cache/disk-cache.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { abortable, checkSignal } from './abortable.ts';
import { BatchCollection, type L1Read } from './batch-collection.ts';
import { type BatchSelection, findBatch, selectBatches } from './batch-selection-policy.ts';
import { ChunkCache, type HeldChunk } from './chunk-cache.ts';
import { ChunkMemory } from './chunk-memory.ts';
import { ChunkReader } from './chunk-reader.ts';
import { ExtentFinder, type Locate, type OpenExtent } from './extent-finder.ts';
import { type L1ScanOptions, scanExtent } from './extent-scan.ts';
import { FooterCache } from './footer-cache.ts';
import { HeldChunks } from './held-chunks.ts';
import type { L1Footer } from './l1-object-format.ts';
import type { L1ObjectPlace, L1Place } from './l1-place.ts';
import { ReadAhead, standsIn } from './read-ahead.ts';
import { nextWindow, windowBytesMax, windowBytesMin } from './read-ahead-policy.ts';
import { type BatchPlace, type L1Partition, ReadCursor, ReadCursors } from './read-cursors.ts';

export interface L1ReadOptions {
  readonly from: Offset;
  /** Batches that begin at or above it are not given. */
  readonly until: Offset;
  /** About as much is given; less where that is at hand sooner. */
  readonly bytesMax: number;
  /** The first batch is given whole even when it is larger. */
  readonly atLeastOne: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface L1ReaderOptions {
  readonly store: ObjectStore;
  readonly clusterId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly memoryBytesMax: number;
  readonly footerBytesMax: number;
  /** Of its own, for chunks and footers. */
  readonly disk?: DiskCache | undefined;
  readonly locate: Locate;
}

export interface L1ReaderStats {
  readonly memoryBytes: number;
  readonly memoryBytesMax: number;
  /** Of the memory: what answers hold, and what is being filled. */
  readonly pinnedBytes: number;
  readonly footerBytes: number;
  /** GETs of chunks, and what came by them. */
  readonly reads: number;
  readonly readBytes: number;
  readonly footerReadBytes: number;
  /** Of batches that lay below the offset that a read began at. */
  readonly skippedBytes: number;
  /** Chunks that were in memory, that were not, and that were on their way already. */
  readonly cacheHits: number;
  readonly cacheMisses: number;
  readonly sharedReads: number;
  /** Fetched ahead of sequential readers. */
  readonly readAheadBytes: number;
}

const cursorsMax = 1024;
const cursorIdleMs = 60_000;

/** Why a read does not go on: with the extent it may, in the next one. */
type Stop = 'extent' | 'until' | 'enough';

/** One read, as far as it has come. */
interface Progress {
  readonly of: L1Partition;
  readonly options: L1ReadOptions;
  readonly cursor: ReadCursor;
  readonly sequential: boolean;
  readonly collected: BatchCollection;
  readonly bytesMax: number;
  /** Above the last batch that was collected. */
  next: number;
  at: BatchPlace | undefined;
}

export class L1Reader implements AsyncDisposable {
  readonly #memory: ChunkMemory;
  readonly #footers: FooterCache;
  readonly #reader: ChunkReader;
  readonly #chunks: ChunkCache;
  readonly #cursors: ReadCursors;
  readonly #finder: ExtentFinder;
  readonly #ahead: ReadAhead;
  #skippedBytes = 0;
  #closed = false;

  constructor(options: L1ReaderOptions) {
    this.#memory = new ChunkMemory(options.memoryBytesMax);
    this.#footers = new FooterCache({ ...options, bytesMax: options.footerBytesMax });
    this.#reader = new ChunkReader(options);
    this.#chunks = new ChunkCache(this.#memory, this.#reader);
    this.#cursors = new ReadCursors({ clock: options.clock, cursorsMax, idleMs: cursorIdleMs });
    this.#finder = new ExtentFinder(options.locate, this.#footers, this.#cursors);
    this.#ahead = new ReadAhead(this.#finder, this.#chunks, this.#memory);
  }

  /**
   * Batches from `from` on, about `bytesMax`, past gaps and empty ranges. Throws `corrupt-object`, `object-not-found`, `cancelled`, or
   * what the store throws; what came before a failure is given first.
   */
  async read(of: L1Partition, options: L1ReadOptions): Promise<L1Read> {
    if (this.#closed) throw new EngineError('cancelled', 'the reader of history is closed');
    checkSignal(options.signal);
    try {
      return await this.#collect(of, options, this.#cursors.at(of, options.from));
    } catch (error) {
      if (!hasCode(error, 'object-not-found')) throw error;
      this.#cursors.forget(of);
      return await this.#collect(of, options, undefined);
    }
  }

  /**
   * The first batch at or above `from` in the place whose max timestamp is at or above the timestamp; a copy of its bytes. Undefined
   * when none is.
   */
  async batchAtTimestamp(
    of: L1Partition,
    place: L1Place,
    from: Offset,
    timestamp: number,
  ): Promise<Buffer | undefined> {
    return await this.#findBatch(of, place, from, timestamp);
  }

  /** The batch that holds the offset or the first above it in the place; a copy. */
  async batchAt(of: L1Partition, place: L1Place, from: Offset): Promise<Buffer | undefined> {
    return await this.#findBatch(of, place, from, undefined);
  }

  /**
   * All batches of the place from `from` on, chunk by chunk, each in a buffer of its own; a group is valid until the next is asked for.
   * GETs of about 8 MiB, one after the other, past every cache but for what is there. `pace` is waited for before each.
   */
  async *scan(of: L1Partition, place: L1Place, options: L1ScanOptions = {}): AsyncGenerator<Buffer[]> {
    const extent = await abortable(Promise.resolve(this.#finder.open(of, place)), options.signal);
    yield* scanExtent(extent, this.#chunks, this.#reader, options);
  }

  /** Footer of an object, through the cache. */
  async footer(objectId: string, object: L1ObjectPlace): Promise<L1Footer> {
    return (await this.#footers.open(objectId, object)).footer;
  }

  stats(): L1ReaderStats {
    return {
      memoryBytes: this.#memory.bytes,
      memoryBytesMax: this.#memory.bytesMax,
      pinnedBytes: this.#memory.pinnedBytes,
      footerBytes: this.#footers.bytes,
      reads: this.#reader.reads,
      readBytes: this.#reader.readBytes,
      footerReadBytes: this.#footers.readBytes,
      skippedBytes: this.#skippedBytes,
      cacheHits: this.#chunks.hits,
      cacheMisses: this.#chunks.misses,
      sharedReads: this.#chunks.shared,
      readAheadBytes: this.#chunks.aheadBytes,
    };
  }

  /** Resolves when nothing is on its way any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.#ahead.close();
    await this.#footers.settled();
    await this.#chunks.settled();
  }

  async #collect(of: L1Partition, options: L1ReadOptions, known: ReadCursor | undefined): Promise<L1Read> {
    const cursor = known ?? new ReadCursor(of, options.from);
    const sequential = known !== undefined;
    const collected = new BatchCollection();
    // One read pins no more than a fair part of the memory, so that many can go on beside it.
    const bytesMax = Math.min(options.bytesMax, Math.max(1, Math.floor(this.#memory.pooledBytesMax / 4)));
    const progress = { of, options, cursor, sequential, collected, bytesMax, next: options.from, at: cursor.at };
    let exhausted = false;
    try {
      exhausted = await this.#collectExtents(progress);
    } catch (error) {
      if (collected.bytes === 0 || options.signal?.aborted === true) {
        collected.letGo();
        throw error;
      }
    }
    const nothingThere = exhausted && collected.bytes === 0;
    this.#moved(progress, nothingThere);
    // Answers on their way hold memory that was not there for reading ahead when this read ended.
    return collected.read(nothingThere, () => this.#readAhead(progress));
  }

  /** True when there is nothing more up to `until`. */
  async #collectExtents(progress: Progress): Promise<boolean> {
    const { of, options, cursor, collected } = progress;
    for (let from: number = options.from; from < options.until; ) {
      const located = await abortable(Promise.resolve(this.#finder.locate(cursor, from)), options.signal);
      if (located === undefined || located.place.baseOffset >= options.until) return true;
      const { place } = located;
      let stop: Stop;
      try {
        const extent = await abortable(Promise.resolve(this.#finder.open(of, place)), options.signal);
        stop = await this.#collectExtent(progress, extent, from);
      } catch (error) {
        if (hasCode(error, 'object-not-found')) this.#footers.forget(place.objectId);
        throw error;
      }
      if (stop === 'until') return true;
      if (stop === 'enough' || isFull(progress)) return false;
      // A reader that stands here for the first time gets what there is; one that reads on gets its next extent with it.
      if (collected.bytes > 0 && !progress.sequential) return false;
      from = place.lastOffset + 1;
    }
    return true;
  }

  async #collectExtent(progress: Progress, extent: OpenExtent, from: number): Promise<Stop> {
    const { object, section, place } = extent;
    const { footer } = object;
    const { options, collected } = progress;
    const stands = standsIn(progress.at, place);
    const end = footer.endChunk(section);
    let chunk = stands?.chunk ?? footer.chunkOf(section, from);
    let position = stands?.position ?? footer.chunkPosition(Math.min(chunk, end - 1));
    while (chunk < end) {
      if (footer.chunkBaseOffset(chunk) >= options.until) return 'until';
      if (isFull(progress) || this.#isEnough(progress, extent, chunk, 0)) return 'enough';
      const wantEnd = this.#wantEnd(progress, extent, chunk, position);
      using held = new HeldChunks(this.#chunks.want(object, chunk, wantEnd));
      for (let got = await held.next(options.signal); got !== undefined; got = await held.next(options.signal)) {
        const stop = this.#select(progress, extent, { from, chunk, position }, got);
        if (stop !== 'chunk') return stop === 'full' ? 'enough' : stop;
        position = footer.chunkEnd(chunk);
        chunk++;
      }
      // Without knowing where the reader stood in the first chunk, all that was wanted was asked for.
      if (!progress.sequential && collected.bytes > 0) return chunk < end ? 'enough' : 'extent';
    }
    return 'extent';
  }

  /**
   * Takes what is wanted of one chunk, from a byte of the object on. `from` is where the read came to its extent: one that extents before
   * it were merged into holds their batches too, which the read has.
   */
  #select(
    progress: Progress,
    { object }: OpenExtent,
    { from, chunk, position }: { readonly from: number; readonly chunk: number; readonly position: number },
    got: HeldChunk,
  ): BatchSelection['stop'] {
    const { options, collected } = progress;
    const start = object.footer.chunkPosition(chunk);
    const left = progress.bytesMax - collected.bytes;
    const wish = {
      from,
      until: options.until,
      bytesMax: left,
      firstBytesMax: collected.bytes > 0 ? left : options.atLeastOne ? Number.POSITIVE_INFINITY : options.bytesMax,
    };
    let selected: BatchSelection;
    try {
      selected = selectBatches(got.bytes, position - start, wish, `L1 object ${object.key}, chunk ${chunk}`);
    } catch (error) {
      got.release();
      throw error;
    }
    this.#skippedBytes += selected.start - (position - start);
    if (selected.end > selected.start) {
      collected.add(got, selected.start, selected.end);
      progress.next = selected.nextOffset;
      const whole = selected.end === got.bytes.length;
      progress.at = { objectId: object.objectId, chunk: whole ? chunk + 1 : chunk, position: start + selected.end };
    } else got.release();
    return selected.stop;
  }

  /** The chunks to ask for at once, up to one GET: for who reads on all that are touched, else those that fit as a whole. */
  #wantEnd(progress: Progress, extent: OpenExtent, first: number, position: number): number {
    const { options, sequential, collected, bytesMax } = progress;
    const { footer } = extent.object;
    const getEnd = footer.chunkPosition(first) + this.#memory.runBytesMax;
    const wishEnd = position + bytesMax - collected.bytes;
    let end = first + 1;
    for (const limit = footer.endChunk(extent.section); end < limit; end++) {
      const fits = sequential ? footer.chunkPosition(end) < wishEnd : footer.chunkEnd(end) <= wishEnd;
      if (!fits || footer.chunkEnd(end) > getEnd || footer.chunkBaseOffset(end) >= options.until) break;
      if (this.#isEnough(progress, extent, end, footer.chunkPosition(end) - position)) break;
    }
    return end;
  }

  /** A reader that is read ahead for does not wait for a GET when it has half of what it asked for; a new one would be small, too. */
  #isEnough(
    { sequential, collected, bytesMax }: Progress,
    { object }: OpenExtent,
    chunk: number,
    more: number,
  ): boolean {
    const bytes = collected.bytes + more;
    return sequential && bytes > 0 && bytes * 2 >= bytesMax && !this.#chunks.isHere(object, chunk);
  }

  /** Remembers where the reader stands, and has what it will ask for next fetched. */
  #moved(progress: Progress, nothingThere: boolean): void {
    const { cursor, options, sequential, collected, next, at } = progress;
    const moves = collected.bytes > 0 || (nothingThere && sequential);
    // Another read that began at the same place may have moved the cursor meanwhile.
    if (!moves || cursor.gone || cursor.next !== options.from) return;
    if (nothingThere) cursor.moveTo(options.until, undefined);
    else cursor.moveTo(next, at);
    cursor.readBytes = collected.bytes;
    cursor.atEnd = cursor.next >= options.until;
    if (sequential) {
      // The next read is likely to be as large.
      const first = Math.min(windowBytesMax, Math.max(windowBytesMin, 2 * collected.bytes));
      const limits = { windowBytesMin: first, windowBytesMax, bytesMax: Math.floor(this.#memory.pooledBytesMax / 2) };
      const readers = this.#cursors.sequentialCount + (cursor.window === 0 ? 1 : 0);
      cursor.window = nextWindow(cursor.window, readers, limits);
    }
    this.#cursors.used(cursor);
    this.#readAhead(progress);
  }

  #readAhead({ cursor, options }: Progress): void {
    if (cursor.window > 0 && !cursor.gone) this.#ahead.follow(cursor, options.until);
  }

  async #findBatch(of: L1Partition, place: L1Place, from: Offset, timestamp: number | undefined) {
    const { object, section } = await this.#finder.open(of, place);
    const { footer } = object;
    const end = footer.endChunk(section);
    for (let chunk = footer.chunkOf(section, from); chunk < end; chunk++) {
      if (timestamp !== undefined && footer.chunk(chunk).maxTimestamp < timestamp) continue;
      using held = new HeldChunks(this.#chunks.want(object, chunk, chunk + 1));
      const got = (await held.next()) as HeldChunk;
      try {
        const found = findBatch(got.bytes, from, timestamp, `L1 object ${object.key}, chunk ${chunk}`);
        if (found !== undefined) return Buffer.from(found);
      } finally {
        got.release();
      }
    }
    return undefined;
  }
}

const isFull = ({ collected, bytesMax }: Progress): boolean => collected.bytes > 0 && collected.bytes >= bytesMax;
