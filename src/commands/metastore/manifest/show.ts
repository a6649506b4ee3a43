// Shows a manifest: what it covers, and every table it holds.

import * as Args from '@oclif/core/args';
import type { ArgsOf, FlagsOf } from '../../../cli/base-command.ts';
import type { CommandFacts } from '../../../cli/command-facts.ts';
import { formatAge, formatSize } from '../../../cli/duration-format.ts';
import { BucketCommand } from '../../../cli/metadata-command.ts';
import { domainFlag, metastoreDomains } from '../../../cli/metadata-flags.ts';
import { viewJson, viewText } from '../../../cli/picture.ts';
import { tablesTable } from '../../../cli/tables-table.ts';

export default class MetastoreManifestShow extends BucketCommand<typeof MetastoreManifestShow> {
  static override summary = 'Show a manifest and the tables it holds.';
  static override description = 'By its name, or its number alone; the newest of each domain where none is given.';
  static override examples = [
    '<%= config.bin %> metastore manifest show --domain control --store file:///var/lib/cloudtopics/bucket',
    '<%= config.bin %> metastore manifest show 17 --domain metastore/0 --json',
  ];
  static override args = {
    manifest: Args.string({ description: 'Name of the manifest, or its number.', ignoreStdin: true }),
  };
  static override flags = { domain: domainFlag(metastoreDomains) };
  static override facts: CommandFacts = {
    effect: 'reads-bucket',
    besideBroker: 'Safe at any time.',
    exitStatuses: [0, 2, 5, 8, 9, 11, 13],
    schemas: ['cloudtopics/metastore-manifest-show/v1'],
  };

  async run(): Promise<void> {
    const { manifest } = this.args as ArgsOf<typeof MetastoreManifestShow>;
    const { domain } = this.flags as FlagsOf<typeof MetastoreManifestShow>;
    const { showManifests } = await import('../../../engine/admin/admin.ts');
    await using source = await this.openBucket();
    const { manifests, unflushed } = await showManifests(source, domain, manifest);
    const result = {
      schema: 'cloudtopics/metastore-manifest-show/v1',
      ...viewJson(source.place, []),
      unflushed,
      manifests,
    };
    await this.output.result(result, async () => {
      const parts = manifests.map(async (one) =>
        [
          `${one.domain}  manifest ${one.name}`,
          `  created         ${one.created} (${formatAge(one.ageMs)} ago)`,
          `  object          ${one.prefix}manifest/${one.name}, ${formatSize(one.sizeBytes)}, CRC32C ${one.crc32c}`,
          `  covered index   ${one.coveredIndex}`,
          `  table numbers   next ${one.nextTableNumber}, settled below ${one.settledTableNumber}`,
          await tablesTable(one.tables),
        ].join('\n'),
      );
      return [viewText(source.place, [], unflushed), ...(await Promise.all(parts))].join('\n\n');
    });
  }
}
