// Decides whether a partition is due for key compaction, by the rules of Kafka's log cleaner: the share of bytes that are dirty, the
// age of the oldest dirty record, and tombstones that have been clean for long enough. Pure.

export interface CompactionFacts {
  /** Without the extents that have to stay out: not reconciled for the partition yet, or too young. */
  readonly dirtyBytes: number;
  readonly sizeBytes: number;
  /** −1 where a record has no time: it counts as older than any. Undefined where nothing is dirty. */
  readonly earliestDirtyTimestamp: number | undefined;
  /** Ranges whose tombstones may go. */
  readonly removableRanges: number;
  readonly nowMs: number;
}

export interface CompactionRules {
  readonly minCleanableDirtyRatio: number;
  readonly maxCompactionLagMs: number;
}

export interface CompactionVerdict {
  readonly isDue: boolean;
  readonly dirtyRatio: number;
  /** Why it is due, or why not. */
  readonly reason: string;
}

export function judgeCompaction(facts: CompactionFacts, rules: CompactionRules): CompactionVerdict {
  const { dirtyBytes, sizeBytes, earliestDirtyTimestamp, removableRanges, nowMs } = facts;
  const dirtyRatio = dirtyBytes > 0 ? dirtyBytes / sizeBytes : 0;
  const due = (reason: string): CompactionVerdict => ({ isDue: true, dirtyRatio, reason });
  if (dirtyBytes > 0) {
    if (dirtyRatio >= rules.minCleanableDirtyRatio) {
      return due(`dirty ratio ${shortRatio(dirtyRatio)} of at least ${rules.minCleanableDirtyRatio}`);
    }
    const ageMs = nowMs - (earliestDirtyTimestamp ?? nowMs);
    if (ageMs > rules.maxCompactionLagMs) {
      return due(`dirty records older than ${rules.maxCompactionLagMs} ms`);
    }
  }
  if (removableRanges > 0)
    return due(`tombstones to remove from ${removableRanges} ${removableRanges === 1 ? 'range' : 'ranges'}`);
  const reason =
    dirtyBytes > 0
      ? `dirty ratio ${shortRatio(dirtyRatio)}, due at ${rules.minCleanableDirtyRatio}`
      : 'nothing is dirty that may be compacted yet';
  return { isDue: false, dirtyRatio, reason };
}

/** Cut, not rounded: 0.4999 is not shown as the 0.5 it is compared with. */
const shortRatio = (ratio: number): string => String(Math.floor(ratio * 100) / 100);
