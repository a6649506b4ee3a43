// The reconcile commands against an admin server whose work is made up: what they print, what they order, and how they end.

import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AdminServer } from '../../src/engine/broker/admin-server.ts';
import { FakeMaintenance } from '../support/fake-maintenance.ts';
import { servedClusterId, serveMaintenance } from '../support/maintenance-server.ts';
import { CommandHost } from './command-host.ts';
import { startCommand } from './run-command.ts';

describe('reconcile', { timeout: 60_000 }, () => {
  let host: CommandHost;
  let server: AdminServer;
  let maintenance: FakeMaintenance;
  const admin = () => `http://127.0.0.1:${server.address.port}`;
  const reconcile = (...args: string[]) => host.run(['reconcile', ...args], { CLOUDTOPICS_ADMIN: admin() });
  const json = async (...args: string[]) => JSON.parse((await reconcile(...args, '--json')).stdout);
  const view = () => ({ kind: 'live', admin: admin(), clusterId: servedClusterId });

  beforeAll(() => {
    host = new CommandHost();
  });
  afterAll(() => host[Symbol.dispose]());
  beforeEach(async () => {
    maintenance = new FakeMaintenance().topic('orders', 3, { pendingOffsets: 2000 }).topic('bills', 1);
    server = await serveMaintenance(maintenance);
  });
  afterEach(() => server.stop());

  it('shows a line per topic, with what waits and since when', async () => {
    const { status, stdout, stderr } = await reconcile('status');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toBe(
      [
        `view: live broker at ${admin()}, cluster ${servedClusterId}, now`,
        'reconciling: 0 rounds running',
        'TOPIC   PARTITIONS  PENDING OFFSETS    PENDING  OLDEST  INTERVAL  NEXT ROUND  LAST ROUND',
        'bills            1                0        0 B       -       1 s      400 ms  1 object, 64.0 MiB, 12 s ago',
        'orders           3            6,000  585.9 KiB     2 s       1 s      400 ms  1 object, 64.0 MiB, 12 s ago',
        '',
      ].join('\n'),
    );
  });

  it('shows the partitions of a topic that is named', async () => {
    const { stdout } = await reconcile('status', '--topic', 'orders');
    expect(stdout).not.toContain('bills');
    expect(stdout).toContain(
      'orders          2      0  47999           50000            2,000  195.3 KiB     2 s         40000          120',
    );
  });

  it('has everything in JSON', async () => {
    const { topics, ...status } = maintenance.reconcileStatus({ topics: ['bills'] });
    expect(await json('status', '--topic', 'bills')).toEqual({
      schema: 'cloudtopics/reconcile-status/v1',
      view: view(),
      at: '2026-11-21T10:00:12.000Z',
      ...status,
      problems: 0,
      topics,
    });
  });

  it('ends with 4 when a partition does not get on, and says why', async () => {
    maintenance.topic('stuck', 2, { stuck: 1 });
    const { status, stdout } = await reconcile('status');
    expect(status).toBe(4);
    expect(stdout).toMatch(/^stuck .* 1 problem$/m);
    expect(stdout).toContain('\nstuck/1: corrupt-batch: the CRC32C of the batch at offset 7 is wrong\n');
    expect(await json('status', '--topic', 'stuck')).toMatchObject({ problems: 1 });
  });

  it('plans, and ends with 14 where asked to when there is work', async () => {
    const plan = await reconcile('plan');
    expect(plan).toMatchObject({ status: 0, stderr: '' });
    expect(plan.stdout).toContain(
      [
        'TOPIC   DOMAIN       PARTITIONS  OFFSETS  BATCHES      BYTES  L0 OBJECTS  BATCHES IN MEMORY',
        'orders  metastore/0           3    6,000        4  585.9 KiB           2                  3',
        '',
      ].join('\n'),
    );
    expect((await reconcile('plan', '--exit-code')).status).toBe(14);
    const idle = await reconcile('plan', '--exit-code', '--topic', 'bills');
    expect(idle.status).toBe(0);
    expect(idle.stdout).toMatch(/\nnothing to do\n$/);
    expect(await json('plan', '--topic', 'orders')).toEqual({
      schema: 'cloudtopics/reconcile-plan/v1',
      view: view(),
      at: '2026-11-21T10:00:12.000Z',
      ...(await maintenance.reconcilePlan({ topics: ['orders'] })),
      more: false,
    });
    expect(maintenance.orders).toEqual([]);
  });

  it('runs: begins at once, or waits until it is done', async () => {
    expect((await reconcile('run', '--dry-run')).stdout).toContain('BATCHES IN MEMORY');
    expect(maintenance.orders).toEqual([]);
    expect(await reconcile('run')).toEqual({
      status: 0,
      stdout: 'begun: 6,000 offsets of 3 partitions; cloudtopics reconcile status shows how far it is\n',
      stderr: '',
    });
    expect((await reconcile('run', '--topic', 'bills')).stdout).toBe('nothing is pending\n');
    expect(await reconcile('run', '--wait', '--topic', 'orders')).toEqual({
      status: 0,
      stdout: 'reconciled 6,000 offsets in 3 objects (585.9 KiB) in 120 ms\n',
      stderr: '',
    });
    expect(maintenance.orders).toEqual(['reconcile orders,bills', 'reconcile bills', 'reconcile orders and wait']);
  });

  it('ends with 3 when something was left', async () => {
    maintenance.topic('stuck', 2, { pendingOffsets: 5, stuck: 1 });
    const ran = await reconcile('run', '--wait', '--topic', 'stuck');
    expect(ran.status).toBe(3);
    expect(ran.stdout).toBe(
      'reconciled 5 offsets in 1 object (500 B) in 120 ms; 3 offsets of 1 partition left\n' +
        'stuck/1: 3 offsets pending, corrupt-batch: the CRC32C of the batch at offset 7 is wrong\n',
    );
    expect(await json('run', '--wait', '--topic', 'stuck')).toMatchObject({
      schema: 'cloudtopics/reconcile-run/v1',
      view: view(),
      waited: true,
      complete: false,
      partitions: [{ topic: 'stuck', partition: 1, pendingOffsets: 3 }],
      more: false,
    });
  });

  it('shows on stderr how far it is while it waits', async () => {
    const ran = await reconcile('run', '--wait', '--progress', 'json');
    const [first] = ran.stderr.split('\n');
    expect(JSON.parse(first as string)).toEqual({
      schema: 'cloudtopics/progress/v1',
      phase: 'reconciling',
      pendingOffsets: 6000,
      pendingBytes: 600_000,
    });
  });

  it('stops waiting when it is interrupted, and the broker learns of it', async () => {
    maintenance.working = new Promise(() => {});
    const stopped = new Promise<void>((resolve) => {
      maintenance.onOrder = (what) => (what === 'stopped waiting' ? resolve() : void child.kill('SIGINT'));
    });
    const child = startCommand(['reconcile', 'run', '--wait', '--admin', admin()]);
    const [status] = await once(child, 'close');
    expect(status).toBe(130);
    await stopped;
  });

  it('pauses and resumes', async () => {
    expect(await reconcile('pause', '--topic', 'orders')).toEqual({
      status: 0,
      stdout: 'TOPIC\norders  paused since 2026-11-21T10:00:00.000Z\n',
      stderr: '',
    });
    expect((await reconcile('status')).stdout).toMatch(
      /^orders .* - {2}1 object.* paused since 2026-11-21T10:00:00.000Z$/m,
    );
    expect((await reconcile('plan')).stdout).toContain('orders: left alone, paused\n');
    expect(await json('pause')).toMatchObject({
      schema: 'cloudtopics/reconcile-pause/v1',
      view: view(),
      paused: '2026-11-21T10:00:00.000Z',
      topics: [
        { topic: 'bills', paused: null },
        { topic: 'orders', paused: '2026-11-21T10:00:00.000Z' },
      ],
      more: false,
    });
    const paused = await reconcile('status');
    expect(paused.stdout).toContain('\nreconciling is paused since 2026-11-21T10:00:00.000Z\n');
    expect(paused.stdout).toMatch(/^bills .* 1 s +- {2}1 object/m);
    // While everything is paused, resuming one topic changes nothing.
    expect((await reconcile('resume', '--topic', 'orders')).stdout).toBe(
      'reconciling is paused since 2026-11-21T10:00:00.000Z\nTOPIC\norders  paused with all\n',
    );
    expect((await reconcile('resume')).stdout).toBe('TOPIC\nbills   runs\norders  runs\n');
    expect(await json('resume')).toMatchObject({ schema: 'cloudtopics/reconcile-resume/v1', paused: null });
  });

  it('ends as the broker says: no such topic, no such work, no broker', async () => {
    const unknown = await reconcile('status', '--topic', 'nothing');
    expect(unknown).toMatchObject({ status: 5, stdout: '' });
    expect(unknown.stderr).toContain('there is no topic nothing');
    await server.stop();
    const gone = await reconcile('run');
    expect(gone).toMatchObject({ status: 8, stdout: '' });
    expect(gone.stderr).toContain('try: cloudtopics serve');
    server = await serveMaintenance(undefined);
    expect(await reconcile('status')).toMatchObject({ status: 11, stdout: '' });
    expect(await reconcile('run', '--wait', '--dry-run')).toMatchObject({ status: 2, stdout: '' });
  });
});
