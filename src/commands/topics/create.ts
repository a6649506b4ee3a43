// Creates a topic through the broker. One that exists is an error, unless --if-not-exists says that it may stay as it is.

import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { parseAssignments } from '../../cli/assignment-format.ts';
import type { ArgsOf, FlagsOf } from '../../cli/base-command.ts';
import type { CommandFacts } from '../../cli/command-facts.ts';
import { counted } from '../../cli/duration-format.ts';
import { KafkaCommand } from '../../cli/kafka-command.ts';

export default class TopicsCreate extends KafkaCommand<typeof TopicsCreate> {
  static override summary = 'Create a topic.';
  static override examples = [
    '<%= config.bin %> topics create orders --partitions 12',
    '<%= config.bin %> topics create state --set cleanup.policy=compact --if-not-exists',
  ];
  static override args = {
    topic: Args.string({ description: 'Name of the topic.', required: true, ignoreStdin: true }),
  };
  static override flags = {
    partitions: Flags.integer({
      char: 'p',
      min: 1,
      description: "Number of partitions; the broker's default otherwise.",
    }),
    set: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'NAME=VALUE',
      description: 'A topic setting; can be given several times.',
    }),
    'if-not-exists': Flags.boolean({ description: 'A topic of this name is fine; it stays as it is.' }),
  };
  static override facts: CommandFacts = {
    effect: 'writes-broker',
    besideBroker: 'Reversible with topics delete.',
    exitStatuses: [0, 2, 6, 8, 9],
    schemas: ['cloudtopics/topics-create/v1'],
  };

  async run(): Promise<void> {
    const { topic } = this.args as ArgsOf<typeof TopicsCreate>;
    const flags = this.flags as FlagsOf<typeof TopicsCreate>;
    const configs = parseAssignments(flags.set ?? [], '--set');
    using client = await this.client();
    const { createTopic, topicPlaces } = await import('../../engine/admin/admin.ts');
    const wanted = {
      name: topic,
      configs,
      ...(flags.partitions === undefined ? {} : { partitions: flags.partitions }),
    };
    const { created } = await createTopic(client, wanted, flags['if-not-exists']);
    const { id, partitions } = await topicPlaces(client, topic);
    const result = {
      schema: 'cloudtopics/topics-create/v1',
      topic,
      id: id ?? null,
      created,
      partitions: partitions.length,
    };
    await this.output.result(result, () =>
      created
        ? `created topic ${topic} with ${counted(partitions.length, 'partition')}`
        : `topic ${topic} exists already`,
    );
  }
}
