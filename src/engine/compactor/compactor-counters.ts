// What compaction, leveling and retention have done since the start, for metrics. All but the first three only grow.

import type { JobTally } from './compactor-work.ts';
import type { WorkKind } from './due-work.ts';

export interface CompactorCounters {
  readonly managedLogs: number;
  readonly compactionQueueLength: number;
  readonly levelingQueueLength: number;
  readonly logCompactions: number;
  readonly levelingRangesCompleted: number;
  readonly batchesProcessed: number;
  readonly batchesRemoved: number;
  readonly recordsProcessed: number;
  readonly recordsRemoved: number;
  readonly tombstonesRemoved: number;
  readonly compactionDurationMicroseconds: number;
  readonly levelingDurationMicroseconds: number;
  readonly levelingExtentsReclaimed: number;
  readonly retentionMoves: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Jobs that ended with an error, those that lost to something else included. */
  readonly jobsFailed: number;
}

export type CounterSums = Omit<CompactorCounters, 'managedLogs' | 'compactionQueueLength' | 'levelingQueueLength'>;

export class CounterBook {
  readonly #sums: { -readonly [Name in keyof CounterSums]: number } = {
    logCompactions: 0,
    levelingRangesCompleted: 0,
    batchesProcessed: 0,
    batchesRemoved: 0,
    recordsProcessed: 0,
    recordsRemoved: 0,
    tombstonesRemoved: 0,
    compactionDurationMicroseconds: 0,
    levelingDurationMicroseconds: 0,
    levelingExtentsReclaimed: 0,
    retentionMoves: 0,
    bytesRead: 0,
    bytesWritten: 0,
    jobsFailed: 0,
  };

  get sums(): CounterSums {
    return { ...this.#sums };
  }

  mergeMade(): void {
    this.#sums.levelingRangesCompleted += 1;
  }

  jobEnded(kind: WorkKind, tally: JobTally, tookMs: number, failed: boolean): void {
    const sums = this.#sums;
    if (failed) sums.jobsFailed += 1;
    sums.bytesRead += tally.bytesRead;
    sums.bytesWritten += tally.bytesWritten;
    sums.batchesProcessed += tally.batchesProcessed;
    sums.batchesRemoved += tally.batchesRemoved;
    sums.recordsProcessed += tally.recordsProcessed;
    sums.recordsRemoved += tally.recordsRemoved;
    sums.tombstonesRemoved += tally.tombstonesRemoved;
    const microseconds = Math.round(tookMs * 1000);
    if (kind === 'compaction') {
      sums.compactionDurationMicroseconds += microseconds;
      if (!failed) sums.logCompactions += 1;
    } else if (kind === 'leveling') {
      sums.levelingDurationMicroseconds += microseconds;
      sums.levelingExtentsReclaimed += tally.extentsBefore - tally.extentsAfter;
    } else if (!failed) {
      sums.retentionMoves += 1;
    }
  }
}
