// Shows what the metastore holds of a topic, or in more detail of one of its partitions.

import * as Args from '@oclif/core/args';
import type { ArgsOf } from '../../cli/base-command.ts';
import type { CommandFacts } from '../../cli/command-facts.ts';
import { describedText } from '../../cli/described-text.ts';
import { MetadataCommand } from '../../cli/metadata-command.ts';
import { viewJson, viewText } from '../../cli/picture.ts';
import { parseTopicPartition } from '../../cli/topic-partition-format.ts';

export default class MetastoreDescribe extends MetadataCommand<typeof MetastoreDescribe> {
  static override summary = 'Show what the metastore holds of a topic: offsets, terms, extents.';
  static override description =
    'A line per partition, or more of one: TOPIC/P. The topic is found by name or id. From the bucket (--store), or from a live ' +
    'broker (--admin). Records that nothing has reconciled yet are in L0 objects, and not in the metastore.';
  static override examples = [
    '<%= config.bin %> metastore describe orders --store file:///var/lib/cloudtopics/bucket',
    '<%= config.bin %> metastore describe orders/3 --json',
  ];
  static override args = {
    topic: Args.string({ description: 'TOPIC, or TOPIC/PARTITION.', required: true, ignoreStdin: true }),
  };
  static override facts: CommandFacts = {
    effect: 'reads-metadata',
    besideBroker: 'Safe at any time.',
    exitStatuses: [0, 2, 5, 8, 9, 11, 13],
    schemas: ['cloudtopics/metastore-describe/v1'],
  };

  async run(): Promise<void> {
    const { topic: text } = this.args as ArgsOf<typeof MetastoreDescribe>;
    const { topic, partition } = parseTopicPartition(text);
    const { describeTopic } = await import('../../engine/admin/admin.ts');
    await using source = await this.openSource();
    const { moments, unflushed, ...described } = await describeTopic(source, topic, partition);
    const result = {
      schema: 'cloudtopics/metastore-describe/v1',
      ...viewJson(source.place, moments),
      unflushed,
      ...described,
    };
    await this.output.result(
      result,
      async () => `${viewText(source.place, moments, unflushed)}\n${await describedText(described)}`,
    );
  }
}
