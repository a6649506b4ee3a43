// A live broker's domains, over its admin server: what they are, their rows, and the orders to flush and to compact. The broker limits
// the rows of an answer: a scan asks until it has what was asked for.

import type { DomainReads, DomainRow, ScanOptions } from '../domain/domain.ts';
import { AdminClient, type AdminClientOptions } from './admin-client.ts';
import {
  type LiveCluster,
  type LiveOrderResult,
  liveCluster,
  liveOrderResult,
  liveRow,
  liveRows,
} from './live-status-format.ts';

const rowsPerRequest = 1000;

type Order = 'flush' | 'compact';

export class LiveDomains {
  readonly #client: AdminClient;

  constructor(options: AdminClientOptions) {
    this.#client = new AdminClient(options, 'domain-not-found');
  }

  get address(): string {
    return this.#client.address;
  }

  async cluster(): Promise<LiveCluster> {
    return liveCluster(await this.#client.read('/v1/domains'));
  }

  /** A domain that does not exist is noticed when it is read: `domain-not-found`. */
  reads(name: string): DomainReads {
    const path = `/v1/domains/${encodeURIComponent(name)}`;
    return {
      get: async (key) => liveRow(await this.#client.read(`${path}/row?${new URLSearchParams({ key })}`)),
      scan: (options) => this.#scan(path, options),
    };
  }

  /** Resolves when it is done; then everything that was written before is in the bucket. */
  async order(order: Order, name: string): Promise<LiveOrderResult> {
    return liveOrderResult(await this.#client.order(`/v1/domains/${encodeURIComponent(name)}/${order}`));
  }

  async #scan(path: string, options: ScanOptions): Promise<DomainRow[]> {
    const rows: DomainRow[] = [];
    const { limit = Number.POSITIVE_INFINITY, reverse = false, ...bounds } = options;
    for (let place: ScanOptions = {}; rows.length < limit; ) {
      const query = new URLSearchParams({
        ...(bounds as Record<string, string>),
        ...(place as Record<string, string>),
        reverse: String(reverse),
        limit: String(Math.min(rowsPerRequest, limit - rows.length)),
      });
      const page = liveRows(await this.#client.read(`${path}/rows?${query}`));
      for (const row of page.rows) rows.push(row);
      const last = page.rows.at(-1);
      if (!page.more || last === undefined) break;
      place = reverse ? { before: last.key } : { after: last.key };
    }
    return rows;
  }
}
