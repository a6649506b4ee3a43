// The client against the real admin server over domains that are maps: both sides of the HTTP must agree.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LiveDomains } from '../../../src/engine/admin/live-domains.ts';
import { type Clock, systemClock } from '../../../src/engine/base/clock.ts';
import { EngineError } from '../../../src/engine/base/errors.ts';
import { silentLogger } from '../../../src/engine/base/logger.ts';
import { AdminDomainRoutes } from '../../../src/engine/broker/admin-domain-routes.ts';
import type { AdministeredDomain, DomainStatus } from '../../../src/engine/broker/admin-operations.ts';
import { AdminServer } from '../../../src/engine/broker/admin-server.ts';
import type { DomainRow, ScanOptions } from '../../../src/engine/domain/domain.ts';

const clusterId = '3188e253-0000-4000-8000-000000000001';

class MapReads implements AdministeredDomain {
  readonly name: string;
  readonly rows = new Map<string, Buffer>();
  readonly orders: string[] = [];
  failure: EngineError | undefined;
  readonly reads = {
    get: async (key: string) => this.#checked().get(key),
    scan: async (options: ScanOptions) => scanned(this.#checked(), options),
  };

  constructor(name: string) {
    this.name = name;
  }

  #checked(): Map<string, Buffer> {
    if (this.failure !== undefined) throw this.failure;
    return this.rows;
  }

  status(): DomainStatus {
    return {
      name: this.name,
      term: 2,
      flushEveryMs: 600_000,
      appliedIndex: 9,
      coveredIndex: 7,
      memtable: { rows: 2, bytes: 80 },
      immutable: null,
      levels: [{ tables: 1, bytes: 4096, entries: 40 }],
      manifest: {
        name: '0000000001-0000000002-0000000000000003',
        key: 'x/manifest/y',
        created: '2026-11-21T05:00:00.000Z',
      },
      flushed: '2026-11-21T05:00:00.000Z',
      dirtySince: null,
      lastFlushMs: 5,
      log: { first: 8, end: 9, tailEntries: 2, tailBytes: 80, queuedBytes: 0 },
      snapshots: 0,
      reopenings: 0,
      counters: { flushes: 3 },
    };
  }

  async flush(): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    this.orders.push('flush');
  }

  async compact(): Promise<void> {
    this.orders.push('compact');
  }
}

function scanned(rows: Map<string, Buffer>, options: ScanOptions): DomainRow[] {
  const { prefix = '', after, from, before, reverse, limit = Number.POSITIVE_INFINITY } = options;
  const found = [...rows.entries()]
    .map(([key, value]): DomainRow => ({ key, value }))
    .filter(({ key }) => key.startsWith(prefix))
    .filter(({ key }) => (after === undefined || key > after) && (from === undefined || key >= from))
    .filter(({ key }) => before === undefined || key < before)
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  return (reverse ? found.reverse() : found).slice(0, limit);
}

