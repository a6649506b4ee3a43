// The work on history as an operator sees it, made up: topics with a backlog that an order takes away, one partition that does not get
// on, and what compaction would have to do. It remembers what it was ordered.

import { EngineError } from '../../src/engine/base/errors.ts';
import type {
  CompactedPartition,
  CompactPlan,
  CompactRunResult,
  CompactStatus,
  MaintenanceJob,
  MaintenanceKind,
  MaintenanceOperations,
  MaintenanceOutcome,
  MaintenanceScope,
  ReconciledPartition,
  ReconciledTopic,
  ReconcilePlan,
  ReconcileRunResult,
  ReconcileStatus,
} from '../../src/engine/broker/broker.ts';

const at = '2026-11-21T10:00:00.000Z';
const mib = 1024 * 1024;

export class FakeMaintenance implements MaintenanceOperations {
  readonly orders: string[] = [];
  onOrder: (what: string) => void = () => {};
  readonly topics = new Map<string, { paused: string | null; partitions: ReconciledPartition[] }>();
  /** All of it, whatever the topics are. */
  paused: string | null = null;
  outcomes: MaintenanceOutcome[] = [];
  /** A waiting run ends when this does. */
  working: Promise<void> = Promise.resolve();

  /** `stuck`: the number of a partition that does not get on. */
  topic(name: string, count: number, { pendingOffsets = 0, stuck = -1 } = {}): this {
    const partitions = Array.from({ length: count }, (_, partition): ReconciledPartition => {
      const problem = partition === stuck ? 'corrupt-batch: the CRC32C of the batch at offset 7 is wrong' : null;
      return { ...settled, partition, ...backlog(problem === null ? pendingOffsets : 3), problem };
    });
    this.topics.set(name, { paused: null, partitions });
    return this;
  }

