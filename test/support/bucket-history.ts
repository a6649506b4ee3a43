// What the flushed metastore in a bucket says of every partition, and the batches that its L1 objects hold of it: the part of a
// partition below the chain that salvage makes of L0. No broker and no log is asked.
//
// Nothing is believed: batches are checked against their checksums, and must lie in offset order inside what the row claims.

import { systemClock } from '../../src/engine/base/clock.ts';
import { offset } from '../../src/engine/base/ids.ts';
import { silentLogger } from '../../src/engine/base/logger.ts';
import { type BucketView, openBucketView } from '../../src/engine/bucket-view/bucket-view.ts';
import type { DomainReads } from '../../src/engine/domain/domain.ts';
import { L1Reader } from '../../src/engine/l1/l1.ts';
import { MetastoreQueries } from '../../src/engine/metastore/metastore.ts';
import type { PartitionRow } from '../../src/engine/metastore/partition-row-format.ts';
import { History, placeOf } from '../../src/engine/partition/history.ts';
import { readBatchFacts, readBatchSize, verifyStoredBatch } from '../../src/engine/records/record-batch-format.ts';
import type { ObjectStore } from '../../src/engine/store/object-store.ts';

/** A batch of L1 as it lies there. */
export interface HistoryBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly attributes: number;
  readonly count: number;
  readonly bytes: Buffer;
}

export interface FlushedHistory {
  readonly row: PartitionRow;
  /** In offset order; the first may begin below the start offset. */
  readonly batches: readonly HistoryBatch[];
}

/** A domain that was never flushed has nothing in the bucket. */
const nothing: DomainReads = { get: async () => undefined, scan: async () => [] };
const readBytes = 1024 * 1024;

/** Of every partition that the bucket's metastore has a row of. */
export async function readFlushedHistories(store: ObjectStore, cluster: string): Promise<FlushedHistory[]> {
  await using view = await openBucketView({ store, cluster, clock: systemClock, logger: silentLogger });
  const domains = await metastoreDomains(view);
  if (domains.length === 0) return [];
  const metastore = new MetastoreQueries(domains);
  await using reader = new L1Reader({
    store,
    clusterId: view.cluster.clusterId,
    clock: systemClock,
    logger: silentLogger,
    memoryBytesMax: 64 * 1024 * 1024,
    footerBytesMax: 8 * 1024 * 1024,
    locate: async (topicId, partition, from) =>
      placeOf(await metastore.firstExtentAtOrAbove({ topicId, partition }, from)),
  });
  const history = new History({ reader, metastore });
  const found: FlushedHistory[] = [];
  for (const row of await metastore.partitions({ limit: 100_000 })) {
    found.push({ row, batches: await batchesOf(row, history) });
  }
  return found;
}

async function metastoreDomains(view: BucketView): Promise<DomainReads[]> {
  const names = (await view.domainNames()).filter((name) => name.startsWith('metastore/'));
  return Promise.all(names.map(async (name) => (await view.domain(name)) ?? nothing));
}

async function batchesOf(row: PartitionRow, history: History): Promise<HistoryBatch[]> {
  const { topicId, partition: index, startOffset, nextOffset } = row;
  const where = `${topicId}/${index}`;
  const batches: HistoryBatch[] = [];
  for (let from: number = startOffset; from < nextOffset; ) {
    const options = { from: offset(from), until: nextOffset, bytesMax: readBytes, atLeastOne: true };
    using read = await history.read({ topicId, index }, options);
    if (read.nothingThere) break;
    for (const part of read.parts) {
      for (let at = 0; at < part.length; ) {
        const bytes = Buffer.from(part.subarray(at, at + readBatchSize(part, at)));
        at += bytes.length;
        const { baseOffset, lastOffsetDelta, attributes, count } = readBatchFacts(bytes);
        verifyStoredBatch(bytes, offset(baseOffset), where);
        const lastOffset = baseOffset + lastOffsetDelta;
        if (lastOffset < from || (baseOffset < from && batches.length > 0) || lastOffset >= nextOffset) {
          throw new Error(
            `${where}: a batch of offsets ${baseOffset} to ${lastOffset} was read at ${from}, next offset ${nextOffset}`,
          );
        }
        batches.push({ baseOffset, lastOffset, attributes, count, bytes });
        from = lastOffset + 1;
      }
    }
  }
  return batches;
}
