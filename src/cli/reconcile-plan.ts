// What a round of reconciling would do now, as `reconcile plan` and `reconcile run --dry-run` print it.

import type { LiveMaintenance } from '../engine/admin/admin.ts';
import type { Output } from './output.ts';
import { viewText } from './picture.ts';
import { reconcilePlanText } from './reconcile-table.ts';

export const reconcilePlanSchema = 'cloudtopics/reconcile-plan/v1';

/** Whether there is anything to do. */
export async function printReconcilePlan(
  output: Output,
  live: LiveMaintenance,
  topics: readonly string[] | undefined,
): Promise<boolean> {
  const plan = await live.reconcilePlan({ topics });
  const view = live.placeOf(plan);
  const { at, more, objects, skipped } = plan;
  const result = { schema: reconcilePlanSchema, view, at, objects, skipped, more };
  await output.result(result, async () => `${viewText(view, [])}\n${await reconcilePlanText(plan)}`);
  return objects.length > 0;
}
