// Lets a live broker reconcile again after a pause, all topics or some.

import type { FlagsOf } from '../../cli/base-command.ts';
import type { CommandFacts } from '../../cli/command-facts.ts';
import { LiveCommand } from '../../cli/metadata-command.ts';
import { topicsFlag } from '../../cli/metadata-flags.ts';
import { pausesText } from '../../cli/reconcile-table.ts';

export default class ReconcileResume extends LiveCommand<typeof ReconcileResume> {
  static override summary = 'Let a broker reconcile again what was paused.';
  static override description =
    'All topics, or with --topic only these; what gathered meanwhile is due at once. Where everything was paused, resuming some topics ' +
    'changes nothing: resume without --topic.';
  static override examples = [
    '<%= config.bin %> reconcile resume',
    '<%= config.bin %> reconcile resume --topic orders',
  ];
  static override flags = { topic: topicsFlag };
  static override facts: CommandFacts = {
    effect: 'orders-broker',
    besideBroker: 'Safe at any time; changes nothing that is read.',
    exitStatuses: [0, 2, 5, 8, 9, 11, 130, 143],
    schemas: ['cloudtopics/reconcile-resume/v1'],
  };

  async run(): Promise<void> {
    const { topic: topics } = this.flags as FlagsOf<typeof ReconcileResume>;
    const live = await this.liveMaintenance();
    const pauses = await live.reconcileResume({ topics });
    const { paused, topics: shown, more } = pauses;
    const result = {
      schema: 'cloudtopics/reconcile-resume/v1',
      view: live.placeOf(pauses),
      paused,
      topics: shown,
      more,
    };
    await this.output.result(result, () => pausesText(pauses));
  }
}