describe('the domains of a live broker', () => {
  let server: AdminServer;
  let metastore: MapReads;
  let live: LiveDomains;

  beforeEach(async () => {
    metastore = new MapReads('metastore/0');
    const caches = () => ({ blocks: { bytes: 1, bytesMax: 2, hits: 3, misses: 4 }, disk: null });
    const routes = new AdminDomainRoutes({ domains: [metastore], caches }, clusterId, () => 1_795_230_612_082);
    server = await AdminServer.open({
      host: '127.0.0.1',
      port: 0,
      registry: new Registry(),
      logger: silentLogger,
      isReady: () => true,
      cluster: () => ({}),
      routes: (request) => routes.answer(request),
    });
    live = clientOf(server.address.port);
  });
  afterEach(() => server.stop());

  it('are listed with what they hold', async () => {
    const cluster = await live.cluster();
    expect(cluster).toMatchObject({
      clusterId,
      at: '2026-11-21T03:10:12.082Z',
      caches: { blocks: { hits: 3 }, disk: null },
    });
    expect(cluster.domains).toHaveLength(1);
    expect([metastore.status()]).toMatchObject(cluster.domains);
  });

  it('give single rows, whatever is in their keys and values', async () => {
    const key = 'topic/ä &?#%/\u{1f600}';
    metastore.rows.set(key, Buffer.from([0, 255, 10]));
    const reads = live.reads('metastore/0');
    expect(await reads.get(key)).toEqual(Buffer.from([0, 255, 10]));
    expect(await reads.get('missing')).toBeUndefined();
  });

  it('are scanned over many answers, both ways, within bounds', async () => {
    for (let at = 0; at < 2500; at++) metastore.rows.set(`row/${String(at).padStart(5, '0')}`, Buffer.from(`${at}`));
    metastore.rows.set('other', Buffer.from('x'));
    const reads = live.reads('metastore/0');
    const all = await reads.scan({ prefix: 'row/' });
    expect(all.map(({ value }) => Number(value))).toEqual(Array.from({ length: 2500 }, (_, at) => at));
    const back = await reads.scan({ prefix: 'row/', reverse: true, limit: 1500, before: 'row/02000' });
    expect([back.length, back[0]?.key, back.at(-1)?.key]).toEqual([1500, 'row/01999', 'row/00500']);
    expect((await reads.scan({ after: 'row/00007', limit: 2 })).map(({ key }) => key)).toEqual([
      'row/00008',
      'row/00009',
    ]);
    expect(await reads.scan({ from: 'row/00001', before: 'row/00001' })).toEqual([]);
  });

  it('are flushed and compacted', async () => {
    expect(await live.order('flush', 'metastore/0')).toMatchObject({
      manifest: { name: '0000000001-0000000002-0000000000000003' },
    });
    await live.order('compact', 'metastore/0');
    expect(metastore.orders).toEqual(['flush', 'compact']);
  });

  it('fail as they failed in the broker', async () => {
    metastore.failure = new EngineError('fenced-owner', 'somebody else owns the cluster', { context: { term: 4 } });
    await expect(live.order('flush', 'metastore/0')).rejects.toMatchObject({
      code: 'fenced-owner',
      message: 'somebody else owns the cluster',
      context: { term: 4 },
    });
    await expect(live.reads('metastore/9').get('x')).rejects.toMatchObject({ code: 'domain-not-found' });
    await expect(live.reads('metastore/0').get('')).rejects.toMatchObject({ code: 'usage' });
  });

  it('say so when nobody answers', async () => {
    const { port } = server.address;
    await server.stop();
    await expect(clientOf(port).cluster()).rejects.toMatchObject({
      code: 'broker-unavailable',
      hint: expect.stringContaining('--admin'),
    });
    server = await AdminServer.open({
      host: '127.0.0.1',
      port: 0,
      registry: new Registry(),
      logger: silentLogger,
      isReady: () => true,
      cluster: () => ({}),
    });
    await expect(clientOf(server.address.port).cluster()).rejects.toMatchObject({ code: 'domain-not-found' });
  });
});

describe('something else at the address', () => {
  let server: Server;
  afterEach(() => new Promise((resolve) => server.close(resolve)));

  async function answering(status: number, body: string | undefined): Promise<number> {
    server = createServer((_request, response) => {
      if (body !== undefined) response.writeHead(status).end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  }

  it('is not believed when it is no broker', async () => {
    const port = await answering(200, '{"domains":7}');
    await expect(clientOf(port).cluster()).rejects.toMatchObject({ code: 'unsupported-version' });
    await expect(clientOf(port).reads('control').scan({})).rejects.toMatchObject({ code: 'unsupported-version' });
  });

  it('is asked again while it is busy, and not without end', async () => {
    let asked = 0;
    server = createServer((_request, response) => {
      asked++;
      if (asked < 4) response.writeHead(503).end('{"error":"too many requests for rows at a time; try again"}');
      else response.writeHead(200).end('{"rows":[],"more":false}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const pauses: number[] = [];
    const clock: Clock = {
      ...systemClock,
      after(delayMs, run) {
        pauses.push(delayMs);
        setImmediate(run);
        return { cancel: () => {} };
      },
    };
    const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    expect(await new LiveDomains({ url, clock }).reads('control').scan({})).toEqual([]);
    expect(pauses).toEqual([200, 400, 600]);
    asked = -100;
    await expect(new LiveDomains({ url, clock }).reads('control').scan({})).rejects.toMatchObject({
      code: 'broker-unavailable',
    });
    expect(asked).toBe(-95);
  });

  it('is not read without end', async () => {
    const port = await answering(200, ' '.repeat(33 * 1024 * 1024));
    await expect(clientOf(port).cluster()).rejects.toMatchObject({ code: 'request-too-large' });
  });

  it('is not waited for without end', async () => {
    const port = await answering(200, undefined);
    await expect(clientOf(port, 50).cluster()).rejects.toMatchObject({ code: 'request-timed-out' });
    server.closeAllConnections();
  });
});

const clientOf = (port: number, timeoutMs?: number): LiveDomains =>
  new LiveDomains({
    url: new URL(`http://127.0.0.1:${port}`),
    clock: systemClock,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
