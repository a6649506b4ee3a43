// L1 objects for tests, built as the reconciler builds them: sections of batches, one chunk for every few hundred bytes.

import { offset, topicId } from '../../src/engine/base/ids.ts';
import { type L1BuiltObject, L1ObjectBuilder } from '../../src/engine/l1/l1.ts';
import { patchPlace } from '../../src/engine/records/record-batch-format.ts';
import type { ObjectStore } from '../../src/engine/store/object-store.ts';
import { makeBatch } from './record-batches.ts';

export const specimenCluster = '3188e253-0000-4000-8000-000000000001';
export const specimenTopic = topicId('6f1c2a34-5b6d-4e7f-8a9b-0c1d2e3f4a5b');

export interface SpecimenSection {
  readonly partition: number;
  readonly baseOffset: number;
  /** Of ten records each. */
  readonly batches: number;
}

/** A batch of ten records and 200 bytes; two of them fill a chunk. */
export function specimenBatch(baseOffset: number): Buffer {
  const payload = `from ${baseOffset}`.padEnd(139, '.');
  const batch = makeBatch({ payload, count: 10, timestampMs: 1_795_000_000_000 + baseOffset });
  patchPlace(batch, baseOffset, 1);
  return batch;
}

export async function putSpecimen(
  store: ObjectStore,
  objectId: string,
  sections: readonly SpecimenSection[],
): Promise<L1BuiltObject> {
  const builder = new L1ObjectBuilder({
    store,
    clusterId: specimenCluster,
    topicId: specimenTopic,
    objectId,
    kind: 'reconciled',
    createdMs: 1_795_000_000_000,
    partBytes: 1 << 20,
    indexBytes: 400,
  });
  for (const { partition, baseOffset, batches } of sections) {
    builder.beginSection(partition, offset(baseOffset));
    for (let at = 0; at < batches; at++) await builder.add(specimenBatch(baseOffset + at * 10));
    builder.endSection(offset(baseOffset + batches * 10 - 1));
  }
  return builder.finish();
}
