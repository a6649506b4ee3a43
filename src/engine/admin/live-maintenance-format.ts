// What a broker's admin server answers about the work on its history, as JSON in and checked values out; the shapes are those of
// docs/operating/admin-http.md. What is refused: answer-fields-format.ts.

import type {
  CompactedPartition,
  CompactPlan,
  CompactRunResult,
  CompactStatus,
  MaintenanceJob,
  MaintenanceKind,
  MaintenanceOutcome,
  PlannedReconcileObject,
  ReconciledPartition,
  ReconciledTopic,
  ReconcilePlan,
  ReconcileRound,
  ReconcileRunResult,
  ReconcileStatus,
} from '../broker/broker.ts';
import {
  count,
  countOrNull,
  type Fields,
  flag,
  list,
  optional,
  record,
  strange,
  text,
  textOrNull,
} from './answer-fields-format.ts';

/** In every answer. */
export interface Answered {
  readonly clusterId: string;
  /** RFC 3339, by the broker's clock. */
  readonly at: string;
  /** Something was left out: of a page, what follows; of a list, what goes beyond its bound. */
  readonly more: boolean;
}

export type LiveReconcileStatus = Answered & ReconcileStatus;
export type LiveReconcilePlan = Answered & ReconcilePlan;
export type LiveReconcileRun = Answered & ReconcileRunResult;
export type LiveCompactStatus = Answered & CompactStatus & { readonly queuedCount: number };
export type LiveCompactPlan = Answered & CompactPlan;
export type LiveCompactRun = Answered & CompactRunResult;

/** Of all topics, and of those that were named. */
export interface LivePauses extends Answered {
  readonly paused: string | null;
  readonly topics: readonly { readonly topic: string; readonly topicId: string; readonly paused: string | null }[];
}

const answered = (fields: Fields): Answered => ({
  clusterId: text(fields, 'clusterId'),
  at: text(fields, 'at'),
  more: flag(fields, 'more'),
});

const each = <T>(fields: Fields, name: string, read: (fields: Fields) => T): T[] =>
  list(fields, name).map((item) => read(record(item, `an entry of "${name}"`)));

export function liveReconcileStatus(answer: unknown): LiveReconcileStatus {
  const fields = record(answer, 'the status');
  return {
    ...answered(fields),
    paused: textOrNull(fields, 'paused'),
    enabled: flag(fields, 'enabled'),
    roundsRunning: count(fields, 'roundsRunning'),
    topics: each(fields, 'topics', topic),
  };
}

const topic = (fields: Fields): ReconciledTopic => ({
  topic: text(fields, 'topic'),
  topicId: text(fields, 'topicId'),
  paused: textOrNull(fields, 'paused'),
  intervalMs: count(fields, 'intervalMs'),
  nextRoundInMs: count(fields, 'nextRoundInMs'),
  lastRound: optional(fields['lastRound'], round),
  partitions: each(fields, 'partitions', partition),
});

function round(answer: unknown): ReconcileRound {
  const fields = record(answer, 'a round');
  return {
    at: text(fields, 'at'),
    tookMs: count(fields, 'tookMs'),
    objects: count(fields, 'objects'),
    bytes: count(fields, 'bytes'),
    offsets: count(fields, 'offsets'),
    error: textOrNull(fields, 'error'),
  };
}

const partition = (fields: Fields): ReconciledPartition => ({
  partition: count(fields, 'partition'),
  logStartOffset: count(fields, 'logStartOffset'),
  lastReconciledOffset: countOrNull(fields, 'lastReconciledOffset'),
  highWatermark: count(fields, 'highWatermark'),
  pendingOffsets: count(fields, 'pendingOffsets'),
  pendingBytes: count(fields, 'pendingBytes'),
  pendingAgeMs: countOrNull(fields, 'pendingAgeMs'),
  flushedNextOffset: count(fields, 'flushedNextOffset'),
  logEntries: count(fields, 'logEntries'),
  problem: textOrNull(fields, 'problem'),
});

export function liveReconcilePlan(answer: unknown): LiveReconcilePlan {
  const fields = record(answer, 'the plan');
  return {
    ...answered(fields),
    objects: each(fields, 'objects', plannedObject),
    skipped: each(fields, 'skipped', (one) => ({ topic: text(one, 'topic'), reason: text(one, 'reason') })),
  };
}

