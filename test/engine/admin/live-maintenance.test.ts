// The client against the real routes over made-up work: both sides of the HTTP must agree, whatever the size of the answer.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { LiveMaintenance } from '../../../src/engine/admin/live-maintenance.ts';
import { systemClock } from '../../../src/engine/base/clock.ts';
import type { AdminServer } from '../../../src/engine/broker/admin-server.ts';
import { FakeMaintenance, outcome } from '../../support/fake-maintenance.ts';
import { servedClusterId as clusterId, servedAtMs, serveMaintenance } from '../../support/maintenance-server.ts';

const clientOf = (port: number, signal?: AbortSignal) =>
  new LiveMaintenance({
    url: new URL(`http://127.0.0.1:${port}`),
    clock: systemClock,
    ...(signal === undefined ? {} : { signal }),
  });

describe('the work of a live broker', () => {
  let server: AdminServer;
  afterEach(() => server.stop());

  async function serve(maintenance: FakeMaintenance | undefined): Promise<LiveMaintenance> {
    server = await serveMaintenance(maintenance);
    return clientOf(server.address.port);
  }

  it('is the same on both sides', async () => {
    const maintenance = new FakeMaintenance().topic('orders', 3, { pendingOffsets: 4, stuck: 1 }).topic('bills', 1);
    maintenance.outcomes = [outcome('retention', 'bills', 0, 'metastore-conflict: somebody was faster')];
    const live = await serve(maintenance);
    const said = { clusterId, at: new Date(servedAtMs).toISOString(), more: false };
    const { topics, ...status } = maintenance.reconcileStatus({});
    expect(await live.reconcileStatus({})).toEqual({ ...said, ...status, topics: topics.toReversed() });
    expect(await live.reconcilePlan({})).toEqual({ ...said, ...(await maintenance.reconcilePlan({})) });
    const kinds = ['compaction', 'leveling', 'retention'] as const;
    expect(await live.compactPlan({})).toEqual({ ...said, ...(await maintenance.compactPlan({ kinds })) });
    const compact = await maintenance.compactStatus({ topics: ['bills'] });
    expect(await live.compactStatus({ topics: ['bills'] })).toEqual({ ...said, ...compact, queuedCount: 1 });
    expect(live.placeOf(said)).toMatchObject({ kind: 'live', clusterId });
  });

  it('is ordered, waited for, paused and resumed', async () => {
    const maintenance = new FakeMaintenance().topic('a', 1, { pendingOffsets: 4 }).topic('b&c', 1);
    const live = await serve(maintenance);
    expect(await live.reconcileRun({ topics: ['a'] }, true)).toMatchObject({ complete: true, offsets: 4 });
    expect(await live.reconcileRun({}, false)).toMatchObject({ complete: false });
    expect(await live.compactRun({ topics: ['b&c'], kinds: ['leveling'] }, true)).toMatchObject({ ordered: 1 });
    expect(maintenance.orders).toEqual(['reconcile a and wait', 'reconcile a,b&c', 'leveling of b&c']);
    expect(await live.reconcilePause({ topics: ['b&c'] })).toMatchObject({ paused: null, topics: [{ topic: 'b&c' }] });
    expect(await live.reconcileResume({})).toMatchObject({
      paused: null,
      topics: [{ paused: null }, { paused: null }],
    });
  });

  it('comes in as many pages as it takes', async () => {
    const live = await serve(new FakeMaintenance().topic('b', 9_999).topic('a', 8_000).topic('c', 3_000));
    const { topics, more } = await live.reconcileStatus({});
    expect(topics.map(({ topic, partitions }) => [topic, partitions.length])).toEqual([
      ['a', 8_000],
      ['b', 9_999],
      ['c', 3_000],
    ]);
    for (const { partitions } of topics) {
      expect(partitions.map(({ partition }) => partition)).toEqual(partitions.map((_, at) => at));
    }
    expect(more).toBe(false);
    const compact = await live.compactStatus({});
    expect([compact.partitions.length, compact.queued.length, compact.queuedCount]).toEqual([20_999, 10_000, 20_999]);
  });

  it('fails as it failed in the broker', async () => {
    const live = await serve(new FakeMaintenance());
    await expect(live.reconcileRun({ topics: ['x'] }, false)).rejects.toMatchObject({
      code: 'unknown-topic-or-partition',
    });
  });

  it('is not there in a broker that does none', async () => {
    const live = await serve(undefined);
    await expect(live.compactStatus({})).rejects.toMatchObject({ code: 'unsupported-version' });
  });

  it('is left to itself when whoever waits stops', async () => {
    const maintenance = new FakeMaintenance().topic('a', 1, { pendingOffsets: 4 });
    maintenance.working = new Promise(() => {});
    await serve(maintenance);
    const stop = new AbortController();
    const stopped = new Promise<void>((resolve) => {
      maintenance.onOrder = (what) => (what === 'stopped waiting' ? resolve() : stop.abort(new Error('enough')));
    });
    await expect(clientOf(server.address.port, stop.signal).reconcileRun({}, true)).rejects.toThrow('enough');
    await stopped;
  });
});

describe('something else at the address', () => {
  let server: Server;
  afterEach(() => new Promise((resolve) => server.close(resolve)));

  it.each([
    ['no status at all', '[]'],
    [
      'a status without topics',
      '{"clusterId":"c","at":"now","more":false,"paused":null,"enabled":true,"roundsRunning":0}',
    ],
    ['a page that does not say whether it is the last', '{"clusterId":"c","at":"now","paused":null,"topics":[]}'],
    [
      'a topic that is a number',
      '{"clusterId":"c","at":"now","more":false,"paused":null,"enabled":true,"roundsRunning":0,"topics":[7]}',
    ],
  ])('is not believed: %s', async (_, body) => {
    server = createServer((_request, response) => response.writeHead(200).end(body));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const live = clientOf((server.address() as AddressInfo).port);
    await expect(live.reconcileStatus({})).rejects.toMatchObject({ code: 'unsupported-version' });
  });
});
