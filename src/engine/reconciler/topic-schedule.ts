// When each topic has its next round, and how its last one went.

import type { EngineError } from '../base/errors.ts';
import type { TopicId } from '../base/ids.ts';
import type { LedPartition } from '../partition/partition.ts';
import { type IntervalRules, nextIntervalMs } from './adaptive-interval-policy.ts';
import type { TopicOutcome } from './round.ts';

export interface LastRound {
  readonly atMs: number;
  readonly tookMs: number;
  readonly objects: number;
  readonly bytes: number;
  readonly offsets: number;
  readonly error: EngineError | undefined;
}

export class TopicSchedule {
  readonly topicId: TopicId;
  intervalMs: number;
  /** By the monotonic clock. */
  dueMs: number;
  /** By the wall clock. */
  pausedSinceMs: number | undefined;
  last: LastRound | undefined;
  /** Objects of this topic so far, and their bytes. */
  readonly made = { objects: 0, bytes: 0 };
  /** By metastore domain, the partition that its last object came to: whose turn it is next. */
  readonly behind = new Map<number, number>();
  readonly problems = new Map<LedPartition, EngineError>();

  constructor(topicId: TopicId, intervalMs: number, nowMs: number) {
    this.topicId = topicId;
    this.intervalMs = intervalMs;
    this.dueMs = nowMs + intervalMs;
  }

  /**
   * After a round that this topic had a part in, with or without something to do. `hasMore`: more is pending than fit the round, and
   * nothing known keeps it from being reconciled.
   */
  finished(outcome: TopicOutcome | undefined, last: LastRound, hasMore: boolean, rules: IntervalRules, nowMs: number) {
    if (outcome !== undefined) this.last = last;
    this.made.objects += last.objects;
    this.made.bytes += last.bytes;
    const largest = outcome?.largestBytes ?? 0;
    this.intervalMs = nextIntervalMs(this.intervalMs, largest, rules);
    const gotOn = outcome !== undefined && outcome.failure === undefined && outcome.offsets > 0;
    this.dueMs = nowMs + (hasMore && gotOn ? 0 : this.intervalMs);
  }

  /** What went wrong for its partitions, as of the last round that each had a part in. */
  took(taken: Iterable<LedPartition>, outcome: TopicOutcome | undefined): void {
    for (const leader of taken) {
      const problem = outcome?.problems.get(leader) ?? outcome?.failure;
      if (problem === undefined) this.problems.delete(leader);
      else this.problems.set(leader, problem);
    }
  }
}
