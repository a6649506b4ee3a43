// The L0 data of one round. Each L0 object is read at most once in a round, however many partitions and topics it feeds, and not at all
// where the batch cache still has what is wanted of it.
//
// - the memory for all that has to be read is taken before the round begins, so its jobs never wait for each other; what a round may
//   want is fitted to it (round-fit.ts)
// - what the batch cache loses between plan and use is read all the same: the whole stretch where there is memory for it at that moment,
//   else that batch alone
// What it refuses: to judge what it reads. The bytes are as the store gave them.

import { EngineError, hasCode } from '../base/errors.ts';
import { formatL0Key } from '../l0/l0-key-format.ts';
import type { PendingBatch } from '../partition/partition.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { ReadMemory, ReadReservation } from './read-memory.ts';
import { isMissing } from './round-fit.ts';
import type { Job } from './round-job.ts';

export interface RoundReadsOptions {
  readonly store: ObjectStore;
  readonly clusterId: string;
  readonly memory: ReadMemory;
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
  /** Jobs that have not ended and that it is kept for. */
  users: number;
  /** Memory for it; undefined while there is none. */
  memory: ReadReservation | undefined;
  /** While it is read, and then while anybody uses it. */
  bytes: Promise<Buffer> | undefined;
  /** It was read once more because it ended too early; now its end counts. */
  endIsSure: boolean;
}

export class RoundReads {
  readonly #options: RoundReadsOptions;
  readonly #spans = new Map<string, Span>();
  /** What each job has to read, as far as that was known when the round began. */
  readonly #foreseen = new Map<Job, Set<Span>>();

  constructor(options: RoundReadsOptions) {
    this.#options = options;
  }

  /** Says what the round wants and takes the memory for it: for all jobs, before any of them begins. */
  async prepare(jobs: readonly Job[], pause: () => Promise<void>): Promise<void> {
    for (const job of jobs) {
      const foreseen = new Set<Span>();
      for (const { batches } of job.parts) {
        for (const batch of batches) {
          const span = this.#want(batch);
          if (isMissing(batch)) foreseen.add(span);
        }
      }
      this.#foreseen.set(job, foreseen);
      await pause();
    }
    for (const foreseen of this.#foreseen.values()) {
      for (const span of foreseen) {
        if (this.#takeMemory(span)) span.users++;
        else foreseen.delete(span);
      }
    }
  }

  /** A job's share of them. */
  begin(job: Job): JobReads {
    return new JobReads({
      spanOf: (batch) => this.#spanOf(batch.object.id.name),
      get: (span, start, end) => this.#get(span, start, end),
      getWhole: (span) => this.#getWhole(span),
      takeMemory: (span) => this.#takeMemory(span),
      letGo: (span) => this.#letGo(span),
      spans: this.#foreseen.get(job) ?? new Set(),
    });
  }

  /** What no job has ended for, because the round was ended. */
  end(): void {
    for (const span of this.#spans.values()) this.#letGo(span);
    this.#spans.clear();
    this.#options.memory.rest();
  }

  #want({ object, position, length }: PendingBatch): Span {
    const { name } = object.id;
    let span = this.#spans.get(name);
    if (span === undefined) {
      const key = formatL0Key(this.#options.clusterId, object.id);
      span = {
        key,
        start: position,
        end: position + length,
        users: 0,
        memory: undefined,
        bytes: undefined,
        endIsSure: false,
      };
      this.#spans.set(name, span);
    } else {
      span.start = Math.min(span.start, position);
      span.end = Math.max(span.end, position + length);
    }
    return span;
  }

  #takeMemory(span: Span): boolean {
    span.memory ??= this.#options.memory.tryReserve(span.end - span.start);
    return span.memory !== undefined;
  }

  /** Nobody wants it any more. */
  #letGo(span: Span): void {
    const { memory, bytes } = span;
    span.memory = undefined;
    span.bytes = undefined;
    // What failed may still be filled.
    if (bytes === undefined) memory?.giveBack();
    else
      bytes.then(
        (came) => memory?.giveBack(came),
        () => memory?.giveBack(),
      );
  }

