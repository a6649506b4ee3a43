// What the admin server shows of compaction, leveling and retention, and lets an operator order: topics by name, times as text.

import type { TopicId } from './base/ids.ts';
import type { MaintenanceJob, MaintenanceOperations, MaintenanceOutcome, MaintenanceScope } from './broker/broker.ts';
import type { ControlState } from './cluster/control-state.ts';
import type { Compactor, DueWork, WorkOutcome } from './compactor/compactor.ts';
import { chosenTopics } from './reconcile-operations.ts';

type CompactOperations = Pick<MaintenanceOperations, 'compactStatus' | 'compactPlan' | 'compactRun'>;

export interface CompactParts {
  readonly control: ControlState;
  readonly compactor: Compactor;
}

export function compactOperations({ control, compactor }: CompactParts): CompactOperations {
  const scopeOf = (scope: MaintenanceScope) =>
    scope.topics === undefined ? {} : { topicIds: chosenTopics(control, scope).map(({ id }) => id) };
  const named = <Of extends { readonly topicId: TopicId }>({ topicId, ...rest }: Of) => ({
    // A topic that was deleted meanwhile has no name any more.
    topic: control.byId(topicId)?.name ?? topicId,
    ...rest,
  });
  const jobOf = ({ urgency: _, ...due }: DueWork): MaintenanceJob => named(due);
  const outcomeOf = ({ atMs, tookMs, ...outcome }: WorkOutcome): MaintenanceOutcome => ({
    ...named(outcome),
    at: new Date(atMs).toISOString(),
    tookMs: Math.round(tookMs),
  });
  return {
    async compactStatus(scope) {
      const { running, queued, outcomes, partitions, ...enabled } = await compactor.status(scopeOf(scope));
      return {
        ...enabled,
        running: running.map(({ sinceMs, ...due }) => ({ ...jobOf(due), since: new Date(sinceMs).toISOString() })),
        queued: queued.map(jobOf),
        outcomes: outcomes.map(outcomeOf),
        partitions: partitions.map(named),
      };
    },
    async compactPlan({ kinds, ...scope }) {
      const { jobs, skipped } = await compactor.plan({ ...scopeOf(scope), kinds });
      return { jobs: jobs.map(jobOf), skipped: skipped.map(named) };
    },
    async compactRun({ kinds, wait, signal, ...scope }) {
      const { outcomes, tookMs, ...run } = await compactor.run({ ...scopeOf(scope), kinds, wait, signal });
      return { ...run, tookMs: Math.round(tookMs), outcomes: outcomes.map(outcomeOf) };
    },
  };
}
