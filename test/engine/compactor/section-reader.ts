// Stands in for the L1 reader where only `scan` is asked for: reads a section as a whole, and gives its batches in small groups. A group
// is overwritten when the next is asked for, as the contract of a scan allows.

import type { L1Partition, L1Place, L1ScanOptions } from '../../../src/engine/l1/l1.ts';
import { formatL1Key } from '../../../src/engine/l1/l1-key-format.ts';
import { readBatchFacts, readBatchSize } from '../../../src/engine/records/record-batch-format.ts';
import type { ObjectStore } from '../../../src/engine/store/object-store.ts';

const groupBatches = 3;

export class SectionReader {
  readonly #store: ObjectStore;
  readonly #clusterId: string;

  constructor(store: ObjectStore, clusterId: string) {
    this.#store = store;
    this.#clusterId = clusterId;
  }

  async *scan(_: L1Partition, place: L1Place, options: L1ScanOptions = {}): AsyncGenerator<Buffer[]> {
    const { from = 0, signal, pace } = options;
    const { position, length } = place;
    const range = { start: position, end: position + length };
    const { bytes } = await this.#store.get(formatL1Key(this.#clusterId, place.objectId), {
      range,
      ...(signal === undefined ? {} : { signal }),
    });
    await pace?.(bytes.length);
    let group: Buffer[] = [];
    for (let at = 0; at < bytes.length; ) {
      const batch = Buffer.from(bytes.subarray(at, at + readBatchSize(bytes, at)));
      at += batch.length;
      const { baseOffset, lastOffsetDelta } = readBatchFacts(batch);
      if (baseOffset + lastOffsetDelta < from) continue;
      group.push(batch);
      if (group.length < groupBatches) continue;
      yield group;
      for (const one of group) one.fill(0xee);
      group = [];
    }
    if (group.length > 0) yield group;
  }
}