const plannedObject = (fields: Fields): PlannedReconcileObject => ({
  topic: text(fields, 'topic'),
  domain: text(fields, 'domain'),
  partitions: count(fields, 'partitions'),
  offsets: count(fields, 'offsets'),
  batches: count(fields, 'batches'),
  bytes: count(fields, 'bytes'),
  l0Objects: count(fields, 'l0Objects'),
  cachedBatches: count(fields, 'cachedBatches'),
});

export function liveReconcileRun(answer: unknown): LiveReconcileRun {
  const fields = record(answer, 'the result');
  return {
    ...answered(fields),
    complete: flag(fields, 'complete'),
    tookMs: count(fields, 'tookMs'),
    objects: count(fields, 'objects'),
    bytes: count(fields, 'bytes'),
    offsets: count(fields, 'offsets'),
    partitions: each(fields, 'partitions', (one) => ({
      topic: text(one, 'topic'),
      partition: count(one, 'partition'),
      lastReconciledOffset: countOrNull(one, 'lastReconciledOffset'),
      pendingOffsets: count(one, 'pendingOffsets'),
      problem: textOrNull(one, 'problem'),
    })),
  };
}

export function livePauses(answer: unknown): LivePauses {
  const fields = record(answer, 'the result');
  return {
    ...answered(fields),
    paused: textOrNull(fields, 'paused'),
    topics: each(fields, 'topics', (one) => ({
      topic: text(one, 'topic'),
      topicId: text(one, 'topicId'),
      paused: textOrNull(one, 'paused'),
    })),
  };
}

export function liveCompactStatus(answer: unknown): LiveCompactStatus {
  const fields = record(answer, 'the status');
  return {
    ...answered(fields),
    compactionEnabled: flag(fields, 'compactionEnabled'),
    levelingEnabled: flag(fields, 'levelingEnabled'),
    running: each(fields, 'running', (one) => ({ ...job(one), since: text(one, 'since') })),
    queued: each(fields, 'queued', job),
    queuedCount: count(fields, 'queuedCount'),
    outcomes: each(fields, 'outcomes', outcome),
    partitions: each(fields, 'partitions', compactedPartition),
  };
}

export function liveCompactPlan(answer: unknown): LiveCompactPlan {
  const fields = record(answer, 'the plan');
  return {
    ...answered(fields),
    jobs: each(fields, 'jobs', job),
    skipped: each(fields, 'skipped', (one) => ({
      topic: text(one, 'topic'),
      partition: count(one, 'partition'),
      reason: text(one, 'reason'),
    })),
  };
}

export function liveCompactRun(answer: unknown): LiveCompactRun {
  const fields = record(answer, 'the result');
  return {
    ...answered(fields),
    complete: flag(fields, 'complete'),
    tookMs: count(fields, 'tookMs'),
    ordered: count(fields, 'ordered'),
    outcomes: each(fields, 'outcomes', outcome),
  };
}

const job = (fields: Fields): MaintenanceJob => ({
  kind: kind(fields),
  topic: text(fields, 'topic'),
  partition: count(fields, 'partition'),
  reason: text(fields, 'reason'),
  bytes: count(fields, 'bytes'),
  extents: count(fields, 'extents'),
});

const outcome = (fields: Fields): MaintenanceOutcome => ({
  kind: kind(fields),
  topic: text(fields, 'topic'),
  partition: count(fields, 'partition'),
  at: text(fields, 'at'),
  tookMs: count(fields, 'tookMs'),
  bytesRead: count(fields, 'bytesRead'),
  bytesWritten: count(fields, 'bytesWritten'),
  extentsBefore: count(fields, 'extentsBefore'),
  extentsAfter: count(fields, 'extentsAfter'),
  recordsRemoved: count(fields, 'recordsRemoved'),
  tombstonesRemoved: count(fields, 'tombstonesRemoved'),
  error: textOrNull(fields, 'error'),
});

const compactedPartition = (fields: Fields): CompactedPartition => ({
  topic: text(fields, 'topic'),
  partition: count(fields, 'partition'),
  cleanupPolicy: text(fields, 'cleanupPolicy'),
  extents: count(fields, 'extents'),
  bytes: count(fields, 'bytes'),
  dirtyRatio: countOrNull(fields, 'dirtyRatio'),
  dirtyBytes: countOrNull(fields, 'dirtyBytes'),
  cleanedTo: countOrNull(fields, 'cleanedTo'),
});

function kind(fields: Fields): MaintenanceKind {
  const value = text(fields, 'kind');
  if (value !== 'compaction' && value !== 'leveling' && value !== 'retention') {
    throw strange(`there is no work of the kind ${JSON.stringify(value)}`);
  }
  return value;
}
