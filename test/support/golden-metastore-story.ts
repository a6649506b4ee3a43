// What a reconciler, a compactor and retention would ask of the metastore, from few words: part of the story behind a golden bucket.

import { incarnation, offset, type Stamp, type TopicId, term, timestampMs } from '../../src/engine/base/ids.ts';
import type { VirtualClock } from '../../src/engine/base/virtual-clock.ts';
import type { Extent, OffsetRange } from '../../src/engine/metastore/extent-row-format.ts';
import type { Metastore } from '../../src/engine/metastore/metastore.ts';
import type { ObjectId, TopicPartition } from '../../src/engine/metastore/metastore-key-format.ts';
import type { NewObject } from '../../src/engine/metastore/metastore-requests.ts';

const objectBytes = 100_000;
const offsetsOfAnExtent = 7;

export class GoldenMetastoreStory {
  readonly #clock: VirtualClock;
  /** Opened anew for each term. */
  metastore: Metastore | undefined;
  #batches = 0;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  get #open(): Metastore {
    if (this.metastore === undefined) throw new Error('the metastore is not open');
    return this.metastore;
  }

  /** Extents one behind the other, with an explicit empty range behind the second, by an idempotent producer. */
  async add(topicId: TopicId, partition: number, extents: number, leader: number, partial = false): Promise<void> {
    const of: TopicPartition = { topicId, partition };
    const object = await this.#object(of, partial);
    const base = (await this.#open.partition(of))?.nextOffset ?? 0;
    const made: Extent[] = [];
    const emptyRanges: OffsetRange[] = [];
    let at: number = base;
    for (let index = 0; index < extents; index++) {
      made.push(this.#extent(object.objectId, at, offsetsOfAnExtent, index));
      at += offsetsOfAnExtent;
      if (index !== 1) continue;
      emptyRanges.push({ baseOffset: offset(at), lastOffset: offset(at + 1) });
      at += 2;
    }
    const lastBase = offset((made.at(-1) as Extent).baseOffset);
    await this.#open.addObjects({
      objects: [object],
      partitions: [
        {
          ...of,
          extents: made,
          emptyRanges,
          terms: [{ term: term(leader), startOffset: offset(base) }],
          lastStamp: this.#stamp(leader),
          producers: [
            {
              producerId: partition,
              producerEpoch: 0,
              usedAtMs: timestampMs(this.#clock.nowMs()),
              batches: [{ firstSequence: base, lastSequence: base + offsetsOfAnExtent - 1, baseOffset: lastBase }],
            },
          ],
          forgottenProducers: [],
        },
      ],
    });
  }

  /** Leveling: the first extents of a partition, and the empty range between them, become one extent. */
  async level(topicId: TopicId, partition: number): Promise<void> {
    const of: TopicPartition = { topicId, partition };
    const { base, end } = await this.#firstExtents(of);
    const object = await this.#object(of);
    const extents = [this.#extent(object.objectId, base, end - base, 0)];
    await this.#open.replaceObjects({
      objects: [object],
      partitions: [{ ...of, extents, emptyRanges: [], expectedCompactionEpoch: await this.#epoch(of) }],
    });
  }

  /** Compaction: of the first extents one is left, and tombstones in it; what lay behind it is empty. */
  async compact(topicId: TopicId, partition: number): Promise<void> {
    const of: TopicPartition = { topicId, partition };
    const { base, end } = await this.#firstExtents(of);
    const object = await this.#object(of);
    const kept = offsetsOfAnExtent;
    await this.#open.compactObjects({
      objects: [object],
      partitions: [
        {
          ...of,
          extents: [this.#extent(object.objectId, base, kept, 0)],
          emptyRanges: [{ baseOffset: offset(base + kept), lastOffset: offset(end - 1) }],
          expectedCompactionEpoch: await this.#epoch(of),
          cleanedRanges: [{ baseOffset: offset(base), lastOffset: offset(end - 1), hasTombstones: true }],
          removedTombstoneRanges: [],
          cleanedAtMs: timestampMs(this.#clock.nowMs()),
        },
      ],
    });
  }

  async removeBelow(topicId: TopicId, partition: number, startOffset: number): Promise<void> {
    const request = { topicId, partition, startOffset: offset(startOffset) };
    while ((await this.#open.setStartOffset(request)).hasMore);
  }

  async #object(of: TopicPartition, partial = false): Promise<NewObject> {
    const [objectId] = (await this.#open.preregister(this.#open.domainOf(of), 1)) as [ObjectId];
    return { objectId, sizeBytes: objectBytes, footerPosition: objectBytes - 500, ...(partial ? { partial } : {}) };
  }

  #extent(objectId: ObjectId, base: number, offsets: number, index: number): Extent {
    return {
      baseOffset: offset(base),
      lastOffset: offset(base + offsets - 1),
      maxTimestamp: timestampMs(this.#clock.nowMs() - 1000 + base),
      objectId,
      position: index * 1000,
      length: 600 + offsets,
    };
  }

  #stamp(leader: number): Stamp {
    return { incarnation: incarnation(1), term: term(leader), attempt: this.#batches++ };
  }

  /** The offsets of the first three. */
  async #firstExtents(of: TopicPartition): Promise<{ base: number; end: number }> {
    const row = await this.#open.partition(of);
    if (row === undefined) throw new Error(`${of.topicId}/${of.partition} has no rows`);
    const { extents } = await this.#open.pageOfExtents(of, { min: row.startOffset, max: row.nextOffset, limit: 3 });
    const last = extents.at(-1) as Extent;
    return { base: row.startOffset, end: last.lastOffset + 1 };
  }

  async #epoch(of: TopicPartition): Promise<number> {
    return (await this.#open.partition(of))?.compactionEpoch ?? 0;
  }
}
