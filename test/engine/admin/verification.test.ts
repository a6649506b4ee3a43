// The whole check over a bucket that is sound, and damaged in one place each time: the damage is found by its name and place, and
// what is sound beside it is still checked.

import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BucketSource } from '../../../src/engine/admin/bucket-source.ts';
import {
  Verification,
  type VerifyFinding,
  type VerifyPosition,
  type VerifyRequest,
} from '../../../src/engine/admin/verification.ts';
import { systemClock } from '../../../src/engine/base/clock.ts';
import { offset } from '../../../src/engine/base/ids.ts';
import { silentLogger } from '../../../src/engine/base/logger.ts';
import { systemRandom } from '../../../src/engine/base/random.ts';
import { topicKey } from '../../../src/engine/cluster/control-format.ts';
import {
  decodeExtentRow,
  encodeEmptyRangeRow,
  encodeExtentRow,
} from '../../../src/engine/metastore/extent-row-format.ts';
import { emptyRangeKey, extentKey, objectKey } from '../../../src/engine/metastore/metastore-key-format.ts';
import { objectPath } from '../../../src/engine/store/file-key-path.ts';
import { clusterId, FlushedCluster, orders } from '../../support/flushed-cluster.ts';

const everything: VerifyRequest = { domains: undefined, topic: undefined, checkObjects: true, checkStorage: true };
const hour = 60 * 60 * 1000;

