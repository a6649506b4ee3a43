// The work on history over HTTP: how it stands, page by page, what would be done, and the orders.

import { afterEach, describe, expect, it, test } from 'vitest';
import { FakeMaintenance, outcome } from '../../support/fake-maintenance.ts';
import { BrokerStage } from './broker-stage.ts';

let stage: BrokerStage;
afterEach(() => stage[Symbol.asyncDispose]());

async function open(maintenance = new FakeMaintenance()): Promise<FakeMaintenance> {
  stage = await BrokerStage.open({ admin: true, maintenance });
  return maintenance;
}

interface Page {
  readonly topics: readonly { topic: string; partitions: readonly { partition: number }[] }[];
  readonly more: boolean;
}

async function ask(path: string, init: RequestInit = {}): Promise<{ status: number; body: Record<string, unknown> }> {
  const answer = await fetch(`http://127.0.0.1:${stage.broker.adminAddress?.port}${path}`, init);
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

const headers = { 'x-cloudtopics-admin': '1' };
const order = (path: string, init: RequestInit = {}) => ask(path, { method: 'POST', headers, ...init });

describe('reconciling', () => {
  it('is shown with every topic, by name, and the partitions of each', async () => {
    const maintenance = await open(new FakeMaintenance().topic('orders', 2, { pendingOffsets: 5 }).topic('bills', 1));
    const { status, body } = await ask('/v1/reconcile');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      schema: 'cloudtopics/admin-reconcile/v1',
      clusterId: 'the-cluster',
      at: expect.stringMatching(/Z$/),
      paused: null,
      enabled: true,
      topics: [{ topic: 'bills' }, { topic: 'orders', intervalMs: 1000 }],
      more: false,
    });
    const [, orders] = maintenance.reconcileStatus({}).topics.toReversed();
    expect((body as unknown as Page).topics[1]).toEqual(orders);
  });

  it('is shown of the topics that are named', async () => {
    await open(new FakeMaintenance().topic('a', 1).topic('b', 1).topic('c', 1));
    const { body } = await ask('/v1/reconcile?topic=c&topic=a');
    expect((body as unknown as Page).topics.map(({ topic }) => topic)).toEqual(['a', 'c']);
    expect(await ask('/v1/reconcile?topic=d')).toMatchObject({
      status: 404,
      body: { code: 'unknown-topic-or-partition' },
    });
  });

  it.each([1, 2, 3, 4, 7, 100])('is shown in pages of %i partitions without losing or repeating one', async (limit) => {
    await open(new FakeMaintenance().topic('b', 4).topic('a', 3).topic('none', 0).topic('z', 5));
    const seen: string[] = [];
    const named = new Set<string>();
    for (let after = '', more = true; more; ) {
      const { body } = await ask(`/v1/reconcile?limit=${limit}${after}`);
      const page = body as unknown as Page;
      const places = page.topics.flatMap(({ topic, partitions }) =>
        partitions.length === 0 ? [`${topic}/0`] : partitions.map(({ partition }) => `${topic}/${partition}`),
      );
      expect(places.length).toBeLessThanOrEqual(limit);
      for (const { topic } of page.topics) named.add(topic);
      seen.push(...places);
      more = page.more;
      after = `&after=${encodeURIComponent(places.at(-1) ?? '')}`;
    }
    const all = ['a/0', 'a/1', 'a/2', 'b/0', 'b/1', 'b/2', 'b/3', 'none/0', 'z/0', 'z/1', 'z/2', 'z/3', 'z/4'];
    expect(seen).toEqual(all);
    expect([...named]).toEqual(['a', 'b', 'none', 'z']);
  });

  it('says what a round would do', async () => {
    await open(new FakeMaintenance().topic('orders', 2, { pendingOffsets: 5 }).topic('quiet', 1));
    expect((await ask('/v1/reconcile/plan')).body).toMatchObject({
      schema: 'cloudtopics/admin-reconcile-plan/v1',
      objects: [{ topic: 'orders', domain: 'metastore/0', partitions: 2, offsets: 10, bytes: 1000 }],
      skipped: [],
      more: false,
    });
  });

  it('is begun at once, or waited for', async () => {
    const maintenance = await open(new FakeMaintenance().topic('a', 1, { pendingOffsets: 5 }).topic('b', 1));
    expect((await order('/v1/reconcile/run')).body).toMatchObject({
      schema: 'cloudtopics/admin-reconcile-run/v1',
      complete: false,
      partitions: [{ topic: 'a', partition: 0, pendingOffsets: 5 }],
    });
    expect((await order('/v1/reconcile/run?topic=a&wait=true')).body).toMatchObject({
      complete: true,
      objects: 1,
      offsets: 5,
      partitions: [{ topic: 'a', pendingOffsets: 0, lastReconciledOffset: 49_999 }],
    });
    expect(maintenance.orders).toEqual(['reconcile a,b', 'reconcile a and wait']);
  });

  it('names first what does not get on', async () => {
    await open(new FakeMaintenance().topic('a', 4, { pendingOffsets: 2, stuck: 2 }));
    const { body } = await order('/v1/reconcile/run?wait');
    expect(body).toMatchObject({ complete: false });
    expect((body['partitions'] as { partition: number }[]).map(({ partition }) => partition)).toEqual([2, 0, 1, 3]);
  });

  it('ends its waiting when the client goes away', async () => {
    const maintenance = new FakeMaintenance().topic('a', 1, { pendingOffsets: 5 });
    const leaving = new AbortController();
    const stopped = new Promise<void>((resolve) => {
      maintenance.onOrder = (what) => (what === 'stopped waiting' ? resolve() : leaving.abort());
    });
    maintenance.working = new Promise(() => {});
    await open(maintenance);
    await expect(order('/v1/reconcile/run?wait=true', { signal: leaving.signal })).rejects.toThrow();
    await stopped;
    expect(maintenance.orders).toEqual(['reconcile a and wait', 'stopped waiting']);
  });

  it('is paused and resumed, all or some of it', async () => {
    await open(new FakeMaintenance().topic('a', 1).topic('b', 1));
    expect((await order('/v1/reconcile/pause?topic=b')).body).toMatchObject({
      schema: 'cloudtopics/admin-reconcile-pause/v1',
      paused: null,
      topics: [{ topic: 'b', topicId: 'b-id', paused: expect.stringMatching(/Z$/) }],
      more: false,
    });
    expect((await order('/v1/reconcile/pause')).body).toMatchObject({ paused: expect.stringMatching(/Z$/) });
    expect((await order('/v1/reconcile/resume')).body).toMatchObject({
      schema: 'cloudtopics/admin-reconcile-resume/v1',
      paused: null,
      topics: [
        { topic: 'a', paused: null },
        { topic: 'b', paused: null },
      ],
    });
  });
});

