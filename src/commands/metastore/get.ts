// Prints one row of a domain, typed and as bytes.

import * as Flags from '@oclif/core/flags';
import type { FlagsOf } from '../../cli/base-command.ts';
import type { CommandFacts } from '../../cli/command-facts.ts';
import { MetadataCommand } from '../../cli/metadata-command.ts';
import { domainFlag, metastoreDomains } from '../../cli/metadata-flags.ts';
import { viewJson, viewText } from '../../cli/picture.ts';
import { printable } from '../../cli/row-text.ts';

export default class MetastoreGet extends MetadataCommand<typeof MetastoreGet> {
  static override summary = 'Print one row of the metadata, typed and as bytes.';
  static override description =
    'From the bucket (--store), or from a live broker (--admin). Looks in the named domains, or in all of the metastore, and ends ' +
    'with 5 where none of them has the row.';
  static override examples = [
    '<%= config.bin %> metastore get --domain control --key counter/cluster-epoch',
    '<%= config.bin %> metastore get --key object/0198e6f2-1c7a-7000-8000-000000000001 --json',
  ];
  static override flags = {
    domain: domainFlag(metastoreDomains),
    key: Flags.string({
      char: 'k',
      required: true,
      helpValue: 'KEY',
      description: 'Key of the row, as scan prints it.',
    }),
  };
  static override facts: CommandFacts = {
    effect: 'reads-metadata',
    besideBroker: 'Safe at any time.',
    exitStatuses: [0, 2, 5, 8, 9, 11, 13],
    schemas: ['cloudtopics/metastore-get/v1'],
  };

  async run(): Promise<void> {
    const flags = this.flags as FlagsOf<typeof MetastoreGet>;
    const [{ describeRow }, { getRow }] = await Promise.all([
      import('../../engine/audit/audit.ts'),
      import('../../engine/admin/admin.ts'),
    ]);
    await using source = await this.openSource();
    const { moment, value } = await getRow(source, flags.domain, flags.key);
    const row = describeRow(moment.domain, flags.key, value);
    const result = {
      schema: 'cloudtopics/metastore-get/v1',
      ...viewJson(source.place, [moment]),
      domain: moment.domain,
      key: flags.key,
      row,
      bytes: value.length,
      hex: value.toString('hex'),
    };
    await this.output.result(result, () =>
      [
        viewText(source.place, [moment]),
        `${moment.domain}  ${printable(flags.key)}`,
        ...Object.entries(row).map(
          ([name, field]) =>
            `  ${name.padEnd(16)} ${typeof field === 'string' ? printable(field) : JSON.stringify(field)}`,
        ),
        `  ${'bytes'.padEnd(16)} ${value.length}: ${value.toString('hex')}`,
      ].join('\n'),
    );
  }
}
