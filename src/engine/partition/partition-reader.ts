// Serves committed batches: reconciled offsets (up to the LRO) from L1, those above from L0. Both from the batch cache where it still
// has them.
//
// - a read never crosses from one to the other; the next one goes on. It is routed by the LRO as it is when it begins, so nothing is
//   left out or given twice while the LRO moves under it
// - batches are handed out as they lie, whole. Bytes from the store are checked against place and CRC32C before they go out;
//   when they do not match, the read fails with the object's key and range, and nothing is served in their place
// - where compaction or aborted transactions left nothing up to the end, a batch without data leads readers over it
// - a read of L0 data pins the offset it begins at until it has its bytes

import { EngineError, hasCode } from '../base/errors.ts';
import { type Offset, offset, type Term } from '../base/ids.ts';
import type { L0Reader } from '../l0/l0.ts';
import { encodeGapBatch } from '../records/build-batch-format.ts';
import { verifyStoredBatch } from '../records/record-batch-format.ts';
import type { CommittedState } from './committed-state.ts';
import type { Extent, ExtentIndex } from './extent-index.ts';
import type { History } from './history.ts';
import type { PartitionName, ReadOptions, ReadResult } from './partition.ts';
import type { ReaderPins } from './reader-pins.ts';

export interface PartitionReaderOptions extends PartitionName {
  /** For error messages. */
  readonly name: string;
  readonly term: Term;
  readonly state: CommittedState;
  readonly extents: ExtentIndex;
  readonly objects: L0Reader;
  readonly history: History;
  readonly pins: ReaderPins;
  /** Throws when the term is over. */
  readonly mustLead: () => void;
}

/** Extents of one read; bounds what a read of tiny batches collects. */
const extentsPerReadMax = 10_000;

/** Cached batches up to this size are copied into the answer: a pin would hold a whole slab for them until it was sent. */
const copyBytesMax = 32 * 1024;

/** What one such batch can cover: its last offset delta is an int32. */
const gapOffsetsMax = 0x7fff_ffff;

/** One batch that the batch cache has, or consecutive extents of one object. */
type Run = { readonly cached: Buffer } | { readonly stored: Extent[] };

export class PartitionReader {
  readonly #options: PartitionReaderOptions;
  /** Reconciled offsets below this come from L1 alone, also where the batch cache has them. */
  #cacheFloor = 0;

  constructor(options: PartitionReaderOptions) {
    this.#options = options;
  }

  /** Nothing below the offset is served from L0 or the batch cache any more. Reads under way are not waited for. */
  leaveCache(below: Offset): void {
    this.#cacheFloor = Math.max(this.#cacheFloor, below);
  }

  async read(options: ReadOptions): Promise<ReadResult> {
    const { state } = this.#options;
    const { from } = options;
    if (from < state.logStartOffset || from > state.nextOffset) {
      throw new EngineError(
        'offset-out-of-range',
        `${this.#options.name}: offset ${from} is outside ${state.logStartOffset} to ${state.nextOffset}`,
      );
    }
    const until = offset(Math.min(options.until ?? state.nextOffset, state.nextOffset));
    if (from >= until) return this.#result([], []);
    if (from >= state.reconciledEnd) return this.#readL0(options, until);
    return this.#readCached(options, until) ?? this.#readHistory(options, until);
  }