  #spanOf(name: string): Span {
    const span = this.#spans.get(name);
    if (span === undefined) throw new EngineError('bug', `nobody said that L0 object ${name} is wanted`);
    return span;
  }

  #getWhole(span: Span): Promise<Buffer> {
    return this.#get(span, span.start, span.end, span.memory?.take());
  }

  async #get({ key }: Span, start: number, end: number, into?: Buffer): Promise<Buffer> {
    const { store, pace, onRead, signal } = this.#options;
    await pace(end - start);
    const range = { start, end };
    try {
      const { bytes } = await store.get(key, { range, signal, ...(into === undefined ? {} : { into }) });
      onRead(bytes.length);
      return bytes;
    } catch (error) {
      if (!hasCode(error, 'usage')) throw error;
      // A range that begins behind the object's end is refused so, and other things are: only the size tells.
      const info = await store.head(key, { signal });
      throw info !== undefined && info.sizeBytes <= start ? new ObjectEndsEarly(key, range, error) : error;
    }
  }
}

/** An L0 object is there and does not reach to where a batch should lie. */
export class ObjectEndsEarly extends EngineError {
  constructor(key: string, range: { readonly start: number; readonly end: number }, cause?: unknown) {
    super('corrupt-object', `${key} ends before byte ${range.end}`, { cause, context: { key, ...range } });
  }
}

interface JobReadsOptions {
  readonly spanOf: (batch: PendingBatch) => Span;
  readonly get: (span: Span, start: number, end: number) => Promise<Buffer>;
  readonly getWhole: (span: Span) => Promise<Buffer>;
  readonly takeMemory: (span: Span) => boolean;
  readonly letGo: (span: Span) => void;
  /** Those that the job is a user of. */
  readonly spans: Set<Span>;
}

/** A job's share of the round's reads. */
export class JobReads implements Disposable {
  readonly #options: JobReadsOptions;

  constructor(options: JobReadsOptions) {
    this.#options = options;
  }

  /**
   * The batch as its L0 object has it, unchecked. Valid until disposed. Throws `ObjectEndsEarly` when the object did so twice, and what
   * the store throws.
   */
  async read(batch: PendingBatch): Promise<Buffer> {
    const { spanOf, get, getWhole } = this.#options;
    const span = spanOf(batch);
    const { position, length } = batch;
    if (!this.#holds(span)) {
      const alone = async () => cut(await get(span, position, position + length), span.key, position, batch);
      return await alone().catch((error: unknown) => {
        if (error instanceof ObjectEndsEarly) return alone();
        throw error;
      });
    }
    span.bytes ??= getWhole(span);
    const whole = span.bytes;
    try {
      return cut(await whole, span.key, span.start, batch);
    } catch (error) {
      const isLatest = span.bytes === whole;
      const endsEarly = error instanceof ObjectEndsEarly;
      if (endsEarly && isLatest && span.endIsSure) throw error;
      // The next one to want it tries again.
      if (isLatest) span.bytes = undefined;
      if (!endsEarly) throw error;
      if (isLatest) span.endIsSure = true;
      return await this.read(batch);
    }
  }

  /** The same, past what was read before: it may have been torn on its way. */
  readAgain(batch: PendingBatch): Promise<Buffer> {
    this.#options.spanOf(batch).bytes = undefined;
    return this.read(batch);
  }

  /** Whether the memory for it is taken; for one that was not foreseen it is, where that is possible. */
  #holds(span: Span): boolean {
    const { spans, takeMemory } = this.#options;
    if (spans.has(span)) return true;
    if (!takeMemory(span)) return false;
    spans.add(span);
    span.users++;
    return true;
  }

  /** Safe twice. */
  [Symbol.dispose](): void {
    const { spans, letGo } = this.#options;
    for (const span of spans) if (--span.users === 0) letGo(span);
    spans.clear();
  }
}

function cut(bytes: Buffer, key: string, start: number, { position, length }: PendingBatch): Buffer {
  const at = position - start;
  if (at + length > bytes.length) throw new ObjectEndsEarly(key, { start: position, end: position + length });
  return bytes.subarray(at, at + length);
}
