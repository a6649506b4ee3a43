// Lists the manifests that the bucket has of each domain, newest first. One that cannot be read is listed with the reason.

import * as Flags from '@oclif/core/flags';
import { ExitWith, type FlagsOf } from '../../../cli/base-command.ts';
import type { CommandFacts } from '../../../cli/command-facts.ts';
import { formatSize } from '../../../cli/duration-format.ts';
import { BucketCommand } from '../../../cli/metadata-command.ts';
import { allDomains, domainFlag } from '../../../cli/metadata-flags.ts';
import { viewJson, viewText } from '../../../cli/picture.ts';
import { renderTable } from '../../../cli/table.ts';

export default class MetastoreManifestList extends BucketCommand<typeof MetastoreManifestList> {
  static override summary = 'List the manifests in the bucket, newest first.';
  static override description =
    'A manifest is the whole state of a domain at one instant. The newest is what a view or a restore starts from; those of an ' +
    'incarnation above that in OWNER are ignored. Ends with 13 when one cannot be read.';
  static override examples = [
    '<%= config.bin %> metastore manifest list --store file:///var/lib/cloudtopics/bucket',
    '<%= config.bin %> metastore manifest list --domain control --limit 100 --json',
  ];
  static override flags = {
    domain: domainFlag(allDomains),
    limit: Flags.integer({ char: 'n', min: 1, default: 20, description: 'At most so many of each domain.' }),
  };
  static override facts: CommandFacts = {
    effect: 'reads-bucket',
    besideBroker: 'Safe at any time.',
    exitStatuses: [0, 2, 5, 8, 9, 11, 13],
    schemas: ['cloudtopics/metastore-manifest-list/v1'],
  };

  async run(): Promise<ExitWith | undefined> {
    const { domain, limit } = this.flags as FlagsOf<typeof MetastoreManifestList>;
    const { listManifestsOf } = await import('../../../engine/admin/admin.ts');
    await using source = await this.openBucket();
    const listed = await listManifestsOf(source, domain, limit);
    const result = { schema: 'cloudtopics/metastore-manifest-list/v1', ...viewJson(source.place, []), ...listed };
    await this.output.result(result, async () => {
      const table = await renderTable(
        columns,
        listed.manifests.map((one) => [
          one.domain,
          one.name,
          one.standing,
          one.created ?? '-',
          formatSize(one.sizeBytes),
          shown(one.coveredIndex),
          shown(one.tables),
          one.tableBytes === null ? '-' : formatSize(one.tableBytes),
        ]),
      );
      const problems = listed.manifests.flatMap(({ problem }) => (problem === null ? [] : [`damaged: ${problem}`]));
      const foreign = listed.foreign.map((key) => `no manifest: ${key}`);
      const more = listed.counts
        .filter(({ manifests }) => manifests > limit)
        .map((one) => `${one.domain} has ${one.manifests} manifests; --limit shows more`);
      return [viewText(source.place, []), table, ...problems, ...foreign, ...more].join('\n');
    });
    return listed.manifests.some(({ problem }) => problem !== null) ? new ExitWith(13) : undefined;
  }
}

const columns = [
  { title: 'domain' },
  { title: 'manifest' },
  { title: 'standing' },
  { title: 'created' },
  { title: 'size', right: true },
  { title: 'covered', right: true },
  { title: 'tables', right: true },
  { title: 'bytes', right: true },
];

const shown = (value: number | null): string => (value === null ? '-' : String(value));
