// Deletes a topic with its records, which cannot be undone: says how many would go and wants a yes.

import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import type { ArgsOf, FlagsOf } from '../../cli/base-command.ts';
import type { CommandFacts } from '../../cli/command-facts.ts';
import { confirm } from '../../cli/confirmation.ts';
import { formatCount } from '../../cli/duration-format.ts';
import { KafkaCommand } from '../../cli/kafka-command.ts';

export default class TopicsDelete extends KafkaCommand<typeof TopicsDelete> {
  static override summary = 'Delete a topic with everything in it.';
  static override description =
    'Asks first, saying how many records would go. Where nobody can be asked it needs --yes.';
  static override examples = ['<%= config.bin %> topics delete orders --yes'];
  static override args = {
    topic: Args.string({ description: 'Name of the topic.', required: true, ignoreStdin: true }),
  };
  static override flags = {
    yes: Flags.boolean({ char: 'y', description: 'Do not ask.' }),
    'if-exists': Flags.boolean({ description: 'A topic that does not exist is fine.' }),
  };
  static override facts: CommandFacts = {
    effect: 'writes-broker',
    besideBroker: 'Cannot be undone.',
    exitStatuses: [0, 2, 5, 8, 9, 10],
    schemas: ['cloudtopics/topics-delete/v1'],
  };

  async run(): Promise<void> {
    const { topic } = this.args as ArgsOf<typeof TopicsDelete>;
    const flags = this.flags as FlagsOf<typeof TopicsDelete>;
    using client = await this.client();
    const { deleteTopic, topicSize } = await import('../../engine/admin/admin.ts');
    const size = await topicSize(client, topic, flags['if-exists']);
    if (size !== undefined) {
      const offsets = `${formatCount(size.offsets)} offsets in ${size.partitions} partitions`;
      await confirm({
        action: `delete topic ${topic} with ${offsets}`,
        yes: flags.yes,
        signal: this.interruption.signal,
      });
      await deleteTopic(client, topic);
    }
    const result = {
      schema: 'cloudtopics/topics-delete/v1',
      topic,
      deleted: size !== undefined,
      offsets: size?.offsets ?? 0,
    };
    await this.output.result(result, () =>
      size === undefined ? `topic ${topic} does not exist` : `deleted topic ${topic}`,
    );
  }
}
