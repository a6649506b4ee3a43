// The reconciler's time: which topics are due, rounds one after the other, pauses, and trimming in between.
//
// - a round takes all topics that are due, so that an L0 object which feeds several of them is read once
// - a topic that is paused, or all where reconciling is switched off, takes part only where an operator orders it
// - one round runs at a time; a topic with more pending than fits an object is due again at once, behind the others

import type { Clock, Timer } from '../base/clock.ts';
import { type EngineError, toEngineError } from '../base/errors.ts';
import type { TopicId } from '../base/ids.ts';
import type { Logger } from '../base/logger.ts';
import type { LedPartition } from '../partition/partition.ts';
import type { IntervalRules } from './adaptive-interval-policy.ts';
import { noOutcome, type runRound, type TopicOutcome } from './round.ts';
import type { FittedRound } from './round-fit.ts';
import type { Job } from './round-job.ts';
import { isPending, type PlannedJobs } from './round-plan.ts';
import { TopicSchedule } from './topic-schedule.ts';

export interface ReconcileLoopOptions {
  readonly partitions: () => Iterable<LedPartition>;
  readonly enabled: () => boolean;
  readonly interval: () => IntervalRules;
  readonly plan: (
    topicId: TopicId,
    leaders: readonly LedPartition[],
    behind: ReadonlyMap<number, number>,
  ) => Promise<PlannedJobs>;
  /** What of the jobs fits the memory of one round. */
  readonly fitting: (jobs: readonly Job[]) => Promise<FittedRound>;
  readonly round: (jobs: readonly Job[]) => ReturnType<typeof runRound>;
  /** Between rounds, now and then. */
  readonly trim: (leaders: Iterable<LedPartition>) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Placeholders that one round holds in memory; topics beyond that are due again at once. */
const roundBatchesMax = 200_000;
/** How often topics that came and went are looked for at least, and logs are trimmed at most: that looks at every partition. */
const lookMs = 1_000;

export class ReconcileLoop implements AsyncDisposable {
  readonly #options: ReconcileLoopOptions;
  readonly #schedules = new Map<TopicId, TopicSchedule>();
  #leaders = new Map<TopicId, LedPartition[]>();
  readonly #ordered = new Set<TopicId>();
  #pausedSinceMs: number | undefined;
  #trimmedMs = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #stopped = false;
  readonly #afterRound = new Set<() => void>();

  constructor(options: ReconcileLoopOptions) {
    this.#options = options;
    this.#wakeAfter(0);
  }

  get pausedSinceMs(): number | undefined {
    return this.#pausedSinceMs;
  }

  get running(): boolean {
    return this.#running !== undefined;
  }

  /** Resolves when the turn that is under way, if one is, is over. */
  async turnOver(): Promise<void> {
    await this.#running;
  }

  /** Of every topic with partitions led here, as of now. */
  schedules(): ReadonlyMap<TopicId, TopicSchedule> {
    this.#look();
    return this.#schedules;
  }

  leadersOf(topicId: TopicId): readonly LedPartition[] {
    return this.#leaders.get(topicId) ?? [];
  }

