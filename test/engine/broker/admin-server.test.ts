// The operator's HTTP: what it says, and whom it refuses.

import { request } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { apiVersions } from '../../../src/engine/wire/wire.ts';
import { BrokerStage } from './broker-stage.ts';

let stage: BrokerStage;
afterEach(() => stage[Symbol.asyncDispose]());

const ordering = { 'x-cloudtopics-admin': '1' };

interface Answer {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly body: string;
}

function call(path: string, options: { method?: string; headers?: Record<string, string> } = {}): Promise<Answer> {
  const port = stage.broker.adminAddress?.port;
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, agent: false, ...options }, (answer) => {
      let body = '';
      answer.on('data', (chunk: Buffer) => {
        body += chunk;
      });
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body }));
    });
    sent.on('error', reject);
    sent.end();
  });
}

test('health, cluster and metrics', async () => {
  stage = await BrokerStage.open({ admin: true });
  await stage.topic('t', 3);
  await (await stage.client()).call(apiVersions, 3, {});
  const health = await call('/v1/health');
  expect([health.status, JSON.parse(health.body)]).toEqual([200, { live: true, ready: true }]);
  const cluster = JSON.parse((await call('/v1/cluster')).body);
  expect(cluster).toMatchObject({
    clusterId: 'the-cluster',
    topics: 1,
    partitions: 3,
    store: 'memory:',
    clusterEpoch: 1,
  });
  const metrics = (await call('/v1/metrics')).body;
  for (const line of [
    'cloudtopics_requests_total{api="ApiVersions"} 1',
    'cloudtopics_request_seconds_count{api="ApiVersions"} 1',
    'cloudtopics_connections 1',
    'cloudtopics_partitions 3',
    'cloudtopics_slab_held_bytes 0',
    'process_cpu_seconds_total',
  ]) {
    expect(metrics).toContain(line);
  }
});

describe('refusals', () => {
  test.each([
    [
      'another Host: a name that was made to resolve to us',
      '/v1/cluster',
      { headers: { host: 'evil.example:9644' } },
      403,
    ],
    ['localhost as Host', '/v1/cluster', { headers: { host: 'localhost:9644' } }, 200],
    ['IPv6 loopback as Host', '/v1/cluster', { headers: { host: '[::1]:9644' } }, 200],
    ['another Origin', '/v1/cluster', { headers: { origin: 'http://evil.example' } }, 403],
    ['an opaque Origin', '/v1/cluster', { headers: { origin: 'null' } }, 403],
    ['a POST as a form of a foreign page sends it', '/v1/cluster', { method: 'POST' }, 403],
    ['a POST where there is nothing to order', '/v1/cluster', { method: 'POST', headers: ordering }, 405],
    ['a POST of another Origin', '/v1/cluster', { method: 'POST', headers: { ...ordering, origin: 'null' } }, 403],
    ['PUT', '/v1/cluster', { method: 'PUT', headers: ordering }, 405],
    ['OPTIONS of a CORS preflight', '/v1/cluster', { method: 'OPTIONS' }, 405],
    ['an unknown path', '/v1/nothing', {}, 404],
    ['the root', '/', {}, 404],
    ['a query beside a known path', '/v1/health?x=1', {}, 200],
    ['a huge header', '/v1/health', { headers: { x: 'x'.repeat(20_000) } }, 431],
  ])('%s', async (_what, path, options, status) => {
    stage = await BrokerStage.open({ admin: true });
    const answer = await call(path, options);
    expect(answer.status).toBe(status);
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    if (status === 403 || status === 404 || status === 405) expect(JSON.parse(answer.body)).toHaveProperty('error');
  });
});

test('a taken address is said plainly', async () => {
  stage = await BrokerStage.open({ admin: true });
  const { AdminServer } = await import('../../../src/engine/broker/admin-server.ts');
  const { Registry } = await import('prom-client');
  const { silentLogger } = await import('../../../src/engine/base/logger.ts');
  const port = stage.broker.adminAddress?.port ?? 0;
  const again = AdminServer.open({
    host: '127.0.0.1',
    port,
    registry: new Registry(),
    logger: silentLogger,
    isReady: () => true,
    cluster: () => ({}),
  });
  await expect(again).rejects.toMatchObject({ code: 'address-in-use' });
});
