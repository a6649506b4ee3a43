// Compacts one partition: as many passes as its keys need, up to where it could be compacted when the job began. What comes in
// meanwhile is left to the next job, and so are tombstones that this one has made clean.

import { CompactionPass } from './compaction-pass.ts';
import { surveyCompaction } from './compaction-survey.ts';
import type { CompactorWork, JobRun } from './compactor-work.ts';
import type { CleanupRules, MaintainedPartition } from './maintained-partition.ts';

export async function compactPartition(
  work: CompactorWork,
  partition: MaintainedPartition,
  rules: CleanupRules,
  run: JobRun,
): Promise<void> {
  const nowMs = work.clock.nowMs();
  let endMax = Infinity;
  for (let passes = 0; ; passes++) {
    run.signal.throwIfAborted();
    const survey = await surveyCompaction(work, partition, rules, { nowMs, endMax });
    if (survey === undefined) return;
    endMax = survey.end;
    const removable = passes === 0 ? survey.removableRanges : [];
    const pass = new CompactionPass(work, { partition, survey, removable, run });
    if (survey.facts.dirtyBytes > 0) {
      await pass.clean();
      continue;
    }
    await pass.removeTombstones();
    return;
  }
}
