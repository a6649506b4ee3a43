// The domains over HTTP: what is shown of them, page by page, and the orders to flush and compact.

import { afterEach, describe, expect, it, test } from 'vitest';
import { EngineError } from '../../../src/engine/base/errors.ts';
import type { AdministeredDomain, DomainStatus } from '../../../src/engine/broker/broker.ts';
import type { DomainReads } from '../../../src/engine/domain/domain.ts';
import { MapDomain } from '../cluster/map-domain.ts';
import { BrokerStage } from './broker-stage.ts';

let stage: BrokerStage;
afterEach(() => stage[Symbol.asyncDispose]());

const manifest = { name: '1-1-1', key: 'c/domain/metastore/0/manifest/1-1-1', created: '2026-11-21T10:00:00.000Z' };

class FakeDomain implements AdministeredDomain {
  readonly name: string;
  readonly orders: string[] = [];
  reads: DomainReads = new MapDomain();
  failure: EngineError | undefined;

  constructor(name: string) {
    this.name = name;
  }

  get rows(): Map<string, Buffer> {
    return (this.reads as MapDomain).rows;
  }

  status(): DomainStatus {
    return {
      name: this.name,
      term: 3,
      flushEveryMs: 600_000,
      appliedIndex: 7,
      coveredIndex: 5,
      memtable: { rows: 2, bytes: 100 },
      immutable: null,
      levels: [{ tables: 1, bytes: 10, entries: 3 }],
      manifest,
      flushed: manifest.created,
      dirtySince: null,
      lastFlushMs: 12,
      log: { first: 6, end: 7, tailEntries: 2, tailBytes: 99, queuedBytes: 0 },
      snapshots: 0,
      reopenings: 0,
      counters: { flushes: 1 },
    };
  }

  async flush(): Promise<void> {
    await this.#order('flush');
  }

  async compact(): Promise<void> {
    await this.#order('compact');
  }

  async #order(what: string): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    this.orders.push(what);
  }
}

async function open(): Promise<{ control: FakeDomain; metastore: FakeDomain }> {
  const [control, metastore] = [new FakeDomain('control'), new FakeDomain('metastore/0')];
  stage = await BrokerStage.open({ admin: true, domains: [control, metastore] });
  return { control, metastore };
}

async function ask(path: string, init: RequestInit = {}): Promise<{ status: number; body: Record<string, unknown> }> {
  const answer = await fetch(`http://127.0.0.1:${stage.broker.adminAddress?.port}${path}`, init);
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

const order = (path: string) => ask(path, { method: 'POST', headers: { 'x-cloudtopics-admin': '1' } });

describe('what domains there are', () => {
  it('is told with all their figures and the caches', async () => {
    await open();
    const { status, body } = await ask('/v1/domains');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      schema: 'cloudtopics/admin-domains/v1',
      clusterId: 'the-cluster',
      domains: [{ name: 'control', appliedIndex: 7, coveredIndex: 5 }, { name: 'metastore/0' }],
      caches: { blocks: { bytes: 1, bytesMax: 2, hits: 3, misses: 4 }, disk: null },
    });
  });

  it.each(['/v1/domains/metastore/0', '/v1/domains/metastore%2F0'])('one by one: %s', async (path) => {
    await open();
    expect(await ask(path)).toMatchObject({ status: 200, body: { name: 'metastore/0', manifest } });
    expect(await ask(`${path}/manifest`)).toMatchObject({ status: 200, body: { domain: 'metastore/0', manifest } });
  });

  it.each([
    '/v1/domains/',
    '/v1/domains/metastore',
    '/v1/domains/metastore/1',
    '/v1/domains/metastore/0/nothing',
    '/v1/domains/control/rows/',
    '/v1/domains/constructor',
  ])('and none besides: %s', async (path) => {
    await open();
    expect((await ask(path)).status).toBe(404);
  });
});

