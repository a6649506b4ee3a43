// Shows what the domains hold, level by level: from the bucket the figures of their newest manifests, from a live broker also what
// is in its memory and how far the bucket is behind.

import type { FlagsOf } from '../../cli/base-command.ts';
import type { CommandFacts } from '../../cli/command-facts.ts';
import { figuresTable } from '../../cli/figures-table.ts';
import { MetadataCommand } from '../../cli/metadata-command.ts';
import { allDomains, domainFlag } from '../../cli/metadata-flags.ts';
import { viewJson, viewText } from '../../cli/picture.ts';
import { systemClock } from '../../engine/base/clock.ts';

export default class MetastoreStats extends MetadataCommand<typeof MetastoreStats> {
  static override summary = 'Show the size of the metadata: tables, levels, memory, and how far the bucket is.';
  static override description =
    'From the bucket (--store): tables and levels of the newest manifests, and what the collector may take. From a live broker ' +
    '(--admin): also memtables, caches, flushes, and since when changes are not in the bucket.';
  static override examples = [
    '<%= config.bin %> metastore stats',
    '<%= config.bin %> metastore stats --store "s3://bucket/prefix?region=eu-central-1" --cluster orders',
    '<%= config.bin %> metastore stats --domain control --domain groups/0 --json',
  ];
  static override flags = {
    domain: domainFlag(allDomains),
  };
  static override facts: CommandFacts = {
    effect: 'reads-metadata',
    besideBroker: 'Safe at any time.',
    exitStatuses: [0, 2, 5, 8, 9, 11, 13],
    schemas: ['cloudtopics/metastore-stats/v1'],
  };

  async run(): Promise<void> {
    const { domain } = this.flags as FlagsOf<typeof MetastoreStats>;
    await (this.isLive ? this.#live(domain) : this.#bucket(domain));
  }

  async #bucket(asked: readonly string[] | undefined): Promise<void> {
    const { bucketFigures } = await import('../../engine/admin/admin.ts');
    await using source = await this.openBucket();
    const { figures, moments } = await bucketFigures(source, asked, systemClock);
    const unflushed = figures.filter(({ manifest }) => manifest === null).map((one) => one.domain);
    await this.output.result(
      {
        schema: 'cloudtopics/metastore-stats/v1',
        ...viewJson(source.place, moments),
        unflushed,
        domains: figures,
        caches: null,
      },
      async () => `${viewText(source.place, moments, unflushed)}\n${await figuresTable(figures, undefined)}`,
    );
  }

  async #live(asked: readonly string[] | undefined): Promise<void> {
    const { liveFigures } = await import('../../engine/admin/admin.ts');
    const live = await this.liveDomains();
    const { figures, cluster } = await liveFigures(live, asked);
    const place = { kind: 'live', admin: live.address, clusterId: cluster.clusterId } as const;
    const moments = figures.map((one) => ({ domain: one.domain, manifest: null, time: cluster.at, ageMs: 0 }));
    await this.output.result(
      {
        schema: 'cloudtopics/metastore-stats/v1',
        ...viewJson(place, moments),
        unflushed: [],
        domains: figures,
        caches: cluster.caches,
      },
      async () => `${viewText(place, moments)}\n${await figuresTable(figures, cluster.caches)}`,
    );
  }
}
