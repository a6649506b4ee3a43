// What somebody has to look at in the work on history: partitions that do not get on, and work that failed and did not succeed since.

import type { MaintenanceOutcome, ReconciledTopic } from '../broker/broker.ts';

export interface NamedProblem {
  readonly topic: string;
  readonly partition: number;
  readonly problem: string;
}

export function reconcileProblems(topics: readonly Pick<ReconciledTopic, 'topic' | 'partitions'>[]): NamedProblem[] {
  return topics.flatMap(({ topic, partitions }) =>
    partitions.flatMap(({ partition, problem }) => (problem === null ? [] : [{ topic, partition, problem }])),
  );
}

/** Something else got there first, or the broker stopped: what is left is looked at again, and nobody has to look after it. */
const politeCodes = ['metastore-conflict', 'unknown-topic-id', 'not-leader', 'offset-out-of-range', 'cancelled'];

/** Newest first, as they come. */
export function failedOutcomes(outcomes: readonly MaintenanceOutcome[]): MaintenanceOutcome[] {
  const judged = new Set<string>();
  return outcomes.filter(({ kind, topic, partition, error }) => {
    const work = `${kind} ${topic}/${partition}`;
    const isNewest = !judged.has(work);
    judged.add(work);
    return isNewest && error !== null && !politeCodes.some((code) => error.startsWith(`${code}: `));
  });
}
