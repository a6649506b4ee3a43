// Prints what is in a table: its rows with all their versions, or its blocks. Damage is decoded as far as it goes, and marked.

import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { type ArgsOf, ExitWith, type FlagsOf } from '../../../cli/base-command.ts';
import type { CommandFacts } from '../../../cli/command-facts.ts';
import { formatSize } from '../../../cli/duration-format.ts';
import { BucketCommand } from '../../../cli/metadata-command.ts';
import { domainFlag, metastoreDomains } from '../../../cli/metadata-flags.ts';
import { viewJson, viewText } from '../../../cli/picture.ts';
import { printable, rowText } from '../../../cli/row-text.ts';
import { findingText } from '../../../cli/table-findings.ts';

export default class MetastoreSstDump extends BucketCommand<typeof MetastoreSstDump> {
  static override summary = 'Print the rows or the blocks of a table.';
  static override description =
    'Rows with every version and tombstone in the order of the table; with --blocks where each block lies. --json gives a line ' +
    'about the table, then one per row or block. What a checksum refuses is decoded all the same where that is possible, and ' +
    'marked; then it ends with 13.';
  static override examples = [
    '<%= config.bin %> metastore sst dump 3 --domain control --store file:///var/lib/cloudtopics/bucket',
    '<%= config.bin %> metastore sst dump 0000000001-0000000002-0000000000000003 --blocks --json',
  ];
  static override args = {
    table: Args.string({ description: 'Name of the table, or its number.', required: true, ignoreStdin: true }),
  };
  static override flags = {
    domain: domainFlag(metastoreDomains),
    blocks: Flags.boolean({ description: 'The blocks, not what is in them.', exclusive: ['rows'] }),
    rows: Flags.boolean({ description: 'The rows; so it is by default.' }),
  };
  static override facts: CommandFacts = {
    effect: 'reads-bucket',
    besideBroker: 'Safe at any time.',
    exitStatuses: [0, 2, 5, 8, 9, 11, 13, 130, 143],
    schemas: ['cloudtopics/metastore-table/v1', 'cloudtopics/metastore-version/v1', 'cloudtopics/metastore-block/v1'],
    jsonLines: true,
  };

  async run(): Promise<ExitWith | undefined> {
    const { table } = this.args as ArgsOf<typeof MetastoreSstDump>;
    const { domain, blocks } = this.flags as FlagsOf<typeof MetastoreSstDump>;
    const { output, interruption } = this;
    const { dumpTable } = await import('../../../engine/admin/admin.ts');
    await using source = await this.openBucket();
    const { dumpBlocks, dumpRows, ...facts } = await dumpTable(source, domain, table);
    const stopped = (): boolean => interruption.signal.aborted || output.closed.aborted;
    if (output.json) {
      await output.line({ schema: 'cloudtopics/metastore-table/v1', ...viewJson(source.place, []), ...facts });
    } else {
      const counts = `${facts.entries} entries, ${facts.tombstones} tombstones, ${facts.blocks} blocks`;
      await output.write(
        [
          viewText(source.place, []),
          `${facts.domain}  table ${facts.name}, ${formatSize(facts.sizeBytes)}, ${counts}`,
          ...facts.findings.map((one) => `  damaged: ${findingText(one)}`),
          '',
        ].join('\n'),
      );
    }
    if (blocks) {
      for await (const block of dumpBlocks()) {
        if (stopped()) break;
        if (output.json) await output.line({ schema: 'cloudtopics/metastore-block/v1', ...block });
        else {
          const { at, start, length, compression, payloadBytes, entries, boundary } = block;
          const mark = block.trusted ? '' : '  DAMAGED';
          await output.write(
            `block ${at}  bytes ${start} to ${start + length - 1}  ${compression ?? '-'} ${payloadBytes ?? '-'}  ` +
              `${entries} entries  up to ${printable(boundary.key)}${mark}\n`,
          );
        }
      }
    } else {
      for await (const version of dumpRows()) {
        if (stopped()) break;
        if (output.json) await output.line({ schema: 'cloudtopics/metastore-version/v1', ...version });
        else {
          const { key, sequence, row, trusted } = version;
          const text = row === null ? 'deleted' : `${row.kind}  ${rowText(row)}`;
          await output.write(`${printable(key)}  @${sequence}  ${text}${trusted ? '' : '  DAMAGED'}\n`);
        }
      }
    }
    if (interruption.exitStatus !== undefined) return new ExitWith(interruption.exitStatus);
    return facts.findings.length > 0 ? new ExitWith(13) : undefined;
  }
}
