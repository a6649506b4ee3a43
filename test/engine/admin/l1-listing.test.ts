// The objects of a cluster as its metastore has them, beside what is in the bucket: each is shown once, and what does not agree is said.

import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BucketSource } from '../../../src/engine/admin/bucket-source.ts';
import { type ListedObject, listL1Objects } from '../../../src/engine/admin/l1-listing.ts';
import { systemClock } from '../../../src/engine/base/clock.ts';
import { timestampMs } from '../../../src/engine/base/ids.ts';
import { silentLogger } from '../../../src/engine/base/logger.ts';
import { systemRandom } from '../../../src/engine/base/random.ts';
import { objectKey } from '../../../src/engine/metastore/metastore-key-format.ts';
import { encodeObjectRow } from '../../../src/engine/metastore/object-row-format.ts';
import { objectPath } from '../../../src/engine/store/file-key-path.ts';
import { clusterId, FlushedCluster } from '../../support/flushed-cluster.ts';

const bucketKey = (id: string): string => `${clusterId}/level_one/${id}`;

describe('the L1 objects of a cluster', () => {
  let cluster: FlushedCluster;
  let source: BucketSource;

  beforeEach(async () => {
    cluster = await FlushedCluster.make();
    await open();
  });
  afterEach(async () => {
    await source[Symbol.asyncDispose]();
    await cluster[Symbol.asyncDispose]();
  });

  async function open(): Promise<void> {
    const deps = { clock: systemClock, random: systemRandom, logger: silentLogger };
    source = await BucketSource.open({ ...deps, storeUrl: cluster.storeUrl, cluster: 'default' });
  }

  async function list(storage: boolean): Promise<ListedObject[]> {
    const store = storage ? source.view.store : undefined;
    return Array.fromAsync((await listL1Objects(source, store, Date.now())).objects);
  }

  it('come from all domains in the order of their ids, with what is in use of them', async () => {
    const listed = await list(false);
    expect(listed.map(({ object }) => object)).toEqual([...cluster.objectIds].sort());
    const [first, second, third] = cluster.objectIds;
    expect(Object.fromEntries(listed.map(({ object, state, liveBytes }) => [object, [state, liveBytes]]))).toEqual({
      [first as string]: ['complete', 400],
      [second as string]: ['complete', 200],
      [third as string]: ['preregistered', 0],
    });
    expect(listed.every(({ stored, finding }) => stored === null && finding === null)).toBe(true);
  });

  it('that are in the bucket as they should are shown with that', async () => {
    const listed = await list(true);
    expect(listed.map(({ finding }) => finding)).toEqual([null, null, null]);
    for (const { state, sizeBytes, stored } of listed) {
      expect(stored?.sizeBytes).toBe(state === 'complete' ? sizeBytes : undefined);
    }
  });

  it('that are missing, of another size, unknown, or uploaded and not added are told apart', async () => {
    const [first, second, third] = cluster.objectIds as [string, string, string];
    await cluster.store.deleteMany([bucketKey(first)]);
    await cluster.store.put(bucketKey(second), [Buffer.alloc(7)]);
    await cluster.store.put(bucketKey(third), [Buffer.alloc(9)]);
    const [early, young, last] = [
      '00000000-0000-4000-8000-000000000009',
      'ffffffff-0000-4000-8000-000000000009',
      'z.txt',
    ];
    for (const name of [early, young, last]) await cluster.store.put(bucketKey(name), [Buffer.alloc(3)]);
    const anHourAgo = new Date(Date.now() - 60 * 60 * 1000);
    await utimes(join(cluster.directory, 'bucket', objectPath(bucketKey(early))), anHourAgo, anHourAgo);
    const listed = await list(true);
    expect(listed.map(({ object }) => object)).toEqual([...cluster.objectIds, early, young, last].sort());
    const findings = Object.fromEntries(
      listed.map(({ object, state, finding }) => [object, [state, finding?.severity, finding?.problem]]),
    );
    expect(findings).toEqual({
      [first]: ['complete', 'damage', 'it is not in the bucket'],
      [second]: ['complete', 'damage', 'it has 7 bytes in the bucket, its row says 461'],
      [third]: ['preregistered', 'notice', 'uploaded, and not added: under way, or left by a crash'],
      [early]: ['unknown', 'error', 'no domain has a row of it'],
      [young]: ['unknown', 'notice', 'no domain has a row of it; it is younger than what is looked at'],
      [last]: ['unknown', 'error', 'no domain has a row of it'],
    });
  });

  it('that nothing uses may be gone before their rows', async () => {
    const objectId = 'aaaaaaaa-0000-4000-8000-000000000001';
    const counts = { totalBytes: 10, removedBytes: 10, sizeBytes: 50, footerPosition: 10 };
    const row = { objectId, state: 'complete', ...counts, lastUpdatedMs: timestampMs(1) } as const;
    await cluster.writeRows(cluster.domain('metastore/0'), [
      { key: objectKey(objectId), value: encodeObjectRow(row) },
      { key: objectKey('bbbbbbbb-0000-4000-8000-000000000001'), value: Buffer.from([99]) },
    ]);
    await source[Symbol.asyncDispose]();
    await open();
    const listed = (await list(true)).filter(({ finding }) => finding !== null);
    expect(listed).toMatchObject([
      { object: objectId, finding: { severity: 'notice' } },
      {
        state: 'undecoded',
        sizeBytes: null,
        finding: { severity: 'damage', problem: expect.stringContaining('version') },
      },
    ]);
  });
});
