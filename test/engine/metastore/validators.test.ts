// Every anomaly by its name: a partition that is whole, damaged by hand in one place, is reported as just that.

import { beforeEach, describe, expect, test } from 'vitest';
import { offset, term, timestampMs } from '../../../src/engine/base/ids.ts';
import { addObjects } from '../../../src/engine/metastore/add-objects.ts';
import { encodeCompactionRow } from '../../../src/engine/metastore/compaction-row-format.ts';
import {
  encodeEmptyRangeRow,
  encodeExtentRow,
  encodeTermRow,
} from '../../../src/engine/metastore/extent-row-format.ts';
import { unknownObjects, validateObjects } from '../../../src/engine/metastore/metastore.ts';
import {
  compactionKey,
  emptyRangeKey,
  extentKey,
  objectKey,
  partitionKey,
  producerKey,
  summaryKey,
  termKey,
} from '../../../src/engine/metastore/metastore-key-format.ts';
import { preregisterObjects } from '../../../src/engine/metastore/object-lifecycle.ts';
import { encodeObjectRow, type ObjectRow } from '../../../src/engine/metastore/object-row-format.ts';
import { encodePartitionRow, type PartitionRow } from '../../../src/engine/metastore/partition-row-format.ts';
import {
  type PartitionCheckOptions,
  type PartitionCheckPosition,
  validatePartition,
} from '../../../src/engine/metastore/partition-validator.ts';
import { encodeProducerRow } from '../../../src/engine/metastore/producer-row-format.ts';
import { compactObjects } from '../../../src/engine/metastore/replace-objects.ts';
import { readObject, readPartition } from '../../../src/engine/metastore/row-reads.ts';
import { setStartOffset } from '../../../src/engine/metastore/start-offset.ts';
import { encodeSummaryRow, rankOf, summaryOf } from '../../../src/engine/metastore/summary-row-format.ts';
import { MemoryDomain } from './memory-domain.ts';
import { addition, compaction, extent, idOf, now, object, place, range, stamp } from './metastore-requests.ts';

let domain: MemoryDomain;

/** 40 extents of 100 offsets, an empty range, 40 more; compacted up to 1999, started at 150. Objects 1 and 2, and 3 that waits. */
beforeEach(async () => {
  domain = new MemoryDomain();
  const run = async (update: Promise<{ changes: Parameters<MemoryDomain['write']>[0] }>) =>
    domain.write((await update).changes);
  const extents = (from: number, count: number, of: number) =>
    Array.from({ length: count }, (_, at) => extent(from + at * 100, from + at * 100 + 99, of));
  await run(preregisterObjects(domain, { objectIds: [idOf(1), idOf(2), idOf(3)] }, now));
  const producer = {
    producerId: 9,
    producerEpoch: 0,
    usedAtMs: timestampMs(5),
    batches: [{ firstSequence: 0, lastSequence: 9, baseOffset: offset(8000) }],
  };
  const first = addition([...extents(0, 40, 1), ...extents(4100, 40, 1)], {
    emptyRanges: [range(4000, 4099)],
    terms: [1, 2].map((one) => ({ term: term(one), startOffset: offset((one - 1) * 500) })),
    producers: [producer],
    lastStamp: stamp(3),
  });
  await run(addObjects(domain, { objects: [object(1)], partitions: [first] }, now));
  const cleaned = [{ ...range(0, 1999), hasTombstones: true }];
  const rewrite = compaction(extents(0, 20, 2), { cleanedRanges: cleaned });
  await run(compactObjects(domain, { objects: [object(2)], partitions: [rewrite] }, now));
  await run(setStartOffset(domain, { ...place, startOffset: offset(150) }, now));
});

async function check(options: Partial<PartitionCheckOptions> = {}) {
  const anomalies = [];
  let position: PartitionCheckPosition | undefined;
  do {
    const resumed = position === undefined ? {} : { position };
    const found = await validatePartition(domain, place, { rowsMax: 7, ...options, ...resumed });
    anomalies.push(...found.anomalies);
    position = found.position;
    // What is kept in a file between two calls.
    if (position !== undefined) position = JSON.parse(JSON.stringify(position)) as PartitionCheckPosition;
  } while (position !== undefined);
  return anomalies;
}

const names = async (options?: Partial<PartitionCheckOptions>) => [
  ...new Set((await check(options)).map((one) => one.name)),
];
const damage = (key: string, value: Buffer | undefined) => domain.apply({ key, value });

async function damagePartition(change: Partial<PartitionRow>): Promise<void> {
  damage(
    partitionKey(place),
    encodePartitionRow({ ...((await readPartition(domain, place)) as PartitionRow), ...change }),
  );
}

async function damageObject(at: number, change: Partial<ObjectRow>): Promise<void> {
  damage(objectKey(idOf(at)), encodeObjectRow({ ...((await readObject(domain, idOf(at))) as ObjectRow), ...change }));
}

