// The front door of what keeps history in shape: key compaction and leveling of L1, and retention.
//
// - all of it works on L1 and the metastore, through the ports in maintained-partition.ts; nothing here knows of L0 but that nobody may
//   read it any more below what a compaction makes visible
// - one job of compaction or leveling at a time; retention goes beside them, and they lose to it
// - what fails, or loses, ends its job with that outcome; the next look begins anew from what the metastore holds

import { hasCode, toEngineError } from '../base/errors.ts';
import type { TopicId } from '../base/ids.ts';
import { startCompactionLoop } from './compaction-loop.ts';
import { judgeCompaction } from './compaction-policy.ts';
import { surveyCompaction } from './compaction-survey.ts';
import { type CompactorCounters, CounterBook } from './compactor-counters.ts';
import { type CompactorWork, defaultPassLimits, emptyTally, type JobTally, type PassLimits } from './compactor-work.ts';
import { type DueWork, findWork, type WorkKind } from './due-work.ts';
import { FailurePauses } from './failure-pauses.ts';
import { JobLine } from './job-line.ts';
import { surveyLeveling } from './leveling-job.ts';
import { startLevelingLoop } from './leveling-loop.ts';
import { LogStartFollower } from './log-start-follower.ts';
import { type CleanupRules, type MaintainedPartition, placeOf } from './maintained-partition.ts';
import { startRetentionLoop } from './retention-loop.ts';

export type { CompactorCounters } from './compactor-counters.ts';
export type { DueWork, WorkKind } from './due-work.ts';
export type { CleanupRules, MaintainedPartition } from './maintained-partition.ts';

export interface CompactorOptions extends Omit<CompactorWork, 'limits'> {
  /** All partitions that this broker leads. */
  readonly partitions: () => Iterable<MaintainedPartition>;
  /** The settings of a topic; undefined when it is gone. */
  readonly rules: (topicId: TopicId) => CleanupRules | undefined;
  readonly limits?: PassLimits;
}

/** Topics by id; all where none is named. */
export interface CompactorScope {
  readonly topicIds?: readonly TopicId[] | undefined;
}

export interface WorkOutcome
  extends Pick<
    JobTally,
    'bytesRead' | 'bytesWritten' | 'extentsBefore' | 'extentsAfter' | 'recordsRemoved' | 'tombstonesRemoved'
  > {
  readonly kind: WorkKind;
  readonly topicId: TopicId;
  readonly partition: number;
  readonly atMs: number;
  readonly tookMs: number;
  /** Code and message; null when it was done. */
  readonly error: string | null;
}

export interface CompactedPartitionState {
  readonly topicId: TopicId;
  readonly partition: number;
  readonly cleanupPolicy: string;
  readonly extents: number;
  readonly bytes: number;
  readonly dirtyRatio: number | null;
  readonly dirtyBytes: number | null;
  /** Up to where, exclusive, it is clean from the log start on. */
  readonly cleanedTo: number | null;
}

export interface CompactorStatus {
  readonly compactionEnabled: boolean;
  readonly levelingEnabled: boolean;
  readonly running: readonly (DueWork & { readonly sinceMs: number })[];
  readonly queued: readonly DueWork[];
  /** Newest first. */
  readonly outcomes: readonly WorkOutcome[];
  /** Of compacted topics, and others with more than one small extent. */
  readonly partitions: readonly CompactedPartitionState[];
}

export interface CompactorPlan {
  readonly jobs: readonly DueWork[];
  readonly skipped: readonly { readonly topicId: TopicId; readonly partition: number; readonly reason: string }[];
}

export interface CompactorRunResult {
  /** Whether everything that was due is done. */
  readonly complete: boolean;
  readonly tookMs: number;
  /** Jobs that were due. */
  readonly ordered: number;
  readonly outcomes: readonly WorkOutcome[];
}

const outcomesKept = 200;
const allKinds: readonly WorkKind[] = ['compaction', 'leveling', 'retention'];
/** Something else got there first, or the broker stops: nobody has to look after it. */
const politeCodes = [
  'metastore-conflict',
  'unknown-topic-id',
  'not-leader',
  'offset-out-of-range',
  'cancelled',
] as const;

