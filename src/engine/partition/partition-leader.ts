// The leader of one partition: the only writer under its term.
//
// Offsets are assigned when a batch is staged, before its upload (staging.ts); a batch is acknowledged when its object was uploaded,
// ownership confirmed after that, and its placeholder committed under the term.
// - an unknown or fenced commit ends the term: everything staged fails, and the partition is opened again from its log
// - the log start and the LRO move by entries of the log, so both survive whatever comes
// - the log is trimmed below what is reconciled, flushed and read by nobody; its snapshot keeps what the entries said
// Durable: the log's entries. Replayed: by opening the partition (partition-opening.ts).

import { EngineError, toEngineError } from '../base/errors.ts';
import { type ClusterEpoch, type Offset, offset, type Term, type TopicId, timestampMs } from '../base/ids.ts';
import type { SlabRange } from '../base/slab-pool.ts';
import type { L0Object, L0Share, L0Source } from '../l0/l0.ts';
import type { AppendOutcome, GroupAppend } from '../replicated-log/replicated-log.ts';
import type { CommittedState } from './committed-state.ts';
import type { CommitSource } from './committer.ts';
import type { Extent } from './extent-index.ts';
import { OffsetMove } from './offset-move.ts';
import type { AppendResult, FoundOffset, LedPartition, ReadOptions, ReadResult } from './partition.ts';
import type { OpenedPartition, PartitionServices } from './partition-parts.ts';
import { PartitionReader } from './partition-reader.ts';
import { encodePartitionSnapshot } from './partition-snapshot-format.ts';
import { type PendingBatch, PendingBatches, type PendingLimits } from './pending-batches.ts';
import type { ReaderPins } from './reader-pins.ts';
import { SnapshotKeeper } from './snapshot-keeper.ts';
import { Staging } from './staging.ts';
import { TimestampQueries } from './timestamp-queries.ts';

export class PartitionLeader implements LedPartition, L0Source, CommitSource {
  readonly topicId: TopicId;
  readonly index: number;
  readonly term: Term;
  readonly #services: PartitionServices;
  readonly #opened: OpenedPartition;
  readonly #state: CommittedState;
  readonly #staging: Staging;
  readonly #pins: ReaderPins;
  readonly #reader: PartitionReader;
  readonly #times: TimestampQueries;
  readonly #pending: PendingBatches;
  readonly #snapshots: SnapshotKeeper;
  readonly #logStartMove: OffsetMove;
  readonly #reconciledMove: OffsetMove;
  readonly #listeners = new Set<() => void>();
  #pendingBytes: number;
  #logFirst: number;
  #logEnd: number;
  #over: EngineError | undefined;

