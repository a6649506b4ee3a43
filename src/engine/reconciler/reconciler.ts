// The front door of the reconciler: turns L0 data into L1 objects and rows of the metastore, in rounds, for all partitions led here.
//
// What it promises: a partition's LRO never passes what the metastore has of it; nothing is lost or doubled whatever is interrupted; a
// log is trimmed only below what is reconciled and flushed. What it refuses: to judge records. It carries batches as they are.

import type { Clock } from '../base/clock.ts';
import { EngineError } from '../base/errors.ts';
import type { Offset, TopicId } from '../base/ids.ts';
import type { Logger } from '../base/logger.ts';
import type { L1ObjectBuilder } from '../l1/l1.ts';
import type { Metastore } from '../metastore/metastore.ts';
import type { LedPartition } from '../partition/partition.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { IntervalRules } from './adaptive-interval-policy.ts';
import { type DomainProgress, FlushLedger } from './flush-ledger.ts';
import type { ProducerSweep } from './partition-addition.ts';
import { ReadMemory } from './read-memory.ts';
import { ReconcileCounters } from './reconcile-counters.ts';
import { ReconcileLoop } from './reconcile-loop.ts';
import { runRound } from './round.ts';
import { fitToMemory } from './round-fit.ts';
import type { Job } from './round-job.ts';
import { isPending, type PlannedJobs, planJobs } from './round-plan.ts';
import type { TopicSchedule } from './topic-schedule.ts';
import { trimLogs } from './trimming.ts';

export type { DomainProgress } from './flush-ledger.ts';
export { objectSizeBuckets, type ReconcileCounters } from './reconcile-counters.ts';
export type { TopicSchedule } from './topic-schedule.ts';

export interface ReconcilerOptions {
  readonly partitions: () => Iterable<LedPartition>;
  readonly metastore: Metastore;
  /** metastore/0 …, by index. */
  readonly domains: readonly DomainProgress[];
  readonly store: ObjectStore;
  readonly clusterId: string;
  readonly newBuilder: (topicId: TopicId, objectId: string, signal: AbortSignal) => L1ObjectBuilder;
  readonly settings: {
    readonly enabled: () => boolean;
    readonly interval: () => IntervalRules;
    readonly skipMissing: () => boolean;
    readonly jobsParallel: number;
    readonly memoryBytes: number;
  };
  readonly clock: Clock;
  readonly logger: Logger;
  readonly pace: (bytes: number, signal: AbortSignal) => Promise<void>;
  /** Lets others have their turn of the event loop. */
  readonly pause: () => Promise<void>;
  readonly step: (name: string) => Promise<void> | void;
}

/** An object may be so much larger than the target. */
const objectSurplus = 1.25;
/** How often a partition is looked through for producers that it has forgotten. */
const sweepMs = 600_000;

/** What came of an order. */
export interface ReconcileRun {
  readonly complete: boolean;
  readonly tookMs: number;
  readonly objects: number;
  readonly bytes: number;
  readonly offsets: number;
  /** Those that had something pending when it was ordered. */
  readonly leaders: readonly LedPartition[];
}

export class Reconciler implements AsyncDisposable {
  readonly counters = new ReconcileCounters();
  readonly #options: ReconcilerOptions;
  readonly #memory: ReadMemory;
  readonly #ledger: FlushLedger;
  readonly #stopping = new AbortController();
  readonly #sweeps = new WeakMap<LedPartition, { readonly dueMs: number; readonly from: ProducerSweep }>();
  readonly #loop: ReconcileLoop;

