// Prints rows of domains, typed, in key order: a line each, however many there are. What does not decode is shown as bytes.

import * as Flags from '@oclif/core/flags';
import { ExitWith, type FlagsOf } from '../../cli/base-command.ts';
import type { CommandFacts } from '../../cli/command-facts.ts';
import { MetadataCommand } from '../../cli/metadata-command.ts';
import { domainFlag, metastoreDomains } from '../../cli/metadata-flags.ts';
import { viewJson, viewText } from '../../cli/picture.ts';
import { printable, rowText } from '../../cli/row-text.ts';
import { EngineError } from '../../engine/base/errors.ts';

export default class MetastoreScan extends MetadataCommand<typeof MetastoreScan> {
  static override summary = 'Print rows of the metadata, typed, in the order of their keys.';
  static override description =
    'From the bucket (--store), or from a live broker (--admin). Domains come one after the other. --json gives a line that says ' +
    'which view it is, then a line per row. Ends with 12 when --limit cut it short: go on with --after and the last key.';
  static override examples = [
    '<%= config.bin %> metastore scan --store file:///var/lib/cloudtopics/bucket --limit 20',
    '<%= config.bin %> metastore scan --domain metastore/0 --prefix extent/ --json',
    '<%= config.bin %> metastore scan --domain control --prefix topic/ --admin http://127.0.0.1:9644',
  ];
  static override flags = {
    domain: domainFlag(metastoreDomains),
    prefix: Flags.string({ helpValue: 'TEXT', description: 'Only keys that begin with this.' }),
    after: Flags.string({ helpValue: 'KEY', description: 'Only keys behind this one; needs exactly one --domain.' }),
    limit: Flags.integer({ char: 'n', min: 1, description: 'Stop after so many rows.' }),
  };
  static override facts: CommandFacts = {
    effect: 'reads-metadata',
    besideBroker: 'Safe at any time.',
    exitStatuses: [0, 2, 5, 8, 9, 11, 12, 13, 130, 143],
    schemas: ['cloudtopics/metastore-view/v1', 'cloudtopics/metastore-row/v1'],
    jsonLines: true,
  };

  async run(): Promise<ExitWith | undefined> {
    const flags = this.flags as FlagsOf<typeof MetastoreScan>;
    if (flags.after !== undefined && flags.domain?.length !== 1) {
      throw new EngineError('usage', '--after needs exactly one --domain', {
        hint: 'name the domain that the key is in',
      });
    }
    const { output, interruption } = this;
    const [{ describeRow }, { scanDomains }] = await Promise.all([
      import('../../engine/audit/audit.ts'),
      import('../../engine/admin/admin.ts'),
    ]);
    await using source = await this.openSource();
    const scan = await scanDomains(source, flags.domain, {
      prefix: flags.prefix,
      after: flags.after,
      limit: flags.limit,
    });
    const { place, moments, unflushed } = scan;
    if (output.json)
      await output.line({ schema: 'cloudtopics/metastore-view/v1', ...viewJson(place, moments), unflushed });
    else await output.write(`${viewText(place, moments, unflushed)}\n`);
    for await (const { domain, key, value } of scan.rows) {
      const row = describeRow(domain, key, value);
      if (output.json) await output.line({ schema: 'cloudtopics/metastore-row/v1', domain, key, row });
      else await output.write(`${domain}  ${printable(key)}  ${row.kind}  ${rowText(row, keyFields)}\n`);
      if (interruption.signal.aborted || output.closed.aborted) break;
    }
    if (interruption.exitStatus !== undefined) return new ExitWith(interruption.exitStatus);
    return scan.cutShort ? new ExitWith(12) : undefined;
  }
}

/** A reader sees them in the key, right before. */
const keyFields = new Set(['topicId', 'partition', 'baseOffset', 'objectId', 'producerId', 'group', 'level']);
