// What compaction, leveling and retention would do now, as `compact plan` and `compact run --dry-run` print it.

import type { LiveMaintenance, LiveScope } from '../engine/admin/admin.ts';
import { compactPlanText } from './compact-table.ts';
import type { Output } from './output.ts';
import { viewText } from './picture.ts';

export const compactPlanSchema = 'cloudtopics/compact-plan/v1';

/** Whether there is anything to do. */
export async function printCompactPlan(output: Output, live: LiveMaintenance, scope: LiveScope): Promise<boolean> {
  const plan = await live.compactPlan(scope);
  const view = live.placeOf(plan);
  const { at, more, jobs, skipped } = plan;
  const result = { schema: compactPlanSchema, view, at, jobs, skipped, more };
  await output.result(result, async () => `${viewText(view, [])}\n${await compactPlanText(plan)}`);
  return jobs.length > 0;
}