describe('rows', () => {
  it('come in key order, as Base64, within the bounds that were given', async () => {
    const { metastore } = await open();
    for (const key of ['a', 'b/1', 'b/2', 'b/größe', 'c']) metastore.rows.set(key, Buffer.from(`value of ${key}`));
    const { body } = await ask('/v1/domains/metastore/0/rows?prefix=b/&after=b/1&limit=2');
    expect(body).toEqual({
      domain: 'metastore/0',
      rows: ['b/2', 'b/größe'].map((key) => ({ key, value: Buffer.from(`value of ${key}`).toString('base64') })),
      more: false,
    });
  });

  it('of many are read page by page', async () => {
    const { control } = await open();
    const keys = Array.from({ length: 250 }, (_, at) => String(at).padStart(4, '0'));
    for (const key of keys) control.rows.set(key, Buffer.alloc(10));
    const seen: string[] = [];
    for (let after = '', more = true; more; ) {
      const { body } = await ask(`/v1/domains/control/rows?limit=70&after=${after}`);
      const rows = body['rows'] as { key: string }[];
      expect(rows.length).toBeLessThanOrEqual(70);
      seen.push(...rows.map(({ key }) => key));
      after = rows.at(-1)?.key ?? '';
      more = body['more'] as boolean;
    }
    expect(seen).toEqual(keys);
  });

  it('of many bytes end early, and say that there are more', async () => {
    const { control } = await open();
    for (let at = 0; at < 20; at++) control.rows.set(`k${at + 10}`, Buffer.alloc(1024 * 1024));
    const { body } = await ask('/v1/domains/control/rows?limit=1000');
    expect([(body['rows'] as unknown[]).length, body['more']]).toEqual([4, true]);
  });

  it('of an exact page do not promise more than there is', async () => {
    const { control } = await open();
    for (const key of ['a', 'b', 'c']) control.rows.set(key, Buffer.alloc(1));
    expect((await ask('/v1/domains/control/rows?limit=3')).body['more']).toBe(false);
    expect((await ask('/v1/domains/control/rows?limit=2')).body['more']).toBe(true);
  });

  it.each(['limit=0', 'limit=1001', 'limit=many', 'reverse=perhaps', 'prefx=a'])(
    'are refused for a wrong parameter: %s',
    async (query) => {
      await open();
      expect(await ask(`/v1/domains/control/rows?${query}`)).toMatchObject({ status: 400, body: { code: 'usage' } });
    },
  );

  it('are refused beyond a few requests at a time, and served again afterwards', async () => {
    const { control } = await open();
    const gate = Promise.withResolvers<void>();
    const { reads } = control;
    let scans = 0;
    control.reads = {
      get: (key) => reads.get(key),
      scan: async (options) => {
        scans++;
        await gate.promise;
        return reads.scan(options);
      },
    };
    const held = Array.from({ length: 4 }, () => ask('/v1/domains/control/rows'));
    while (scans < 4) await new Promise((resolve) => setImmediate(resolve));
    expect((await ask('/v1/domains/control/rows')).status).toBe(503);
    gate.resolve();
    expect((await Promise.all(held)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect((await ask('/v1/domains/control/rows')).status).toBe(200);
  });

  it('one by one: its bytes, or null', async () => {
    const { control } = await open();
    control.rows.set('a/b c', Buffer.from([1, 2]));
    const row = (key: string) => ask(`/v1/domains/control/row?${new URLSearchParams({ key })}`);
    expect(await row('a/b c')).toEqual({ status: 200, body: { domain: 'control', key: 'a/b c', value: 'AQI=' } });
    expect(await row('a')).toEqual({ status: 200, body: { domain: 'control', key: 'a', value: null } });
    expect((await ask('/v1/domains/control/row')).status).toBe(400);
  });
});

describe('orders', () => {
  it('to flush and to compact are carried out before they are answered', async () => {
    const { metastore, control } = await open();
    expect(await order('/v1/domains/metastore%2F0/flush')).toMatchObject({ status: 200, body: { manifest } });
    expect(await order('/v1/domains/metastore/0/compact')).toMatchObject({
      status: 200,
      body: { domain: 'metastore/0' },
    });
    expect([metastore.orders, control.orders]).toEqual([['flush', 'compact'], []]);
  });

  it('are no GET, need the header, and reading is no POST', async () => {
    const { control } = await open();
    expect((await ask('/v1/domains/control/flush')).status).toBe(405);
    expect((await ask('/v1/domains/control/flush', { method: 'POST' })).status).toBe(403);
    expect((await order('/v1/domains/control/rows')).status).toBe(405);
    expect((await order('/v1/domains')).status).toBe(405);
    expect(control.orders).toEqual([]);
  });

  test.each([
    [new EngineError('store-unavailable', 'the bucket is away', { context: { key: 'k' } }), 503],
    [new EngineError('fenced-owner', 'another owner'), 409],
    [new EngineError('corrupt-object', 'a block'), 500],
  ])('that fail say why: %s', async (failure, status) => {
    const { control } = await open();
    control.failure = failure;
    const answer = await order('/v1/domains/control/flush');
    expect(answer.status).toBe(status);
    const { code, kind, retryable, message: error } = failure;
    expect(answer.body).toMatchObject({ error, code, kind, retryable });
  });
});