describe('compaction, leveling and retention', () => {
  it('are shown: what runs, what waits, what came of it, and the partitions', async () => {
    const maintenance = new FakeMaintenance().topic('b', 1).topic('a', 2);
    maintenance.outcomes = [outcome('retention', 'a', 0), outcome('leveling', 'b', 0)];
    await open(maintenance);
    expect((await ask('/v1/compact')).body).toMatchObject({
      schema: 'cloudtopics/admin-compact/v1',
      compactionEnabled: true,
      levelingEnabled: true,
      running: [{ kind: 'leveling', topic: 'running' }],
      queued: [{ kind: 'compaction' }, { kind: 'compaction' }, { kind: 'compaction' }],
      queuedCount: 3,
      outcomes: [{ kind: 'retention' }, { kind: 'leveling' }],
      partitions: [
        { topic: 'a', partition: 0 },
        { topic: 'a', partition: 1 },
        { topic: 'b', partition: 0 },
      ],
      more: false,
    });
    expect((await ask('/v1/compact?kind=retention&topic=b&limit=1')).body).toMatchObject({
      running: [],
      queuedCount: 0,
      outcomes: [{ kind: 'retention' }],
      more: false,
    });
    expect((await ask('/v1/compact?limit=1&after=a/0')).body).toMatchObject({
      partitions: [{ topic: 'a', partition: 1 }],
      more: true,
    });
  });

  it('say what they would do, and what they leave alone', async () => {
    await open(new FakeMaintenance().topic('a', 1));
    const { body } = await ask('/v1/compact/plan?kind=leveling&kind=compaction');
    expect(body).toMatchObject({
      schema: 'cloudtopics/admin-compact-plan/v1',
      jobs: [{ kind: 'compaction' }, { kind: 'leveling' }],
      skipped: [{ topic: 'quiet', partition: 2 }],
      more: false,
    });
    expect((await ask('/v1/compact/plan')).body['jobs']).toHaveLength(3);
  });

  it('leave out what goes beyond ten thousand, and say so', async () => {
    await open(new FakeMaintenance().topic('a', 5001));
    const { body } = await ask('/v1/compact/plan?kind=leveling&kind=compaction');
    expect([(body['jobs'] as unknown[]).length, body['more']]).toEqual([10_000, true]);
  });

  it('are ordered, or waited for, with what failed in front', async () => {
    const maintenance = new FakeMaintenance().topic('a', 1).topic('b', 1);
    await open(maintenance);
    expect((await order('/v1/compact/run?topic=a')).body).toMatchObject({
      schema: 'cloudtopics/admin-compact-run/v1',
      complete: false,
      ordered: 3,
      outcomes: [],
    });
    maintenance.outcomes = [outcome('leveling', 'b', 0, 'store-unavailable: no answer')];
    expect((await order('/v1/compact/run?topic=b&kind=leveling&wait=1')).body).toMatchObject({
      complete: true,
      ordered: 1,
      outcomes: [{ error: 'store-unavailable: no answer' }, { error: null }],
    });
    expect(maintenance.orders).toEqual(['compaction,leveling,retention of a', 'leveling of b']);
  });

  it('are planned for a few clients at a time', async () => {
    const maintenance = await open(new FakeMaintenance().topic('a', 1));
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let asked = 0;
    const allAsked = new Promise<void>((resolve) => {
      maintenance.compactPlan = async () => {
        if (++asked === 4) resolve();
        await held;
        return { jobs: [], skipped: [] };
      };
    });
    const four = [1, 2, 3, 4].map(() => ask('/v1/compact/plan'));
    await allAsked;
    expect((await ask('/v1/compact/plan')).status).toBe(503);
    release();
    expect((await Promise.all(four)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect((await ask('/v1/compact/plan')).status).toBe(200);
  });
});

test.each([
  ['GET', '/v1/reconcile?topics=a', 400],
  ['GET', '/v1/reconcile?after=a', 400],
  ['GET', '/v1/reconcile?limit=0', 400],
  ['GET', '/v1/reconcile?limit=10001', 400],
  ['GET', '/v1/reconcile/plan?wait=true', 400],
  ['POST', '/v1/reconcile/run?wait=perhaps', 400],
  ['POST', '/v1/reconcile/pause?wait=true', 400],
  ['GET', '/v1/compact?kind=all', 400],
  ['POST', '/v1/compact/run?kind=', 400],
  ['POST', '/v1/reconcile', 405],
  ['GET', '/v1/reconcile/run', 405],
  ['POST', '/v1/compact/plan', 405],
  ['GET', '/v1/reconcile/', 404],
  ['GET', '/v1/compact/nothing', 404],
])('%s %s is refused with %i', async (method, path, status) => {
  const maintenance = await open();
  expect((await ask(path, method === 'POST' ? { method, headers } : {})).status).toBe(status);
  expect(maintenance.orders).toEqual([]);
});

test('an order without the header is refused', async () => {
  const maintenance = await open(new FakeMaintenance().topic('a', 1));
  expect((await ask('/v1/reconcile/pause', { method: 'POST' })).status).toBe(403);
  expect(maintenance.reconcileStatus({}).paused).toBeNull();
});

test('a broker that does no work on history says so', async () => {
  stage = await BrokerStage.open({ admin: true });
  expect(await ask('/v1/reconcile')).toMatchObject({
    status: 404,
    body: { error: expect.stringContaining('history') },
  });
});
