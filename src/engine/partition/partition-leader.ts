// The leader of one partition: the only writer under its term.
//
// Offsets are assigned when a batch is staged, before its upload; a batch is acknowledged when its object was uploaded,
// ownership confirmed after that, and its placeholder committed under the term. The rules for what fails:
// - a share (this partition's batches in one object) that fails takes everything staged behind it along; the staged state
//   falls back to just before it, what is ahead goes on, and the attempt goes up by one
// - an unknown or fenced commit ends the term: everything staged fails, and the partition is opened again from its log
// - a duplicate of a staged batch gets that batch's outcome
// Durable: the log's entries. Replayed: by opening the partition (partition-opening.ts).

import type { Clock } from '../base/clock.ts';
import { EngineError, toEngineError } from '../base/errors.ts';
import {
  type ClusterEpoch,
  type Incarnation,
  type Offset,
  offset,
  type Stamp,
  type Term,
  type TopicId,
  timestampMs,
} from '../base/ids.ts';
import type { Logger } from '../base/logger.ts';
import type { SlabRange } from '../base/slab-pool.ts';
import type { L0Object, L0Reader, L0Share, L0Source, L0Writer } from '../l0/l0.ts';
import { isLogAppendTime, patchPlace, patchTimestampType, timestampTypeBit } from '../records/record-batch-format.ts';
import { type BatchRules, validateBatch } from '../records/records.ts';
import type { AppendOutcome, GroupAppend, ReplicatedLog } from '../replicated-log/replicated-log.ts';
import { entriesOfReady, type QueuedShare } from './commit-entries.ts';
import type { CommittedState } from './committed-state.ts';
import type { CommitSource, Committer } from './committer.ts';
import type { Extent, ExtentIndex } from './extent-index.ts';
import { LogStartMove } from './log-start-move.ts';
import type { AppendResult, FoundOffset, Partition, ReadOptions, ReadResult } from './partition.ts';
import { PartitionReader } from './partition-reader.ts';
import { encodePartitionSnapshot } from './partition-snapshot-format.ts';
import type { AwaitedProducers, ProducerTable } from './producer-table.ts';
import { SnapshotKeeper } from './snapshot-keeper.ts';
import { StagedBatch } from './staged-batch.ts';

/** What partitions share. */
export interface PartitionServices {
  readonly log: ReplicatedLog;
  readonly committer: Committer;
  readonly writer: L0Writer;
  readonly reader: L0Reader;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly incarnation: Incarnation;
  /** Resolves while this process owns the bucket; rejects when it does not, or that cannot be found out. */
  readonly confirmOwnership: () => Promise<void>;
}

/** What opening read from the log. */
export interface OpenedPartition {
  readonly topicId: TopicId;
  readonly index: number;
  readonly group: string;
  readonly term: Term;
  readonly logEnd: number;
  readonly snapshotIndex: number;
  readonly state: CommittedState;
  readonly extents: ExtentIndex;
  readonly producers: ProducerTable<StagedBatch>;
  /** The topic's rules as they are now. */
  readonly rules: () => BatchRules;
  /** The term is over: the partition must be opened again (or, when fenced, left to its new leader). */
  readonly onTermOver: (error: EngineError, awaited: AwaitedProducers) => void;
}

export class PartitionLeader implements Partition, L0Source, CommitSource {
  readonly topicId: TopicId;
  readonly index: number;
  readonly term: Term;
  readonly #services: PartitionServices;
  readonly #opened: OpenedPartition;
  readonly #state: CommittedState;
  readonly #reader: PartitionReader;
  #attempt = 0;
  #stagedEnd: Offset;
  #stagedStamp: Stamp;
  #stamp: Stamp;
  /** Staged shares in order; the committing ones are at the head. */
  #queue: QueuedShare[] = [];
  #committing = 0;
  #logEnd: number;
  readonly #snapshots: SnapshotKeeper;
  readonly #logStartMove: LogStartMove;
  #over: EngineError | undefined;
  readonly #listeners = new Set<() => void>();

