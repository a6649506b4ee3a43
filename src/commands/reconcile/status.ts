// Shows how far reconciling is: what of each topic is only in L0, since when, and what does not get on.

import { ExitWith, type FlagsOf } from '../../cli/base-command.ts';
import type { CommandFacts } from '../../cli/command-facts.ts';
import { LiveCommand } from '../../cli/metadata-command.ts';
import { topicsFlag } from '../../cli/metadata-flags.ts';
import { viewText } from '../../cli/picture.ts';
import { reconcileStatusText } from '../../cli/reconcile-table.ts';

export default class ReconcileStatus extends LiveCommand<typeof ReconcileStatus> {
  static override summary = 'Show how much of each topic waits to become history.';
  static override description =
    'Pending is what lies in L0 objects only: offsets, bytes, and the age of the oldest. A line per topic, with --topic also one per ' +
    'partition; --json always has all. Ends with 4 when a partition does not get on, and says why.';
  static override examples = [
    '<%= config.bin %> reconcile status',
    '<%= config.bin %> reconcile status --topic orders --admin http://127.0.0.1:9644',
  ];
  static override flags = { topic: topicsFlag };
  static override facts: CommandFacts = {
    effect: 'reads-broker',
    besideBroker: 'Safe at any time.',
    exitStatuses: [0, 2, 4, 5, 8, 9, 11, 130, 143],
    schemas: ['cloudtopics/reconcile-status/v1'],
  };

  async run(): Promise<ExitWith | undefined> {
    const { topic: topics } = this.flags as FlagsOf<typeof ReconcileStatus>;
    const { reconcileProblems } = await import('../../engine/admin/admin.ts');
    const live = await this.liveMaintenance();
    const status = await live.reconcileStatus({ topics });
    const problems = reconcileProblems(status.topics);
    const place = live.placeOf(status);
    const { at, paused, enabled, roundsRunning } = status;
    const result = { schema: 'cloudtopics/reconcile-status/v1', view: place, at, paused, enabled, roundsRunning };
    await this.output.result(
      { ...result, problems: problems.length, topics: status.topics },
      async () => `${viewText(place, [])}\n${await reconcileStatusText(status, problems, topics !== undefined)}`,
    );
    return problems.length > 0 ? new ExitWith(4) : undefined;
  }
}
