// Shows what a round of reconciling would do now. Nothing is done.

import * as Flags from '@oclif/core/flags';
import { ExitWith, type FlagsOf } from '../../cli/base-command.ts';
import type { CommandFacts } from '../../cli/command-facts.ts';
import { LiveCommand } from '../../cli/metadata-command.ts';
import { topicsFlag } from '../../cli/metadata-flags.ts';
import { printReconcilePlan, reconcilePlanSchema } from '../../cli/reconcile-plan.ts';

export default class ReconcilePlan extends LiveCommand<typeof ReconcilePlan> {
  static override summary = 'Show the objects that a round of reconciling would make now.';
  static override description =
    'One line per L1 object: how many partitions, offsets and bytes it would hold, and from how many L0 objects they come. Topics ' +
    'that would be left alone are named with the reason. Nothing is changed.';
  static override examples = [
    '<%= config.bin %> reconcile plan',
    '<%= config.bin %> reconcile plan --topic orders --exit-code',
  ];
  static override flags = {
    topic: topicsFlag,
    'exit-code': Flags.boolean({ description: 'End with 14 when there is something to do.' }),
  };
  static override facts: CommandFacts = {
    effect: 'reads-broker',
    besideBroker: 'Safe at any time.',
    exitStatuses: [0, 2, 5, 8, 9, 11, 14, 130, 143],
    schemas: [reconcilePlanSchema],
  };

  async run(): Promise<ExitWith | undefined> {
    const flags = this.flags as FlagsOf<typeof ReconcilePlan>;
    const hasWork = await printReconcilePlan(this.output, await this.liveMaintenance(), flags.topic);
    return hasWork && flags['exit-code'] ? new ExitWith(14) : undefined;
  }
}
