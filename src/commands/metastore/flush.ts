// Lets a live broker write its metadata to the bucket now, and waits until it is there.

import type { FlagsOf } from '../../cli/base-command.ts';
import type { CommandFacts } from '../../cli/command-facts.ts';
import { LiveCommand } from '../../cli/metadata-command.ts';
import { domainFlag, metastoreDomains } from '../../cli/metadata-flags.ts';
import { printOrders } from '../../cli/order-results.ts';

export default class MetastoreFlush extends LiveCommand<typeof MetastoreFlush> {
  static override summary = 'Let a broker write its metadata to the bucket now.';
  static override description =
    'Ends when everything that was acknowledged before is in the bucket and recorded. Flushed all the time, it makes small tables.';
  static override examples = [
    '<%= config.bin %> metastore flush',
    '<%= config.bin %> metastore flush --domain groups/0 --admin http://127.0.0.1:9644',
  ];
  static override flags = {
    domain: domainFlag(metastoreDomains),
  };
  static override facts: CommandFacts = {
    effect: 'orders-broker',
    besideBroker: 'Safe at any time; changes nothing that is read.',
    exitStatuses: [0, 2, 5, 7, 8, 9, 12, 13, 130, 143],
    schemas: ['cloudtopics/metastore-flush/v1'],
  };

  async run(): Promise<void> {
    const { domain } = this.flags as FlagsOf<typeof MetastoreFlush>;
    const { orderDomains } = await import('../../engine/admin/admin.ts');
    await printOrders(
      this.output,
      'cloudtopics/metastore-flush/v1',
      await orderDomains(await this.liveDomains(), 'flush', domain),
    );
  }
}
