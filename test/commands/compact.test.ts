// The compact commands against an admin server whose work is made up: what they print, what they order, and how they end.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AdminServer } from '../../src/engine/broker/admin-server.ts';
import { FakeMaintenance, outcome } from '../support/fake-maintenance.ts';
import { servedClusterId, serveMaintenance } from '../support/maintenance-server.ts';
import { CommandHost } from './command-host.ts';

describe('compact', { timeout: 60_000 }, () => {
  let host: CommandHost;
  let server: AdminServer;
  let maintenance: FakeMaintenance;
  const admin = () => `http://127.0.0.1:${server.address.port}`;
  const compact = (...args: string[]) => host.run(['compact', ...args], { CLOUDTOPICS_ADMIN: admin() });
  const json = async (...args: string[]) => JSON.parse((await compact(...args, '--json')).stdout);
  const view = () => ({ kind: 'live', admin: admin(), clusterId: servedClusterId });

  beforeAll(() => {
    host = new CommandHost();
  });
  afterAll(() => host[Symbol.dispose]());
  beforeEach(async () => {
    maintenance = new FakeMaintenance().topic('users', 2).topic('bills', 1);
    server = await serveMaintenance(maintenance);
  });
  afterEach(() => server.stop());

  it('shows topics, what runs, what waits and what was done', async () => {
    maintenance.outcomes = [outcome('compaction', 'users', 0)];
    const { status, stdout, stderr } = await compact('status');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toBe(
      [
        `view: live broker at ${admin()}, cluster ${servedClusterId}, now`,
        'compaction on, leveling on',
        '',
        'TOPIC  POLICY   PARTITIONS  EXTENTS      BYTES      DIRTY  DIRTIEST',
        'bills  compact           1       31  400.0 MiB  252.0 MiB      0.63',
        'users  compact           2       62  800.0 MiB  504.0 MiB      0.63',
        '',
        'running:',
        'KIND      TOPIC    PARTITION      BYTES  EXTENTS  SINCE                     REASON',
        'leveling  running          0  400.0 MiB       31  2026-11-21T10:00:00.000Z  31 small extents',
        '',
        'waiting:',
        'KIND        TOPIC  PARTITION      BYTES  EXTENTS  REASON',
        'compaction  users          0  400.0 MiB       31  dirty ratio 0.63 of at least 0.5',
        'compaction  users          1  400.0 MiB       31  dirty ratio 0.63 of at least 0.5',
        'compaction  bills          0  400.0 MiB       31  dirty ratio 0.63 of at least 0.5',
        '',
        'done:',
        'AT                        KIND        TOPIC  PARTITION    TOOK       READ    WRITTEN  EXTENTS  RECORDS REMOVED  TOMBSTONES REMOVED',
        '2026-11-21T10:00:00.000Z  compaction  users          0  300 ms  400.0 MiB  150.0 MiB  31 to 3          700,000                  12',
        '',
      ].join('\n'),
    );
  });

  it('shows the partitions of a topic that is named, and one kind of work', async () => {
    const { stdout } = await compact('status', '--topic', 'users', '--kind', 'leveling');
    expect(stdout).toMatch(/^users {10}1 {2}compact {7}31 {2}400\.0 MiB {2}252\.0 MiB {3}0\.63 {7}10000$/m);
    expect(stdout).not.toContain('waiting:');
  });

  it('has everything in JSON', async () => {
    expect(await json('status', '--topic', 'bills')).toEqual({
      schema: 'cloudtopics/compact-status/v1',
      view: view(),
      at: '2026-11-21T10:00:12.000Z',
      failed: 0,
      ...(await maintenance.compactStatus({ topics: ['bills'] })),
      queuedCount: 1,
    });
  });

  it('ends with 4 when work failed and did not succeed since', async () => {
    const failure = outcome('leveling', 'users', 0, 'store-unavailable: no answer');
    maintenance.outcomes = [outcome('leveling', 'users', 0), failure];
    expect((await compact('status')).status).toBe(0);
    maintenance.outcomes = [outcome('leveling', 'users', 1), failure];
    const failed = await compact('status');
    expect(failed.status).toBe(4);
    expect(failed.stdout).toContain('failed: store-unavailable: no answer\n');
    maintenance.outcomes = [outcome('leveling', 'users', 1, 'metastore-conflict: retention was faster')];
    expect((await compact('status')).status).toBe(0);
  });

  it('plans, and ends with 14 where asked to when there is work', async () => {
    const plan = await compact('plan', '--topic', 'users', '--kind', 'compaction', '--kind', 'leveling');
    expect(plan).toMatchObject({ status: 0, stderr: '' });
    expect(plan.stdout.split('\n').slice(1)).toEqual([
      'KIND        TOPIC  PARTITION      BYTES  EXTENTS  REASON',
      'compaction  users          0  400.0 MiB       31  dirty ratio 0.63 of at least 0.5',
      'leveling    users          0  400.0 MiB       31  31 small extents',
      'compaction  users          1  400.0 MiB       31  dirty ratio 0.63 of at least 0.5',
      'leveling    users          1  400.0 MiB       31  31 small extents',
      'quiet/2: left alone, dirty ratio 0.1 of at least 0.5',
      '',
    ]);
    expect((await compact('plan', '--exit-code')).status).toBe(14);
    maintenance.topics.clear();
    const idle = await compact('plan', '--exit-code');
    expect(idle).toMatchObject({ status: 0, stdout: expect.stringContaining('\nnothing to do\n') });
    expect(await json('plan')).toMatchObject({ schema: 'cloudtopics/compact-plan/v1', view: view(), more: false });
    expect(maintenance.orders).toEqual([]);
  });

  it('runs: begins at once, or waits until it is done', async () => {
    expect((await compact('run', '--dry-run', '--topic', 'bills')).stdout).toContain('retention');
    expect(maintenance.orders).toEqual([]);
    expect((await compact('run', '--topic', 'bills')).stdout).toBe(
      'begun: 3 jobs; cloudtopics compact status shows how far it is\n',
    );
    const ran = await compact('run', '--wait', '--topic', 'users', '--kind', 'retention');
    expect(ran).toMatchObject({ status: 0, stderr: '' });
    expect(ran.stdout).toMatch(/\n2 jobs of 2 ended in 310 ms\n$/);
    expect(maintenance.orders).toEqual(['compaction,leveling,retention of bills', 'retention of users']);
    maintenance.topics.clear();
    expect((await compact('run', '--wait')).stdout).toBe('nothing to do\n');
  });

  it('ends with 3 when something failed', async () => {
    maintenance.outcomes = [outcome('leveling', 'users', 2, 'store-unavailable: no answer')];
    expect((await compact('run', '--wait', '--kind', 'leveling')).status).toBe(3);
    expect(await json('run', '--wait', '--kind', 'leveling')).toMatchObject({
      schema: 'cloudtopics/compact-run/v1',
      view: view(),
      waited: true,
      complete: true,
      ordered: 3,
      failed: 1,
      more: false,
    });
  });

  it('shows on stderr how far it is while it waits', async () => {
    const ran = await compact('run', '--wait', '--progress', 'lines');
    expect(ran.stderr).toMatch(/^compacting: 1 running, 3 waiting\n/);
  });

  it('refuses kinds of work that do not exist', async () => {
    expect(await compact('plan', '--kind', 'everything')).toMatchObject({ status: 2, stdout: '' });
    expect(await compact('status', '--topic', 'nothing')).toMatchObject({ status: 5, stdout: '' });
  });
});
