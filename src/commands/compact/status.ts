// Shows how compaction, leveling and retention stand: what runs, what waits, what came of it.

import { ExitWith, type FlagsOf } from '../../cli/base-command.ts';
import type { CommandFacts } from '../../cli/command-facts.ts';
import { compactStatusText } from '../../cli/compact-table.ts';
import { LiveCommand } from '../../cli/metadata-command.ts';
import { kindsFlag, topicsFlag } from '../../cli/metadata-flags.ts';
import { viewText } from '../../cli/picture.ts';

export default class CompactStatus extends LiveCommand<typeof CompactStatus> {
  static override summary = 'Show what compaction, leveling and retention have done and have to do.';
  static override description =
    'Topics that are compacted, and others with small extents: their size, and how much of it was not compacted since it was written. ' +
    'With --topic a line per partition; --json always has all. Ends with 4 when work failed and did not succeed since.';
  static override examples = [
    '<%= config.bin %> compact status',
    '<%= config.bin %> compact status --topic orders --kind leveling',
  ];
  static override flags = { topic: topicsFlag, kind: kindsFlag };
  static override facts: CommandFacts = {
    effect: 'reads-broker',
    besideBroker: 'Safe at any time.',
    exitStatuses: [0, 2, 4, 5, 8, 9, 11, 130, 143],
    schemas: ['cloudtopics/compact-status/v1'],
  };

  async run(): Promise<ExitWith | undefined> {
    const { topic: topics, kind: kinds } = this.flags as FlagsOf<typeof CompactStatus>;
    const { failedOutcomes } = await import('../../engine/admin/admin.ts');
    const live = await this.liveMaintenance();
    const { clusterId, more, ...status } = await live.compactStatus({ topics, kinds });
    const failed = failedOutcomes(status.outcomes).length;
    const view = live.placeOf({ clusterId });
    await this.output.result(
      { schema: 'cloudtopics/compact-status/v1', view, failed, ...status },
      async () => `${viewText(view, [])}\n${await compactStatusText(status, topics !== undefined)}`,
    );
    return failed > 0 ? new ExitWith(4) : undefined;
  }
}
