// What a leader has staged and not committed: batches with their offsets given out, in the order in which they were staged.
//
// - offsets, stamps and links are given when a batch is staged, before its upload
// - a share (this partition's batches in one object) that fails takes everything staged behind it along; the staged state falls back to
//   just before it, what is ahead goes on, and the attempt goes up by one
// - a duplicate of a staged batch gets that batch's outcome
// Durable: nothing of it. A crash forgets it, and nobody was told otherwise.

import { EngineError } from '../base/errors.ts';
import { type Offset, offset, type Stamp, type TimestampMs, timestampMs } from '../base/ids.ts';
import type { SlabRange } from '../base/slab-pool.ts';
import type { L0Share, L0Source, L0Writer } from '../l0/l0.ts';
import { isLogAppendTime, patchPlace, patchTimestampType, timestampTypeBit } from '../records/record-batch-format.ts';
import { type BatchRules, validateBatch } from '../records/records.ts';
import { entriesOfReady, type QueuedShare } from './commit-entries.ts';
import type { AppendResult } from './partition.ts';
import type { ProducerTable } from './producer-table.ts';
import { StagedBatch } from './staged-batch.ts';

export interface StagingOptions {
  readonly source: L0Source;
  readonly writer: L0Writer;
  readonly producers: ProducerTable<StagedBatch>;
  readonly rules: () => BatchRules;
  /** The committed end and the stamp of the batch below it. */
  readonly end: Offset;
  readonly lastStamp: Stamp;
  /** Of this leader, in its first attempt. */
  readonly stamp: Stamp;
}

export class Staging {
  readonly #options: StagingOptions;
  #end: Offset;
  #lastStamp: Stamp;
  #stamp: Stamp;
  /** Staged shares in order; the committing ones are at the head. */
  #queue: QueuedShare[] = [];
  #committing = 0;

  constructor(options: StagingOptions) {
    this.#options = options;
    this.#end = options.end;
    this.#lastStamp = options.lastStamp;
    this.#stamp = options.stamp;
  }

  /** Staged shares that are not settled. */
  get shares(): number {
    return this.#queue.length;
  }

  get committing(): boolean {
    return this.#committing > 0;
  }

  get headIsReady(): boolean {
    return this.#queue[0]?.state === 'ready';
  }

  /** Validates, judges and stages one batch; throws what the producer is answered with. */
  stage(records: SlabRange, nowMs: number, logStartOffset: Offset): Promise<AppendResult> {
    const bytes = records.bytes;
    const rules = this.#options.rules();
    const facts = validateBatch(bytes, rules, nowMs);
    const verdict = this.#options.producers.check(facts);
    if (verdict.kind === 'staged-duplicate') return verdict.batch.outcome;
    if (verdict.kind === 'committed-duplicate') {
      return Promise.resolve({
        baseOffset: offset(verdict.baseOffset),
        logAppendTimeMs: timestampMs(-1),
        logStartOffset,
      });
    }
    if (rules.logAppendTime) patchTimestampType(bytes, nowMs);
    else if (isLogAppendTime(facts.attributes)) patchTimestampType(bytes, undefined);
    patchPlace(bytes, this.#end, this.#stamp.term);
    const batch = new StagedBatch({
      records,
      stamp: this.#stamp,
      link: this.#lastStamp,
      baseOffset: this.#end,
      lastOffset: offset(this.#end + facts.count - 1),
      producerId: facts.producerId,
      producerEpoch: facts.producerEpoch,
      baseSequence: facts.baseSequence,
      count: facts.count,
      attributes: rules.logAppendTime ? facts.attributes | timestampTypeBit : facts.attributes & ~timestampTypeBit,
      maxTimestamp: timestampMs(rules.logAppendTime ? nowMs : facts.maxTimestamp),
      logAppendTimeMs: timestampMs(rules.logAppendTime ? nowMs : -1),
    });
    this.#add(batch);
    return batch.outcome;
  }

  #add(batch: StagedBatch): void {
    const { producers, writer, source } = this.#options;
    producers.stage(batch);
    this.#end = offset(batch.lastOffset + 1);
    this.#lastStamp = batch.stamp;
    const share = writer.stage(source, batch);
    const last = this.#queue.at(-1);
    if (last?.share === share) last.batches.push(batch);
    else this.#queue.push({ share, batches: [batch], state: 'staged' });
  }

  /** Whether something at the head can be committed now. */
  uploaded(share: L0Share): boolean {
    const queued = this.#queue.find((one) => one.share === share);
    if (queued === undefined) return false; // failed meanwhile, with one that was staged before it
    queued.state = 'ready';
    return queued === this.#queue[0];
  }

  failed(share: L0Share, error: EngineError): void {
    const at = this.#queue.findIndex((one) => one.share === share);
    if (at >= 0) this.#failFrom(at, error);
  }

  /** The commit under way was refused: what it took of the staged shares fails, with all that is behind it. */
  commitRefused(error: EngineError): void {
    if (this.#committing === 0) return;
    this.#committing = 0;
    this.#failFrom(0, error);
  }

  /** Throws away the staged share at `at` and all behind it: just before it, nothing changes. */
  #failFrom(at: number, error: EngineError): void {
    const failed = this.#queue.splice(at);
    const first = failed[0]?.batches[0];
    if (first === undefined) return;
    this.#end = first.baseOffset;
    this.#lastStamp = first.link;
    this.#stamp = { ...this.#stamp, attempt: this.#stamp.attempt + 1 };
    this.#options.producers.fail(batchesOf(failed), batchesOf(this.#queue));
    const behind = new EngineError('upload-failed', `a batch staged before this one failed: ${error.message}`, {
      cause: error,
    });
    failed.forEach((one, place) => {
      this.#options.writer.withdraw(one.share);
      for (const batch of one.batches) batch.fail(place === 0 ? error : behind);
    });
  }

  /** Log entries for what is ready at the head, which is committing from then on. */
  takeReady(appendedAtMs: TimestampMs): Buffer[] {
    const { taken, entries } = entriesOfReady(this.#queue, appendedAtMs);
    for (const queued of taken) queued.state = 'committing';
    this.#committing = taken.length;
    return entries;
  }

  /** What was committing is committed. */
  takeCommitted(): readonly QueuedShare[] {
    const committed = this.#queue.splice(0, this.#committing);
    this.#committing = 0;
    return committed;
  }

  /** The term is over: everything that is staged fails. */
  abandon(error: EngineError): void {
    this.#committing = 0;
    const staged = this.#queue;
    this.#queue = [];
    this.#options.producers.fail(batchesOf(staged), []);
    for (const { share } of staged) this.#options.writer.withdraw(share);
    for (const { batches } of staged) for (const batch of batches) batch.fail(error);
  }
}

const batchesOf = (queue: readonly QueuedShare[]): StagedBatch[] => queue.flatMap((one) => one.batches);
