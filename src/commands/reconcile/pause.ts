// Lets a live broker stop reconciling, all topics or some, until it is resumed.

import type { FlagsOf } from '../../cli/base-command.ts';
import type { CommandFacts } from '../../cli/command-facts.ts';
import { LiveCommand } from '../../cli/metadata-command.ts';
import { topicsFlag } from '../../cli/metadata-flags.ts';
import { pausesText } from '../../cli/reconcile-table.ts';

export default class ReconcilePause extends LiveCommand<typeof ReconcilePause> {
  static override summary = 'Let a broker stop reconciling until it is resumed.';
  static override description =
    'A round under way is finished. What is produced meanwhile stays in L0, which is read more slowly and cannot be collected; nothing is ' +
    'lost. A broker that is started again is not paused. With --topic only these topics.';
  static override examples = ['<%= config.bin %> reconcile pause', '<%= config.bin %> reconcile pause --topic orders'];
  static override flags = { topic: topicsFlag };
  static override facts: CommandFacts = {
    effect: 'orders-broker',
    besideBroker: 'Safe at any time; changes nothing that is read. The backlog in L0 grows until it is resumed.',
    exitStatuses: [0, 2, 5, 8, 9, 11, 130, 143],
    schemas: ['cloudtopics/reconcile-pause/v1'],
  };

  async run(): Promise<void> {
    const { topic: topics } = this.flags as FlagsOf<typeof ReconcilePause>;
    const live = await this.liveMaintenance();
    const pauses = await live.reconcilePause({ topics });
    const { paused, topics: shown, more } = pauses;
    const result = {
      schema: 'cloudtopics/reconcile-pause/v1',
      view: live.placeOf(pauses),
      paused,
      topics: shown,
      more,
    };
    await this.output.result(result, () => pausesText(pauses));
  }
}
