// Reads tables to their end and checks every byte: checksums, order, and whether they are what their manifests say.

import * as Args from '@oclif/core/args';
import { type ArgsOf, ExitWith, type FlagsOf } from '../../../cli/base-command.ts';
import type { CommandFacts } from '../../../cli/command-facts.ts';
import { formatCount, formatSize } from '../../../cli/duration-format.ts';
import { BucketCommand } from '../../../cli/metadata-command.ts';
import { domainFlag, metastoreDomains } from '../../../cli/metadata-flags.ts';
import { viewJson, viewText } from '../../../cli/picture.ts';
import { renderTable } from '../../../cli/table.ts';
import { findingText } from '../../../cli/table-findings.ts';
import type { CheckedTable } from '../../../engine/admin/admin.ts';

export default class MetastoreSstVerify extends BucketCommand<typeof MetastoreSstVerify> {
  static override summary = 'Check every byte of the tables of the metadata.';
  static override description =
    'Reads all tables of the newest manifests, or the named one, to their end. Ends with 13 when one is damaged or missing, and ' +
    'says where. metastore verify also checks what the rows mean.';
  static override examples = [
    '<%= config.bin %> metastore sst verify --store file:///var/lib/cloudtopics/bucket',
    '<%= config.bin %> metastore sst verify 3 --domain control --json',
  ];
  static override args = {
    table: Args.string({ description: 'Name of a table, or its number; all where none is given.', ignoreStdin: true }),
  };
  static override flags = { domain: domainFlag(metastoreDomains) };
  static override facts: CommandFacts = {
    effect: 'reads-bucket',
    besideBroker: 'Safe at any time.',
    exitStatuses: [0, 2, 5, 8, 9, 11, 13, 130, 143],
    schemas: ['cloudtopics/metastore-sst-verify/v1'],
  };

  async run(): Promise<ExitWith | undefined> {
    const { table } = this.args as ArgsOf<typeof MetastoreSstVerify>;
    const { domain } = this.flags as FlagsOf<typeof MetastoreSstVerify>;
    const { interruption } = this;
    const { checkTables } = await import('../../../engine/admin/admin.ts');
    await using source = await this.openBucket();
    const { moments, unflushed, count, checks } = await checkTables(source, domain, table);
    const checked: CheckedTable[] = [];
    for await (const check of checks) {
      checked.push(check);
      if (interruption.signal.aborted) break;
    }
    const damaged = checked.filter(({ findings }) => findings.length > 0);
    const result = {
      schema: 'cloudtopics/metastore-sst-verify/v1',
      ...viewJson(source.place, moments),
      unflushed,
      tables: count,
      checked: checked.length,
      damaged: damaged.length,
      results: checked,
    };
    await this.output.result(result, async () => {
      const right = true;
      const rows = checked.map((one) => [
        one.domain,
        one.level === null ? '-' : `L${one.level}`,
        one.table,
        formatSize(one.sizeBytes),
        formatCount(one.entries),
        one.findings.length === 0 ? 'ok' : 'DAMAGED',
      ]);
      const columns = [
        { title: 'domain' },
        { title: 'level', right },
        { title: 'table' },
        { title: 'size', right },
        { title: 'entries', right },
        { title: '' },
      ];
      return [
        viewText(source.place, moments, unflushed),
        await renderTable(columns, rows),
        ...damaged.flatMap(({ key, findings }) => findings.map((one) => `${key}: ${findingText(one)}`)),
        `${formatCount(checked.length)} of ${formatCount(count)} tables checked, ${formatCount(damaged.length)} damaged`,
      ].join('\n');
    });
    if (interruption.exitStatus !== undefined) return new ExitWith(interruption.exitStatus);
    return damaged.length > 0 ? new ExitWith(13) : undefined;
  }
}
