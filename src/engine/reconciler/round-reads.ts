// The L0 data of one round. Each L0 object is read at most once in a round, however many partitions and topics it feeds, and not at all
// where the batch cache still has what is wanted of it.
//
// - a job takes its memory before it begins, for all that it has to read: jobs never wait for each other half way
// - what the batch cache loses between plan and use is read all the same: the whole stretch where there is memory for it at that moment,
//   else that batch alone
// What it refuses: to judge what it reads. The bytes are as the store gave them.

import type { ByteBudget } from '../base/byte-budget.ts';
import { EngineError } from '../base/errors.ts';
import { formatL0Key } from '../l0/l0-key-format.ts';
import type { PendingBatch } from '../partition/partition.ts';
import type { ObjectStore } from '../store/object-store.ts';

export interface RoundReadsOptions {
  readonly store: ObjectStore;
  readonly clusterId: string;
  readonly memory: ByteBudget;
  readonly pace: (bytes: number) => Promise<void>;
  /** Told of every GET. */
  readonly onRead: (bytes: number) => void;
  readonly signal: AbortSignal;
}

/** What the round wants of one L0 object, from the first byte to the last. */
interface Span {
  readonly key: string;
  start: number;
  end: number;
  /** Jobs that it counts for. */
  users: number;
  /** While it is read, and then while anybody uses it. */
  bytes: Promise<Buffer> | undefined;
}

const lengthOf = ({ start, end }: Span): number => end - start;

export class RoundReads {
  readonly #options: RoundReadsOptions;
  readonly #spans = new Map<string, Span>();

  constructor(options: RoundReadsOptions) {
    this.#options = options;
  }

  /** Says what the round wants, of all jobs, before any of them begins. */
  want(batches: Iterable<PendingBatch>): void {
    for (const { object, position, length } of batches) {
      const { name } = object.id;
      const span = this.#spans.get(name);
      if (span === undefined) {
        const key = formatL0Key(this.#options.clusterId, object.id);
        this.#spans.set(name, { key, start: position, end: position + length, users: 0, bytes: undefined });
      } else {
        span.start = Math.min(span.start, position);
        span.end = Math.max(span.end, position + length);
      }
    }
  }

  /** Waits for the memory of what these batches need from the store. */
  async begin(batches: Iterable<PendingBatch>): Promise<JobReads> {
    const spans = new Set<Span>();
    for (const { object, records } of batches) {
      if (records?.alive !== true) spans.add(this.#spanOf(object.id.name));
    }
    let bytes = 0;
    for (const span of spans) bytes += lengthOf(span);
    const giveBack = await this.#options.memory.take(bytes);
    for (const span of spans) span.users++;
    return new JobReads({
      spanOf: (batch) => this.#spanOf(batch.object.id.name),
      get: (span, start, end) => this.#get(span, start, end),
      memory: this.#options.memory,
      spans,
      giveBack,
    });
  }

  #spanOf(name: string): Span {
    const span = this.#spans.get(name);
    if (span === undefined) throw new EngineError('bug', `nobody said that L0 object ${name} is wanted`);
    return span;
  }

  async #get({ key }: Span, start: number, end: number): Promise<Buffer> {
    const { store, pace, onRead, signal } = this.#options;
    await pace(end - start);
    const { bytes } = await store.get(key, { range: { start, end }, signal });
    onRead(bytes.length);
    return bytes;
  }
}

interface JobReadsOptions {
  readonly spanOf: (batch: PendingBatch) => Span;
  readonly get: (span: Span, start: number, end: number) => Promise<Buffer>;
  readonly memory: ByteBudget;
  readonly spans: Set<Span>;
  readonly giveBack: () => void;
}

/** A job's share of the round's reads. */
export class JobReads implements Disposable {
  readonly #options: JobReadsOptions;
  readonly #giveBack: (() => void)[];
  #done = false;

  constructor(options: JobReadsOptions) {
    this.#options = options;
    this.#giveBack = [options.giveBack];
  }

  /** The batch as its L0 object has it, unchecked. Valid until disposed. */
  async read(batch: PendingBatch): Promise<Buffer> {
    const { spanOf, get } = this.#options;
    const span = spanOf(batch);
    const { position, length } = batch;
    if (!this.#holds(span)) return cut(await get(span, position, position + length), span.key, position, batch);
    span.bytes ??= get(span, span.start, span.end);
    try {
      return cut(await span.bytes, span.key, span.start, batch);
    } catch (error) {
      // The next one to want it tries again.
      span.bytes = undefined;
      throw error;
    }
  }

  /** The same, past what was read before: it may have been torn on its way. */
  readAgain(batch: PendingBatch): Promise<Buffer> {
    this.#options.spanOf(batch).bytes = undefined;
    return this.read(batch);
  }

  /** Whether the memory for it is taken; for one that was not foreseen it is, where that is possible at once. */
  #holds(span: Span): boolean {
    const { spans, memory } = this.#options;
    if (spans.has(span)) return true;
    const giveBack = memory.tryTake(lengthOf(span));
    if (giveBack === undefined) return false;
    this.#giveBack.push(giveBack);
    spans.add(span);
    span.users++;
    return true;
  }

  [Symbol.dispose](): void {
    if (this.#done) return;
    this.#done = true;
    for (const span of this.#options.spans) if (--span.users === 0) span.bytes = undefined;
    for (const giveBack of this.#giveBack) giveBack();
  }
}

function cut(bytes: Buffer, key: string, start: number, { position, length }: PendingBatch): Buffer {
  const at = position - start;
  if (at + length > bytes.length) {
    throw new EngineError('corrupt-object', `${key} ends before byte ${position + length}`, {
      context: { key, start: position, end: position + length },
    });
  }
  return bytes.subarray(at, at + length);
}
