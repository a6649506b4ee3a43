// Offsets by time: the first record at or after a time, and the record with the greatest one.
//
// L0 is asked first, then L1, and what L1 finds comes first: data only moves from L0 to L1, so in this order none can be missed.

import { hasCode } from '../base/errors.ts';
import { type Offset, offset, type Term, timestampMs } from '../base/ids.ts';
import {
  batchHeaderBytes,
  codecOf,
  isLogAppendTime,
  readBaseTimestamp,
  readBatchFacts,
  readLeaderEpoch,
} from '../records/record-batch-format.ts';
import { iterateRecords } from '../records/record-format.ts';
import { decompress } from '../records/records.ts';
import type { CommittedState } from './committed-state.ts';
import type { Extent, ExtentIndex } from './extent-index.ts';
import type { History } from './history.ts';
import type { FoundOffset, PartitionName } from './partition.ts';
import { letGo, type PartitionReader } from './partition-reader.ts';
import type { ReaderPins } from './reader-pins.ts';

export interface TimestampQueriesOptions extends PartitionName {
  readonly state: CommittedState;
  readonly extents: ExtentIndex;
  readonly reader: PartitionReader;
  readonly history: History;
  readonly pins: ReaderPins;
}

/** What one batch may unpack to when a timestamp is looked for inside it. */
const unpackedBytesMax = 256 * 1024 * 1024;

type Matches = (timestamp: number) => boolean;

export class TimestampQueries {
  readonly #options: TimestampQueriesOptions;

  constructor(options: TimestampQueriesOptions) {
    this.#options = options;
  }

