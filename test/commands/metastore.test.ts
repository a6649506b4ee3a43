// The metastore commands on a bucket that domains have made, without any broker: what they print, and how they end.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { extentKey, objectKey } from '../../src/engine/metastore/metastore-key-format.ts';
import { clusterId, FlushedCluster, orders } from '../support/flushed-cluster.ts';
import { CommandHost } from './command-host.ts';

const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
const manifestName = expect.stringMatching(/^\d{10}-\d{10}-\d{16}$/);
const count = expect.any(Number);

describe('metastore, on a bucket alone', { timeout: 120_000 }, () => {
  let cluster: FlushedCluster;
  let host: CommandHost;
  const metastore = (...args: string[]) => host.run(['metastore', ...args], { CLOUDTOPICS_STORE: cluster.storeUrl });
  const json = async (...args: string[]) => JSON.parse((await metastore(...args, '--json')).stdout);
  const lines = async (...args: string[]) =>
    (await metastore(...args, '--json')).stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  const view = (...domains: string[]) => ({
    kind: 'bucket',
    store: expect.stringMatching(/^file:/),
    cluster: 'default',
    clusterId,
    incarnation: 1,
    domains: domains.map((domain) => ({ domain, manifest: manifestName, time, ageMs: count })),
  });

  beforeAll(async () => {
    cluster = await FlushedCluster.make();
    host = new CommandHost();
  });
  afterAll(async () => {
    host[Symbol.dispose]();
    await cluster[Symbol.asyncDispose]();
  });

  it('shows figures, and says of which manifest and how old', async () => {
    const stats = await json('stats', '--domain', 'metastore/0');
    expect(stats).toEqual({
      schema: 'cloudtopics/metastore-stats/v1',
      view: view('metastore/0'),
      unflushed: [],
      caches: null,
      domains: [
        {
          domain: 'metastore/0',
          manifest: { name: manifestName, created: time, ageMs: count, sizeBytes: count },
          coveredIndex: count,
          appliedIndex: null,
          levels: [{ level: 0, tables: 1, bytes: count, entries: count, tombstones: 0 }],
          tables: 1,
          bytes: count,
          entries: count,
          recoveryPoint: time,
          memtable: null,
          immutable: null,
          flushEveryMs: null,
          flushed: null,
          dirtySince: null,
          lastFlushMs: null,
          term: null,
          log: null,
          snapshots: null,
          reopenings: null,
          counters: null,
          obsolete: { tables: 0, manifests: 0, bytes: 0 },
        },
      ],
    });
    const table = await metastore('stats');
    expect(table).toMatchObject({ status: 0, stderr: '' });
    expect(table.stdout).toMatch(
      /^view: bucket file:.*cluster default \(3188e253-.*\)\n {2}control as of .* ago\), manifest/,
    );
    expect(table.stdout).toMatch(/^metastore\/1 /m);
  });

  it('describes a topic, a partition, and what is not reconciled yet', async () => {
    const described = await json('describe', 'orders');
    expect(described).toMatchObject({
      schema: 'cloudtopics/metastore-describe/v1',
      topic: 'orders',
      topicId: orders,
      partitionCount: 3,
      partitions: [
        { partition: 0, reconciled: true, startOffset: 0, nextOffset: 40, term: 1, extents: 4, sizeBytes: 400 },
        { partition: 1, reconciled: true, nextOffset: 20, lastStamp: '1/1/0' },
        { partition: 2, reconciled: false, startOffset: null, nextOffset: null, extents: null },
      ],
    });
    const one = await json('describe', 'orders/0');
    expect(one.partitions).toEqual([
      {
        partition: 0,
        domain: expect.stringMatching(/^metastore\/[01]$/),
        reconciled: true,
        startOffset: 0,
        nextOffset: 40,
        term: 1,
        extents: 4,
        sizeBytes: 400,
        compactionEpoch: 0,
        lastStamp: '1/1/0',
        terms: [{ term: 1, startOffset: 0 }],
        firstExtent: { baseOffset: 0, lastOffset: 9, maxTimestamp: time, bytes: 100, object: cluster.objectIds[0] },
        lastExtent: { baseOffset: 30, lastOffset: 39, maxTimestamp: time, bytes: 100, object: cluster.objectIds[0] },
        emptyRanges: 0,
        producers: 0,
        cleanedRanges: [],
        tombstoneRanges: 0,
      },
    ]);
    expect((await metastore('describe', `${orders}/2`)).stdout).toContain('nothing reconciled yet');
    expect(await metastore('describe', 'nothing')).toMatchObject({ status: 5, stdout: '' });
    expect((await metastore('describe', 'orders/3')).status).toBe(5);
    expect((await metastore('describe', 'orders/x')).status).toBe(2);
  });

  it('prints rows as lines, typed, within bounds, and one of them whole', async () => {
    const [head, ...rows] = await lines('scan', '--prefix', `extent/${orders}/0000000000/`);
    expect(head).toEqual({
      schema: 'cloudtopics/metastore-view/v1',
      view: view('metastore/0', 'metastore/1'),
      unflushed: [],
    });
    expect(rows.map(({ row }) => row.baseOffset)).toEqual([0, 10, 20, 30]);
    const key = extentKey({ topicId: orders, partition: 0 }, 10);
    expect(rows[1]).toEqual({
      schema: 'cloudtopics/metastore-row/v1',
      domain: expect.stringMatching(/^metastore\//),
      key,
      row: expect.objectContaining({ kind: 'extent', lastOffset: 19, objectId: cluster.objectIds[0] }),
    });
    const cut = await metastore('scan', '--domain', rows[0].domain, '--limit', '2', '--json');
    expect(cut.status).toBe(12);
    expect(cut.stdout.trim().split('\n')).toHaveLength(3);
    const lastKey = JSON.parse(cut.stdout.trim().split('\n')[2] as string).key;
    const [, next] = await lines('scan', '--domain', rows[0].domain, '--after', lastKey);
    expect(next.key > lastKey).toBe(true);
    expect((await metastore('scan', '--after', 'x')).status).toBe(2);
    expect((await metastore('scan', '--domain', 'control')).stdout).toMatch(
      /^control {2}topic\/.* topic {2}name=orders/m,
    );

    const got = await json('get', '--key', key);
    expect(got).toMatchObject({
      schema: 'cloudtopics/metastore-get/v1',
      key,
      row: { kind: 'extent', baseOffset: 10 },
      hex: expect.stringMatching(/^[0-9a-f]+$/),
    });
    expect(got.bytes).toBe(got.hex.length / 2);
    expect(await metastore('get', '--key', 'extent/none')).toMatchObject({ status: 5, stdout: '' });
    expect((await metastore('get', '--key', 'x', '--domain', 'metastore/7')).stderr).toContain(
      'the domains are control',
    );
  });

  it('lists, shows and compares manifests', async () => {
    const listed = await json('manifest', 'list', '--domain', 'control');
    expect(listed.manifests[0]).toEqual({
      domain: 'control',
      name: manifestName,
      key: expect.stringMatching(new RegExp(`^${clusterId}/domain/control/manifest/`)),
      standing: 'newest',
      sizeBytes: count,
      modified: time,
      created: time,
      coveredIndex: count,
      tables: 1,
      tableBytes: count,
      problem: null,
    });
    await cluster.writeRows(cluster.domain('groups/0'), [{ key: 'group/x', value: Buffer.from([1]) }]);
    const diff = await json('manifest', 'diff', '1', '2', '--domain', 'groups/0');
    expect(diff).toMatchObject({
      schema: 'cloudtopics/metastore-manifest-diff/v1',
      domain: 'groups/0',
      added: [{ level: 0, smallest: 'group/x', largest: 'group/x', entries: 1 }],
      removed: [],
      moved: [],
    });
    const shown = await json('manifest', 'show', '--domain', 'groups/0');
    expect(shown.manifests).toEqual([
      expect.objectContaining({
        domain: 'groups/0',
        name: diff.after.name,
        crc32c: expect.stringMatching(/^[0-9a-f]{8}$/),
      }),
    ]);
    expect(shown.manifests[0].tables).toHaveLength(2);
    expect((await metastore('manifest', 'show', '1')).stderr).toContain(
      'metastore/0, metastore/1 each have a manifest 1',
    );
    expect((await metastore('manifest', 'show', '99')).status).toBe(5);
    expect((await metastore('manifest', 'show', 'newest')).status).toBe(2);
  });

  it('lists, dumps and verifies tables', async () => {
    const listed = await json('sst', 'list', '--domain', 'metastore/1');
    expect(listed.tables).toEqual([
      {
        domain: 'metastore/1',
        name: manifestName,
        level: 0,
        sizeBytes: count,
        smallest: expect.any(String),
        largest: expect.any(String),
        entries: count,
        tombstones: 0,
        oldest: count,
        newest: count,
      },
    ]);
    const { name, entries } = listed.tables[0];
    const [head, ...rows] = await lines('sst', 'dump', name, '--domain', 'metastore/1');
    expect(head).toMatchObject({ schema: 'cloudtopics/metastore-table/v1', name, entries, findings: [] });
    expect(rows).toHaveLength(entries);
    expect(rows[0]).toEqual({
      schema: 'cloudtopics/metastore-version/v1',
      block: 0,
      key: head.smallest,
      sequence: count,
      row: expect.objectContaining({ kind: expect.any(String) }),
      trusted: true,
    });
    const [, block] = await lines('sst', 'dump', name, '--domain', 'metastore/1', '--blocks');
    expect(block).toMatchObject({
      schema: 'cloudtopics/metastore-block/v1',
      at: 0,
      start: 0,
      length: count,
      entries,
      trusted: true,
      findings: [],
    });
    const verified = await json('sst', 'verify');
    expect(verified).toMatchObject({
      schema: 'cloudtopics/metastore-sst-verify/v1',
      tables: 2,
      checked: 2,
      damaged: 0,
    });
  });

  it('verifies, stops at a limit with its state kept, and goes on to the end', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'cloudtopics-verify-'));
    const report = join(directory, 'check.jsonl');
    // The row that an earlier test wrote is no group's.
    await cluster.writeRows(cluster.domain('groups/0'), [{ key: 'group/x', value: undefined }]);
    const first = await metastore('verify', '--check-objects', '--check-storage', '--report', report, '--limit', '1');
    expect(first).toMatchObject({ status: 12, stderr: '' });
    expect(first.stdout).toContain('stopped early');
    // A run that was killed in the middle of a line.
    await writeFile(report, '{"schema":"cloudtopics/verify-fin', { flag: 'a' });
    const second = await metastore('verify', '--resume', report);
    expect(second).toMatchObject({ status: 0, stderr: '' });
    expect(second.stdout).toMatch(/checked .*2 partitions.*: 0 damaged, 0 errors, 1 notices\n$/);
    const kept = (await readFile(report, 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(kept[0]).toMatchObject({ schema: 'cloudtopics/verify-begin/v1', scope: { checkObjects: true } });
    expect(kept.filter(({ schema }) => schema === 'cloudtopics/verify-finding/v1')).toEqual([
      {
        schema: 'cloudtopics/verify-finding/v1',
        severity: 'notice',
        name: 'object_awaited',
        domain: 'metastore/0',
        key: objectKey(cluster.objectIds[2] as string),
        detail: expect.any(String),
        ageMs: count,
      },
    ]);
    expect(kept.at(-1)).toMatchObject({
      schema: 'cloudtopics/verify-end/v1',
      complete: true,
      checked: { partitions: 2, objects: 3, storedObjects: 2 },
      found: { damage: 0, error: 0, notice: 1 },
    });
    expect((await metastore('verify', '--resume', report)).status).toBe(2);
    expect((await metastore('verify', '--report', report)).status).toBe(2);
    expect((await metastore('verify', '--limit', '1')).status).toBe(2);
    await rm(directory, { recursive: true });
  });

  it('ends with 4 for what does not fit together, and with 13 for damage, which it names', async () => {
    const place = { topicId: orders, partition: 1 };
    await cluster.writeRows(cluster.domainOf(1), [{ key: extentKey(place, 0), value: undefined }]);
    const wrong = await metastore('verify');
    expect(wrong.status).toBe(4);
    expect(wrong.stdout).toMatch(/^error {2}start_offset_mismatch {2}metastore\//m);

    const [table] = await cluster.keys('domain/control/sst/');
    await cluster.damage(table as string, 5);
    const damaged = await metastore('verify', '--json');
    expect(damaged.status).toBe(13);
    expect(damaged.stdout).toContain('"name":"table_damaged"');
    const verified = await metastore('sst', 'verify', '--domain', 'control');
    expect(verified.status).toBe(13);
    expect(verified.stdout).toMatch(/DAMAGED\n.*block 0 \(bytes 0 to \d+\)/);
    const name = (table as string).split('/').at(-1) as string;
    expect((await metastore('sst', 'dump', name, '--domain', 'control')).status).toBe(13);
    const scanned = await metastore('scan', '--domain', 'control', '--json');
    expect(scanned.status).toBe(13);
    expect(JSON.parse(scanned.stderr).error).toMatchObject({
      code: 'corrupt-object',
      context: { key: table, expected: expect.anything(), actual: expect.anything() },
    });
    // What is beside the damage is still shown: control no longer says which domains there are, the bucket does.
    expect((await lines('scan', '--domain', 'metastore/0')).length).toBeGreaterThan(1);
  });

  it('says what is missing: the bucket, the cluster, the broker', async () => {
    const nowhere = pathToFileURL(join(tmpdir(), 'cloudtopics-no-such-bucket')).href;
    expect(await metastore('stats', '--store', nowhere)).toMatchObject({ status: 5, stdout: '' });
    expect((await metastore('stats', '--cluster', 'other')).stderr).toContain('cluster-not-found');
    const none = await metastore('stats', '--admin', '127.0.0.1:1');
    expect(none.status).toBe(8);
    expect(none.stderr).toContain('read the bucket with --store');
    expect((await host.run(['metastore', 'flush', '--admin', 'http://127.0.0.1:1'])).status).toBe(8);
    expect((await host.run(['metastore', 'sst', 'list'])).status).toBe(2);
  });
});
