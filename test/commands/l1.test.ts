// The l1 commands on a bucket that domains and builders have made: what they print, how they end, and what they say of damage.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { offset } from '../../src/engine/base/ids.ts';
import { encodeEmptyRangeRow } from '../../src/engine/metastore/extent-row-format.ts';
import { emptyRangeKey, extentKey } from '../../src/engine/metastore/metastore-key-format.ts';
import { clusterId, FlushedCluster, orders } from '../support/flushed-cluster.ts';
import { CommandHost } from './command-host.ts';

const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
const count = expect.any(Number);

describe('l1', { timeout: 60_000 }, () => {
  let cluster: FlushedCluster;
  let host: CommandHost;
  let first: string;
  let second: string;
  let awaited: string;
  const l1 = (...args: string[]) => host.run(['l1', ...args], { CLOUDTOPICS_STORE: cluster.storeUrl });
  const lines = async (...args: string[]) =>
    (await l1(...args, '--json')).stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  const keyOf = (id: string) => `${clusterId}/level_one/${id}`;
  /** The object as it was is there again afterwards. */
  async function damaged(id: string, at: number, look: () => Promise<void>): Promise<void> {
    await cluster.damage(keyOf(id), at);
    await look();
    await cluster.damage(keyOf(id), at);
  }

  beforeAll(async () => {
    cluster = await FlushedCluster.make();
    [first, second, awaited] = cluster.objectIds as [string, string, string];
    host = new CommandHost();
  });
  afterAll(async () => {
    host[Symbol.dispose]();
    await cluster[Symbol.asyncDispose]();
  });

  describe('list', () => {
    it('shows a line per object, and what it comes to', async () => {
      const { status, stdout, stderr } = await l1('list');
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(stdout).toMatch(/^OBJECT +STATE +SIZE +IN USE +AGE {2}DOMAIN$/m);
      expect(stdout).toMatch(new RegExp(`^${first}  complete +837 B +400 B  100% +\\d+ s  metastore/\\d$`, 'm'));
      expect(stdout).toMatch(new RegExp(`^${awaited}  preregistered +0 B +0 B +\\d+ s  metastore/0$`, 'm'));
      expect(stdout).toMatch(/\n3 objects, 1\.27 KiB, 600 B in use\n$/);
    });

    it('has a line of JSON for each', async () => {
      const [view, ...objects] = await lines('list', '--check-storage', '--state', 'complete');
      expect(view).toEqual({
        schema: 'cloudtopics/l1-view/v1',
        view: expect.objectContaining({ kind: 'bucket', clusterId }),
        unflushed: [],
      });
      expect(objects).toHaveLength(2);
      expect(objects.find(({ object }) => object === first)).toEqual({
        schema: 'cloudtopics/l1-object/v1',
        domain: expect.stringMatching(/^metastore\/\d$/),
        object: first,
        key: keyOf(first),
        state: 'complete',
        sizeBytes: 837,
        totalBytes: 400,
        liveBytes: 400,
        footerPosition: 400,
        updated: time,
        ageMs: count,
        stored: { sizeBytes: 837, modified: time },
        finding: null,
      });
    });

    it('ends with 12 when the limit cut it short, and not when it did not', async () => {
      expect((await l1('list', '--limit', '2')).status).toBe(12);
      expect((await l1('list', '--limit', '3')).status).toBe(0);
    });

    it('ends with 13 when an object is missing, and with 4 when nothing knows one', async () => {
      const stranger = keyOf('not-an-object');
      await cluster.store.put(stranger, [Buffer.alloc(2000)]);
      const unknown = await l1('list', '--check-storage', '--state', 'unknown');
      expect(unknown.status).toBe(4);
      expect(unknown.stdout).toMatch(
        /^not-an-object +unknown +1\.95 KiB +- +\d+ s {2}- +error: no domain has a row of it$/m,
      );
      const { bytes } = await cluster.store.get(keyOf(second));
      await cluster.store.deleteMany([keyOf(second)]);
      const missing = await l1('list', '--check-storage');
      expect(missing.status).toBe(13);
      expect(missing.stdout).toContain('damage: it is not in the bucket\n');
      expect((await l1('list')).status).toBe(0);
      await cluster.store.put(keyOf(second), [bytes]);
      await cluster.store.deleteMany([stranger]);
    });

    it('needs the bucket to look into it', async () => {
      const ran = await host.run(['l1', 'list', '--check-storage']);
      expect(ran).toMatchObject({ status: 2, stdout: '', stderr: expect.stringContaining('try: give --store URL') });
    });
  });

  describe('extents', () => {
    it('shows them partition by partition, in the order of offsets', async () => {
      const { status, stdout, stderr } = await l1('extents', 'orders');
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      const rows = stdout.split('\n').filter((line) => line.includes(first) || line.includes(second));
      expect(rows.map((row) => row.trim().split(/ {2,}/).slice(0, 3).join(' '))).toEqual([
        '0 0 9',
        '0 10 19',
        '0 20 29',
        '0 30 39',
        '1 0 9',
        '1 10 19',
      ]);
      expect(rows[1]).toMatch(new RegExp(`100 B {2}2026-11-18T11:06:40\\.001Z {2}${first} {2}100$`));
    });

    it('begin with the one that holds an offset', async () => {
      const [view, ...extents] = await lines('extents', 'orders', '-p', '0', '--from', '25');
      expect(view).toMatchObject({
        schema: 'cloudtopics/l1-view/v1',
        topic: 'orders',
        topicId: orders,
        partitionCount: 3,
        unflushed: [],
      });
      expect(extents.map(({ baseOffset }) => baseOffset)).toEqual([20, 30]);
      expect(extents[0]).toEqual({
        schema: 'cloudtopics/l1-extent/v1',
        partition: 0,
        kind: 'extent',
        baseOffset: 20,
        lastOffset: 29,
        maxTimestamp: '2026-11-18T11:06:40.002Z',
        object: first,
        position: 200,
        length: 100,
        problem: null,
      });
      expect(await lines('extents', 'orders', '-p', '0', '--from', '40')).toHaveLength(1);
      expect(await lines('extents', 'orders', '-p', '2')).toHaveLength(1);
    });

    it('are cut short by a limit, and found by the id of the topic', async () => {
      expect((await l1('extents', orders, '--limit', '5')).status).toBe(12);
      expect((await l1('extents', orders, '--limit', '6')).status).toBe(0);
      expect((await l1('extents', 'nothing')).status).toBe(5);
      expect((await l1('extents', 'orders', '-p', '3')).status).toBe(5);
    });

    it('show ranges without data between them, and rows that do not decode', async () => {
      const of = { topicId: orders, partition: 1 };
      const domain = cluster.domainOf(1);
      const key = extentKey(of, 10);
      const kept = await domain.get(key);
      await cluster.writeRows(domain, [
        { key, value: Buffer.from([77]) },
        { key: emptyRangeKey(of, 5), value: encodeEmptyRangeRow({ baseOffset: offset(5), lastOffset: offset(9) }) },
      ]);
      const { status, stdout } = await l1('extents', 'orders', '-p', '1');
      expect(status).toBe(13);
      expect(stdout.split('\n').slice(-4)).toEqual([
        expect.stringContaining(second),
        '        1             5             9          -  no data',
        expect.stringMatching(/^ {8}1 {12}10 {13}\? {10}\? {2}DAMAGED: .*format version 77/),
        '',
      ]);
      await cluster.writeRows(domain, [
        { key, value: kept },
        { key: emptyRangeKey(of, 5), value: undefined },
      ]);
    });
  });

  describe('inspect', () => {
    it('shows the footer, its sections, and their chunks', async () => {
      const { status, stdout, stderr } = await l1('inspect', first, '--index');
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(stdout).toContain(`object ${keyOf(first)}\n  size       837 B (837 bytes), written `);
      expect(stdout).toContain('  kind       reconciled, created 2026-11-18T11:06:40.000Z\n');
      expect(stdout).toMatch(/ {2}metastore {2}complete in metastore\/\d, 400 B in use\n/);
      expect(stdout).toContain('  footer     437 B at byte 400, 4 sections, 4 chunks\n');
      expect(stdout).toContain(
        'section 1  partition 0  offsets 10 to 19  100 B at byte 100  1 batch, 10 records, 1 chunk, up to ' +
          '2026-11-18T11:06:40.001Z\n  chunk 1  from offset 10  100 B at byte 100  CRC32C ',
      );
      const [footer, ...sections] = await lines('inspect', keyOf(first));
      expect(footer).toMatchObject({
        schema: 'cloudtopics/l1-footer/v1',
        key: keyOf(first),
        objectId: first,
        topicId: orders,
        kind: 'reconciled',
        sections: 4,
        trusted: true,
      });
      expect(sections.map(({ schema, section }) => [schema, section])).toEqual(
        [0, 1, 2, 3].map((at) => ['cloudtopics/l1-section/v1', at]),
      );
      expect(await lines('inspect', first, '--partition', '1')).toHaveLength(1);
    });

    it('checks every byte where asked to, and says how much that was', async () => {
      expect((await l1('inspect', second, '--verify')).stdout).toMatch(
        /\nchecked 2 chunks, 2 batches, 20 records \(200 B\): nothing found\n$/,
      );
      expect((await lines('inspect', second, '--verify')).at(-1)).toEqual({
        schema: 'cloudtopics/l1-verified/v1',
        complete: true,
        bytes: 200,
        chunks: 2,
        batches: 2,
        records: 20,
        findings: 0,
      });
      expect((await l1('inspect', second, '--verify', '--progress', 'lines')).stderr).toMatch(
        /^verifying: 0 B of 461 B, nothing found\nverifying: 200 B of 461 B, nothing found\n$/,
      );
    });

    it('finds damage in the data only where it is asked to read it, and names the place', async () => {
      await damaged(first, 150, async () => {
        expect((await l1('inspect', first)).status).toBe(0);
        const ran = await l1('inspect', first, '--verify');
        expect(ran.status).toBe(13);
        expect(ran.stdout).toMatch(
          /\ndamaged: chunk 1 \(bytes 100 to 199\): its CRC32C is \w{8}, the footer says \w{8}\n/,
        );
        expect(ran.stdout).toContain('(400 B): 2 findings\n');
        const finding = (await lines('inspect', first, '--verify')).find(({ schema }) => schema.endsWith('finding/v1'));
        expect(finding).toMatchObject({
          part: 'chunk 1',
          start: 100,
          length: 100,
          expected: expect.any(String),
        });
      });
    });

    it('decodes a damaged footer as far as it goes, and does not trust it', async () => {
      await damaged(first, 465 + 3, async () => {
        const { status, stdout } = await l1('inspect', first);
        expect(status).toBe(13);
        expect(stdout).toContain('4 chunks; NOT TRUSTED\ndamaged: footer (bytes 400 to 816): CRC32C ');
        expect(stdout).toMatch(/^section 0 {2}partition 255 .*NOT TRUSTED$/m);
      });
    });

    it('prints footer and trailer byte by byte, in the style of the specimens', async () => {
      const { status, stdout } = await l1('inspect', first, '--bytes');
      expect(status).toBe(0);
      expect(stdout).toContain('\n3188e253000040008000000000000001   #  400  footer: clusterId\n');
      expect(stdout).toContain('\n00000001                           #  825  version 1\n');
      const bytes = (await lines('inspect', first, '--bytes')).filter(({ schema }) => schema.endsWith('bytes/v1'));
      const stored = (await cluster.store.get(keyOf(first))).bytes.subarray(400);
      expect(bytes.map(({ hex }) => hex).join('')).toBe(stored.toString('hex'));
    });

    it('refuses what is no object, and says what is not there', async () => {
      expect(await l1('inspect', 'nothing')).toMatchObject({ status: 2, stdout: '' });
      const gone = await l1('inspect', '00000000-0000-4000-8000-000000000000');
      expect(gone).toMatchObject({ status: 5, stdout: '' });
      expect((await l1('inspect', first, '--bytes', '--verify')).status).toBe(2);
    });
  });
});
