// Lists what tiles a topic's partitions in history: extents, each with its place in an object, and ranges without data.

import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { type ArgsOf, ExitWith, type FlagsOf } from '../../cli/base-command.ts';
import type { CommandFacts } from '../../cli/command-facts.ts';
import { extentsHead, extentText } from '../../cli/l1-text.ts';
import { MetadataCommand } from '../../cli/metadata-command.ts';
import { viewJson, viewText } from '../../cli/picture.ts';

export default class L1Extents extends MetadataCommand<typeof L1Extents> {
  static override summary = "List the extents of a topic's partitions.";
  static override description =
    'One line per extent or empty range, partition by partition, in the order of offsets: which offsets, and where their bytes lie. The ' +
    'topic is found by name or id. From the bucket (--store), or from a live broker (--admin). What is not reconciled yet is in L0, ' +
    'and not here. Ends with 12 when --limit cut it short, with 13 when a row does not decode.';
  static override examples = [
    '<%= config.bin %> l1 extents orders --store file:///var/lib/cloudtopics/bucket',
    '<%= config.bin %> l1 extents orders --partition 3 --from 120000 --limit 10 --json',
  ];
  static override args = {
    topic: Args.string({ description: 'Name or id of the topic.', required: true, ignoreStdin: true }),
  };
  static override flags = {
    partition: Flags.integer({ char: 'p', min: 0, description: 'Only this partition.' }),
    from: Flags.integer({ min: 0, default: 0, helpValue: 'OFFSET', description: 'Begin with what holds this offset.' }),
    limit: Flags.integer({ char: 'n', min: 1, description: 'Stop after so many lines.' }),
  };
  static override facts: CommandFacts = {
    effect: 'reads-metadata',
    besideBroker: 'Safe at any time.',
    exitStatuses: [0, 2, 5, 8, 9, 11, 12, 13, 130, 143],
    schemas: ['cloudtopics/l1-view/v1', 'cloudtopics/l1-extent/v1'],
    jsonLines: true,
  };

  async run(): Promise<ExitWith | undefined> {
    const { topic } = this.args as ArgsOf<typeof L1Extents>;
    const { partition, from, limit = Number.POSITIVE_INFINITY } = this.flags as FlagsOf<typeof L1Extents>;
    const { output, interruption } = this;
    const { listExtents } = await import('../../engine/admin/admin.ts');
    await using source = await this.openSource();
    const listed = await listExtents(source, topic, partition, from);
    const { moments, unflushed, partitionCount, topicId, extents } = listed;
    const named = { topic: listed.topic, topicId, partitionCount };
    if (output.json) {
      await output.line({ schema: 'cloudtopics/l1-view/v1', ...viewJson(source.place, moments), unflushed, ...named });
    } else {
      await output.write(`${viewText(source.place, moments, unflushed)}\n${extentsHead}\n`);
    }
    let shown = 0;
    let damaged = 0;
    let cutShort = false;
    for await (const extent of extents) {
      if (interruption.signal.aborted || output.closed.aborted) break;
      if (shown === limit) {
        cutShort = true;
        break;
      }
      shown++;
      if (extent.problem !== null) damaged++;
      if (output.json) await output.line({ schema: 'cloudtopics/l1-extent/v1', ...extent });
      else await output.write(`${extentText(extent)}\n`);
    }
    if (interruption.exitStatus !== undefined) return new ExitWith(interruption.exitStatus);
    if (damaged > 0) return new ExitWith(13);
    return cutShort ? new ExitWith(12) : undefined;
  }
}
