// Lists the topics a broker has; internal ones when asked for.

import * as Flags from '@oclif/core/flags';
import type { FlagsOf } from '../../cli/base-command.ts';
import type { CommandFacts } from '../../cli/command-facts.ts';
import { KafkaCommand } from '../../cli/kafka-command.ts';
import { renderTable } from '../../cli/table.ts';

export default class TopicsList extends KafkaCommand<typeof TopicsList> {
  static override summary = 'List the topics.';
  static override examples = ['<%= config.bin %> topics list', '<%= config.bin %> topics list --json'];
  static override flags = {
    internal: Flags.boolean({ description: 'Internal topics too.' }),
  };
  static override facts: CommandFacts = {
    effect: 'reads-broker',
    besideBroker: 'Safe at any time.',
    exitStatuses: [0, 2, 8, 9],
    schemas: ['cloudtopics/topics-list/v1'],
  };

  async run(): Promise<void> {
    const { internal } = this.flags as FlagsOf<typeof TopicsList>;
    using client = await this.client();
    const { listTopics } = await import('../../engine/admin/admin.ts');
    const topics = await listTopics(client, internal);
    const result = {
      schema: 'cloudtopics/topics-list/v1',
      topics: topics.map((topic) => ({ ...topic, id: topic.id ?? null })),
    };
    await this.output.result(result, () =>
      renderTable(
        [{ title: 'topic' }, { title: 'partitions', right: true }, { title: 'id' }],
        topics.map(({ name, partitions, id }) => [name, String(partitions), id ?? '-']),
      ),
    );
  }
}
