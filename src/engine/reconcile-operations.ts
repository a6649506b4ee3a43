// What the admin server shows of the reconciler, and lets an operator order: topics by name, times as text.

import type { Clock } from './base/clock.ts';
import { EngineError } from './base/errors.ts';
import type { TopicId } from './base/ids.ts';
import type {
  MaintenanceOperations,
  MaintenanceScope,
  PlannedReconcileObject,
  ReconciledPartition,
  ReconciledTopic,
  ReconcileStatus,
} from './broker/broker.ts';
import type { ControlState } from './cluster/control-state.ts';
import type { LedPartition } from './partition/partition.ts';
import type { Reconciler, TopicSchedule } from './reconciler/reconciler.ts';

type ReconcileOperations = Pick<
  MaintenanceOperations,
  'reconcileStatus' | 'reconcilePlan' | 'reconcileRun' | 'reconcilePause' | 'reconcileResume'
>;

export interface ReconcileParts {
  readonly control: ControlState;
  readonly reconciler: Reconciler;
  readonly clock: Clock;
}

export function reconcileOperations(parts: ReconcileParts): ReconcileOperations {
  const { control, reconciler } = parts;
  const chosen = (scope: MaintenanceScope) => chosenTopics(control, scope);
  const status = (scope: MaintenanceScope): ReconcileStatus => {
    const schedules = reconciler.schedules();
    return {
      paused: timeText(reconciler.pausedSinceMs),
      enabled: reconciler.enabled,
      roundsRunning: reconciler.running ? 1 : 0,
      topics: chosen(scope).flatMap(({ id, name }) => {
        const schedule = schedules.get(id);
        return schedule === undefined ? [] : [topicStatus(name, schedule, parts)];
      }),
    };
  };
  return {
    reconcileStatus: status,
    reconcilePause(scope) {
      reconciler.pause(scope.topics === undefined ? undefined : idsOf(chosen(scope)));
      return status(scope);
    },
    reconcileResume(scope) {
      reconciler.resume(scope.topics === undefined ? undefined : idsOf(chosen(scope)));
      return status(scope);
    },
    async reconcilePlan(scope) {
      const schedules = reconciler.schedules();
      const objects: PlannedReconcileObject[] = [];
      const skipped: { topic: string; reason: string }[] = [];
      for (const { id, name } of chosen(scope)) {
        const jobs = await reconciler.plan(id);
        for (const job of jobs) objects.push(plannedObject(name, job));
        const reason = reasonToSkip(schedules.get(id), reconciler);
        if (reason !== undefined && jobs.length > 0) skipped.push({ topic: name, reason });
      }
      return { objects, skipped };
    },
    async reconcileRun({ wait, signal, ...scope }) {
      const topics = chosen(scope);
      const names = new Map(topics.map(({ id, name }) => [id, name]));
      const { leaders, ...run } = await reconciler.run([...names.keys()], wait, signal);
      const schedules = reconciler.schedules();
      const partitions = leaders.map((leader) => ({
        topic: names.get(leader.topicId) ?? leader.topicId,
        partition: leader.index,
        lastReconciledOffset: lastReconciled(leader),
        pendingOffsets: leader.lastStableOffset - leader.reconciledEnd,
        problem: problemOf(schedules.get(leader.topicId), leader),
      }));
      return { ...run, partitions };
    },
  };
}

/** By name. Throws `unknown-topic-or-partition`. */
export function chosenTopics(
  control: ControlState,
  { topics }: MaintenanceScope,
): { readonly id: TopicId; readonly name: string }[] {
  const found = topics === undefined ? [...control.list()] : topics.map((name) => topicNamed(control, name));
  return found.map(({ id, name }) => ({ id, name })).sort((a, b) => (a.name < b.name ? -1 : 1));
}

function topicNamed(control: ControlState, name: string) {
  const topic = control.byName(name);
  if (topic !== undefined) return topic;
  throw new EngineError('unknown-topic-or-partition', `there is no topic ${JSON.stringify(name)}`, {
    context: { topic: name },
  });
}

const idsOf = (topics: readonly { readonly id: TopicId }[]): TopicId[] => topics.map(({ id }) => id);

const partitionsOf = (reconciler: Reconciler, id: TopicId): LedPartition[] =>
  reconciler.leadersOf(id).toSorted((a, b) => a.index - b.index);

function topicStatus(name: string, schedule: TopicSchedule, parts: ReconcileParts): ReconciledTopic {
  const { reconciler, clock } = parts;
  const { topicId, last } = schedule;
  return {
    topic: name,
    topicId,
    paused: timeText(schedule.pausedSinceMs),
    intervalMs: Math.round(schedule.intervalMs),
    nextRoundInMs: Math.max(0, Math.round(schedule.dueMs - clock.monotonicMs())),
    lastRound:
      last === undefined
        ? null
        : {
            at: new Date(last.atMs).toISOString(),
            tookMs: Math.round(last.tookMs),
            objects: last.objects,
            bytes: last.bytes,
            offsets: last.offsets,
            error: last.error === undefined ? null : errorText(last.error),
          },
    partitions: partitionsOf(reconciler, topicId).map((leader) => partitionStatus(schedule, leader, parts)),
  };
}

function partitionStatus(
  schedule: TopicSchedule,
  leader: LedPartition,
  { reconciler, clock }: ReconcileParts,
): ReconciledPartition {
  const sinceMs = leader.pendingSinceMs;
  return {
    partition: leader.index,
    logStartOffset: leader.logStartOffset,
    lastReconciledOffset: lastReconciled(leader),
    highWatermark: leader.highWatermark,
    pendingOffsets: leader.lastStableOffset - leader.reconciledEnd,
    pendingBytes: leader.pendingBytes,
    pendingAgeMs: sinceMs === undefined ? null : Math.max(0, Math.round(clock.nowMs() - sinceMs)),
    flushedNextOffset: reconciler.flushedEnd(leader),
    logEntries: leader.logEntries,
    problem: problemOf(schedule, leader),
  };
}

const lastReconciled = ({ reconciledEnd }: LedPartition): number | null =>
  reconciledEnd === 0 ? null : reconciledEnd - 1;

function problemOf(schedule: TopicSchedule | undefined, leader: LedPartition): string | null {
  const problem = schedule?.problems.get(leader);
  return problem === undefined ? null : errorText(problem);
}

const errorText = ({ code, message }: EngineError): string => `${code}: ${message}`;

function plannedObject(topic: string, { domain, parts }: Awaited<ReturnType<Reconciler['plan']>>[number]) {
  const batches = parts.flatMap((part) => part.batches);
  return {
    topic,
    domain: `metastore/${domain}`,
    partitions: parts.length,
    offsets: batches.reduce((sum, one) => sum + one.lastOffset - one.baseOffset + 1, 0),
    batches: batches.length,
    bytes: batches.reduce((sum, one) => sum + one.length, 0),
    l0Objects: new Set(batches.map(({ object }) => object.id.name)).size,
    cachedBatches: batches.filter(({ records }) => records?.alive === true).length,
  };
}

function reasonToSkip(schedule: TopicSchedule | undefined, reconciler: Reconciler): string | undefined {
  if (!reconciler.enabled) return 'reconciling is switched off (cloudtopics.reconcile.enable)';
  if (reconciler.pausedSinceMs !== undefined)
    return `all topics are paused since ${timeText(reconciler.pausedSinceMs)}`;
  if (schedule?.pausedSinceMs !== undefined) return `paused since ${timeText(schedule.pausedSinceMs)}`;
  return undefined;
}

const timeText = (ms: number | undefined): string | null => (ms === undefined ? null : new Date(ms).toISOString());
