// The metastore commands beside a broker that runs, and on its bucket after it was killed: both show the same tables.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BrokerProcess } from '../support/broker-process.ts';
import { CommandHost } from './command-host.ts';
import { runCommand } from './run-command.ts';

interface ScannedRow {
  readonly domain: string;
  readonly key: string;
  readonly row: { readonly kind: string; readonly name?: string; readonly committedOffset?: number };
}

describe('metastore, on a real cluster', { timeout: 120_000 }, () => {
  let directory: string;
  let broker: BrokerProcess;
  let host: CommandHost;
  const bucket = (...args: string[]) => host.run(['metastore', ...args, '--store', broker.store]);
  const live = (...args: string[]) => host.run(['metastore', ...args, '--admin', broker.admin]);
  const topics = async (...args: string[]) => {
    const ran = await host.run(['topics', ...args, '--bootstrap', broker.bootstrap]);
    expect(ran.status, ran.stderr).toBe(0);
  };
  const scanned = ({ stdout }: { stdout: string }): ScannedRow[] =>
    stdout
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => JSON.parse(line));

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'cloudtopics-metastore-'));
    host = new CommandHost();
    broker = await BrokerProcess.start({ directory });
  });
  afterAll(async () => {
    host[Symbol.dispose]();
    await broker[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });

  it('shows the same from the bucket, beside the broker and after it was killed', async () => {
    await topics('create', 'orders', '-p', '3');
    await topics('create', 'invoices', '-p', '1', '--set', 'retention.ms=60000');
    const input = 'a\nb\nc\n';
    const produced = await runCommand(
      ['topics', 'produce', 'orders', '--partition', '0', '--bootstrap', broker.bootstrap],
      {
        input,
      },
    );
    expect(produced.status).toBe(0);
    await topics('consume', 'orders', '--from', 'beginning', '-e', '--group', 'billing');

    // A topic is in the bucket before its creation is answered; a committed offset once it is flushed.
    const control = ['scan', '--domain', 'control', '--prefix', 'topic/', '--json'];
    const names = scanned(await bucket(...control)).map(({ row }) => row.name);
    expect(names.sort()).toEqual(['invoices', 'orders']);
    expect(scanned(await live(...control))).toEqual(scanned(await bucket(...control)));
    const flushed = await live(
      'flush',
      '--domain',
      'groups/0',
      '--domain',
      'groups/1',
      '--domain',
      'groups/2',
      '--domain',
      'groups/3',
      '--json',
    );
    expect(JSON.parse(flushed.stdout).domains).toHaveLength(4);

    const groups = async (from: typeof bucket) => {
      const rows: ScannedRow[] = [];
      for (const at of [0, 1, 2, 3]) rows.push(...scanned(await from('scan', '--domain', `groups/${at}`, '--json')));
      return rows;
    };
    const shown = await groups(bucket);
    expect(shown.find(({ key }) => key.startsWith('offset/billing/'))?.row).toMatchObject({
      kind: 'committed-offset',
      committedOffset: 3,
    });
    expect(await groups(live)).toEqual(shown);

    const stats = JSON.parse((await live('stats', '--json')).stdout);
    expect(stats.view).toMatchObject({ kind: 'live', admin: broker.admin });
    expect(stats.domains.map(({ domain }: { domain: string }) => domain)).toEqual(
      expect.arrayContaining(['control', 'groups/0', 'metastore/0']),
    );
    expect(stats.domains.find(({ domain }: { domain: string }) => domain === 'control')).toMatchObject({
      coveredIndex: expect.any(Number),
      memtable: { rows: expect.any(Number) },
      log: { tailBytes: expect.any(Number) },
      dirtySince: null,
    });
    const ran = await fetch(`${broker.admin}/v1/reconcile/run?wait=true`, {
      method: 'POST',
      headers: { 'x-cloudtopics-admin': '1' },
    });
    expect(await ran.json()).toMatchObject({ complete: true });
    expect((await live('describe', 'orders/0')).stdout).toContain('offsets       0 to 2, next 3');
    expect((await live('verify')).stdout).toMatch(/: 0 damaged, 0 errors, 0 notices\n$/);
    // Rows of the broker, tables and objects of the bucket.
    const both = await live('verify', '--store', broker.store, '--check-objects', '--check-storage');
    expect(both).toMatchObject({ status: 0, stderr: '' });
    expect(both.stdout).toMatch(/checked \d+ tables/);
    expect(await live('compact', '--domain', 'control')).toMatchObject({ status: 0, stderr: '' });
    const listed = JSON.parse((await bucket('sst', 'list', '--domain', 'control', '--json')).stdout);
    expect(listed.tables.map(({ level }: { level: number }) => level)).not.toContain(0);

    await broker.kill();
    expect(
      scanned(await bucket(...control))
        .map(({ row }) => row.name)
        .sort(),
    ).toEqual(names);
    expect(await groups(bucket)).toEqual(shown);
    expect(await bucket('verify')).toMatchObject({ status: 0, stderr: '' });
    expect(await bucket('describe', 'orders')).toMatchObject({ status: 0, stderr: '' });
    expect((await bucket('stats')).stdout).toMatch(/^control /m);
    expect(await live('stats')).toMatchObject({ status: 8, stdout: '' });
  });
});