const cleanedTo = (last: number) => [range(150, last)];
const tombstones = (base: number, last: number) => ({ ...range(base, last), cleanedAtMs: timestampMs(1) });

describe('the partition validator', () => {
  test('finds nothing in a partition that is whole, however few rows a call may look at', async () => {
    for (const rowsMax of [1, 2, 7, 1000]) expect(await check({ rowsMax })).toEqual([]);
  });

  test('extent_overlap', async () => {
    damage(extentKey(place, 2100), encodeExtentRow(extent(2100, 2250)));
    expect(await names()).toEqual(['extent_overlap']);
  });

  test('extent_gap', async () => {
    damage(emptyRangeKey(place, 4000), encodeEmptyRangeRow(range(4000, 4098)));
    expect(await names()).toEqual(['extent_gap']);
  });

  test('next_offset_mismatch', async () => {
    await damagePartition({ nextOffset: offset(9000) });
    expect(await names()).toEqual(['next_offset_mismatch']);
  });

  test('start_offset_mismatch: the first extent is above the start', async () => {
    await damagePartition({ startOffset: offset(50) });
    expect(await names()).toEqual(['start_offset_mismatch']);
  });

  test('start_offset_mismatch: an extent lies wholly below the start', async () => {
    await damagePartition({ startOffset: offset(250) });
    damage(compactionKey(place), undefined);
    expect(await names()).toEqual(['start_offset_mismatch']);
  });

  test('object_not_found', async () => {
    damage(objectKey(idOf(2)), undefined);
    expect(await names()).toEqual(['object_not_found']);
  });

  test('object_preregistered', async () => {
    await damageObject(2, { state: 'preregistered' });
    expect(await names()).toEqual(['object_preregistered']);
  });

  test('object_not_in_storage, asked once for each object and call', async () => {
    const asked: string[] = [];
    const objectInStorage = async (id: string) => {
      asked.push(id);
      return id === idOf(1) ? undefined : { sizeBytes: 1_000_000 };
    };
    expect(await names({ objectInStorage, rowsMax: 1000 })).toEqual(['object_not_in_storage']);
    expect(asked).toEqual([idOf(2), idOf(1)]);
  });

  test('object_size_mismatch: with the store', async () => {
    expect(await names({ objectInStorage: async () => ({ sizeBytes: 5 }) })).toEqual(['object_size_mismatch']);
  });

  test('object_size_mismatch: an extent beyond the end of its object', async () => {
    await damageObject(1, { sizeBytes: 99 });
    expect(await names()).toEqual(['object_size_mismatch']);
  });

  test('object_accounting_mismatch: more removed than can be', async () => {
    await damageObject(1, { removedBytes: 7990 });
    expect(await names()).toEqual(['object_accounting_mismatch']);
  });

  test.each([
    ['compaction_range_below_start', { cleanedRanges: [range(100, 1999)], tombstoneRanges: [] }],
    ['compaction_range_above_next', { cleanedRanges: cleanedTo(8100), tombstoneRanges: [] }],
    ['tombstone_outside_cleaned', { cleanedRanges: cleanedTo(1999), tombstoneRanges: [tombstones(1900, 2000)] }],
    [
      'tombstone_overlap',
      { cleanedRanges: cleanedTo(1999), tombstoneRanges: [tombstones(150, 300), tombstones(300, 400)] },
    ],
  ])('%s', async (name, state) => {
    damage(compactionKey(place), encodeCompactionRow(state));
    expect(await names()).toEqual([name]);
  });

  test('compaction_state_unexpected', async () => {
    await damagePartition({ compactionEpoch: 0 });
    expect(await names()).toEqual(['compaction_state_unexpected']);
  });

  test.each([
    ['overlap', [range(150, 999), range(900, 1999)]],
    ['touch', [range(150, 999), range(1000, 1999)]],
    ['do not go up', [range(1000, 1999), range(150, 900)]],
  ])('compaction_state_unexpected: cleaned ranges that %s', async (_, cleanedRanges) => {
    damage(compactionKey(place), encodeCompactionRow({ cleanedRanges, tombstoneRanges: [] }));
    expect(await names()).toEqual(['compaction_state_unexpected']);
  });

  test.each([
    ['begins no later than the one before', 3, 500],
    ['begins behind the end', 3, 8100],
  ])('term_ordering: a term that %s', async (_, number, start) => {
    const key = termKey(place, number);
    damage(key, encodeTermRow({ term: term(number), startOffset: offset(start) }));
    expect(await check({ rowsMax: 1 })).toEqual([expect.objectContaining({ name: 'term_ordering', key })]);
  });

  test('term_ordering: the first term begins above the start', async () => {
    damage(termKey(place, 1), undefined);
    expect(await names()).toEqual(['term_ordering']);
  });

  test('term_ordering: offsets without any term', async () => {
    for (const one of [1, 2]) damage(termKey(place, one), undefined);
    for (const rowsMax of [1, 100]) {
      expect(await check({ rowsMax })).toEqual([expect.objectContaining({ name: 'term_ordering' })]);
    }
    // Nothing is left of it, but its next offset.
    await domain.write((await setStartOffset(domain, { ...place, startOffset: offset(8100) }, now)).changes);
    expect(await check()).toEqual([]);
  });

  test('partition_totals_mismatch', async () => {
    await damagePartition({ sizeBytes: 1 });
    expect(await names()).toEqual(['partition_totals_mismatch']);
  });

  test('index_mismatch: a summary that is wrong, missing, or of no extent', async () => {
    const post = Array.from({ length: 80 }, (_, at) => 200 + at * 100).find((base) => rankOf(base) >= 1) as number;
    const key = summaryKey(place, 1, post);
    const before = await domain.get(key);
    for (const value of [encodeSummaryRow(summaryOf(extent(0, 99))), undefined]) {
      damage(key, value);
      expect(await check()).toEqual([expect.objectContaining({ name: 'index_mismatch', key })]);
    }
    damage(key, before);
    const stray = summaryKey(place, 5, post);
    damage(stray, before);
    expect(await check()).toEqual([expect.objectContaining({ name: 'index_mismatch', key: stray })]);
  });

  test('producer_invalid', async () => {
    const batches = [{ firstSequence: 0, lastSequence: 0, baseOffset: offset(8100) }];
    const row = { producerId: 10, producerEpoch: 0, usedAtMs: timestampMs(0), batches };
    damage(producerKey(place, 10), encodeProducerRow(row));
    expect(await names()).toEqual(['producer_invalid']);
  });

  test('partition_row_missing', async () => {
    damage(partitionKey(place), undefined);
    expect(await names()).toEqual(['partition_row_missing']);
  });

  test('row_undecodable: any row, cut short, is reported with its key and never ends the check', async () => {
    for (const key of domain.keys()) {
      const before = (await domain.get(key)) as Buffer;
      damage(key, before.subarray(0, before.length - 1));
      const found = await check();
      const isOfPartition = key.includes(place.topicId) || (await readIds()).has(key);
      if (isOfPartition)
        expect(found.filter((one) => one.name === 'row_undecodable').map((one) => one.key)).toContain(key);
      damage(key, before);
    }
    expect(await check()).toEqual([]);
  });

  const readIds = async () => new Set([objectKey(idOf(1)), objectKey(idOf(2))]);
});

