// Lets a live broker merge all tables of its metadata into the deepest level, and waits until that is done.

import type { FlagsOf } from '../../cli/base-command.ts';
import type { CommandFacts } from '../../cli/command-facts.ts';
import { LiveCommand } from '../../cli/metadata-command.ts';
import { domainFlag, metastoreDomains } from '../../cli/metadata-flags.ts';
import { printOrders } from '../../cli/order-results.ts';

export default class MetastoreCompact extends LiveCommand<typeof MetastoreCompact> {
  static override summary = 'Let a broker merge all tables of its metadata.';
  static override description =
    'Flushes, then rewrites everything into the deepest level, without tombstones and older versions. The tables before stay in ' +
    'the bucket until the collector takes them. The broker goes on working meanwhile, also when this command is interrupted.';
  static override examples = ['<%= config.bin %> metastore compact --domain metastore/0'];
  static override flags = {
    domain: domainFlag(metastoreDomains),
  };
  static override facts: CommandFacts = {
    effect: 'orders-broker',
    besideBroker: 'Safe at any time; reads and rewrites every table of the domain.',
    exitStatuses: [0, 2, 5, 7, 8, 9, 12, 13, 130, 143],
    schemas: ['cloudtopics/metastore-compact/v1'],
  };

  async run(): Promise<void> {
    const { domain } = this.flags as FlagsOf<typeof MetastoreCompact>;
    const { orderDomains } = await import('../../engine/admin/admin.ts');
    await printOrders(
      this.output,
      'cloudtopics/metastore-compact/v1',
      await orderDomains(await this.liveDomains(), 'compact', domain),
    );
  }
}
