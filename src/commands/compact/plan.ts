// Shows what compaction, leveling and retention would do now. Nothing is done.

import * as Flags from '@oclif/core/flags';
import { ExitWith, type FlagsOf } from '../../cli/base-command.ts';
import type { CommandFacts } from '../../cli/command-facts.ts';
import { compactPlanSchema, printCompactPlan } from '../../cli/compact-plan.ts';
import { LiveCommand } from '../../cli/metadata-command.ts';
import { kindsFlag, topicsFlag } from '../../cli/metadata-flags.ts';

export default class CompactPlan extends LiveCommand<typeof CompactPlan> {
  static override summary = 'Show what compaction, leveling and retention would do now.';
  static override description =
    'One line per job: a partition, why it is due, and how much would be read. Partitions that would be left alone are named with the ' +
    'reason. Nothing is changed.';
  static override examples = [
    '<%= config.bin %> compact plan',
    '<%= config.bin %> compact plan --kind compaction --topic orders --exit-code',
  ];
  static override flags = {
    topic: topicsFlag,
    kind: kindsFlag,
    'exit-code': Flags.boolean({ description: 'End with 14 when there is something to do.' }),
  };
  static override facts: CommandFacts = {
    effect: 'reads-broker',
    besideBroker: 'Safe at any time.',
    exitStatuses: [0, 2, 5, 8, 9, 11, 14, 130, 143],
    schemas: [compactPlanSchema],
  };

  async run(): Promise<ExitWith | undefined> {
    const { topic: topics, kind: kinds, 'exit-code': exitCode } = this.flags as FlagsOf<typeof CompactPlan>;
    const hasWork = await printCompactPlan(this.output, await this.liveMaintenance(), { topics, kinds });
    return hasWork && exitCode ? new ExitWith(14) : undefined;
  }
}
