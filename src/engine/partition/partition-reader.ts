// Serves committed batches: from the batch cache where they still are, else from their L0 objects.
//
// Batches are handed out as they lie, whole. Bytes from the store are checked against place and CRC32C before they go out;
// when they do not match, the read fails with the object's key and range, and nothing is served in their place.

import { EngineError, hasCode } from '../base/errors.ts';
import { type Offset, offset, timestampMs } from '../base/ids.ts';
import type { L0Reader } from '../l0/l0.ts';
import {
  batchHeaderBytes,
  codecOf,
  isLogAppendTime,
  readBaseTimestamp,
  readBatchFacts,
  verifyStoredBatch,
} from '../records/record-batch-format.ts';
import { iterateRecords } from '../records/record-format.ts';
import { decompress } from '../records/records.ts';
import type { CommittedState } from './committed-state.ts';
import type { Extent, ExtentIndex } from './extent-index.ts';
import type { FoundOffset, ReadOptions, ReadResult } from './partition.ts';

export interface PartitionReaderOptions {
  /** For error messages. */
  readonly name: string;
  readonly state: CommittedState;
  readonly extents: ExtentIndex;
  readonly objects: L0Reader;
}

/** What one batch may unpack to when a timestamp is looked for inside it. */
const unpackedBytesMax = 256 * 1024 * 1024;
/** Extents of one read; bounds what a read of tiny batches collects. */
const extentsPerReadMax = 10_000;

/** Cached batches up to this size are copied into the answer: a pin would hold a whole slab for them until it was sent. */
const copyBytesMax = 32 * 1024;

/** One batch that the batch cache has, or consecutive extents of one object. */
type Run = { readonly cached: Buffer } | { readonly stored: Extent[] };

export class PartitionReader {
  readonly #options: PartitionReaderOptions;

  constructor(options: PartitionReaderOptions) {
    this.#options = options;
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
    const until = Math.min(options.until ?? state.nextOffset, state.nextOffset);
    if (from >= until) return this.#result([], []);
    const extents = await this.#select(options, until);
    const held: Disposable[] = [];
    try {
      return this.#result(await this.#readRuns(this.#runs(extents, held), held, options.signal), held);
    } catch (error) {
      letGo(held);
      throw error;
    }
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

  /** First record at or after a time. */
  async offsetForTimestamp(timestamp: number): Promise<FoundOffset | undefined> {
    const { state, extents } = this.#options;
    if (timestamp > state.maxTimestamp) return undefined;
    for (const segment of extents.segments) {
      if (segment.maxTimestamp < timestamp) continue;
      return this.#firstFrom(offset(Math.max(segment.baseOffset, state.logStartOffset)), timestamp);
    }
    return undefined;
  }

  /** Looks from an offset on until a record matches; the one that led here may lie below the log start. */
  async #firstFrom(from: Offset, timestamp: number): Promise<FoundOffset | undefined> {
    const { state, extents } = this.#options;
    let next = from;
    while (next < state.nextOffset) {
      const chunk = extents.recentFrom(next) ?? (await extents.coldFrom(next));
      for (let at = chunk.start; at < chunk.extents.length; at++) {
        const extent = chunk.extents[at] as Extent;
        next = offset(extent.lastOffset + 1);
        if (extent.maxTimestamp < timestamp) continue;
        const found = await this.#firstInBatch(extent, (one) => one >= timestamp);
        if (found !== undefined) return found;
      }
    }
    return undefined;
  }

  /** The first record with the greatest timestamp. */
  async offsetOfMaxTimestamp(): Promise<FoundOffset | undefined> {
    const { state, extents } = this.#options;
    if (state.nextOffset === state.logStartOffset) return undefined;
    let best: Extent | undefined;
    if (state.maxTimestampOffset >= state.logStartOffset) {
      const chunk = extents.recentFrom(state.maxTimestampOffset) ?? (await extents.coldFrom(state.maxTimestampOffset));
      best = chunk.extents[chunk.start];
    } else {
      best = await this.#greatestFrom(state.logStartOffset);
    }
    if (best === undefined) return undefined;
    const { maxTimestamp } = best;
    return this.#firstInBatch(best, (one) => one === maxTimestamp);
  }

  async #greatestFrom(from: Offset): Promise<Extent | undefined> {
    const { state, extents } = this.#options;
    let best: Extent | undefined;
    let next = from;
    while (next < state.nextOffset) {
      const chunk = extents.recentFrom(next) ?? (await extents.coldFrom(next));
      for (let at = chunk.start; at < chunk.extents.length; at++) {
        const extent = chunk.extents[at] as Extent;
        next = offset(extent.lastOffset + 1);
        if (best === undefined || extent.maxTimestamp > best.maxTimestamp) best = extent;
      }
    }
    return best;
  }

  async #firstInBatch(extent: Extent, matches: (timestamp: number) => boolean): Promise<FoundOffset | undefined> {
    const held: Disposable[] = [];
    try {
      const parts = await this.#readRuns(this.#runs([extent], held), held, undefined);
      const batch = parts[0] as Buffer;
      const facts = readBatchFacts(batch);
      const found = (delta: number, timestamp: number): FoundOffset => ({
        offset: offset(extent.baseOffset + delta),
        timestamp: timestampMs(timestamp),
        leaderEpoch: extent.term,
      });
      const { logStartOffset } = this.#options.state;
      if (isLogAppendTime(facts.attributes)) {
        if (!matches(facts.maxTimestamp)) return undefined;
        return found(Math.max(0, logStartOffset - extent.baseOffset), facts.maxTimestamp);
      }
      const base = readBaseTimestamp(batch);
      const records = await decompress(codecOf(facts.attributes), batch.subarray(batchHeaderBytes), unpackedBytesMax);
      for (const record of iterateRecords(records, facts.count)) {
        const timestamp = base + record.timestampDelta;
        if (extent.baseOffset + record.offsetDelta < logStartOffset || !matches(timestamp)) continue;
        return found(record.offsetDelta, timestamp);
      }
      return undefined;
    } finally {
      letGo(held);
    }
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

function letGo(held: Disposable[]): void {
  for (const one of held.splice(0)) one[Symbol.dispose]();
}