  /** First record at or after a time. */
  async firstAtOrAfter(timestamp: number): Promise<FoundOffset | undefined> {
    const { state } = this.#options;
    if (timestamp > state.maxTimestamp) return undefined;
    const inL0 = await this.#firstInL0(timestamp);
    return (await this.#firstInL1(timestamp)) ?? inL0;
  }

  /** The first record with the greatest timestamp. */
  async ofMax(): Promise<FoundOffset | undefined> {
    const { state } = this.#options;
    for (;;) {
      const { logStartOffset } = state;
      if (state.nextOffset === logStartOffset) return undefined;
      const inL0 = await this.#greatestInL0();
      const found = laterOf(await this.#greatestInL1(), inL0);
      // What was found may be deleted by now; then the rest is asked.
      if (state.logStartOffset === logStartOffset) return found;
    }
  }

  async #greatestInL1(): Promise<FoundOffset | undefined> {
    const { state, history } = this.#options;
    const { logStartOffset, reconciledEnd, maxTimestamp, maxTimestampOffset } = state;
    if (reconciledEnd <= logStartOffset) return undefined;
    const isKnown = maxTimestampOffset >= logStartOffset && maxTimestampOffset < reconciledEnd;
    const known = isKnown ? await history.batchAt(this.#options, maxTimestampOffset) : undefined;
    // Compaction may have taken that record away: then all batches are asked.
    const isThere = known !== undefined && readBatchFacts(known).maxTimestamp === maxTimestamp;
    const batch = isThere ? known : await history.batchOfMaxTimestamp(this.#options, logStartOffset);
    if (batch === undefined) return undefined;
    const found = await this.#greatestInBatch(batch);
    const { baseOffset, lastOffsetDelta } = readBatchFacts(batch);
    const behind = offset(baseOffset + lastOffsetDelta + 1);
    if (baseOffset >= logStartOffset || behind >= reconciledEnd) return found;
    // The log starts in the middle of it, and the record that its time is of may lie before.
    const next = await history.batchOfMaxTimestamp(this.#options, behind);
    return next === undefined ? found : laterOf(found, await this.#greatestInBatch(next));
  }

  async #firstInL0(timestamp: number): Promise<FoundOffset | undefined> {
    const { state, extents, pins } = this.#options;
    const from = this.#l0Start;
    using _pin = pins.pin(from);
    for (const [at, segment] of extents.segments.entries()) {
      if (segment.maxTimestamp < timestamp) continue;
      if ((extents.segments[at + 1]?.baseOffset ?? state.nextOffset) <= from) continue;
      // Awaited here: the pin must outlast it.
      return await this.#firstFrom(offset(Math.max(segment.baseOffset, from)), timestamp);
    }
    return undefined;
  }

  get #l0Start(): Offset {
    const { state } = this.#options;
    return offset(Math.max(state.logStartOffset, state.reconciledEnd));
  }

  /** Looks from an offset on until a record matches; the one that led here may lie below the log start. */
  async #firstFrom(from: Offset, timestamp: number): Promise<FoundOffset | undefined> {
    for await (const extent of this.#extentsFrom(from)) {
      if (extent.maxTimestamp < timestamp) continue;
      const found = await this.#inExtent(extent, (batch) => this.#firstInBatch(batch, (one) => one >= timestamp));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  async *#extentsFrom(from: Offset): AsyncGenerator<Extent> {
    const { state, extents } = this.#options;
    for (let next = from; next < state.nextOffset; ) {
      const chunk = extents.recentFrom(next) ?? (await extents.coldFrom(next));
      for (let at = chunk.start; at < chunk.extents.length; at++) {
        const extent = chunk.extents[at] as Extent;
        next = offset(extent.lastOffset + 1);
        yield extent;
      }
    }
  }

  async #firstInL1(timestamp: number): Promise<FoundOffset | undefined> {
    const { state, history } = this.#options;
    const { reconciledEnd } = state;
    for (let from = state.logStartOffset; from < reconciledEnd; ) {
      const batch = await history.batchAtTimestamp(this.#options, from, timestamp);
      if (batch === undefined) return undefined;
      const { baseOffset, lastOffsetDelta } = readBatchFacts(batch);
      if (baseOffset >= reconciledEnd) return undefined;
      const found = await this.#firstInBatch(batch, (one) => one >= timestamp);
      if (found !== undefined) return found;
      from = offset(baseOffset + lastOffsetDelta + 1);
    }
    return undefined;
  }

  async #greatestInL0(): Promise<FoundOffset | undefined> {
    const { state, extents, pins } = this.#options;
    const from = this.#l0Start;
    using _pin = pins.pin(from);
    if (from >= state.nextOffset) return undefined;
    let best: Extent | undefined;
    if (state.maxTimestampOffset >= from) {
      const chunk = extents.recentFrom(state.maxTimestampOffset) ?? (await extents.coldFrom(state.maxTimestampOffset));
      best = chunk.extents[chunk.start];
    } else best = await this.#greatestExtent(from);
    if (best === undefined) return undefined;
    const found = await this.#inExtent(best, (batch) => this.#greatestInBatch(batch));
    if (best.baseOffset >= from) return found;
    // The log starts in the middle of it, and the record that its time is of may lie before.
    const next = await this.#greatestExtent(offset(best.lastOffset + 1));
    return next === undefined
      ? found
      : laterOf(found, await this.#inExtent(next, (batch) => this.#greatestInBatch(batch)));
  }

  async #greatestExtent(from: Offset): Promise<Extent | undefined> {
    let best: Extent | undefined;
    for await (const extent of this.#extentsFrom(from)) {
      if (best === undefined || extent.maxTimestamp > best.maxTimestamp) best = extent;
    }
    return best;
  }

  async #inExtent(
    extent: Extent,
    look: (batch: Buffer) => Promise<FoundOffset | undefined>,
  ): Promise<FoundOffset | undefined> {
    const held: Disposable[] = [];
    try {
      return await look(await this.#options.reader.batchOf(extent, held));
    } finally {
      letGo(held);
    }
  }

  /** The first record of those with the greatest timestamp, from the log start on. */
  async #greatestInBatch(batch: Buffer): Promise<FoundOffset | undefined> {
    const { maxTimestamp } = readBatchFacts(batch);
    const found = await this.#firstInBatch(batch, (one) => one === maxTimestamp);
    if (found !== undefined) return found;
    let greatest = Number.NEGATIVE_INFINITY;
    await this.#firstInBatch(batch, (one) => {
      greatest = Math.max(greatest, one);
      return false;
    });
    return await this.#firstInBatch(batch, (one) => one === greatest);
  }

  async #firstInBatch(batch: Buffer, matches: Matches): Promise<FoundOffset | undefined> {
    const facts = readBatchFacts(batch);
    const leaderEpoch = readLeaderEpoch(batch) as Term;
    const found = (delta: number, timestamp: number): FoundOffset => ({
      offset: offset(facts.baseOffset + delta),
      timestamp: timestampMs(timestamp),
      leaderEpoch,
    });
    const { logStartOffset } = this.#options.state;
    const appendTime = isLogAppendTime(facts.attributes);
    if (appendTime && !matches(facts.maxTimestamp)) return undefined;
    if (logStartOffset > facts.baseOffset + facts.lastOffsetDelta) return undefined;
    // All records have the one time, and none is missing: there is no need to unpack them.
    if (appendTime && facts.count === facts.lastOffsetDelta + 1) {
      return found(Math.max(0, logStartOffset - facts.baseOffset), facts.maxTimestamp);
    }
    const base = readBaseTimestamp(batch);
    try {
      const records = await decompress(codecOf(facts.attributes), batch.subarray(batchHeaderBytes), unpackedBytesMax);
      for (const record of iterateRecords(records, facts.count)) {
        const timestamp = appendTime ? facts.maxTimestamp : base + record.timestampDelta;
        if (facts.baseOffset + record.offsetDelta < logStartOffset || !matches(timestamp)) continue;
        return found(record.offsetDelta, timestamp);
      }
    } catch (error) {
      // A batch that cannot be unpacked tells no times, and must not keep anybody from finding those behind it.
      if (!hasCode(error, 'invalid-record', 'unsupported-codec')) throw error;
    }
    return undefined;
  }
}

/** The one with the greater timestamp; the first where they are the same. */
function laterOf(first: FoundOffset | undefined, second: FoundOffset | undefined): FoundOffset | undefined {
  if (first === undefined || second === undefined) return first ?? second;
  return second.timestamp > first.timestamp ? second : first;
}