  /** `pins` outlive the term: a read that began under the leader before is still under way. */
  constructor(opened: OpenedPartition, services: PartitionServices, pins: ReaderPins) {
    const { topicId, index, group, term, state, extents, producers, rules } = opened;
    const { log, logger, writer, reader: objects, history, incarnation } = services;
    this.topicId = topicId;
    this.index = index;
    this.term = term;
    this.#opened = opened;
    this.#pins = pins;
    this.#services = services;
    this.#state = state;
    this.#logFirst = opened.logFirst;
    this.#logEnd = opened.logEnd;
    this.#logStartMove = new OffsetMove({
      current: () => state.logStartOffset,
      entry: (to) => ({ kind: 'log-start', logStartOffset: to }),
      apply: (to) => this.#logStartMoved(to),
    });
    this.#reconciledMove = new OffsetMove({
      current: () => state.reconciledEnd,
      entry: (to) => ({ kind: 'reconciled', reconciledEnd: to }),
      apply: (to) => this.#reconciled(to),
    });
    this.#snapshots = new SnapshotKeeper({
      log,
      logger,
      group,
      term,
      index: opened.snapshotIndex,
      encode: () => encodePartitionSnapshot(state, extents, producers),
    });
    this.#staging = new Staging({
      source: this,
      writer,
      producers,
      rules,
      end: state.nextOffset,
      lastStamp: state.lastStamp,
      stamp: { incarnation, term, attempt: 0 },
    });
    const parts = { topicId, index, state, extents, history, pins: this.#pins };
    const mustLead = () => {
      if (this.#over !== undefined) throw notLeader(this.#over);
    };
    this.#reader = new PartitionReader({ ...parts, name: group, term, objects, mustLead });
    this.#times = new TimestampQueries({ ...parts, reader: this.#reader });
    this.#pending = new PendingBatches({
      group,
      extents,
      readLog: (from, bytesMax) => log.read(group, from, bytesMax),
    });
    this.#pendingBytes = this.#bytesInL0();
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

  /** LRO + 1: reads below it go to L1. */
  get reconciledEnd(): Offset {
    return this.#state.reconciledEnd;
  }

  get clusterEpochMin(): ClusterEpoch {
    return this.#state.appliedEpoch;
  }

  /** Bytes that are in L0 only. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** About when the oldest of them was committed; undefined when there are none. */
  get pendingSinceMs(): number | undefined {
    const { reconciledEnd, nextOffset } = this.#state;
    return reconciledEnd < nextOffset ? this.#opened.age.sinceMs(reconciledEnd) : undefined;
  }

  /** Entries that the log keeps. */
  get logEntries(): number {
    return this.#logEnd - this.#logFirst + 1;
  }

  /** Staged batches that are not settled. */
  get stagedShares(): number {
    return this.#staging.shares;
  }

  /** Producers that are remembered, of those asked for. */
  knowsProducer(id: number): boolean {
    return this.#opened.producers.knows(id);
  }

  // ---- staging

  append(records: SlabRange): Promise<AppendResult> {
    try {
      if (this.#over !== undefined) throw notLeader(this.#over);
      return this.#staging.stage(records, this.#services.clock.nowMs(), this.#state.logStartOffset);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  shareUploaded(share: L0Share): void {
    if (this.#staging.uploaded(share)) this.#services.committer.submit(this);
  }

  shareFailed(share: L0Share, error: EngineError): void {
    this.#staging.failed(share, error);
  }

  // ---- committing

  takeReady(): GroupAppend | undefined {
    const isBusy = this.#staging.committing || this.#logStartMove.committing || this.#reconciledMove.committing;
    if (this.#over !== undefined || isBusy) return undefined;
    const entries = this.#staging.takeReady(timestampMs(this.#services.clock.nowMs()));
    for (const move of [this.#logStartMove, this.#reconciledMove]) {
      const entry = move.take();
      if (entry !== undefined) entries.push(entry);
    }
    if (entries.length === 0) return undefined;
    return { group: this.#opened.group, term: this.term, expectedEnd: this.#logEnd, entries };
  }

  settled(outcome: AppendOutcome): void {
    if (this.#over !== undefined) return;
    if (outcome.status === 'committed') {
      this.#committed(outcome.end);
    } else if (outcome.status === 'refused') {
      const error = toEngineError(outcome.error);
      for (const move of [this.#logStartMove, this.#reconciledMove]) if (move.committing) move.fail(error);
      this.#staging.commitRefused(error);
      if (this.#hasMore()) this.#services.committer.submit(this);
    } else if (outcome.status === 'fenced') {
      this.#endTerm(new EngineError('fenced-term', `${this.#opened.group}: term ${this.term} is over`));
    } else {
      const message = `${this.#opened.group}: a commit has no known outcome: ${outcome.error.message}`;
      this.#endTerm(new EngineError('outcome-unknown', message, { cause: outcome.error }));
    }
  }

  #committed(end: number): void {
    const nowMs = this.#services.clock.nowMs();
    const committed = this.#staging.takeCommitted();
    const extents: Extent[] = [];
    for (const { share, batches } of committed) {
      const object = share.object as L0Object;
      this.#state.applyEpoch(object.id.epoch);
      batches.forEach((batch, at) => {
        this.#state.applyBatch(batch);
        this.#opened.producers.committed(batch, nowMs);
        const extent = batch.extent(object, share.positions[at] as number);
        extents.push(extent);
        this.#pendingBytes += extent.length;
      });
    }
    const [first] = extents;
    if (first !== undefined) this.#opened.age.note(first.baseOffset, nowMs);
    this.#opened.extents.addEntry(this.#logEnd + 1, extents);
    this.#logEnd = end;
    this.#logStartMove.committed();
    this.#reconciledMove.committed();
    const logStartOffset = this.#state.logStartOffset;
    for (const { batches } of committed) for (const batch of batches) batch.succeed(logStartOffset);
    this.#notify();
    if (this.#hasMore()) this.#services.committer.submit(this);
    this.#snapshots.consider(end);
  }

  #hasMore(): boolean {
    return this.#staging.headIsReady || this.#logStartMove.waiting || this.#reconciledMove.waiting;
  }

  #endTerm(error: EngineError): void {
    if (this.#over !== undefined) return;
    this.#over = error;
    this.#staging.abandon(error);
    this.#logStartMove.fail(error);
    this.#reconciledMove.fail(error);
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
    const to = before === -1 ? this.highWatermark : before;
    if (!Number.isSafeInteger(to) || to < 0 || to > this.highWatermark) {
      throw new EngineError(
        'offset-out-of-range',
        `cannot delete records before ${before}: the high watermark is ${this.highWatermark}`,
      );
    }
    return this.#move(this.#logStartMove, offset(to));
  }

  #logStartMoved(to: Offset): void {
    this.#state.applyLogStart(to);
    this.#services.onLogStartMoved?.(this);
  }

  /** Answered only by who owned the bucket before and after it. */
  async #move(move: OffsetMove, to: Offset): Promise<Offset> {
    if (this.#over !== undefined) throw notLeader(this.#over);
    await this.#services.confirmOwnership();
    const moved = await move.move(to, () => {
      if (this.#over !== undefined) throw notLeader(this.#over);
      this.#services.committer.submit(this);
    });
    await this.#services.confirmOwnership();
    return moved;
  }

  // ---- history

  /** Batches that are not reconciled, from the LRO on up to the last stable offset. */
  readPending(limits: PendingLimits): Promise<PendingBatch[]> {
    return this.#pending.read(this.#state.reconciledEnd, this.lastStableOffset, limits);
  }

  /** Moves the LRO to just below `end`, durably: the metastore has everything below. Resolves with LRO + 1. */
  async reconciledTo(end: Offset): Promise<Offset> {
    if (end > this.lastStableOffset) {
      const message = `${this.#opened.group}: offsets up to ${end} are said to be reconciled, ${this.lastStableOffset} are stable`;
      throw new EngineError('bug', message);
    }
    return this.#move(this.#reconciledMove, end);
  }

  #reconciled(to: Offset): void {
    this.#state.applyReconciled(to);
    this.#opened.age.passed(to);
    this.#pendingBytes = this.#bytesInL0();
  }

  #bytesInL0(): number {
    const { reconciledEnd, nextOffset } = this.#state;
    return reconciledEnd === nextOffset ? 0 : this.#opened.extents.bytesFrom(reconciledEnd);
  }

  /** Resolves when nobody is served L0 data below an offset any more; everything below it must be reconciled. */
  async noL0ReaderBelow(below: Offset, signal?: AbortSignal): Promise<void> {
    this.#reader.leaveCache(below);
    await this.#pins.noneBelow(below, signal);
  }

  /**
   * Trims the log below what nobody needs any more: reconciled, read by nobody, and below `flushed`, up to where the metastore is in the
   * bucket. Resolves to whether entries went.
   */
  async trimLog(flushed: Offset): Promise<boolean> {
    if (this.#over !== undefined) return false;
    const { group, extents } = this.#opened;
    const bound = offset(Math.min(flushed, this.#state.reconciledEnd, this.#pins.lowest));
    const first = extents.dropBelow(bound, { offset: this.#state.nextOffset, entry: this.#logEnd });
    if (first === undefined) return false;
    await this.saveSnapshot();
    const below = Math.min(first, this.#snapshots.kept + 1);
    if (this.#over !== undefined || below <= this.#logFirst) return false;
    const outcome = await this.#services.log.trim(group, this.term, below);
    if (outcome.status === 'committed') this.#logFirst = below;
    else this.#services.logger.warn({ group, status: outcome.status }, 'a partition log was not trimmed');
    return outcome.status === 'committed';
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
    if (from >= this.#state.nextOffset) return 0;
    return this.#opened.extents.bytesFrom(from) + (from < this.#state.reconciledEnd ? historyBytesAssumed : 0);
  }

  onAdvance(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  offsetForTimestamp(timestamp: number): Promise<FoundOffset | undefined> {
    return this.#times.firstAtOrAfter(timestamp);
  }

  offsetOfMaxTimestamp(): Promise<FoundOffset | undefined> {
    return this.#times.ofMax();
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

/** What a reader of history may count on finding: the metastore knows better, but a fetch need not ask it. */
const historyBytesAssumed = 64 * 1024 * 1024;

function notLeader(cause: EngineError): EngineError {
  return new EngineError('not-leader', `the partition is not led here at the moment: ${cause.message}`, { cause });
}
