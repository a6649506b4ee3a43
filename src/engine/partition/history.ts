// What a partition reads of its reconciled offsets: the metastore says which extent holds them, L1 objects hold the batches.
//
// It knows nothing of log start, high watermark or LRO: whoever asks says from where and up to where. Batches that compaction has
// thinned out leave gaps, which readers pass over. What the metastore should know and does not is damage, never a gap: a reader that
// passed over it would lose what was acknowledged.

import { EngineError } from '../base/errors.ts';
import { type Offset, offset } from '../base/ids.ts';
import type { L1Place, L1Read, L1Reader } from '../l1/l1.ts';
import type { MetastoreQueries } from '../metastore/metastore.ts';
import { readBatchFacts } from '../records/record-batch-format.ts';
import type { PartitionName, ReadOptions } from './partition.ts';

export interface HistoryOptions {
  readonly reader: L1Reader;
  readonly metastore: MetastoreQueries;
}

export class History {
  readonly #options: HistoryOptions;

  constructor(options: HistoryOptions) {
    this.#options = options;
  }

  /** As a partition reads, up to `until` (exclusive), all of it reconciled; `nothingThere` where there is no batch. */
  async read(of: PartitionName, options: ReadOptions & { readonly until: Offset }): Promise<L1Read> {
    const { topicId, index: partition } = of;
    const read = await this.#options.reader.read({ topicId, partition }, options);
    if (!read.nothingThere) return read;
    const known = (await this.#options.metastore.partition({ topicId, partition }))?.nextOffset ?? 0;
    if (known >= options.until) return read;
    throw new EngineError(
      'corrupt-log',
      `the metastore has partition ${partition} of topic ${topicId} up to ${known} only, its log says that offsets up to ${options.until} are reconciled`,
      { context: { topicId, partition, nextOffset: known, reconciledEnd: options.until } },
    );
  }

  /** The first batch at or above `from` that may have a record at or after a time. */
  async batchAtTimestamp({ topicId, index: partition }: PartitionName, from: Offset, timestamp: number) {
    const { metastore, reader } = this.#options;
    const of = { topicId, partition };
    for (let next = from; ; ) {
      const place = placeOf(await metastore.firstExtentAtTimestamp(of, next, timestamp));
      if (place === undefined) return undefined;
      const batch = await reader.batchAtTimestamp(of, place, next, timestamp);
      if (batch !== undefined) return batch;
      // The record that led here lies below `from`, or the extent counts with the time it was appended at.
      next = offset(place.lastOffset + 1);
    }
  }

  /** The batch that holds an offset, or the first above it. */
  async batchAt({ topicId, index: partition }: PartitionName, at: Offset): Promise<Buffer | undefined> {
    const of = { topicId, partition };
    const place = placeOf(await this.#options.metastore.firstExtentAtOrAbove(of, at));
    return place === undefined ? undefined : this.#options.reader.batchAt(of, place, at);
  }

  /** Of the batches from an offset on, the first with the greatest timestamp. */
  async batchOfMaxTimestamp({ topicId, index: partition }: PartitionName, from: Offset): Promise<Buffer | undefined> {
    const { metastore, reader } = this.#options;
    const of = { topicId, partition };
    const greatest = placeOf(await metastore.extentOfMaxTimestamp(of, from));
    const best =
      greatest === undefined ? undefined : await reader.batchAtTimestamp(of, greatest, from, greatest.maxTimestamp);
    // The extent that `from` lies in counts from there on only, so its batches are looked at one by one.
    const first = placeOf(await metastore.firstExtentAtOrAbove(of, from));
    if (first === undefined || first.baseOffset >= from) return best;
    const straddling = await this.#greatestIn(of, first, from);
    if (straddling === undefined || best === undefined) return straddling ?? best;
    return readBatchFacts(best).maxTimestamp > readBatchFacts(straddling).maxTimestamp ? best : straddling;
  }

  async #greatestIn(of: { topicId: PartitionName['topicId']; partition: number }, place: L1Place, from: Offset) {
    let best: Buffer | undefined;
    for await (const batches of this.#options.reader.scan(of, place, { from })) {
      for (const batch of batches) {
        if (best !== undefined && readBatchFacts(batch).maxTimestamp <= readBatchFacts(best).maxTimestamp) continue;
        best = Buffer.from(batch);
      }
    }
    return best;
  }
}

type LocatedExtent = NonNullable<Awaited<ReturnType<MetastoreQueries['firstExtentAtOrAbove']>>>;

/** Where to read an extent. Throws `corrupt-object` where its object has no row: its bytes are not known, but there are some. */
export function placeOf(extent: LocatedExtent | undefined): L1Place | undefined {
  if (extent === undefined) return undefined;
  const { object, objectId, baseOffset, lastOffset } = extent;
  if (object !== undefined) return { ...extent, object };
  throw new EngineError(
    'corrupt-object',
    `the metastore has offsets ${baseOffset} to ${lastOffset} in L1 object ${objectId}, and no row of that object`,
    { context: { objectId, baseOffset, lastOffset } },
  );
}