describe('the check of a cluster', () => {
  let cluster: FlushedCluster;
  let source: BucketSource;
  /** Objects in the bucket are then older than what the manifests have to know. */
  const later = { ...systemClock, nowMs: () => Date.now() + hour };

  beforeEach(async () => {
    cluster = await FlushedCluster.make();
    await open();
  });
  afterEach(async () => {
    await source[Symbol.asyncDispose]();
    await cluster[Symbol.asyncDispose]();
  });

  async function open(): Promise<void> {
    if (source !== undefined) await source[Symbol.asyncDispose]();
    const deps = { clock: systemClock, random: systemRandom, logger: silentLogger };
    source = await BucketSource.open({ ...deps, storeUrl: cluster.storeUrl, cluster: 'default' });
  }

  async function check(request: Partial<VerifyRequest> = {}) {
    const verification = await Verification.open({ source, bucket: source }, { ...everything, ...request }, later);
    const found: VerifyFinding[] = [];
    const positions: VerifyPosition[] = [];
    for await (const { findings, position } of verification.steps()) {
      found.push(...findings);
      if (position !== undefined) positions.push(position);
    }
    return { verification, found, positions };
  }

  const inShort = ({ severity, name, domain, key }: VerifyFinding) => [severity, name, domain, key];

  it('finds nothing in a sound one but an object that is awaited', async () => {
    const { verification, found } = await check();
    expect(found.map(inShort)).toEqual([
      ['notice', 'object_awaited', 'metastore/0', objectKey(cluster.objectIds[2] as string)],
    ]);
    expect(verification.checked).toMatchObject({ partitions: 2, objects: 3, storedObjects: 2 });
    expect(verification.checked.tables).toBeGreaterThanOrEqual(4);
    expect(verification.checked.rows).toBe(5);
    expect(verification.begin).toMatchObject({
      view: { kind: 'bucket', clusterId },
      scope: { domains: ['control', 'groups/0', 'metastore/0', 'metastore/1'], topic: null },
      unflushed: [],
    });
  });

  it('names what does not fit together in a partition', async () => {
    const gap = { topicId: orders, partition: 0 };
    await cluster.writeRows(cluster.domainOf(0), [{ key: extentKey(gap, 10), value: undefined }]);
    await open();
    const { found, verification } = await check({ checkStorage: false });
    expect(found.map(({ name }) => name)).toContain('extent_gap');
    expect(found.map(({ name }) => name)).toContain('object_accounting_mismatch');
    expect(verification.found.damage).toBe(0);
    const others = await check({ checkStorage: false, topic: 'orders' });
    expect(others.verification.begin.scope).toMatchObject({ topic: 'orders', topicId: orders });
    expect(others.found.map(({ name }) => name)).not.toContain('object_accounting_mismatch');
    expect(others.verification.checked).toMatchObject({ tables: 0, partitions: 2 });
  });

  it('finds objects that are gone, have another size, or that nothing knows', async () => {
    const [first, second] = cluster.objectIds as [string, string];
    const stranger = `${clusterId}/level_one/00000000-0000-4000-8000-000000000009`;
    await cluster.store.deleteMany([`${clusterId}/level_one/${first}`]);
    await cluster.store.put(`${clusterId}/level_one/${second}`, [Buffer.alloc(7)]);
    await cluster.store.put(stranger, [Buffer.alloc(3)]);
    const { found } = await check();
    expect(found.map(({ severity, name }) => [severity, name])).toEqual(
      expect.arrayContaining([
        ['damage', 'object_not_in_storage'],
        ['damage', 'object_size_mismatch'],
      ]),
    );
    // It was made after the manifests, so its row may be on its way.
    const unknown = found.find(({ name }) => name === 'object_unknown');
    expect(unknown).toMatchObject({ severity: 'notice', key: stranger, domain: null });
    expect(unknown?.ageMs).toBeGreaterThanOrEqual(hour - 60_000);
  });

  it('finds a footer that does not match its checksum, once, and goes on', async () => {
    const key = `${clusterId}/level_one/${cluster.objectIds[0]}`;
    await cluster.damage(key, -30);
    const { found, verification } = await check();
    expect(verification.checked.extents).toBe(6);
    expect(found.filter(({ severity }) => severity !== 'notice')).toMatchObject([
      { severity: 'damage', name: 'object_damaged', key, start: 400, detail: expect.stringContaining('CRC32C') },
    ]);
    expect((await check({ checkStorage: false })).verification.found.damage).toBe(0);
  });

  it('finds extents that are not what the objects have there', async () => {
    const of = { topicId: orders, partition: 0 };
    const key = extentKey(of, 10);
    const domain = cluster.domainOf(0);
    const extent = decodeExtentRow(key, (await domain.get(key)) as Buffer);
    await cluster.writeRows(domain, [{ key, value: encodeExtentRow({ ...extent, position: 200 }) }]);
    await open();
    const { found } = await check({ topic: 'orders' });
    expect(found).toMatchObject([
      {
        severity: 'error',
        name: 'object_footer_mismatch',
        key,
        detail:
          'the extent has offsets 10 to 19, 100 bytes at 200; the section has offsets 10 to 19, 100 bytes at 100 in ' +
          cluster.objectIds[0],
      },
    ]);
  });

  it('calls an object unknown for good once its row would have to be there', async () => {
    const stranger = `${clusterId}/level_one/00000000-0000-4000-8000-000000000009`;
    const noObject = `${clusterId}/level_one/notes.txt`;
    await cluster.store.put(stranger, [Buffer.alloc(3)]);
    await cluster.store.put(noObject, [Buffer.alloc(3)]);
    const anHourAgo = new Date(Date.now() - hour);
    await utimes(join(cluster.directory, 'bucket', objectPath(stranger)), anHourAgo, anHourAgo);
    const { found, verification } = await check();
    expect(found.filter(({ name }) => name === 'object_unknown').map(inShort)).toEqual([
      ['error', 'object_unknown', null, stranger],
      ['error', 'object_unknown', null, noObject],
    ]);
    expect(verification.found).toMatchObject({ damage: 0, error: 2 });
  });

  it('finds a flipped byte in any table, with its place, and goes on with the rest', async () => {
    const [table] = await cluster.keys('domain/groups/0/sst/');
    await cluster.damage(table as string, 3);
    const { found, verification } = await check();
    const damage = found.find(({ name }) => name === 'table_damaged');
    expect(damage).toMatchObject({
      severity: 'damage',
      domain: 'groups/0',
      key: table,
      start: 0,
      expected: expect.anything(),
      actual: expect.anything(),
    });
    expect(found.map(({ name }) => name)).toContain('rows_unreadable');
    expect(verification.checked).toMatchObject({ partitions: 2, storedObjects: 2 });
  });

  it('finds a table that is missing and a manifest that is torn', async () => {
    const [table] = await cluster.keys('domain/metastore/0/sst/');
    const [manifest] = (await cluster.keys('domain/control/manifest/')).slice(-1);
    await cluster.store.deleteMany([table as string]);
    const bytes = (await cluster.store.get(manifest as string)).bytes;
    await cluster.store.put(manifest as string, [bytes.subarray(0, bytes.length - 5)]);
    await open();
    const { found, verification } = await check();
    expect(found.map(inShort)).toEqual(
      expect.arrayContaining([
        ['damage', 'manifest_unreadable', 'control', manifest],
        ['damage', 'table_damaged', 'metastore/0', table],
      ]),
    );
    expect(verification.found.damage).toBeGreaterThanOrEqual(3);
  });

  it('finds rows that do not decode, whatever domain they are in', async () => {
    const place = { topicId: orders, partition: 1 };
    await cluster.writeRows(cluster.domain('control'), [{ key: `${topicKey(orders)}x`, value: Buffer.from([1]) }]);
    await cluster.writeRows(cluster.domainOf(1), [
      {
        key: emptyRangeKey(place, 20),
        value: encodeEmptyRangeRow({ baseOffset: offset(20), lastOffset: offset(29) }).subarray(0, 5),
      },
      { key: 'partition/what', value: Buffer.from([9]) },
    ]);
    await open();
    const { found } = await check({ checkStorage: false });
    const undecodable = found.filter(({ name }) => name === 'row_undecodable').map(({ key }) => key);
    expect(undecodable).toEqual(
      expect.arrayContaining([`${topicKey(orders)}x`, emptyRangeKey(place, 20), 'partition/what']),
    );
  });

  it('goes on from every position as if it had never stopped', async () => {
    await cluster.writeRows(cluster.domainOf(0), [
      { key: extentKey({ topicId: orders, partition: 0 }, 10), value: undefined },
    ]);
    await open();
    const whole = await check();
    expect(whole.positions.length).toBeGreaterThan(10);
    for (const reached of whole.positions) {
      const { begin } = whole.verification;
      // Through JSON, as in a report.
      const resume = JSON.parse(JSON.stringify({ begin, reached }));
      const rest = await Verification.open({ source, bucket: source }, everything, later, resume);
      for await (const _step of rest.steps());
      expect(rest.checked, JSON.stringify(reached.position)).toEqual(whole.verification.checked);
      expect(rest.found, JSON.stringify(reached.position)).toEqual(whole.verification.found);
    }
  });

  it('looks at the same state when it goes on, though newer manifests came', async () => {
    const { verification, positions } = await check({ checkStorage: false });
    await cluster.writeRows(cluster.domainOf(0), [
      { key: extentKey({ topicId: orders, partition: 0 }, 10), value: undefined },
    ]);
    await open();
    const resume = { begin: verification.begin, reached: positions[0] };
    const rest = await Verification.open({ source, bucket: source }, everything, later, resume);
    for await (const _step of rest.steps());
    expect(rest.found).toEqual(verification.found);
    const strange = { ...resume, begin: { ...resume.begin, view: { ...resume.begin.view, clusterId: 'other' } } };
    await expect(Verification.open({ source, bucket: source }, everything, later, strange)).rejects.toMatchObject({
      code: 'usage',
    });
  });
});
