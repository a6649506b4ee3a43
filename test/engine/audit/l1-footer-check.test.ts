// Extents beside the footers of their objects: each object is read once while its footer may be kept, and what is gone is passed over.

import { describe, expect, it } from 'vitest';
import { checkFooters } from '../../../src/engine/audit/l1-footer-check.ts';
import { offset, timestampMs } from '../../../src/engine/base/ids.ts';
import { VirtualClock } from '../../../src/engine/base/virtual-clock.ts';
import { encodeExtentRow } from '../../../src/engine/metastore/extent-row-format.ts';
import { extentKey, objectKey } from '../../../src/engine/metastore/metastore-key-format.ts';
import { encodeObjectRow } from '../../../src/engine/metastore/object-row-format.ts';
import { MemoryStore } from '../../../src/engine/store/memory-store.ts';
import { putSpecimen, specimenCluster, specimenTopic } from '../../support/l1-specimens.ts';
import { MapDomain } from '../cluster/map-domain.ts';

const idOf = (at: number): string => `0198e6f2-1c7a-4000-8000-${String(at).padStart(12, '0')}`;

/** Every object has extents of every partition, so they are asked for again and again. */
async function stage(objects: number, partitions: number) {
  const store = new MemoryStore({ clock: new VirtualClock() });
  const domain = new MapDomain();
  for (let at = 0; at < objects; at++) {
    const objectId = idOf(at);
    const wanted = Array.from({ length: partitions }, (_, partition) => ({
      partition,
      baseOffset: at * 10,
      batches: 1,
    }));
    const { sizeBytes, footerPosition, sections } = await putSpecimen(store, objectId, wanted);
    const account = { totalBytes: footerPosition, removedBytes: 0, lastUpdatedMs: timestampMs(1) };
    const row = { objectId, state: 'complete', sizeBytes, footerPosition, ...account } as const;
    domain.rows.set(objectKey(objectId), encodeObjectRow(row));
    for (const { partition, baseOffset, lastOffset, maxTimestamp, position, length } of sections) {
      const key = extentKey({ topicId: specimenTopic, partition }, baseOffset);
      domain.rows.set(key, encodeExtentRow({ baseOffset, lastOffset, maxTimestamp, objectId, position, length }));
    }
  }
  let reads = 0;
  const get = store.get.bind(store);
  store.get = (key, options) => {
    reads++;
    return get(key, options);
  };
  const check = async (live: boolean, footersBytesMax?: number) => {
    const storage = { store, clusterId: specimenCluster, knownUpToMs: 0 };
    const options = { domains: [], metastore: [], topicId: undefined, checkObjects: false, storage, live, nowMs: 0 };
    const checked = { name: 'metastore/0', reads: domain, tables: undefined };
    reads = 0;
    const steps = await Array.fromAsync(checkFooters(options, checked, undefined, footersBytesMax));
    return {
      reads,
      extents: steps.reduce((sum, { counted }) => sum + (counted.extents ?? 0), 0),
      findings: steps.flatMap(({ findings }) => findings),
    };
  };
  return { store, domain, check };
}

describe('footers beside extents', () => {
  it('are read once each, as far as they are kept', async () => {
    const { check } = await stage(150, 4);
    expect(await check(false)).toEqual({ reads: 150, extents: 600, findings: [] });
    // Nothing is kept beyond a page: memory is bounded, and objects are read again.
    const bounded = await check(false, 0);
    expect(bounded).toMatchObject({ extents: 600, findings: [] });
    expect(bounded.reads).toBeGreaterThan(300);
  });

  it('that are missing, or whose objects have no row, are left to who reports that', async () => {
    const { store, domain, check } = await stage(3, 1);
    await store.deleteMany([`${specimenCluster}/level_one/${idOf(0)}`]);
    domain.rows.delete(objectKey(idOf(1)));
    expect(await check(false)).toMatchObject({ extents: 3, findings: [] });
  });

  it('are looked at again on a live broker before an extent is called wrong', async () => {
    const { domain, check } = await stage(1, 2);
    const place = { topicId: specimenTopic, partition: 1 };
    const key = extentKey(place, 0);
    const wrong = {
      baseOffset: offset(0),
      lastOffset: offset(9),
      maxTimestamp: timestampMs(1),
      position: 0,
      length: 200,
    };
    domain.rows.set(key, encodeExtentRow({ ...wrong, objectId: idOf(0) }));
    expect((await check(true)).findings).toMatchObject([{ name: 'object_footer_mismatch', key }]);
    const get = domain.get.bind(domain);
    domain.get = async (asked) => (asked === key ? undefined : get(asked));
    expect((await check(true)).findings).toEqual([]);
    expect((await check(false)).findings).toHaveLength(1);
  });

  it('of another object or cluster are damage', async () => {
    const { store, check } = await stage(2, 1);
    const { bytes } = await store.get(`${specimenCluster}/level_one/${idOf(0)}`);
    await store.put(`${specimenCluster}/level_one/${idOf(1)}`, [bytes]);
    expect((await check(false)).findings).toMatchObject([
      { severity: 'damage', name: 'object_damaged', detail: expect.stringContaining(`it is ${idOf(0)}`) },
    ]);
  });
});
