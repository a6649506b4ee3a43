// Adds what the reconciler has uploaded: extents, explicit empty ranges, terms, stamp and producers of partitions, in one batch.
//
// - every object must be known, or nothing is added
// - a partition's offsets are taken only where they begin at its next offset, 0 for one that is not known; otherwise they are dropped,
//   and the answer says where to go on: an acknowledgement that was lost heals itself
// - of a removed topic nothing is taken, and nothing that lies in an object which is complete: it was added before, when an
//   acknowledgement was lost, or has expired, and then the answer says to go on where the request began
// - what is dropped counts as removed bytes of its object, so that the object can be collected; the account of a complete object is
//   not touched, because its extents may be in use

import { compareStamps, noStamp, type Offset, offset, type TimestampMs, type TopicId } from '../base/ids.ts';
import type { DomainReads } from '../domain/domain.ts';
import { refreshIndex } from './extent-index.ts';
import { encodeExtentRow, encodeTermRow } from './extent-row-format.ts';
import { extentKey, partitionKey, producerKey, type TopicPartition, termKey } from './metastore-key-format.ts';
import type { AddObjectsAnswer, AddObjectsRequest, PartitionAddition, Update } from './metastore-requests.ts';
import { ObjectLedger } from './object-ledger.ts';
import { encodePartitionRow, type PartitionRow } from './partition-row-format.ts';
import { encodeProducerRow } from './producer-row-format.ts';
import { checkAddition, type Interval } from './request-policy.ts';
import { RowDraft } from './row-draft.ts';
import { lastTerm, readPartition } from './row-reads.ts';
import { conflict, endOfTiles, finishUpdate, isRemoved, putEmptyRange } from './update-rules.ts';

export async function addObjects(
  reads: DomainReads,
  request: AddObjectsRequest,
  nowMs: TimestampMs,
): Promise<Update<AddObjectsAnswer>> {
  const intervals = checkAddition(request);
  const draft = new RowDraft(reads);
  const ledger = new ObjectLedger(draft, nowMs);
  const closed = await ledger.admitOpen(request.objects);
  const corrections: (TopicPartition & { nextOffset: Offset })[] = [];
  // Asked once for each topic: an object may hold a thousand of its partitions.
  const removed = new Map<TopicId, boolean>();
  for (const [at, addition] of request.partitions.entries()) {
    const { topicId, partition, extents } = addition;
    const interval = intervals[at] as Interval;
    if (!removed.has(topicId)) removed.set(topicId, await isRemoved(draft, topicId));
    const isGone = removed.get(topicId) === true;
    const row = (await readPartition(draft, addition)) ?? emptyPartition(addition);
    const fits = interval.baseOffset === row.nextOffset && !extents.some(({ objectId }) => closed.has(objectId));
    if (fits && !isGone) {
      for (const extent of extents) ledger.use(extent);
      await append(draft, row, addition, interval);
      continue;
    }
    if (!isGone) corrections.push({ topicId, partition, nextOffset: row.nextOffset });
    for (const extent of extents) if (!closed.has(extent.objectId)) ledger.drop(extent);
  }
  ledger.save();
  const removedTopics = [...removed].flatMap(([id, isGone]) => (isGone ? [id] : []));
  return finishUpdate(draft, { corrections, removedTopics });
}

function emptyPartition({ topicId, partition }: TopicPartition): PartitionRow {
  const none = offset(0);
  return {
    topicId,
    partition,
    startOffset: none,
    nextOffset: none,
    compactionEpoch: 0,
    sizeBytes: 0,
    extentCount: 0,
    lastStamp: noStamp,
  };
}

async function append(
  draft: RowDraft,
  row: PartitionRow,
  addition: PartitionAddition,
  interval: Interval,
): Promise<void> {
  const { extents, emptyRanges, lastStamp, producers, forgottenProducers } = addition;
  if (compareStamps(lastStamp, row.lastStamp) < 0) throw conflict('the stamp is older than the one that is known', row);
  await addTerms(draft, addition);
  for (const extent of extents) draft.put(extentKey(row, extent.baseOffset), encodeExtentRow(extent));
  for (const range of emptyRanges) await putEmptyRange(draft, row, range);
  await refreshIndex(draft, row, { removed: [], added: extents.map((one) => one.baseOffset), append: true });
  for (const id of forgottenProducers) draft.delete(producerKey(row, id));
  for (const producer of producers) draft.put(producerKey(row, producer.producerId), encodeProducerRow(producer));
  const changed: PartitionRow = {
    ...row,
    nextOffset: endOfTiles(interval),
    sizeBytes: row.sizeBytes + extents.reduce((sum, one) => sum + one.length, 0),
    extentCount: row.extentCount + extents.length,
    lastStamp,
  };
  draft.put(partitionKey(row), encodePartitionRow(changed));
}

async function addTerms(draft: RowDraft, addition: PartitionAddition): Promise<void> {
  const known = await lastTerm(draft, addition);
  for (const start of addition.terms) {
    if (known !== undefined && (start.term < known.term || start.startOffset <= known.startOffset)) {
      throw conflict(
        `term ${start.term} at ${start.startOffset} does not follow term ${known.term} at ${known.startOffset}`,
        addition,
      );
    }
    if (start.term !== known?.term) draft.put(termKey(addition, start.term), encodeTermRow(start));
  }
}