  constructor(opened: OpenedPartition, services: PartitionServices) {
    this.topicId = opened.topicId;
    this.index = opened.index;
    this.term = opened.term;
    this.#opened = opened;
    this.#services = services;
    this.#state = opened.state;
    this.#logEnd = opened.logEnd;
    this.#logStartMove = new LogStartMove(opened.state);
    this.#snapshots = new SnapshotKeeper({
      log: services.log,
      logger: services.logger,
      group: opened.group,
      term: opened.term,
      index: opened.snapshotIndex,
      encode: () => encodePartitionSnapshot(opened.state, opened.extents, opened.producers),
    });
    this.#stagedEnd = opened.state.nextOffset;
    this.#stagedStamp = opened.state.lastStamp;
    this.#stamp = this.#stampOf(0);
    this.#reader = new PartitionReader({
      name: opened.group,
      state: opened.state,
      extents: opened.extents,
      objects: services.reader,
    });
  }

  get highWatermark(): Offset {
    return this.#state.nextOffset;
  }

  get lastStableOffset(): Offset {
    return this.#state.nextOffset;
  }

  get logStartOffset(): Offset {
    return this.#state.logStartOffset;
  }

  get clusterEpochMin(): ClusterEpoch {
    return this.#state.appliedEpoch;
  }

  get sizeBytes(): number {
    return this.#state.nextOffset === this.#state.logStartOffset
      ? 0
      : this.#opened.extents.bytesFrom(this.#state.logStartOffset);
  }

  /** Staged batches that are not settled. */
  get stagedShares(): number {
    return this.#queue.length;
  }

  // ---- staging

  append(records: SlabRange): Promise<AppendResult> {
    try {
      return this.#stage(records);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #stage(records: SlabRange): Promise<AppendResult> {
    if (this.#over !== undefined) throw notLeader(this.#over);
    const { clock, writer } = this.#services;
    const bytes = records.bytes;
    const rules = this.#opened.rules();
    const nowMs = clock.nowMs();
    const facts = validateBatch(bytes, rules, nowMs);
    const verdict = this.#opened.producers.check(facts);
    if (verdict.kind === 'staged-duplicate') return verdict.batch.outcome;
    if (verdict.kind === 'committed-duplicate') {
      return Promise.resolve({
        baseOffset: offset(verdict.baseOffset),
        logAppendTimeMs: timestampMs(-1),
        logStartOffset: this.#state.logStartOffset,
      });
    }
    if (rules.logAppendTime) patchTimestampType(bytes, nowMs);
    else if (isLogAppendTime(facts.attributes)) patchTimestampType(bytes, undefined);
    patchPlace(bytes, this.#stagedEnd, this.term);
    const batch = new StagedBatch({
      records,
      stamp: this.#stamp,
      link: this.#stagedStamp,
      baseOffset: this.#stagedEnd,
      lastOffset: offset(this.#stagedEnd + facts.count - 1),
      producerId: facts.producerId,
      producerEpoch: facts.producerEpoch,
      baseSequence: facts.baseSequence,
      count: facts.count,
      attributes: rules.logAppendTime ? facts.attributes | timestampTypeBit : facts.attributes & ~timestampTypeBit,
      maxTimestamp: timestampMs(rules.logAppendTime ? nowMs : facts.maxTimestamp),
      logAppendTimeMs: timestampMs(rules.logAppendTime ? nowMs : -1),
    });
    this.#opened.producers.stage(batch);
    this.#stagedEnd = offset(batch.lastOffset + 1);
    this.#stagedStamp = batch.stamp;
    const share = writer.stage(this, batch);
    const last = this.#queue.at(-1);
    if (last?.share === share) last.batches.push(batch);
    else this.#queue.push({ share, batches: [batch], state: 'staged' });
    return batch.outcome;
  }

  #stampOf(attempt: number): Stamp {
    return { incarnation: this.#services.incarnation, term: this.term, attempt };
  }

  // ---- what becomes of the uploads

  shareUploaded(share: L0Share): void {
    const queued = this.#queue.find((one) => one.share === share);
    if (queued === undefined) return; // failed meanwhile, with one that was staged before it
    queued.state = 'ready';
    if (queued === this.#queue[0]) this.#services.committer.submit(this);
  }

  shareFailed(share: L0Share, error: EngineError): void {
    const at = this.#queue.findIndex((one) => one.share === share);
    if (at >= 0) this.#failFrom(at, error);
  }

  /** Throws away the staged share at `at` and all behind it: just before it, nothing changes. */
  #failFrom(at: number, error: EngineError): void {
    const failed = this.#queue.splice(at);
    const first = failed[0]?.batches[0];
    if (first === undefined) return;
    this.#stagedEnd = first.baseOffset;
    this.#stagedStamp = first.link;
    this.#attempt++;
    this.#stamp = this.#stampOf(this.#attempt);
    this.#opened.producers.fail(batchesOf(failed), batchesOf(this.#queue));
    const behind = new EngineError('upload-failed', `a batch staged before this one failed: ${error.message}`, {
      cause: error,
    });
    failed.forEach((one, place) => {
      this.#services.writer.withdraw(one.share);
      for (const batch of one.batches) batch.fail(place === 0 ? error : behind);
    });
  }

  // ---- committing

  takeReady(): GroupAppend | undefined {
    if (this.#over !== undefined || this.#committing > 0 || this.#logStartMove.committing) return undefined;
    const { taken, entries } = entriesOfReady(this.#queue, timestampMs(this.#services.clock.nowMs()));
    for (const queued of taken) queued.state = 'committing';
    this.#committing = taken.length;
    const logStart = this.#logStartMove.take();
    if (logStart !== undefined) entries.push(logStart);
    if (entries.length === 0) return undefined;
    return { group: this.#opened.group, term: this.term, expectedEnd: this.#logEnd, entries };
  }

  settled(outcome: AppendOutcome): void {
    if (this.#over !== undefined) return;
    if (outcome.status === 'committed') {
      this.#committed(outcome.end);
    } else if (outcome.status === 'refused') {
      const error = toEngineError(outcome.error);
      this.#committing = 0;
      if (this.#logStartMove.committing) this.#logStartMove.fail(error);
      this.#failFrom(0, error);
    } else if (outcome.status === 'fenced') {
      this.#endTerm(new EngineError('fenced-term', `${this.#opened.group}: term ${this.term} is over`));
    } else {
      const message = `${this.#opened.group}: a commit has no known outcome: ${outcome.error.message}`;
      this.#endTerm(new EngineError('outcome-unknown', message, { cause: outcome.error }));
    }
  }

  #committed(end: number): void {
    const nowMs = this.#services.clock.nowMs();
    const committed = this.#queue.splice(0, this.#committing);
    this.#committing = 0;
    const extents: Extent[] = [];
    for (const { share, batches } of committed) {
      const object = share.object as L0Object;
      this.#state.applyEpoch(object.id.epoch);
      batches.forEach((batch, at) => {
        this.#state.applyBatch(batch);
        this.#opened.producers.committed(batch, nowMs);
        extents.push(batch.extent(object, share.positions[at] as number));
      });
    }
    this.#opened.extents.addEntry(this.#logEnd + 1, extents);
    this.#logEnd = end;
    this.#logStartMove.committed();
    const logStartOffset = this.#state.logStartOffset;
    for (const { batches } of committed) for (const batch of batches) batch.succeed(logStartOffset);
    this.#notify();
    if (this.#queue[0]?.state === 'ready' || this.#logStartMove.waiting) this.#services.committer.submit(this);
    this.#snapshots.consider(end);
  }

  #endTerm(error: EngineError): void {
    if (this.#over !== undefined) return;
    this.#over = error;
    this.#committing = 0;
    const staged = this.#queue;
    this.#queue = [];
    this.#opened.producers.fail(batchesOf(staged), []);
    for (const { share } of staged) this.#services.writer.withdraw(share);
    for (const { batches } of staged) for (const batch of batches) batch.fail(error);
    this.#logStartMove.fail(error);
    // Only then are readers woken: they must not find this leader any more.
    this.#opened.onTermOver(error, this.#opened.producers.awaited);
    this.#notify();
  }

  /** Keeps a snapshot of the committed state, so that the next opening replays little. */
  async saveSnapshot(): Promise<void> {
    if (this.#over === undefined) await this.#snapshots.save(this.#logEnd);
  }

  // ---- log start

  async deleteRecords(before: number): Promise<Offset> {
    if (this.#over !== undefined) throw notLeader(this.#over);
    const to = before === -1 ? this.highWatermark : before;
    if (!Number.isSafeInteger(to) || to < 0 || to > this.highWatermark) {
      throw new EngineError(
        'offset-out-of-range',
        `cannot delete records before ${before}: the high watermark is ${this.highWatermark}`,
      );
    }
    await this.#services.confirmOwnership();
    const moved = await this.#logStartMove.move(offset(to), () => {
      if (this.#over !== undefined) throw notLeader(this.#over);
      this.#services.committer.submit(this);
    });
    // Answered only by who still owned the bucket after it.
    await this.#services.confirmOwnership();
    return moved;
  }

  // ---- reading

  async read(options: ReadOptions): Promise<ReadResult> {
    if (this.#over !== undefined) throw notLeader(this.#over);
    try {
      return await this.#reader.read(options);
    } catch (error) {
      // The log may have been removed under the read.
      throw this.#over === undefined ? error : notLeader(this.#over);
    }
  }

  bytesAvailable(from: Offset): number {
    return from >= this.#state.nextOffset ? 0 : this.#opened.extents.bytesFrom(from);
  }

  onAdvance(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  offsetForTimestamp(timestamp: number): Promise<FoundOffset | undefined> {
    return this.#reader.offsetForTimestamp(timestamp);
  }

  offsetOfMaxTimestamp(): Promise<FoundOffset | undefined> {
    return this.#reader.offsetOfMaxTimestamp();
  }

  endOffsetOfTerm(requested: Term): { readonly term: Term; readonly endOffset: Offset } | undefined {
    return this.#state.endOffsetOfTerm(requested, this.term);
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }

  /** Ends the leadership in good order: the broker stops. */
  async close(reason: EngineError): Promise<void> {
    await this.saveSnapshot();
    this.#endTerm(reason);
  }

  /** Ends it at once: the topic was deleted, and the log goes too. */
  abandon(reason: EngineError): void {
    this.#endTerm(reason);
  }
}

const batchesOf = (queue: readonly QueuedShare[]): StagedBatch[] => queue.flatMap((one) => one.batches);

function notLeader(cause: EngineError): EngineError {
  return new EngineError('not-leader', `the partition is not led here at the moment: ${cause.message}`, { cause });
}
