// What a round would do for a topic: which partitions have something to reconcile, and how much of each goes into the next object of
// its metastore domain. Reads placeholders, never data.

import { EngineError, toEngineError } from '../base/errors.ts';
import type { TopicId } from '../base/ids.ts';
import type { LedPartition } from '../partition/partition.ts';
import { shareBudget } from './budget-share-policy.ts';
import { withinProducers } from './partition-addition.ts';
import type { Job, JobPart } from './round-job.ts';

export interface PlanOptions {
  readonly domainOf: (of: { readonly topicId: TopicId; readonly partition: number }) => number;
  readonly objectBytesMax: number;
  /** Whose turn it is: counts up with every round of the topic. */
  readonly turn: number;
  /** Whether to look for producers that a partition has forgotten. */
  readonly sweep: (leader: LedPartition) => boolean;
}

/** Placeholders held for one object. */
const batchesMax = 50_000;

export const isPending = (leader: LedPartition): boolean => leader.reconciledEnd < leader.lastStableOffset;

export interface PlannedJobs {
  readonly jobs: readonly Job[];
  /** Partitions whose placeholders could not be read. */
  readonly problems: ReadonlyMap<LedPartition, EngineError>;
}

/** One job for each metastore domain with pending data. `leaders` are of one topic. */
export async function planJobs(
  topicId: TopicId,
  leaders: readonly LedPartition[],
  options: PlanOptions,
): Promise<PlannedJobs> {
  const byDomain = Map.groupBy(leaders.filter(isPending), ({ index: partition }) =>
    options.domainOf({ topicId, partition }),
  );
  const jobs: Job[] = [];
  const problems = new Map<LedPartition, EngineError>();
  for (const [domain, pending] of byDomain) {
    const sorted = pending.toSorted((a, b) => a.index - b.index);
    const parts = await planParts(sorted, options, problems);
    if (parts.length > 0) jobs.push({ topicId, domain, parts });
  }
  return { jobs, problems };
}

async function planParts(
  leaders: readonly LedPartition[],
  options: PlanOptions,
  problems: Map<LedPartition, EngineError>,
): Promise<JobPart[]> {
  const { objectBytesMax, turn, sweep } = options;
  // An estimate of 0 bytes must not keep an offset that is pending out of every object.
  const wants = leaders.map((leader) => Math.max(1, leader.pendingBytes));
  const shares = shareBudget(wants, objectBytesMax, turn % Math.max(1, leaders.length));
  const parts: JobPart[] = [];
  let batchesLeft = batchesMax;
  for (let step = 0; step < leaders.length && batchesLeft > 0; step++) {
    const at = (turn + step) % leaders.length;
    const leader = leaders[at] as LedPartition;
    const bytesMax = shares[at] as number;
    if (bytesMax === 0) continue;
    const from = leader.reconciledEnd;
    const found = await leader.readPending({ bytesMax, batchesMax: batchesLeft }).catch(toEngineError);
    if (found instanceof EngineError) {
      problems.set(leader, found);
      continue;
    }
    const batches = withinProducers(found);
    if (batches.length === 0) continue;
    batchesLeft -= batches.length;
    parts.push({ leader, from, batches, sweep: sweep(leader) });
  }
  return parts.sort((a, b) => a.leader.index - b.leader.index);
}
