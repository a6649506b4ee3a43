// Looks into one L1 object: its footer, its sections and chunks, every byte of it where asked to. Damage is decoded as far as it goes.

import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { type ArgsOf, ExitWith, type FlagsOf } from '../../cli/base-command.ts';
import type { CommandFacts } from '../../cli/command-facts.ts';
import { L1Report } from '../../cli/l1-report.ts';
import { BucketCommand } from '../../cli/metadata-command.ts';

export default class L1Inspect extends BucketCommand<typeof L1Inspect> {
  static override summary = 'Look into an object that holds history.';
  static override description =
    'Its footer, and a line per section: the offsets of one partition, and where they lie. --verify reads the object to its end and checks ' +
    'every checksum, every batch, and what the index says of them. Damage is decoded as far as possible, marked and named; then it ends ' +
    'with 13. --json gives a line about the object, then one per section, chunk, field or finding.';
  static override examples = [
    '<%= config.bin %> l1 inspect 0198e6f2-1c7a-4000-8000-000000000001 --store file:///var/lib/cloudtopics/bucket',
    '<%= config.bin %> l1 inspect 0198e6f2-1c7a-4000-8000-000000000001 --partition 3 --index',
    '<%= config.bin %> l1 inspect 0198e6f2-1c7a-4000-8000-000000000001 --verify --json',
  ];
  static override args = {
    object: Args.string({
      description: 'Id of the object, or its key in the bucket.',
      required: true,
      ignoreStdin: true,
    }),
  };
  static override flags = {
    partition: Flags.integer({ char: 'p', min: 0, description: 'Only sections of this partition.' }),
    index: Flags.boolean({ description: 'Also the chunks of each section.' }),
    verify: Flags.boolean({ description: 'Read the object to its end, and check every byte.' }),
    bytes: Flags.boolean({
      description: 'Footer and trailer, byte by byte, with what they mean.',
      exclusive: ['index', 'partition', 'verify'],
    }),
  };
  static override facts: CommandFacts = {
    effect: 'reads-bucket',
    besideBroker: 'Safe at any time.',
    exitStatuses: [0, 2, 5, 8, 9, 11, 13, 130, 143],
    schemas: [
      'cloudtopics/l1-footer/v1',
      'cloudtopics/l1-section/v1',
      'cloudtopics/l1-chunk/v1',
      'cloudtopics/l1-bytes/v1',
      'cloudtopics/l1-finding/v1',
      'cloudtopics/l1-verified/v1',
      'cloudtopics/progress/v1',
    ],
    jsonLines: true,
  };

  async run(): Promise<ExitWith | undefined> {
    const { object } = this.args as ArgsOf<typeof L1Inspect>;
    const flags = this.flags as FlagsOf<typeof L1Inspect>;
    const { interruption } = this;
    const { viewL1Object } = await import('../../engine/admin/admin.ts');
    await using source = await this.openBucket();
    const view = await viewL1Object(source, object);
    const report = new L1Report(view, this.output, interruption.signal);
    await report.object(source.place);
    if (flags.bytes) await report.bytes();
    else await report.sections(flags.partition, flags.index);
    if (flags.verify) {
      const { progress: choice, quiet, color } = flags;
      await report.verified(flags.partition, { choice, quiet, color });
    }
    if (interruption.exitStatus !== undefined) return new ExitWith(interruption.exitStatus);
    return report.findings > 0 ? new ExitWith(13) : undefined;
  }
}
