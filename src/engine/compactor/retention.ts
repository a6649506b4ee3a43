// Retention: asks the metastore up to where records are past it. The partition decides, durably; what the metastore holds follows
// (log-start-follower.ts).

import { offset } from '../base/ids.ts';
import type { CompactorWork } from './compactor-work.ts';
import { type CleanupRules, type MaintainedPartition, placeOf } from './maintained-partition.ts';
import { decideRetention, type RetentionMove } from './retention-policy.ts';

/** Undefined where everything stays. Whole extents go, and nothing that is only in L0. */
export async function surveyRetention(
  work: CompactorWork,
  partition: MaintainedPartition,
  rules: Pick<CleanupRules, 'deleted' | 'retentionMs' | 'retentionBytes'>,
): Promise<RetentionMove | undefined> {
  if (!rules.deleted || (rules.retentionMs < 0 && rules.retentionBytes < 0)) return undefined;
  const of = placeOf(partition);
  // Read first: what is added meanwhile lies behind this next offset, and is not taken for expired.
  const row = await work.metastore.partition(of);
  const { logStartOffset, reconciledEnd } = partition;
  if (row === undefined || logStartOffset >= row.nextOffset) return undefined;
  let keptByTime: number | undefined;
  if (rules.retentionMs >= 0) {
    const since = work.clock.nowMs() - rules.retentionMs;
    const kept = await work.metastore.firstExtentAtTimestamp(of, logStartOffset, since);
    keptByTime = kept?.baseOffset ?? row.nextOffset;
  }
  const keptByBytes = rules.retentionBytes < 0 ? undefined : await keptBySize(work, partition, rules.retentionBytes);
  return decideRetention({ logStartOffset, reconciledEnd, keptByTime, keptByBytes });
}

/** The first offset such that it and all behind it have so many bytes, those in L0 included; undefined where all have less. */
async function keptBySize(
  { metastore }: CompactorWork,
  partition: MaintainedPartition,
  bytesMin: number,
): Promise<number | undefined> {
  const of = placeOf(partition);
  const { pendingBytes, reconciledEnd } = partition;
  const bytes = Math.max(0, bytesMin - pendingBytes);
  const kept = bytes === 0 ? reconciledEnd : await metastore.offsetOfSuffix(of, bytes);
  // From an addition until the LRO moves, the metastore has what also counts as pending: bytes that count twice would expire too early.
  const row = await metastore.partition(of);
  const isTwice = row !== undefined && row.nextOffset > reconciledEnd;
  return isTwice ? await metastore.offsetOfSuffix(of, bytesMin) : kept;
}

export async function applyRetention(
  work: CompactorWork,
  partition: MaintainedPartition,
  { startOffset }: RetentionMove,
): Promise<void> {
  await partition.deleteRecords(offset(startOffset));
  await work.step('retention.moved');
}