  #result(parts: Buffer[], held: Disposable[]): ReadResult {
    const { state } = this.#options;
    return {
      parts,
      bytes: parts.reduce((sum, part) => sum + part.length, 0),
      highWatermark: state.nextOffset,
      lastStableOffset: state.nextOffset,
      logStartOffset: state.logStartOffset,
      [Symbol.dispose]() {
        letGo(held);
      },
    };
  }

  async #readL0(options: ReadOptions, until: Offset): Promise<ReadResult> {
    using _pin = this.#options.pins.pin(options.from);
    const held: Disposable[] = [];
    try {
      const extents = await this.#select(options, until);
      return this.#result(await this.#readRuns(this.#runs(extents, held), held, options.signal), held);
    } catch (error) {
      letGo(held);
      throw error;
    }
  }

  /** What of reconciled offsets the batch cache has, without a gap; undefined when not even the first. All in one turn. */
  #readCached(options: ReadOptions, until: Offset): ReadResult | undefined {
    const { from, bytesMax, atLeastOne } = options;
    const recent = from < this.#cacheFloor ? undefined : this.#options.extents.recentFrom(from);
    if (recent === undefined) return undefined;
    const held: Disposable[] = [];
    const parts: Buffer[] = [];
    let bytes = 0;
    for (let at = recent.start; at < recent.extents.length && parts.length < extentsPerReadMax; at++) {
      const extent = recent.extents[at] as Extent;
      const fits = bytes + extent.length <= bytesMax || (parts.length === 0 && atLeastOne);
      if (extent.baseOffset >= until || !fits) break;
      const cached = fromBatchCache(extent, held);
      if (cached === undefined) break;
      parts.push(cached);
      bytes += cached.length;
    }
    return parts.length === 0 ? undefined : this.#result(parts, held);
  }

  async #readHistory(options: ReadOptions, until: Offset): Promise<ReadResult> {
    const { state, history } = this.#options;
    const end = offset(Math.min(state.reconciledEnd, until));
    const read = await history.read(this.#options, { ...options, until: end });
    if (!read.nothingThere) return this.#result([...read.parts], [read]);
    read[Symbol.dispose]();
    if (end < until) {
      // It pins nothing until now: where the next leader's L0 begins, this one does not know.
      this.#options.mustLead();
      return this.read({ ...options, from: end });
    }
    const last = Math.min(end - 1, options.from + gapOffsetsMax);
    return this.#result([encodeGapBatch(options.from, last, this.#options.term)], []);
  }

  /** The extents to return: the first whole even when it is too large, the others while they fit. */
  async #select(options: ReadOptions, until: number): Promise<Extent[]> {
    const selected: Extent[] = [];
    let bytes = 0;
    let next: Offset = options.from;
    while (next < until && selected.length < extentsPerReadMax) {
      const { extents, start } = this.#options.extents.recentFrom(next) ?? (await this.#options.extents.coldFrom(next));
      let at = start;
      for (; at < extents.length; at++) {
        const extent = extents[at] as Extent;
        if (extent.baseOffset >= until || selected.length >= extentsPerReadMax) return selected;
        const fits = bytes + extent.length <= options.bytesMax;
        if (!fits && (selected.length > 0 || !options.atLeastOne)) return selected;
        selected.push(extent);
        bytes += extent.length;
        if (!fits) return selected;
      }
      const last = selected.at(-1);
      if (at === start || last === undefined) return selected;
      next = offset(last.lastOffset + 1);
    }
    return selected;
  }

  /** A whole batch of L0, for who looks into it. Valid until what it holds is let go. */
  async batchOf(extent: Extent, held: Disposable[]): Promise<Buffer> {
    const parts = await this.#readRuns(this.#runs([extent], held), held, undefined);
    return parts[0] as Buffer;
  }

  /** Cuts the extents into runs; what the batch cache has is pinned or copied here, in one turn, before anything is awaited. */
  #runs(extents: readonly Extent[], held: Disposable[]): Run[] {
    const runs: Run[] = [];
    let stored: Extent[] | undefined;
    for (const extent of extents) {
      const cached = fromBatchCache(extent, held);
      const previous = stored?.at(-1);
      if (cached !== undefined) {
        runs.push({ cached });
        stored = undefined;
      } else if (stored !== undefined && previous !== undefined && follows(previous, extent)) {
        stored.push(extent);
      } else {
        stored = [extent];
        runs.push({ stored });
      }
    }
    return runs;
  }

  /** All runs at once: objects of small batches are many, and each is a round trip to the store. */
  async #readRuns(runs: readonly Run[], held: Disposable[], signal: AbortSignal | undefined): Promise<Buffer[]> {
    const outcomes = await Promise.allSettled(runs.map((run) => this.#readRun(run, held, signal)));
    return outcomes.map((outcome) => {
      if (outcome.status === 'rejected') throw outcome.reason;
      return outcome.value;
    });
  }

  async #readRun(run: Run, held: Disposable[], signal: AbortSignal | undefined): Promise<Buffer> {
    if ('cached' in run) return run.cached;
    try {
      return await this.#readStored(run.stored, held, signal);
    } catch (error) {
      // What came may have been torn on its way: damage counts only when it is still there the second time.
      if (!hasCode(error, 'corrupt-object')) throw error;
      this.#options.objects.forget((run.stored[0] as Extent).object);
      return await this.#readStored(run.stored, held, signal);
    }
  }

  async #readStored(extents: readonly Extent[], held: Disposable[], signal: AbortSignal | undefined): Promise<Buffer> {
    const first = extents[0] as Extent;
    const last = extents.at(-1) as Extent;
    const range = { start: first.position, end: last.position + last.length };
    const stored = await this.#options.objects.read(first.object, range, signal);
    held.push(stored);
    for (const extent of extents) {
      const at = extent.position - first.position;
      verifyStoredBatch(
        stored.bytes.subarray(at, at + extent.length),
        extent.baseOffset,
        `L0 object ${extent.object.id.name}, bytes ${extent.position} to ${extent.position + extent.length}`,
      );
    }
    return stored.bytes;
  }
}

/** The batch cache's bytes, held until the answer was sent; undefined when it has them no more. */
function fromBatchCache({ records }: Extent, held: Disposable[]): Buffer | undefined {
  if (records === undefined || !records.alive) return undefined;
  if (records.length <= copyBytesMax || records.scarce) return Buffer.from(records.bytes);
  records.pin();
  held.push({ [Symbol.dispose]: () => records.unpin() });
  return records.bytes;
}

const follows = (previous: Extent, extent: Extent): boolean =>
  previous.object.id.name === extent.object.id.name && previous.position + previous.length === extent.position;

export function letGo(held: Disposable[]): void {
  for (const one of held.splice(0)) one[Symbol.dispose]();
}
