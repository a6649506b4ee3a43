// Shows where a topic's partitions begin and end, where a time lies in them, and how far a group is behind. Moves nothing.

import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import type { ArgsOf, FlagsOf } from '../../cli/base-command.ts';
import type { CommandFacts } from '../../cli/command-facts.ts';
import { formatInstant, parseInstant } from '../../cli/duration-format.ts';
import { KafkaCommand } from '../../cli/kafka-command.ts';
import { type Column, renderTable } from '../../cli/table.ts';
import { systemClock } from '../../engine/base/clock.ts';

export default class TopicsOffsets extends KafkaCommand<typeof TopicsOffsets> {
  static override summary = 'Show the offsets of a topic: ends, at a time, or of a group with its lag.';
  static override examples = [
    '<%= config.bin %> topics offsets orders',
    '<%= config.bin %> topics offsets orders --at "2026-11-21T10:00:00Z"',
    '<%= config.bin %> topics offsets orders --group billing',
  ];
  static override args = {
    topic: Args.string({ description: 'Name of the topic.', required: true, ignoreStdin: true }),
  };
  static override flags = {
    at: Flags.string({
      helpValue: 'TIME',
      description: 'Also the offset of the first record at or after this time: RFC 3339, milliseconds, or "15m ago".',
    }),
    group: Flags.string({
      char: 'g',
      helpValue: 'GROUP',
      description: 'Also the positions of this group and its lag.',
    }),
  };
  static override facts: CommandFacts = {
    effect: 'reads-broker',
    besideBroker: 'Safe at any time.',
    exitStatuses: [0, 2, 5, 8, 9],
    schemas: ['cloudtopics/topics-offsets/v1'],
  };

  async run(): Promise<void> {
    const { topic } = this.args as ArgsOf<typeof TopicsOffsets>;
    const flags = this.flags as FlagsOf<typeof TopicsOffsets>;
    const at = flags.at === undefined ? undefined : parseInstant(flags.at, systemClock.nowMs());
    using client = await this.client();
    const { describeOffsets } = await import('../../engine/admin/admin.ts');
    const partitions = await describeOffsets(client, topic, { at, group: flags.group });
    const lag = partitions.reduce((sum, row) => sum + (row.lag ?? 0), 0);
    const result = {
      schema: 'cloudtopics/topics-offsets/v1',
      topic,
      ...(at === undefined ? {} : { at: formatInstant(at) }),
      ...(flags.group === undefined ? {} : { group: flags.group, lag }),
      partitions,
    };
    await this.output.result(result, () => {
      const columns: Column[] = ['partition', 'earliest', 'latest'].map((title) => ({ title, right: true }));
      if (at !== undefined) columns.push({ title: 'at time', right: true });
      if (flags.group !== undefined) columns.push({ title: 'committed', right: true }, { title: 'lag', right: true });
      const shown = (offset: number | null | undefined): string =>
        offset === null || offset === undefined ? '-' : String(offset);
      const rows = partitions.map((row) => [
        ...[row.partition, row.earliest, row.latest].map(String),
        ...(at === undefined ? [] : [shown(row.atTime)]),
        ...(flags.group === undefined ? [] : [shown(row.committed), shown(row.lag)]),
      ]);
      return renderTable(columns, rows);
    });
  }
}
