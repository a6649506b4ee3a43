// What a round would do for a topic: which partitions have something to reconcile, and how much of each goes into the next object of
// its metastore domain. Reads placeholders, never data.

import { EngineError, toEngineError } from '../base/errors.ts';
import type { TopicId } from '../base/ids.ts';
import type { LedPartition } from '../partition/partition.ts';
import { shareBudget } from './budget-share-policy.ts';
import { type ProducerSweep, withinProducers } from './partition-addition.ts';
import type { Job, JobPart } from './round-job.ts';
import { TurnTaking } from './turn-taking.ts';

export interface PlanOptions {
  readonly domainOf: (of: { readonly topicId: TopicId; readonly partition: number }) => number;
  readonly objectBytesMax: number;
  /** By domain, the partition that the last object came to: the next one begins behind it. */
  readonly behind: ReadonlyMap<number, number>;
  /** Where to look for producers that a partition has forgotten; undefined for not now. */
  readonly sweep: (leader: LedPartition) => ProducerSweep | undefined;
  /** Lets others have their turn of the event loop. */
  readonly pause: () => Promise<void>;
}

/** Placeholders held for one object. */
const batchesMax = 50_000;
/** Partitions whose placeholders are read in one turn of the event loop. */
const partitionsPerTurn = 64;

export const isPending = (leader: LedPartition): boolean => leader.reconciledEnd < leader.lastStableOffset;

export interface PlannedJobs {
  readonly jobs: readonly Job[];
  /** Partitions whose placeholders could not be read. */
  readonly problems: ReadonlyMap<LedPartition, EngineError>;
  /** Those of which more is pending than there was room for. */
  readonly left: ReadonlySet<LedPartition>;
  /** By domain, the partition that its object came to. */
  readonly ends: ReadonlyMap<number, number>;
}

interface Planned {
  readonly jobs: Job[];
  readonly problems: Map<LedPartition, EngineError>;
  readonly left: Set<LedPartition>;
  readonly ends: Map<number, number>;
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
  const planned: Planned = { jobs: [], problems: new Map(), left: new Set(), ends: new Map() };
  for (const [domain, pending] of byDomain) {
    const sorted = pending.toSorted((a, b) => a.index - b.index);
    const parts = await planParts(domain, sorted, options, planned);
    if (parts.length > 0) planned.jobs.push({ topicId, domain, parts });
  }
  return planned;
}

/** From the partition behind the one that the last object came to, round to it again. */
async function planParts(
  domain: number,
  leaders: readonly LedPartition[],
  { objectBytesMax, behind, sweep, pause }: PlanOptions,
  { problems, left, ends }: Planned,
): Promise<JobPart[]> {
  const last = behind.get(domain) ?? -1;
  const first = Math.max(
    0,
    leaders.findIndex(({ index }) => index > last),
  );
  // An estimate of 0 bytes must not keep an offset that is pending out of every object.
  const wants = leaders.map((leader) => Math.max(1, leader.pendingBytes));
  const shares = shareBudget(wants, objectBytesMax, first);
  const parts: JobPart[] = [];
  const turns = new TurnTaking(pause, partitionsPerTurn);
  let batchesLeft = batchesMax;
  for (let step = 0; step < leaders.length; step++) {
    const at = (first + step) % leaders.length;
    const leader = leaders[at] as LedPartition;
    const bytesMax = shares[at] as number;
    if (bytesMax === 0 || batchesLeft === 0) {
      left.add(leader);
      continue;
    }
    const from = leader.reconciledEnd;
    const found = await leader.readPending({ bytesMax, batchesMax: batchesLeft, pause }).catch(toEngineError);
    ends.set(domain, leader.index);
    await turns.next();
    if (found instanceof EngineError) {
      problems.set(leader, found);
      continue;
    }
    const batches = withinProducers(found);
    if (batches.length === batchesLeft || batches.length < found.length) left.add(leader);
    if (batches.length === 0) continue;
    batchesLeft -= batches.length;
    parts.push({ leader, from, batches, sweep: sweep(leader) });
  }
  return parts.sort((a, b) => a.leader.index - b.leader.index);
}
