// Changes a topic through the broker: settings one by one, and partitions, which only become more. Refuses to change nothing.

import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { parseAssignments } from '../../cli/assignment-format.ts';
import type { ArgsOf, FlagsOf } from '../../cli/base-command.ts';
import type { CommandFacts } from '../../cli/command-facts.ts';
import { KafkaCommand } from '../../cli/kafka-command.ts';

export default class TopicsAlter extends KafkaCommand<typeof TopicsAlter> {
  static override summary = 'Change settings of a topic, or give it more partitions.';
  static override description = 'Settings can be changed back; partitions can only become more.';
  static override examples = [
    '<%= config.bin %> topics alter orders --set retention.ms=86400000 --unset max.message.bytes',
    '<%= config.bin %> topics alter orders --partitions 24',
  ];
  static override args = {
    topic: Args.string({ description: 'Name of the topic.', required: true, ignoreStdin: true }),
  };
  static override flags = {
    set: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'NAME=VALUE',
      description: 'Set a topic setting; can be given several times.',
    }),
    unset: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'NAME',
      description: 'Take a setting back to its default; can be given several times.',
    }),
    partitions: Flags.integer({
      char: 'p',
      min: 1,
      description: 'New number of partitions, larger than the present one.',
    }),
  };
  static override facts: CommandFacts = {
    effect: 'writes-broker',
    besideBroker: 'Keys may map to other partitions after their number changed.',
    exitStatuses: [0, 2, 5, 8, 9],
    schemas: ['cloudtopics/topics-alter/v1'],
  };

  async run(): Promise<void> {
    const { topic } = this.args as ArgsOf<typeof TopicsAlter>;
    const flags = this.flags as FlagsOf<typeof TopicsAlter>;
    const change = {
      set: parseAssignments(flags.set ?? [], '--set'),
      unset: flags.unset ?? [],
      ...(flags.partitions === undefined ? {} : { partitions: flags.partitions }),
    };
    using client = await this.client();
    const { alterTopic } = await import('../../engine/admin/admin.ts');
    await alterTopic(client, topic, change);
    await this.output.result({ schema: 'cloudtopics/topics-alter/v1', topic, ...change }, () =>
      [
        `altered topic ${topic}`,
        ...Object.entries(change.set).map(([name, value]) => `  set ${name}=${value}`),
        ...change.unset.map((name) => `  unset ${name}`),
        ...(change.partitions === undefined ? [] : [`  partitions ${change.partitions}`]),
      ].join('\n'),
    );
  }
}