  constructor(options: ReconcilerOptions) {
    const { settings, clock, logger, partitions, pause } = options;
    this.#options = options;
    this.#memory = new ReadMemory(settings.memoryBytes);
    this.#ledger = new FlushLedger(options.domains);
    this.#loop = new ReconcileLoop({
      partitions,
      enabled: settings.enabled,
      interval: settings.interval,
      plan: (topicId, leaders, behind) => this.#plan(topicId, leaders, behind),
      fitting: (jobs) => fitToMemory(jobs, settings.memoryBytes, pause),
      round: (jobs) => this.#round(jobs),
      trim: (leaders) => this.#trim(leaders),
      clock,
      logger,
    });
  }

  get enabled(): boolean {
    return this.#options.settings.enabled();
  }

  get running(): boolean {
    return this.#loop.running;
  }

  /** Bytes of L0 data in memory, or about to be. */
  get memoryBytes(): number {
    return this.#memory.usedBytes;
  }

  get pausedSinceMs(): number | undefined {
    return this.#loop.pausedSinceMs;
  }

  schedules(): ReadonlyMap<TopicId, TopicSchedule> {
    return this.#loop.schedules();
  }

  leadersOf(topicId: TopicId): readonly LedPartition[] {
    return this.#loop.leadersOf(topicId);
  }

  /** Up to where the metastore in the bucket has a partition, as far as this process knows. */
  flushedEnd(leader: LedPartition): Offset {
    return this.#ledger.flushedEnd(leader, this.#domainOf(leader));
  }

  pause(topicIds?: readonly TopicId[]): void {
    this.#loop.pause(topicIds);
  }

  resume(topicIds?: readonly TopicId[]): void {
    this.#loop.resume(topicIds);
  }

  /** What a round would do for a topic now. */
  async plan(topicId: TopicId): Promise<readonly Job[]> {
    const schedule = this.#loop.schedules().get(topicId);
    return (await this.#plan(topicId, this.leadersOf(topicId), schedule?.behind ?? new Map())).jobs;
  }

  /**
   * Begins a round for these topics now, also while paused. With `wait` it goes on until all that is pending as of now is reconciled, or
   * a round makes no progress.
   */
  async run(topicIds: readonly TopicId[], wait: boolean, signal: AbortSignal): Promise<ReconcileRun> {
    const { clock } = this.#options;
    const began = clock.monotonicMs();
    this.#loop.schedules();
    const pending = topicIds.flatMap((id) => this.leadersOf(id).filter(isPending));
    const goals = pending.map((leader) => ({ leader, from: leader.reconciledEnd, to: leader.lastStableOffset }));
    // One that was opened again meanwhile goes on for the one before it.
    const current = () => {
      const led = new Map(topicIds.flatMap((id) => this.leadersOf(id)).map((leader) => [nameOf(leader), leader]));
      return goals.map(({ leader, ...goal }) => ({ ...goal, leader: led.get(nameOf(leader)) ?? leader }));
    };
    const before = this.#madeOf(topicIds);
    const offsets = () => current().reduce((sum, { leader, from }) => sum + leader.reconciledEnd - from, 0);
    const isDone = () => current().every(({ leader, to }) => leader.reconciledEnd >= to);
    for (let moved = -1; !isDone() && moved < offsets() && !this.#stopping.signal.aborted; ) {
      moved = offsets();
      const round = this.#loop.order(topicIds);
      if (!wait) break;
      await orAborted(round, signal);
    }
    // A round that was under way may have done it: its objects count when it is over.
    if (wait) await orAborted(this.#loop.turnOver(), signal);
    const after = this.#madeOf(topicIds);
    return {
      complete: isDone(),
      tookMs: clock.monotonicMs() - began,
      objects: after.objects - before.objects,
      bytes: after.bytes - before.bytes,
      offsets: offsets(),
      leaders: current().map(({ leader }) => leader),
    };
  }

  #madeOf(topicIds: readonly TopicId[]): { readonly objects: number; readonly bytes: number } {
    const made = topicIds.flatMap((id) => this.#loop.schedules().get(id)?.made ?? []);
    return {
      objects: made.reduce((sum, one) => sum + one.objects, 0),
      bytes: made.reduce((sum, one) => sum + one.bytes, 0),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(new EngineError('shutting-down', 'the broker is stopping'));
    await this.#loop[Symbol.asyncDispose]();
  }

  #domainOf({ topicId, index }: LedPartition): number {
    return this.#options.metastore.domainOf({ topicId, partition: index });
  }

  #plan(topicId: TopicId, leaders: readonly LedPartition[], behind: ReadonlyMap<number, number>): Promise<PlannedJobs> {
    const { metastore, settings, pause } = this.#options;
    return planJobs(topicId, leaders.filter(isPending), {
      domainOf: (of) => metastore.domainOf(of),
      objectBytesMax: settings.interval().targetBytes * objectSurplus,
      behind,
      sweep: (leader) => this.#sweepOf(leader),
      pause,
    });
  }

  #sweepOf(leader: LedPartition): ProducerSweep | undefined {
    const { dueMs, from } = this.#sweeps.get(leader) ?? { dueMs: 0, from: { after: undefined } };
    return dueMs > this.#options.clock.monotonicMs() ? undefined : from;
  }

  #swept(leader: LedPartition, next: ProducerSweep | undefined): void {
    const nowMs = this.#options.clock.monotonicMs();
    this.#sweeps.set(
      leader,
      next === undefined ? { dueMs: nowMs + sweepMs, from: { after: undefined } } : { dueMs: nowMs, from: next },
    );
  }

  async #round(jobs: readonly Job[]): ReturnType<typeof runRound> {
    const { metastore, store, clusterId, newBuilder, settings, clock, logger, pace, pause, step } = this.#options;
    const { signal } = this.#stopping;
    this.counters.rounds++;
    const outcomes = await runRound(jobs, {
      metastore,
      store,
      clusterId,
      newBuilder,
      memory: this.#memory,
      jobsParallel: settings.jobsParallel,
      skipMissing: settings.skipMissing,
      counters: this.counters,
      clock,
      logger,
      pace: (bytes) => pace(bytes, signal),
      pause,
      step,
      signal,
      onAdded: (leader, domain, nextOffset) => this.#ledger.note(leader, domain, nextOffset),
      onSwept: (leader, next) => this.#swept(leader, next),
    });
    if ([...outcomes.values()].some(({ error }) => error !== undefined)) this.counters.failedRounds++;
    return outcomes;
  }

  async #trim(leaders: Iterable<LedPartition>): Promise<void> {
    await trimLogs(leaders, {
      ledger: this.#ledger,
      domainOf: (leader) => this.#domainOf(leader),
      step: this.#options.step,
      onTrim: () => {
        this.counters.trims++;
      },
    });
  }
}

const nameOf = ({ topicId, index }: LedPartition): string => `${topicId}/${index}`;

function orAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(new EngineError('cancelled', 'nobody waits for the order any more'));
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    void work.then(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
  });
}