describe('the object validator', () => {
  const checkObjects = async (objectsMax = 100) => {
    const anomalies = [];
    const collectable = [];
    let position: string | undefined;
    do {
      const found = await validateObjects(domain, { objectsMax, ...(position === undefined ? {} : { position }) });
      anomalies.push(...found.anomalies);
      collectable.push(...found.collectable);
      position = found.position;
    } while (position !== undefined);
    return { anomalies: anomalies.map((one) => one.name), collectable };
  };

  test('finds nothing where the accounts are right, however few objects a call may look at', async () => {
    for (const objectsMax of [1, 2, 100])
      expect(await checkObjects(objectsMax)).toEqual({ anomalies: [], collectable: [] });
  });

  test('names what nothing uses', async () => {
    await domain.write((await setStartOffset(domain, { ...place, startOffset: offset(8100) }, now)).changes);
    expect(await checkObjects()).toEqual({ anomalies: [], collectable: [idOf(1), idOf(2)] });
  });

  test('object_accounting_mismatch', async () => {
    await damageObject(1, { totalBytes: 8100 });
    expect((await checkObjects(1)).anomalies).toEqual(['object_accounting_mismatch']);
  });

  test('object_unreferenced: nothing would ever collect it', async () => {
    await damageObject(3, { state: 'complete', totalBytes: 10 });
    expect((await checkObjects()).anomalies).toEqual(['object_unreferenced']);
  });

  test('partition_row_missing', async () => {
    damage(partitionKey(place), undefined);
    expect((await checkObjects()).anomalies).toEqual(['partition_row_missing']);
  });

  test('row_undecodable: is reported once, by the page that begins', async () => {
    damage(extentKey(place, 8000), Buffer.from([1]));
    damage(objectKey(idOf(3)), Buffer.from([1]));
    const { anomalies } = await checkObjects(1);
    expect(anomalies.filter((name) => name === 'row_undecodable')).toHaveLength(2);
  });

  test('object_unknown: in the store, and in no domain', async () => {
    const found = [];
    for await (const one of unknownObjects([domain, new MemoryDomain()], [idOf(1), idOf(77)])) found.push(one);
    expect(found).toEqual([expect.objectContaining({ name: 'object_unknown', key: objectKey(idOf(77)) })]);
  });
});