  /** All topics where none is named. */
  pause(topicIds?: readonly TopicId[]): void {
    const nowMs = this.#options.clock.nowMs();
    if (topicIds === undefined) this.#pausedSinceMs ??= nowMs;
    else for (const one of this.#schedulesOf(topicIds)) one.pausedSinceMs ??= nowMs;
  }

  resume(topicIds?: readonly TopicId[]): void {
    if (topicIds === undefined) this.#pausedSinceMs = undefined;
    for (const one of this.#schedulesOf(topicIds)) {
      one.pausedSinceMs = undefined;
      one.dueMs = Math.min(one.dueMs, this.#options.clock.monotonicMs());
    }
    this.#wakeAfter(0);
  }

  /** Lets topics take part in the next round, whatever their interval says, also while paused. Resolves when that round is over. */
  order(topicIds: readonly TopicId[]): Promise<void> {
    for (const id of topicIds) this.#ordered.add(id);
    const over = new Promise<void>((resolve) => {
      const look = () => {
        if (!this.#stopped && topicIds.some((id) => this.#ordered.has(id))) return;
        this.#afterRound.delete(look);
        resolve();
      };
      this.#afterRound.add(look);
    });
    this.#wakeAfter(0);
    return over;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#running;
    for (const look of [...this.#afterRound]) look();
  }

  #schedulesOf(topicIds?: readonly TopicId[]): TopicSchedule[] {
    const all = this.schedules();
    return topicIds === undefined ? [...all.values()] : topicIds.flatMap((id) => all.get(id) ?? []);
  }

  /** Takes note of which partitions are led now. */
  #look(): void {
    const { clock, interval } = this.#options;
    this.#leaders = Map.groupBy(this.#options.partitions(), ({ topicId }) => topicId);
    for (const topicId of this.#schedules.keys()) if (!this.#leaders.has(topicId)) this.#schedules.delete(topicId);
    for (const [topicId, leaders] of this.#leaders) {
      const known = this.#schedules.get(topicId);
      if (known === undefined) {
        this.#schedules.set(topicId, new TopicSchedule(topicId, interval().minMs, clock.monotonicMs()));
      } else if (known.problems.size > 0) {
        const led = new Set(leaders);
        for (const leader of known.problems.keys()) if (!led.has(leader)) known.problems.delete(leader);
      }
    }
  }

  #wakeAfter(delayMs: number): void {
    if (this.#stopped || this.#running !== undefined) return;
    this.#timer?.cancel();
    this.#timer = this.#options.clock.after(delayMs, () => {
      this.#running = this.#turn().finally(() => {
        this.#running = undefined;
        for (const look of [...this.#afterRound]) look();
        this.#wakeAfter(this.#ordered.size > 0 ? 0 : this.#untilNextMs());
      });
    });
  }

  #untilNextMs(): number {
    const nowMs = this.#options.clock.monotonicMs();
    let nextMs = nowMs + lookMs;
    for (const one of this.#schedules.values()) if (this.#mayRun(one)) nextMs = Math.min(nextMs, one.dueMs);
    return Math.max(1, Math.ceil(nextMs - nowMs));
  }

  #mayRun(schedule: TopicSchedule): boolean {
    return this.#options.enabled() && this.#pausedSinceMs === undefined && schedule.pausedSinceMs === undefined;
  }

  /** Never rejects. */
  async #turn(): Promise<void> {
    const { clock, logger, interval } = this.#options;
    try {
      this.#look();
      const nowMs = clock.monotonicMs();
      // The longest interval may have become shorter.
      const latestMs = nowMs + interval().maxMs;
      for (const one of this.#schedules.values()) one.dueMs = Math.min(one.dueMs, latestMs);
      const due = [...this.#schedules.values()].filter(
        (one) => this.#ordered.has(one.topicId) || (one.dueMs <= nowMs && this.#mayRun(one)),
      );
      const ordered = new Set(this.#ordered);
      const took = due.length > 0 ? await this.#round(due) : [];
      for (const { topicId } of took) if (ordered.has(topicId)) this.#ordered.delete(topicId);
      // What is not led here any more has no rounds.
      for (const topicId of ordered) if (!this.#schedules.has(topicId)) this.#ordered.delete(topicId);
      await this.#trim();
    } catch (error) {
      this.#ordered.clear();
      const { code, message, stack } = toEngineError(error);
      logger.error({ code, error: message, stack }, 'a turn of the reconciler failed');
      // What failed is not tried again at once.
      const againMs = clock.monotonicMs() + lookMs;
      for (const one of this.#schedules.values()) one.dueMs = Math.max(one.dueMs, againMs);
    }
  }

  async #trim(): Promise<void> {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - this.#trimmedMs < lookMs) return;
    this.#trimmedMs = nowMs;
    await this.#options.trim([...this.#leaders.values()].flat());
  }

  /** Resolves to the topics that took part. */
  async #round(wanted: readonly TopicSchedule[]): Promise<readonly TopicSchedule[]> {
    const { clock, interval, plan, fitting, round } = this.#options;
    const atMs = clock.nowMs();
    const began = clock.monotonicMs();
    const wantedJobs: Job[] = [];
    const left = new Set<LedPartition>();
    const unplanned = new Map<TopicId, ReadonlyMap<LedPartition, EngineError>>();
    const due: TopicSchedule[] = [];
    let batches = 0;
    for (const schedule of wanted.toSorted((a, b) => a.dueMs - b.dueMs)) {
      if (batches >= roundBatchesMax) break;
      const { topicId, behind } = schedule;
      due.push(schedule);
      const leaders = this.leadersOf(topicId).filter(isPending);
      if (leaders.length === 0) continue;
      const planned = await plan(topicId, leaders, behind);
      wantedJobs.push(...planned.jobs);
      for (const [domain, partition] of planned.ends) behind.set(domain, partition);
      for (const leader of planned.left) left.add(leader);
      for (const { parts } of planned.jobs) for (const part of parts) batches += part.batches.length;
      if (planned.problems.size > 0) unplanned.set(topicId, planned.problems);
    }
    const { jobs, cut } = await fitting(wantedJobs);
    for (const leader of cut) left.add(leader);
    const outcomes = jobs.length === 0 ? new Map<TopicId, TopicOutcome>() : await round(jobs);
    for (const [topicId, problems] of unplanned) {
      outcomes.set(topicId, withProblems(outcomes.get(topicId) ?? noOutcome(), problems));
    }
    const nowMs = clock.monotonicMs();
    const planned = Map.groupBy(jobs, ({ topicId }) => topicId);
    for (const schedule of due) {
      const outcome = outcomes.get(schedule.topicId);
      const { objects = 0, bytes = 0, offsets = 0, error } = outcome ?? {};
      const taken = (planned.get(schedule.topicId) ?? []).flatMap(({ parts }) => parts.map(({ leader }) => leader));
      schedule.took([...taken, ...(unplanned.get(schedule.topicId)?.keys() ?? [])], outcome);
      const hasMore = this.leadersOf(schedule.topicId).some(
        (leader) => (left.has(leader) || this.#isBehind(leader)) && !schedule.problems.has(leader),
      );
      const last = { atMs, tookMs: nowMs - began, objects, bytes, offsets, error };
      schedule.finished(outcome, last, hasMore, interval(), nowMs);
    }
    return due;
  }

  /** Whether so much is pending that waiting for the interval would only make the next objects larger than they should be. */
  #isBehind(leader: LedPartition): boolean {
    return isPending(leader) && leader.pendingBytes >= this.#options.interval().targetBytes;
  }
}

function withProblems(outcome: TopicOutcome, problems: ReadonlyMap<LedPartition, EngineError>): TopicOutcome {
  for (const [leader, error] of problems) {
    outcome.problems.set(leader, error);
    outcome.error ??= error;
  }
  return outcome;
}
