// Orders to a live broker's domains, one after the other, so that a failure says how far it got.

import type { LiveDomains } from './live-domains.ts';
import type { LiveManifest } from './live-status-format.ts';
import { chosenDomains, type SourcePlace } from './metadata-source.ts';

export interface DomainOrderResult {
  readonly domain: string;
  readonly tookMs: number;
  /** What the bucket shows of it now; null where there was nothing to write. */
  readonly manifest: LiveManifest | null;
}

export interface OrderResults {
  readonly place: SourcePlace;
  readonly domains: readonly DomainOrderResult[];
}

/** All metastore domains where none is asked for. */
export async function orderDomains(
  live: LiveDomains,
  order: 'flush' | 'compact',
  asked: readonly string[] = [],
): Promise<OrderResults> {
  const { clusterId, domains } = await live.cluster();
  const names = await chosenDomains({ domainNames: async () => domains.map(({ name }) => name) }, asked);
  const results: DomainOrderResult[] = [];
  for (const domain of names) results.push({ domain, ...(await live.order(order, domain)) });
  return { place: { kind: 'live', admin: live.address, clusterId }, domains: results };
}
