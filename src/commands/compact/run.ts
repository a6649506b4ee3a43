// Lets a live broker compact, level and apply retention now, and waits until that is done where asked to.

import * as Flags from '@oclif/core/flags';
import { ExitWith, type FlagsOf } from '../../cli/base-command.ts';
import type { CommandFacts } from '../../cli/command-facts.ts';
import { compactPlanSchema, printCompactPlan } from '../../cli/compact-plan.ts';
import { compactRunText } from '../../cli/compact-table.ts';
import { formatCount } from '../../cli/duration-format.ts';
import { LiveCommand } from '../../cli/metadata-command.ts';
import { kindsFlag, topicsFlag } from '../../cli/metadata-flags.ts';
import { watchedOrder } from '../../cli/watched-order.ts';

export default class CompactRun extends LiveCommand<typeof CompactRun> {
  static override summary = 'Let a broker compact, level and apply retention now.';
  static override description =
    'Does what plan shows: what is due by the settings of each topic, and nothing beyond. With --wait it ends when all of that is done, ' +
    'or with 3 when something failed. Interrupted, it stops waiting, and the broker goes on. metastore compact is something else: it ' +
    'merges the tables of the metadata.';
  static override examples = [
    '<%= config.bin %> compact run --wait',
    '<%= config.bin %> compact run --kind retention --topic orders --wait',
    '<%= config.bin %> compact run --dry-run',
  ];
  static override flags = {
    topic: topicsFlag,
    kind: kindsFlag,
    wait: Flags.boolean({ description: 'Wait until it is done.' }),
    'dry-run': Flags.boolean({ description: 'Only show what would be done, as plan does.', exclusive: ['wait'] }),
  };
  static override facts: CommandFacts = {
    effect: 'orders-broker',
    besideBroker: 'Safe at any time; removes only what the settings of the topics say, as the broker does by itself.',
    exitStatuses: [0, 2, 3, 5, 7, 8, 9, 11, 12, 130, 143],
    schemas: ['cloudtopics/compact-run/v1', compactPlanSchema, 'cloudtopics/progress/v1'],
  };

  async run(): Promise<ExitWith | undefined> {
    const { topic: topics, kind: kinds, wait, ...flags } = this.flags as FlagsOf<typeof CompactRun>;
    const live = await this.liveMaintenance();
    if (flags['dry-run']) {
      await printCompactPlan(this.output, live, { topics, kinds });
      return undefined;
    }
    const { failedOutcomes } = await import('../../engine/admin/admin.ts');
    const order = () => live.compactRun({ topics, kinds }, wait);
    const watched = { choice: flags.progress, quiet: flags.quiet, color: flags.color, phase: 'compacting' };
    const ask = async () => {
      const { running, queuedCount } = await live.compactStatus({ topics, kinds });
      const text = `${formatCount(running.length)} running, ${formatCount(queuedCount)} waiting`;
      return { text, figures: { running: running.length, waiting: queuedCount } };
    };
    const run = wait ? await watchedOrder({ ...watched, ask }, order) : await order();
    const { complete, tookMs, ordered, outcomes, more } = run;
    const failed = failedOutcomes(outcomes).length;
    await this.output.result(
      {
        schema: 'cloudtopics/compact-run/v1',
        view: live.placeOf(run),
        waited: wait,
        complete,
        tookMs,
        ordered,
        failed,
        outcomes,
        more,
      },
      () => compactRunText(run, wait),
    );
    return wait && (!complete || failed > 0) ? new ExitWith(3) : undefined;
  }
}
