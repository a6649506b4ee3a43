// Topics are removed in bounded steps; a topic is said to be gone only when nothing of it is left.

import { describe, expect, test } from 'vitest';
import { offset, term, topicId } from '../../../src/engine/base/ids.ts';
import { addObjects } from '../../../src/engine/metastore/add-objects.ts';
import { listPartitions } from '../../../src/engine/metastore/listing-queries.ts';
import {
  type PartitionCheckPosition,
  validateObjects,
  validatePartition,
} from '../../../src/engine/metastore/metastore.ts';
import { updateBytesMax } from '../../../src/engine/metastore/metastore-requests.ts';
import { preregisterObjects } from '../../../src/engine/metastore/object-lifecycle.ts';
import { removeTopics } from '../../../src/engine/metastore/remove-topics.ts';
import { MemoryDomain } from './memory-domain.ts';
import { addition, extent, idOf, now, object, topic } from './metastore-requests.ts';

const otherTopic = topicId('7f1c2a34-5b6d-4e7f-8a9b-0c1d2e3f4a5b');

async function add(domain: MemoryDomain, at: number, partitions: Parameters<typeof addition>[1][], extents: number) {
  await domain.write((await preregisterObjects(domain, { objectIds: [idOf(at)] }, now)).changes);
  const added = partitions.map((more) =>
    addition(
      Array.from({ length: extents }, (_, n) => extent(n, n, at)),
      more,
    ),
  );
  await domain.write((await addObjects(domain, { objects: [object(at)], partitions: added }, now)).changes);
}

const leftOf = (domain: MemoryDomain, id: string) =>
  domain.keys().filter((key) => key.includes(id) && !key.startsWith('removed/'));

/** What every step leaves behind is whole. */
async function expectSound(domain: MemoryDomain): Promise<void> {
  expect((await validateObjects(domain, { objectsMax: 1000 })).anomalies).toEqual([]);
  for (const row of await listPartitions(domain, { limit: 10 })) {
    let position: PartitionCheckPosition | undefined;
    do {
      const check = await validatePartition(domain, row, { rowsMax: 2000, ...(position ? { position } : {}) });
      expect(check.anomalies).toEqual([]);
      position = check.position;
    } while (position !== undefined);
  }
}

describe('several topics in one request', () => {
  // The step may end at any row of the first topic: exactly at its last one, or one before or behind it.
  test.each(Array.from({ length: 12 }, (_, at) => 992 + at))('where the first has %i extents', async (extents) => {
    const domain = new MemoryDomain();
    await add(domain, 1, [{ topicId: topic }], extents);
    await add(domain, 2, [{ topicId: otherTopic }], 3);
    for (let round = 0; ; round++) {
      expect(round).toBeLessThan(5);
      const { changes, answer } = await removeTopics(domain, { topicIds: [topic, otherTopic] }, now);
      await domain.write(changes);
      await expectSound(domain);
      for (const id of [topic, otherTopic]) {
        expect(leftOf(domain, id).length > 0, `${id} in round ${round}`).toBe(answer.notRemoved.includes(id));
      }
      if (answer.notRemoved.length === 0) break;
    }
    expect(new Set(domain.keys().map((key) => key.split('/')[0]))).toEqual(new Set(['object', 'removed']));
  });
});

test('partitions with a long history of terms: each step still fits an entry of the log', async () => {
  const domain = new MemoryDomain();
  for (let partition = 0; partition < 300; partition++) {
    const terms = Array.from({ length: 60 }, (_, at) => ({ term: term(at), startOffset: offset(at) }));
    const one = addition([extent(0, 99, 1)], { partition, terms });
    await domain.write((await preregisterObjects(domain, { objectIds: [idOf(partition)] }, now)).changes);
    const extents = [extent(0, 99, partition)];
    const request = { objects: [object(partition)], partitions: [{ ...one, extents }] };
    await domain.write((await addObjects(domain, request, now)).changes);
  }
  let rounds = 0;
  for (let isLeft = true; isLeft; rounds++) {
    const { changes, answer } = await removeTopics(domain, { topicIds: [topic] }, now);
    const bytes = changes.reduce((sum, { key, value }) => sum + key.length + (value?.length ?? 0) + 9, 0);
    expect(bytes).toBeLessThan(updateBytesMax / 2);
    await domain.write(changes);
    isLeft = answer.notRemoved.length > 0;
  }
  expect(rounds).toBeLessThan(40);
  expect(leftOf(domain, topic)).toEqual([]);
});
