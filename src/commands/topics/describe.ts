// Shows one topic as its broker knows it: partitions, offsets, and the settings made on it.

import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import type { ArgsOf, FlagsOf } from '../../cli/base-command.ts';
import type { CommandFacts } from '../../cli/command-facts.ts';
import { KafkaCommand } from '../../cli/kafka-command.ts';
import { renderTable } from '../../cli/table.ts';

export default class TopicsDescribe extends KafkaCommand<typeof TopicsDescribe> {
  static override summary = 'Show a topic: partitions, offsets, settings.';
  static override examples = [
    '<%= config.bin %> topics describe orders',
    '<%= config.bin %> topics describe orders --all-configs',
  ];
  static override args = {
    topic: Args.string({ description: 'Name of the topic.', required: true, ignoreStdin: true }),
  };
  static override flags = {
    'all-configs': Flags.boolean({ description: 'All settings, not only those set on this topic.' }),
  };
  static override facts: CommandFacts = {
    effect: 'reads-broker',
    besideBroker: 'Safe at any time.',
    exitStatuses: [0, 2, 5, 8, 9],
    schemas: ['cloudtopics/topics-describe/v1'],
  };

  async run(): Promise<void> {
    const { topic } = this.args as ArgsOf<typeof TopicsDescribe>;
    const flags = this.flags as FlagsOf<typeof TopicsDescribe>;
    using client = await this.client();
    const { earliest, latest, offsetsAt, topicConfigs, topicPlaces } = await import('../../engine/admin/admin.ts');
    const places = await topicPlaces(client, topic);
    const starts = await offsetsAt(client, places, earliest);
    const ends = await offsetsAt(client, places, latest);
    const configs = (await topicConfigs(client, topic)).filter(({ own }) => own || flags['all-configs']);
    const partitions = places.partitions.map((place) => {
      const start = starts.get(place.partition) ?? 0;
      const end = ends.get(place.partition) ?? start;
      return { ...place, earliest: start, latest: end };
    });
    const { id, internal } = places;
    const result = { schema: 'cloudtopics/topics-describe/v1', topic, id: id ?? null, internal, partitions, configs };
    await this.output.result(result, async () => {
      const rows = partitions.map((row) =>
        [row.partition, row.leader, row.leaderEpoch, row.earliest, row.latest].map(String),
      );
      const columns = ['partition', 'leader', 'epoch', 'earliest', 'latest'].map((title) => ({ title, right: true }));
      const settings = configs.map(({ name, value }) => `  ${name}=${value ?? '(secret)'}`);
      return [
        `topic       ${topic}`,
        `id          ${id ?? '-'}`,
        `partitions  ${partitions.length}`,
        `settings    ${settings.length === 0 ? 'all default' : ''}`.trimEnd(),
        ...settings,
        '',
        await renderTable(columns, rows),
      ].join('\n');
    });
  }
}