  reconcileStatus(scope: MaintenanceScope): ReconcileStatus {
    const topics = this.#chosen(scope).map(([topic, { paused, partitions }]): ReconciledTopic => {
      const lastRound = { at, tookMs: 840, objects: 1, bytes: 64 * mib, offsets: 50_000, error: null };
      const interval = { intervalMs: 1000, nextRoundInMs: 400 };
      return { topic, topicId: `${topic}-id`, paused, ...interval, lastRound, partitions };
    });
    const { paused } = this;
    return { paused, enabled: true, roundsRunning: 0, topics };
  }

  async reconcilePlan(scope: MaintenanceScope): Promise<ReconcilePlan> {
    const pending = this.#chosen(scope).filter(([, { partitions }]) => partitions.some(isPending));
    return {
      objects: pending.map(([topic, { partitions }]) => ({
        topic,
        domain: 'metastore/0',
        partitions: partitions.filter(isPending).length,
        offsets: sum(partitions, 'pendingOffsets'),
        batches: 4,
        bytes: sum(partitions, 'pendingBytes'),
        l0Objects: 2,
        cachedBatches: 3,
      })),
      skipped: pending.filter(([, { paused }]) => paused !== null).map(([topic]) => ({ topic, reason: 'paused' })),
    };
  }

  async reconcileRun(
    scope: MaintenanceScope & { readonly wait: boolean; readonly signal: AbortSignal },
  ): Promise<ReconcileRunResult> {
    const chosen = this.#chosen(scope);
    this.#note(`reconcile ${chosen.map(([topic]) => topic).join(',')}${scope.wait ? ' and wait' : ''}`);
    const pending = chosen.flatMap(([topic, { partitions }]) =>
      partitions.filter(isPending).map((one) => ({ topic, ...one })),
    );
    const figures = { tookMs: 120, objects: 0, bytes: 0, offsets: 0 };
    const shown = ({ topic, partition, problem, ...one }: (typeof pending)[number], left: number) => {
      const lastReconciledOffset = left > 0 ? one.lastReconciledOffset : one.highWatermark - 1;
      return { topic, partition, lastReconciledOffset, pendingOffsets: left, problem };
    };
    if (!scope.wait) {
      return { complete: false, ...figures, partitions: pending.map((one) => shown(one, one.pendingOffsets)) };
    }
    await this.#worked(scope.signal);
    for (const [, topic] of chosen) {
      topic.partitions = topic.partitions.map((one) => (one.problem === null ? { ...one, ...backlog(0) } : one));
    }
    const done = pending.filter(({ problem }) => problem === null);
    return {
      complete: done.length === pending.length,
      ...figures,
      objects: done.length,
      bytes: sum(done, 'pendingBytes'),
      offsets: sum(done, 'pendingOffsets'),
      partitions: pending.map((one) => shown(one, one.problem === null ? 0 : one.pendingOffsets)),
    };
  }

  reconcilePause(scope: MaintenanceScope): ReconcileStatus {
    if (scope.topics === undefined) this.paused = at;
    else for (const [, topic] of this.#chosen(scope)) topic.paused = at;
    return this.reconcileStatus(scope);
  }

  reconcileResume(scope: MaintenanceScope): ReconcileStatus {
    if (scope.topics === undefined) this.paused = null;
    for (const [, topic] of this.#chosen(scope)) topic.paused = null;
    return this.reconcileStatus(scope);
  }

  async compactStatus(scope: MaintenanceScope): Promise<CompactStatus> {
    const partitions = this.#chosen(scope).flatMap(([topic, { partitions }]) =>
      partitions.map(
        ({ partition }): CompactedPartition => ({
          topic,
          partition,
          cleanupPolicy: 'compact',
          extents: 31,
          bytes: 400 * mib,
          dirtyRatio: 0.63,
          dirtyBytes: 252 * mib,
          cleanedTo: 10_000,
        }),
      ),
    );
    return {
      compactionEnabled: true,
      levelingEnabled: true,
      running: [{ ...job('leveling', 'running', 0), since: at }],
      queued: partitions.map(({ topic, partition }) => job('compaction', topic, partition)),
      outcomes: this.outcomes,
      partitions,
    };
  }

  async compactPlan(scope: MaintenanceScope & { readonly kinds: readonly MaintenanceKind[] }): Promise<CompactPlan> {
    const jobs = this.#chosen(scope).flatMap(([topic, { partitions }]) =>
      partitions.flatMap(({ partition }) => scope.kinds.map((kind) => job(kind, topic, partition))),
    );
    return { jobs, skipped: [{ topic: 'quiet', partition: 2, reason: 'dirty ratio 0.1 of at least 0.5' }] };
  }

  async compactRun(
    scope: MaintenanceScope & {
      readonly kinds: readonly MaintenanceKind[];
      readonly wait: boolean;
      readonly signal: AbortSignal;
    },
  ): Promise<CompactRunResult> {
    const { jobs } = await this.compactPlan(scope);
    this.#note(`${scope.kinds.join(',')} of ${this.#chosen(scope).map(([topic]) => topic)}`);
    if (!scope.wait) return { complete: false, tookMs: 2, ordered: jobs.length, outcomes: [] };
    await this.#worked(scope.signal);
    const outcomes = jobs.map(({ kind, topic, partition }) => outcome(kind, topic, partition));
    return { complete: true, tookMs: 310, ordered: jobs.length, outcomes: [...outcomes, ...this.outcomes] };
  }

  #note(what: string): void {
    this.orders.push(what);
    this.onOrder(what);
  }

  #chosen({ topics }: MaintenanceScope) {
    const stranger = topics?.find((name) => !this.topics.has(name));
    if (stranger !== undefined) throw new EngineError('unknown-topic-or-partition', `there is no topic ${stranger}`);
    return [...this.topics].filter(([name]) => topics === undefined || topics.includes(name));
  }

  #worked(signal: AbortSignal): Promise<void> {
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => {
        this.#note('stopped waiting');
        reject(signal.reason);
      });
    });
    return Promise.race([this.working, aborted]);
  }
}

const settled = { logStartOffset: 0, highWatermark: 50_000, flushedNextOffset: 40_000, logEntries: 120 };

const backlog = (pendingOffsets: number) => ({
  lastReconciledOffset: settled.highWatermark - 1 - pendingOffsets,
  pendingOffsets,
  pendingBytes: pendingOffsets * 100,
  pendingAgeMs: pendingOffsets === 0 ? null : 2500,
});

const isPending = ({ pendingOffsets }: ReconciledPartition): boolean => pendingOffsets > 0;

const sum = (partitions: readonly ReconciledPartition[], field: 'pendingOffsets' | 'pendingBytes'): number =>
  partitions.reduce((total, one) => total + one[field], 0);

const job = (kind: MaintenanceKind, topic: string, partition: number): MaintenanceJob => ({
  kind,
  topic,
  partition,
  reason: kind === 'compaction' ? 'dirty ratio 0.63 of at least 0.5' : '31 small extents',
  bytes: 400 * mib,
  extents: 31,
});

export const outcome = (
  kind: MaintenanceKind,
  topic: string,
  partition: number,
  error: string | null = null,
): MaintenanceOutcome => ({
  kind,
  topic,
  partition,
  at,
  tookMs: 300,
  bytesRead: 400 * mib,
  bytesWritten: 150 * mib,
  extentsBefore: 31,
  extentsAfter: 3,
  recordsRemoved: 700_000,
  tombstonesRemoved: 12,
  error,
});
