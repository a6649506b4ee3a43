// Lets a live broker reconcile now, and waits until that is done where asked to.

import * as Flags from '@oclif/core/flags';
import { ExitWith, type FlagsOf } from '../../cli/base-command.ts';
import type { CommandFacts } from '../../cli/command-facts.ts';
import { counted, formatSize } from '../../cli/duration-format.ts';
import { LiveCommand } from '../../cli/metadata-command.ts';
import { topicsFlag } from '../../cli/metadata-flags.ts';
import { printReconcilePlan, reconcilePlanSchema } from '../../cli/reconcile-plan.ts';
import { reconcileRunText } from '../../cli/reconcile-table.ts';
import { watchedOrder } from '../../cli/watched-order.ts';

export default class ReconcileRun extends LiveCommand<typeof ReconcileRun> {
  static override summary = 'Let a broker reconcile now what waits in L0.';
  static override description =
    'Begins rounds at once, also of topics that are paused. With --wait it ends when everything that was pending when it began is ' +
    'reconciled, or with 3 when something does not get on. Interrupted, it stops waiting, and the broker goes on.';
  static override examples = [
    '<%= config.bin %> reconcile run --wait',
    '<%= config.bin %> reconcile run --topic orders --topic invoices',
    '<%= config.bin %> reconcile run --dry-run',
  ];
  static override flags = {
    topic: topicsFlag,
    wait: Flags.boolean({ description: 'Wait until it is done.' }),
    'dry-run': Flags.boolean({ description: 'Only show what would be done, as plan does.', exclusive: ['wait'] }),
  };
  static override facts: CommandFacts = {
    effect: 'orders-broker',
    besideBroker: 'Safe at any time; changes nothing that is read.',
    exitStatuses: [0, 2, 3, 5, 7, 8, 9, 11, 12, 130, 143],
    schemas: ['cloudtopics/reconcile-run/v1', reconcilePlanSchema, 'cloudtopics/progress/v1'],
  };

  async run(): Promise<ExitWith | undefined> {
    const { topic: topics, wait, 'dry-run': isDry, ...flags } = this.flags as FlagsOf<typeof ReconcileRun>;
    const live = await this.liveMaintenance();
    if (isDry) {
      await printReconcilePlan(this.output, live, topics);
      return undefined;
    }
    const order = () => live.reconcileRun({ topics }, wait);
    const watched = { choice: flags.progress, quiet: flags.quiet, color: flags.color, phase: 'reconciling' };
    const ask = async () => {
      const partitions = (await live.reconcileStatus({ topics })).topics.flatMap((one) => one.partitions);
      const pendingOffsets = partitions.reduce((sum, one) => sum + one.pendingOffsets, 0);
      const pendingBytes = partitions.reduce((sum, one) => sum + one.pendingBytes, 0);
      const text = `${counted(pendingOffsets, 'offset')} (${formatSize(pendingBytes)}) pending`;
      return { text, figures: { pendingOffsets, pendingBytes } };
    };
    const run = wait ? await watchedOrder({ ...watched, ask }, order) : await order();
    const { complete, tookMs, objects, bytes, offsets, partitions, more } = run;
    const did = { complete, tookMs, objects, bytes, offsets, partitions, more };
    await this.output.result(
      { schema: 'cloudtopics/reconcile-run/v1', view: live.placeOf(run), waited: wait, ...did },
      () => reconcileRunText(run, wait),
    );
    return wait && !complete ? new ExitWith(3) : undefined;
  }
}
