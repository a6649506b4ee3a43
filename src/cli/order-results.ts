// What came of an order to a broker's domains.

import type { OrderResults } from '../engine/admin/admin.ts';
import { formatCount } from './duration-format.ts';
import type { Output } from './output.ts';
import { renderTable } from './table.ts';

export async function printOrders(output: Output, schema: string, { place, domains }: OrderResults): Promise<void> {
  await output.result({ schema, view: place, domains }, () =>
    renderTable(
      [{ title: 'domain' }, { title: 'took', right: true }, { title: 'manifest' }, { title: 'created' }],
      domains.map(({ domain, tookMs, manifest }) => [
        domain,
        `${formatCount(Math.round(tookMs))} ms`,
        manifest?.name ?? '-',
        manifest?.created ?? '-',
      ]),
    ),
  );
}
