// A live broker's work on history, over its admin server: how reconciling, compaction, leveling and retention stand, what they would do,
// and the orders. Long answers come in pages; they are put together here.

import type { MaintenanceKind, ReconciledTopic } from '../broker/broker.ts';
import { AdminClient, type AdminClientOptions } from './admin-client.ts';
import {
  type Answered,
  type LiveCompactPlan,
  type LiveCompactRun,
  type LiveCompactStatus,
  type LivePauses,
  type LiveReconcilePlan,
  type LiveReconcileRun,
  type LiveReconcileStatus,
  liveCompactPlan,
  liveCompactRun,
  liveCompactStatus,
  livePauses,
  liveReconcilePlan,
  liveReconcileRun,
  liveReconcileStatus,
} from './live-maintenance-format.ts';
import type { SourcePlace } from './metadata-source.ts';

/** All topics, and all kinds of work, where none is named. */
export interface LiveScope {
  readonly topics?: readonly string[] | undefined;
  readonly kinds?: readonly MaintenanceKind[] | undefined;
}

export class LiveMaintenance {
  readonly #client: AdminClient;

  constructor(options: AdminClientOptions) {
    this.#client = new AdminClient(options, 'unsupported-version');
  }

  placeOf({ clusterId }: Pick<Answered, 'clusterId'>): SourcePlace {
    return { kind: 'live', admin: this.#client.address, clusterId };
  }

  /** Of all partitions, however many there are. */
  async reconcileStatus(scope: LiveScope): Promise<LiveReconcileStatus> {
    const topics: ReconciledTopic[] = [];
    for (let after: string | undefined; ; ) {
      const page = liveReconcileStatus(await this.#client.read(`/v1/reconcile${query(scope, { after })}`));
      for (const one of page.topics) {
        const last = topics.at(-1);
        if (last?.topic !== one.topic) topics.push(one);
        else topics[topics.length - 1] = { ...one, partitions: [...last.partitions, ...one.partitions] };
      }
      const last = page.topics.at(-1);
      if (!page.more || last === undefined) return { ...page, topics, more: false };
      after = `${last.topic}/${last.partitions.at(-1)?.partition ?? 0}`;
    }
  }

  async reconcilePlan(scope: LiveScope): Promise<LiveReconcilePlan> {
    return liveReconcilePlan(await this.#client.read(`/v1/reconcile/plan${query(scope)}`));
  }

  async reconcileRun(scope: LiveScope, wait: boolean): Promise<LiveReconcileRun> {
    return liveReconcileRun(await this.#client.order(`/v1/reconcile/run${query(scope, { wait })}`));
  }

  async reconcilePause(scope: LiveScope): Promise<LivePauses> {
    return livePauses(await this.#client.order(`/v1/reconcile/pause${query(scope)}`));
  }

  async reconcileResume(scope: LiveScope): Promise<LivePauses> {
    return livePauses(await this.#client.order(`/v1/reconcile/resume${query(scope)}`));
  }

  /** Of all partitions; of what waits only the first ten thousand. */
  async compactStatus(scope: LiveScope): Promise<LiveCompactStatus> {
    const partitions: LiveCompactStatus['partitions'][number][] = [];
    let first: LiveCompactStatus | undefined;
    for (let after: string | undefined; ; ) {
      const page = liveCompactStatus(await this.#client.read(`/v1/compact${query(scope, { after })}`));
      first ??= page;
      for (const one of page.partitions) partitions.push(one);
      const last = page.partitions.at(-1);
      if (!page.more || last === undefined) return { ...first, partitions, more: false };
      after = `${last.topic}/${last.partition}`;
    }
  }

  async compactPlan(scope: LiveScope): Promise<LiveCompactPlan> {
    return liveCompactPlan(await this.#client.read(`/v1/compact/plan${query(scope)}`));
  }

  async compactRun(scope: LiveScope, wait: boolean): Promise<LiveCompactRun> {
    return liveCompactRun(await this.#client.order(`/v1/compact/run${query(scope, { wait })}`));
  }
}

function query(
  { topics = [], kinds = [] }: LiveScope,
  { wait = false, after }: { readonly wait?: boolean; readonly after?: string | undefined } = {},
): string {
  const parameters = new URLSearchParams();
  for (const topic of topics) parameters.append('topic', topic);
  for (const kind of kinds) parameters.append('kind', kind);
  if (wait) parameters.append('wait', 'true');
  if (after !== undefined) parameters.append('after', after);
  return parameters.size === 0 ? '' : `?${parameters}`;
}
