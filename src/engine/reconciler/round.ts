// One round: the jobs of all topics that are due, a few at a time, over reads that they share.

import { type EngineError, toEngineError } from '../base/errors.ts';
import type { TopicId } from '../base/ids.ts';
import type { LedPartition } from '../partition/partition.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { ReadMemory } from './read-memory.ts';
import { type Job, type RoundJobOptions, runJob } from './round-job.ts';
import { RoundReads } from './round-reads.ts';

export interface RoundOptions extends RoundJobOptions {
  readonly store: ObjectStore;
  readonly clusterId: string;
  readonly memory: ReadMemory;
  readonly jobsParallel: number;
}

/** What a round came to for one topic. */
export interface TopicOutcome {
  objects: number;
  bytes: number;
  largestBytes: number;
  offsets: number;
  /** The first thing that went wrong, for a partition or as a whole. */
  error: EngineError | undefined;
  /** What kept a whole object from being made. */
  failure: EngineError | undefined;
  readonly problems: Map<LedPartition, EngineError>;
}

export const noOutcome = (): TopicOutcome => ({
  objects: 0,
  bytes: 0,
  largestBytes: 0,
  offsets: 0,
  error: undefined,
  failure: undefined,
  problems: new Map(),
});

/** What fails is in the outcome of its topic. The jobs fit the memory. */
export async function runRound(jobs: readonly Job[], options: RoundOptions): Promise<Map<TopicId, TopicOutcome>> {
  const { store, clusterId, memory, pace, pause, signal, counters, logger } = options;
  const outcomes = new Map<TopicId, TopicOutcome>();
  const onRead = (bytes: number) => {
    counters.l0Reads++;
    counters.l0ReadBytes += bytes;
  };
  const reads = new RoundReads({ store, clusterId, memory, pace, onRead, signal });
  await reads.prepare(jobs, pause);
  const left = [...jobs];
  const work = async () => {
    for (let job = left.shift(); job !== undefined && !signal.aborted; job = left.shift()) {
      const outcome = outcomes.get(job.topicId) ?? noOutcome();
      outcomes.set(job.topicId, outcome);
      try {
        const { objectBytes, offsets, problems } = await runJob(job, reads, options);
        if (objectBytes > 0) outcome.objects++;
        outcome.bytes += objectBytes;
        outcome.largestBytes = Math.max(outcome.largestBytes, objectBytes);
        outcome.offsets += offsets;
        counters.partitions += job.parts.length - problems.size;
        for (const [leader, error] of problems) {
          outcome.problems.set(leader, error);
          outcome.error ??= error;
        }
      } catch (thrown) {
        const error = toEngineError(thrown);
        outcome.error ??= error;
        outcome.failure ??= error;
        if (!signal.aborted) logFailure(job, error, logger);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(options.jobsParallel, jobs.length) }, work));
  reads.end();
  return outcomes;
}

function logFailure({ topicId, domain, parts }: Job, error: EngineError, logger: RoundOptions['logger']): void {
  const fields = { topicId, domain, partitions: parts.length, code: error.code, error: error.message };
  if (error.code === 'bug' || error.kind === 'corruption') {
    logger.error({ ...fields, stack: (error.cause instanceof Error ? error.cause : error).stack }, 'a round failed');
  } else {
    logger.warn(fields, 'a round failed; it is tried again');
  }
}
