// Lists the tables of the newest manifests, or of a named one, level by level.

import * as Flags from '@oclif/core/flags';
import type { FlagsOf } from '../../../cli/base-command.ts';
import type { CommandFacts } from '../../../cli/command-facts.ts';
import { BucketCommand } from '../../../cli/metadata-command.ts';
import { domainFlag, metastoreDomains } from '../../../cli/metadata-flags.ts';
import { viewJson, viewText } from '../../../cli/picture.ts';
import { tablesTable } from '../../../cli/tables-table.ts';

export default class MetastoreSstList extends BucketCommand<typeof MetastoreSstList> {
  static override summary = 'List the tables of the metadata, level by level.';
  static override description =
    'As the manifests say; the tables themselves are not opened. sst verify and sst dump look into them.';
  static override examples = [
    '<%= config.bin %> metastore sst list --store file:///var/lib/cloudtopics/bucket',
    '<%= config.bin %> metastore sst list --domain control --manifest 17 --json',
  ];
  static override flags = {
    domain: domainFlag(metastoreDomains),
    manifest: Flags.string({ helpValue: 'NAME', description: 'Of this manifest, by name or number; else the newest.' }),
  };
  static override facts: CommandFacts = {
    effect: 'reads-bucket',
    besideBroker: 'Safe at any time.',
    exitStatuses: [0, 2, 5, 8, 9, 11, 13],
    schemas: ['cloudtopics/metastore-sst-list/v1'],
  };

  async run(): Promise<void> {
    const { domain, manifest } = this.flags as FlagsOf<typeof MetastoreSstList>;
    const { listTables } = await import('../../../engine/admin/admin.ts');
    await using source = await this.openBucket();
    const { moments, unflushed, tables } = await listTables(source, domain, manifest);
    const result = {
      schema: 'cloudtopics/metastore-sst-list/v1',
      ...viewJson(source.place, moments),
      unflushed,
      tables,
    };
    await this.output.result(
      result,
      async () => `${viewText(source.place, moments, unflushed)}\n${await tablesTable(tables)}`,
    );
  }
}
