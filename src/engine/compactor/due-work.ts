// What could be done with a partition now, and why: for the loops, for an operator's plan, and once more when the work begins, because
// it may have waited.

import type { TopicId } from '../base/ids.ts';
import { compactPartition } from './compaction-job.ts';
import { judgeCompaction } from './compaction-policy.ts';
import { surveyCompaction } from './compaction-survey.ts';
import type { CompactorWork, JobRun } from './compactor-work.ts';
import { levelPartition, surveyLeveling } from './leveling-job.ts';
import { type CleanupRules, type MaintainedPartition, placeOf } from './maintained-partition.ts';
import { applyRetention, surveyRetention } from './retention.ts';

export type WorkKind = 'compaction' | 'leveling' | 'retention';

export interface DueWork {
  readonly kind: WorkKind;
  readonly topicId: TopicId;
  readonly partition: number;
  /** In a few words. */
  readonly reason: string;
  /** Of the extents that it concerns. */
  readonly bytes: number;
  readonly extents: number;
  /** Higher goes first, among work of one kind. */
  readonly urgency: number;
}

/** Work that is due, with the way to do it; or why there is none. */
export type Finding =
  | { readonly due: DueWork; readonly execute: (run: JobRun) => Promise<void> }
  | { readonly due: undefined; readonly reason: string };

/** Undefined where the kind of work does not apply to the partition at all. */
export async function findWork(
  work: CompactorWork,
  kind: WorkKind,
  partition: MaintainedPartition,
  rules: CleanupRules,
  onMerged: () => void = () => {},
): Promise<Finding | undefined> {
  switch (kind) {
    case 'compaction':
      return rules.compacted ? findCompaction(work, partition, rules) : undefined;
    case 'leveling':
      return findLeveling(work, partition, rules, onMerged);
    case 'retention':
      return rules.deleted ? findRetention(work, partition, rules) : undefined;
  }
}

const nothing = (reason: string): Finding => ({ due: undefined, reason });
const nothingReconciled = nothing('nothing has been reconciled');

async function findCompaction(
  work: CompactorWork,
  partition: MaintainedPartition,
  rules: CleanupRules,
): Promise<Finding> {
  const survey = await surveyCompaction(work, partition, rules, { nowMs: work.clock.nowMs() });
  if (survey === undefined) return nothingReconciled;
  const { isDue, dirtyRatio, reason } = judgeCompaction(survey.facts, rules);
  if (!isDue) return nothing(reason);
  const row = await work.metastore.partition(placeOf(partition));
  return {
    due: {
      kind: 'compaction',
      topicId: partition.topicId,
      partition: partition.index,
      reason,
      bytes: survey.facts.sizeBytes,
      extents: row?.extentCount ?? 0,
      urgency: dirtyRatio,
    },
    execute: (run) => compactPartition(work, partition, rules, run),
  };
}

async function findLeveling(
  work: CompactorWork,
  partition: MaintainedPartition,
  rules: CleanupRules,
  onMerged: () => void,
): Promise<Finding> {
  const survey = await surveyLeveling(work, partition, rules);
  if (survey === undefined) return nothingReconciled;
  const { merges, smallExtents } = survey;
  if (merges.length === 0) return nothing(`${smallExtents} small extents, none worth merging yet`);
  const extents = merges.reduce((sum, merge) => sum + merge.extents, 0);
  return {
    due: {
      kind: 'leveling',
      topicId: partition.topicId,
      partition: partition.index,
      reason: `${extents} small extents become ${merges.length}`,
      bytes: merges.reduce((sum, merge) => sum + merge.bytes, 0),
      extents,
      urgency: extents - merges.length,
    },
    execute: (run) => levelPartition(work, partition, survey, run, onMerged),
  };
}

async function findRetention(
  work: CompactorWork,
  partition: MaintainedPartition,
  rules: CleanupRules,
): Promise<Finding> {
  const move = await surveyRetention(work, partition, rules);
  if (move === undefined) return nothing('nothing is past retention');
  const row = await work.metastore.partition(placeOf(partition));
  const offsets = move.startOffset - partition.logStartOffset;
  return {
    due: {
      kind: 'retention',
      topicId: partition.topicId,
      partition: partition.index,
      reason: `${offsets} offsets are past ${move.reason}`,
      bytes: row?.sizeBytes ?? 0,
      extents: row?.extentCount ?? 0,
      urgency: offsets,
    },
    execute: () => applyRetention(work, partition, move),
  };
}
