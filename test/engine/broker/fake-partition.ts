// A partition in memory. Appends are staged at once, in the order of the calls, and settle at once, when told to, or never.

import { EngineError } from '../../../src/engine/base/errors.ts';
import type { Offset, Term, TimestampMs, TopicId } from '../../../src/engine/base/ids.ts';
import type { SlabRange } from '../../../src/engine/base/slab-pool.ts';
import type {
  AppendResult,
  FoundOffset,
  Partition,
  ReadOptions,
  ReadResult,
} from '../../../src/engine/partition/partition.ts';

export class FakePartition implements Partition {
  readonly topicId: TopicId;
  readonly index: number;
  term = 3 as Term;
  logStartOffset = 0 as Offset;
  /** One offset each. */
  readonly batches: Buffer[] = [];
  /** While set, appends wait for it. */
  gate: Promise<void> | undefined;
  /** Kept by whoever is not interested in the bytes. */
  keepBytes = true;
  failNext: Error | undefined;
  staged = 0;
  readsOpen = 0;
  readonly #listeners = new Set<() => void>();
  #count = 0;

  constructor(topicId: TopicId, index: number) {
    this.topicId = topicId;
    this.index = index;
  }

  get highWatermark(): Offset {
    return this.#count as Offset;
  }

  get lastStableOffset(): Offset {
    return this.highWatermark;
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  async append(records: SlabRange): Promise<AppendResult> {
    const baseOffset = this.staged++ as Offset;
    const { failNext } = this;
    this.failNext = undefined;
    if (failNext !== undefined) throw failNext;
    await this.gate;
    this.push(this.keepBytes ? Buffer.from(records.bytes) : Buffer.alloc(0));
    return { baseOffset, logAppendTimeMs: -1 as TimestampMs, logStartOffset: this.logStartOffset };
  }

  push(batch: Buffer): void {
    if (this.keepBytes) this.batches.push(batch);
    this.#count++;
    this.staged = Math.max(this.staged, this.#count);
    for (const listener of [...this.#listeners]) listener();
  }

  close(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  async read({ from, bytesMax, atLeastOne }: ReadOptions): Promise<ReadResult> {
    if (from > this.#count || from < this.logStartOffset) throw new EngineError('offset-out-of-range', 'out of range');
    const parts: Buffer[] = [];
    let bytes = 0;
    for (const batch of this.batches.slice(from)) {
      if (bytes + batch.length > bytesMax && !(atLeastOne && parts.length === 0)) break;
      parts.push(batch);
      bytes += batch.length;
    }
    this.readsOpen++;
    const { highWatermark, lastStableOffset, logStartOffset } = this;
    return {
      parts,
      bytes,
      highWatermark,
      lastStableOffset,
      logStartOffset,
      [Symbol.dispose]: () => void this.readsOpen--,
    };
  }

  bytesAvailable(from: Offset): number {
    return this.batches.slice(from).reduce((sum, batch) => sum + batch.length, 0);
  }

  onAdvance(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async offsetForTimestamp(timestamp: TimestampMs): Promise<FoundOffset | undefined> {
    return timestamp < this.#count
      ? { offset: timestamp as number as Offset, timestamp, leaderEpoch: this.term }
      : undefined;
  }

  async offsetOfMaxTimestamp(): Promise<FoundOffset | undefined> {
    if (this.#count === 0) return undefined;
    return { offset: (this.#count - 1) as Offset, timestamp: 77 as TimestampMs, leaderEpoch: this.term };
  }

  async deleteRecords(before: number): Promise<Offset> {
    if (before > this.#count) throw new EngineError('offset-out-of-range', 'out of range');
    this.logStartOffset = (before === -1 ? this.#count : before) as Offset;
    return this.logStartOffset;
  }

  endOffsetOfTerm(requested: Term): { term: Term; endOffset: Offset } | undefined {
    return requested >= this.term ? { term: this.term, endOffset: this.highWatermark } : undefined;
  }

  get sizeBytes(): number {
    return this.batches.reduce((sum, batch) => sum + batch.length, 0);
  }
}
