// History beside a broker that runs, from backlog to object to byte, and from its bucket alone after it was killed.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BrokerProcess } from '../support/broker-process.ts';
import { CommandHost } from './command-host.ts';
import { runCommand } from './run-command.ts';

interface Line {
  readonly schema: string;
  readonly object: string;
  readonly partition: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly state: string;
}

describe('history, on a real cluster', { timeout: 120_000 }, () => {
  let directory: string;
  let broker: BrokerProcess;
  let host: CommandHost;
  const live = (...args: string[]) => host.run([...args, '--admin', broker.admin]);
  const bucket = (...args: string[]) => host.run([...args, '--store', broker.store]);
  const json = async (...args: string[]) => JSON.parse((await live(...args, '--json')).stdout);
  const lines = ({ stdout }: { stdout: string }): Line[] =>
    stdout
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => JSON.parse(line));
  const topics = async (...args: string[]) => {
    const ran = await host.run(['topics', ...args, '--bootstrap', broker.bootstrap]);
    expect(ran.status, ran.stderr).toBe(0);
  };
  const produce = async (topic: string, input: string, ...args: string[]) => {
    const ran = await runCommand(['topics', 'produce', topic, ...args, '--bootstrap', broker.bootstrap], { input });
    expect(ran.status, ran.stderr).toBe(0);
  };

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'cloudtopics-history-'));
    host = new CommandHost();
    broker = await BrokerProcess.start({ directory });
  });
  afterAll(async () => {
    host[Symbol.dispose]();
    await broker[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });

  it('is paused, planned, made, compacted, listed and verified', async () => {
    await topics('create', 'users', '-p', '2', '--set', 'cleanup.policy=compact');
    expect((await live('reconcile', 'pause', '--topic', 'users')).status).toBe(0);
    const records = Array.from({ length: 1000 }, (_, at) => `${at % 10}:${at}\n`).join('');
    for (const partition of ['0', '1'])
      await produce('users', records, '--partition', partition, '--key-separator', ':');

    const before = await json('reconcile', 'status', '--topic', 'users');
    expect(before).toMatchObject({ enabled: true, problems: 0, topics: [{ paused: expect.stringMatching(/Z$/) }] });
    expect(before.topics[0].partitions).toMatchObject(
      [0, 1].map((partition) => ({ partition, highWatermark: 1000, pendingOffsets: 1000, lastReconciledOffset: null })),
    );
    expect((await live('reconcile', 'plan', '--exit-code')).status).toBe(14);
    expect((await live('reconcile', 'plan')).stdout).toContain('users: left alone, paused since ');
    // An order counts also where the topic is paused.
    const ran = await json('reconcile', 'run', '--topic', 'users', '--wait');
    expect(ran).toMatchObject({ complete: true, waited: true });
    const after = await json('reconcile', 'status', '--topic', 'users');
    expect(after.topics[0].partitions).toMatchObject(
      [0, 1].map((partition) => ({ partition, pendingOffsets: 0, lastReconciledOffset: 999 })),
    );
    expect((await live('reconcile', 'plan', '--exit-code')).status).toBe(0);
    expect((await live('reconcile', 'resume')).stdout).toContain('users  runs\n');

    expect((await live('compact', 'plan', '--topic', 'users', '--kind', 'compaction', '--exit-code')).status).toBe(14);
    const compacted = await json('compact', 'run', '--topic', 'users', '--kind', 'compaction', '--wait');
    expect(compacted).toMatchObject({ complete: true, ordered: 2, failed: 0 });
    expect(compacted.outcomes.map(({ recordsRemoved }: { recordsRemoved: number }) => recordsRemoved)).toEqual([
      990, 990,
    ]);
    expect((await json('compact', 'status', '--topic', 'users')).partitions).toMatchObject([
      { partition: 0, dirtyBytes: 0, cleanedTo: 1000 },
      { partition: 1, dirtyBytes: 0, cleanedTo: 1000 },
    ]);

    const extents = lines(await live('l1', 'extents', 'users', '--json'));
    expect(extents.map(({ partition, baseOffset, lastOffset }) => [partition, baseOffset, lastOffset])).toEqual([
      [0, 0, 999],
      [1, 0, 999],
    ]);
    await live('metastore', 'flush');
    const listed = lines(await live('l1', 'list', '--check-storage', '--store', broker.store, '--json'));
    expect(listed.every(({ state }) => state === 'complete')).toBe(true);

    await broker.kill();
    expect(lines(await bucket('l1', 'extents', 'users', '--json'))).toEqual(extents);
    expect(lines(await bucket('l1', 'list', '--json')).map(({ object }) => object)).toEqual(
      listed.map(({ object }) => object),
    );
    for (const { object } of listed) {
      const inspected = await bucket('l1', 'inspect', object, '--verify');
      expect(inspected).toMatchObject({ status: 0, stderr: '' });
      expect(inspected.stdout).toMatch(/: nothing found\n$/);
    }
    const verified = await bucket('metastore', 'verify', '--check-objects', '--check-storage');
    expect(verified.stdout).toMatch(/: 0 damaged, 0 errors, \d+ notices\n$/);
    expect(await live('reconcile', 'status')).toMatchObject({ status: 8, stdout: '' });
  });
});
