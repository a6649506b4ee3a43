// Shows what happened to the tables of a domain between two of its manifests.

import * as Args from '@oclif/core/args';
import type { ArgsOf, FlagsOf } from '../../../cli/base-command.ts';
import type { CommandFacts } from '../../../cli/command-facts.ts';
import { formatSize } from '../../../cli/duration-format.ts';
import { BucketCommand } from '../../../cli/metadata-command.ts';
import { domainFlag, metastoreDomains } from '../../../cli/metadata-flags.ts';
import { viewJson, viewText } from '../../../cli/picture.ts';
import { renderTable } from '../../../cli/table.ts';

export default class MetastoreManifestDiff extends BucketCommand<typeof MetastoreManifestDiff> {
  static override summary = 'Show which tables came, went and moved between two manifests.';
  static override examples = [
    '<%= config.bin %> metastore manifest diff 16 17 --domain control --store file:///var/lib/cloudtopics/bucket',
  ];
  static override args = {
    before: Args.string({ description: 'Name or number of a manifest.', required: true, ignoreStdin: true }),
    after: Args.string({ description: 'Name or number of another one.', required: true, ignoreStdin: true }),
  };
  static override flags = { domain: domainFlag(metastoreDomains) };
  static override facts: CommandFacts = {
    effect: 'reads-bucket',
    besideBroker: 'Safe at any time.',
    exitStatuses: [0, 2, 5, 8, 9, 11, 13],
    schemas: ['cloudtopics/metastore-manifest-diff/v1'],
  };

  async run(): Promise<void> {
    const { before, after } = this.args as ArgsOf<typeof MetastoreManifestDiff>;
    const { domain } = this.flags as FlagsOf<typeof MetastoreManifestDiff>;
    const { diffManifestsOf } = await import('../../../engine/admin/admin.ts');
    await using source = await this.openBucket();
    const diff = await diffManifestsOf(source, domain, [before, after]);
    const result = { schema: 'cloudtopics/metastore-manifest-diff/v1', ...viewJson(source.place, []), ...diff };
    await this.output.result(result, async () => {
      const row = (sign: string, level: string, { name, sizeBytes, entries }: (typeof diff.added)[number]) => [
        sign,
        level,
        name,
        formatSize(sizeBytes),
        String(entries),
      ];
      const rows = [
        ...diff.removed.map((table) => row('-', `L${table.level}`, table)),
        ...diff.moved.map((table) => row('~', `L${table.fromLevel} to L${table.level}`, table)),
        ...diff.added.map((table) => row('+', `L${table.level}`, table)),
      ];
      const right = true;
      const columns = [
        { title: '' },
        { title: 'level' },
        { title: 'table' },
        { title: 'size', right },
        { title: 'entries', right },
      ];
      return [
        viewText(source.place, []),
        `${diff.domain}`,
        `  from ${diff.before.name}, ${diff.before.created}, covered index ${diff.before.coveredIndex}`,
        `  to   ${diff.after.name}, ${diff.after.created}, covered index ${diff.after.coveredIndex}`,
        rows.length === 0 ? 'the same tables' : await renderTable(columns, rows),
      ].join('\n');
    });
  }
}