export class Compactor implements AsyncDisposable {
  readonly #options: CompactorOptions;
  readonly #work: CompactorWork;
  readonly #line = new JobLine();
  readonly #stop = new AbortController();
  readonly #follower: LogStartFollower;
  readonly #loops: AsyncDisposable[];
  readonly #logStartMoved: () => void;
  readonly #book = new CounterBook();
  readonly #pauses = new FailurePauses();
  readonly #running = new Map<DueWork, number>();
  readonly #queued = new Set<DueWork>();
  readonly #ordered = new Set<Promise<unknown>>();
  #outcomes: WorkOutcome[] = [];

  /** Begins to work on its own. */
  constructor(options: CompactorOptions) {
    this.#options = options;
    this.#work = { ...options, limits: options.limits ?? defaultPassLimits };
    this.#follower = new LogStartFollower(this.#work);
    const { clock, logger, settings } = options;
    const retention = startRetentionLoop({
      clock,
      logger,
      intervalMs: settings.retentionIntervalMs,
      checkAll: (signal) => this.#checkRetention(signal),
      followMoved: (signal) => this.#follower.followMoved(signal),
    });
    this.#logStartMoved = retention.moved;
    this.#loops = [
      retention,
      startCompactionLoop({
        clock,
        logger,
        intervalMs: settings.compactionIntervalMs,
        isEnabled: settings.compactionEnabled,
        look: (signal) => this.#lookForLoop('compaction', signal),
        compact: (due, signal) => this.#runInTurn(due, signal, settings.compactionEnabled),
      }),
      startLevelingLoop({
        clock,
        logger,
        intervalMs: settings.levelingIntervalMs,
        isEnabled: settings.levelingEnabled,
        look: (signal) => this.#lookForLoop('leveling', signal),
        level: (due, signal) => this.#runInTurn(due, signal, settings.levelingEnabled),
      }),
    ];
  }

  /** To be told by a partition whose log start has moved. */
  logStartMoved(partition: Pick<MaintainedPartition, 'topicId' | 'index'>): void {
    this.#follower.note(partition);
    this.#logStartMoved();
  }

  counters(): CompactorCounters {
    const queued = [...this.#queued];
    const lengthOf = (kind: WorkKind) => queued.filter((due) => due.kind === kind).length;
    let managedLogs = 0;
    for (const _ of this.#options.partitions()) managedLogs += 1;
    return {
      managedLogs,
      compactionQueueLength: lengthOf('compaction'),
      levelingQueueLength: lengthOf('leveling'),
      ...this.#book.sums,
    };
  }

  async status(scope: CompactorScope): Promise<CompactorStatus> {
    const { settings } = this.#options;
    const isMeant = inScope(scope);
    const partitions: CompactedPartitionState[] = [];
    for (const [partition, rules] of this.#partitionsIn(scope)) {
      const state = await this.#stateOf(partition, rules);
      if (state !== undefined) partitions.push(state);
    }
    return {
      compactionEnabled: settings.compactionEnabled(),
      levelingEnabled: settings.levelingEnabled(),
      running: [...this.#running].map(([due, sinceMs]) => ({ ...due, sinceMs })).filter(isMeant),
      queued: [...this.#queued].filter(isMeant),
      outcomes: this.#outcomes.filter(isMeant),
      partitions,
    };
  }

  /** What is due now, whether or not it would be done without an order; and what is not, and why. */
  async plan({
    kinds = allKinds,
    ...scope
  }: CompactorScope & { readonly kinds?: readonly WorkKind[] }): Promise<CompactorPlan> {
    const skipped: { topicId: TopicId; partition: number; reason: string }[] = [];
    const jobs = await this.#look(kinds, scope, this.#stop.signal, (partition, reason) => {
      skipped.push({ topicId: partition.topicId, partition: partition.index, reason });
    });
    return { jobs, skipped };
  }

  /**
   * Does what is due, also where that is switched off. Without `wait` it answers as soon as it has begun; with it, when all is done, or
   * the signal calls it off.
   */
  async run({
    kinds,
    wait,
    signal,
    ...scope
  }: CompactorScope & {
    readonly kinds?: readonly WorkKind[];
    readonly wait: boolean;
    readonly signal: AbortSignal;
  }): Promise<CompactorRunResult> {
    const { clock } = this.#options;
    const startedMs = clock.monotonicMs();
    // Retention first: nothing is rewritten that goes anyway.
    const due = await this.#look(kinds ?? allKinds, scope, signal);
    const ordered = [...due].sort((a, b) => rankOf(a.kind) - rankOf(b.kind) || b.urgency - a.urgency);
    const either = wait ? AbortSignal.any([signal, this.#stop.signal]) : this.#stop.signal;
    const outcomes: WorkOutcome[] = [];
    const work = this.#runInTurn(ordered, either, () => true, outcomes);
    const settled = work.catch(() => {}).finally(() => this.#ordered.delete(settled));
    this.#ordered.add(settled);
    if (wait) await work;
    const complete = wait ? outcomes.every(({ error }) => error === null) : due.length === 0;
    return { complete, tookMs: clock.monotonicMs() - startedMs, ordered: due.length, outcomes: [...outcomes] };
  }

  /** What runs is called off, its uploads are discarded. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all([this.#line[Symbol.asyncDispose](), ...this.#loops.map((loop) => loop[Symbol.asyncDispose]())]);
    await Promise.all(this.#ordered);
  }

  *#partitionsIn(scope: CompactorScope): Generator<[MaintainedPartition, CleanupRules]> {
    const isMeant = inScope(scope);
    for (const partition of [...this.#options.partitions()]) {
      if (!isMeant(partition)) continue;
      const rules = this.#options.rules(partition.topicId);
      if (rules !== undefined) yield [partition, rules];
    }
  }

  /** Without what has failed lately. */
  async #lookForLoop(kind: WorkKind, signal: AbortSignal): Promise<DueWork[]> {
    this.#pauses.forget((topicId) => this.#options.rules(topicId) === undefined);
    const due = await this.#look([kind], {}, signal);
    return due.filter((one) => !this.#pauses.isPaused(one, this.#options.clock.monotonicMs()));
  }

  /** A partition that cannot be looked at is passed over. */
  async #look(
    kinds: readonly WorkKind[],
    scope: CompactorScope,
    signal: AbortSignal,
    onSkipped: (partition: MaintainedPartition, reason: string) => void = () => {},
  ): Promise<DueWork[]> {
    const found: DueWork[] = [];
    for (const [partition, rules] of this.#partitionsIn(scope)) {
      for (const kind of kinds) {
        signal.throwIfAborted();
        try {
          const finding = await findWork(this.#work, kind, partition, rules);
          if (finding?.due !== undefined) found.push(finding.due);
          else if (finding !== undefined) onSkipped(partition, `${kind}: ${finding.reason}`);
        } catch (error) {
          const { code, message } = toEngineError(error);
          onSkipped(partition, `${kind}: ${code}: ${message}`);
          const { topicId, index } = partition;
          this.#options.logger.warn(
            { topicId, partition: index, kind, code, error: message },
            'a partition could not be looked at',
          );
        }
      }
    }
    return found;
  }

  /** One after the other, as long as it is wanted. */
  async #runInTurn(
    due: readonly DueWork[],
    signal: AbortSignal,
    isWanted: () => boolean,
    outcomes: WorkOutcome[] = [],
  ): Promise<void> {
    for (const one of due) this.#queued.add(one);
    try {
      for (const one of due) {
        if (!isWanted()) break;
        const outcome =
          one.kind === 'retention'
            ? await this.#do(one, signal)
            : await this.#line.run(signal, (either) => this.#do(one, either));
        if (outcome !== undefined) outcomes.push(outcome);
        signal.throwIfAborted();
      }
    } finally {
      for (const one of due) this.#queued.delete(one);
    }
  }

  /** Looks again, because it may have waited; undefined when there is nothing to do any more. */
  async #do(planned: DueWork, signal: AbortSignal): Promise<WorkOutcome | undefined> {
    const { clock, logger } = this.#options;
    const { kind, topicId, partition: index } = planned;
    this.#queued.delete(planned);
    const partition = this.#work.partition(topicId, index);
    const rules = this.#options.rules(topicId);
    if (partition === undefined || rules === undefined) return undefined;
    const atMs = clock.nowMs();
    const startedMs = clock.monotonicMs();
    const tally = emptyTally();
    let running: DueWork | undefined;
    let error: string | null = null;
    try {
      const finding = await findWork(this.#work, kind, partition, rules, () => this.#book.mergeMade());
      if (finding?.due === undefined) return undefined;
      running = finding.due;
      this.#running.set(running, atMs);
      await finding.execute({ signal, tally });
      if (kind === 'retention') await this.#follower.followSafely(partition, signal);
      this.#pauses.succeeded(planned);
    } catch (thrown) {
      const { code, message } = signal.aborted
        ? { code: 'cancelled', message: 'the job was called off' }
        : toEngineError(thrown);
      error = `${code}: ${message}`;
      const isPolite = signal.aborted || hasCode(thrown, ...politeCodes);
      if (!isPolite) this.#pauses.failed(planned, clock.monotonicMs());
      logger[isPolite ? 'info' : 'warn'](
        { topicId, partition: index, kind, code, error: message },
        'work on history ended early',
      );
    } finally {
      if (running !== undefined) this.#running.delete(running);
    }
    const tookMs = clock.monotonicMs() - startedMs;
    this.#book.jobEnded(kind, tally, tookMs, error !== null);
    const { bytesRead, bytesWritten, extentsBefore, extentsAfter, recordsRemoved, tombstonesRemoved } = tally;
    const figures = { bytesRead, bytesWritten, extentsBefore, extentsAfter, recordsRemoved, tombstonesRemoved };
    const outcome: WorkOutcome = { kind, topicId, partition: index, atMs, tookMs, ...figures, error };
    this.#outcomes = [outcome, ...this.#outcomes].slice(0, outcomesKept);
    if (error === null)
      logger.debug({ topicId, partition: index, kind, tookMs, ...figures }, 'work on history is done');
    return outcome;
  }

  async #checkRetention(signal: AbortSignal): Promise<void> {
    const due = await this.#look(['retention'], {}, signal);
    await this.#runInTurn(due, signal, () => true);
    for (const partition of [...this.#options.partitions()]) {
      signal.throwIfAborted();
      await this.#follower.followSafely(partition, signal);
    }
  }

  async #stateOf(partition: MaintainedPartition, rules: CleanupRules): Promise<CompactedPartitionState | undefined> {
    const row = await this.#work.metastore.partition(placeOf(partition));
    if (row === undefined) return undefined;
    const survey = rules.compacted
      ? await surveyCompaction(this.#work, partition, rules, { nowMs: this.#work.clock.nowMs() })
      : undefined;
    if (survey === undefined) {
      const leveling = await surveyLeveling(this.#work, partition, rules);
      if (leveling === undefined || leveling.smallExtents < 2) return undefined;
    }
    const policies = [...(rules.compacted ? ['compact'] : []), ...(rules.deleted ? ['delete'] : [])];
    return {
      topicId: partition.topicId,
      partition: partition.index,
      cleanupPolicy: policies.join(','),
      extents: row.extentCount,
      bytes: row.sizeBytes,
      dirtyRatio: survey === undefined ? null : judgeCompaction(survey.facts, rules).dirtyRatio,
      dirtyBytes: survey === undefined ? null : survey.facts.dirtyBytes,
      cleanedTo: survey === undefined ? null : (survey.info.dirtyRanges[0]?.baseOffset ?? survey.info.nextOffset),
    };
  }
}

const rankOf = (kind: WorkKind): number => (kind === 'retention' ? 0 : kind === 'compaction' ? 1 : 2);

function inScope({ topicIds }: CompactorScope): (of: { readonly topicId: TopicId }) => boolean {
  if (topicIds === undefined) return () => true;
  const ids = new Set(topicIds);
  return ({ topicId }) => ids.has(topicId);
}
