// Reads a partition over the wire.

import { decompress } from '../../../src/engine/records/compression.ts';
import {
  batchHeaderBytes,
  codecOf,
  isControl,
  readBatchFacts,
  readBatchSize,
} from '../../../src/engine/records/record-batch-format.ts';
import { iterateRecords } from '../../../src/engine/records/record-format.ts';
import { fetch, listOffsets } from '../../../src/engine/wire/wire.ts';
import { toldValue } from '../../support/told-value.ts';
import type { RawClient } from '../broker/raw-client.ts';

export interface ConsumedRecord {
  readonly offset: number;
  readonly key: string | undefined;
  /** As `toldValue` has it. */
  readonly value: string | undefined;
}

export interface FetchedRecords {
  /** From the offset that was asked for on. */
  readonly records: readonly ConsumedRecord[];
  /** Where to go on: behind the last batch, also where that has no record. */
  readonly next: number;
  /** Of the batches that came. */
  readonly bytes: number;
  readonly logStart: number;
  readonly highWatermark: number;
}

const offsetOutOfRange = 1;
export const outOfRange = 'out of range';

/** NOT_LEADER, UNKNOWN_TOPIC_OR_PARTITION, KAFKA_STORAGE_ERROR, UNKNOWN_TOPIC_ID */
const retriable = new Set([6, 3, 56, 100]);

export class FetchRefused extends Error {
  readonly isRetriable: boolean;

  constructor(code: number) {
    super(`a fetch was answered ${code}`);
    this.isRetriable = retriable.has(code);
  }
}

/** One fetch; throws `FetchRefused`. */
export async function fetchRecords(
  client: RawClient,
  topicId: string,
  partition: number,
  { from, bytesMax = 1 << 20, waitMs = 0 }: { from: number; bytesMax?: number; waitMs?: number },
): Promise<FetchedRecords | typeof outOfRange> {
  const request = {
    ...fetchRequest(topicId, partition, from, bytesMax),
    maxWaitMs: waitMs,
    minBytes: waitMs > 0 ? 1 : 0,
  };
  const answer = await client.call(fetch, 13, request);
  const found = answer.responses[0]?.partitions[0];
  if (found?.errorCode === offsetOutOfRange) return outOfRange;
  if (answer.errorCode !== 0 || found?.errorCode !== 0) throw new FetchRefused(found?.errorCode ?? answer.errorCode);
  const records: ConsumedRecord[] = [];
  const bytes = found.records ?? Buffer.alloc(0);
  let next = from;
  let at = 0;
  while (at < bytes.length && at + readBatchSize(bytes, at) <= bytes.length) {
    const batch = bytes.subarray(at, at + readBatchSize(bytes, at));
    at += batch.length;
    const facts = readBatchFacts(batch);
    next = Math.max(next, facts.baseOffset + facts.lastOffsetDelta + 1);
    if (isControl(facts.attributes)) continue;
    const unpacked = await decompress(codecOf(facts.attributes), batch.subarray(batchHeaderBytes), 1 << 30);
    for (const record of iterateRecords(unpacked, facts.count)) {
      const offset = facts.baseOffset + record.offsetDelta;
      if (offset < from) continue;
      records.push({ offset, key: record.key?.toString(), value: toldValue(record.value) });
    }
  }
  return { records, next, bytes: at, logStart: found.logStartOffset, highWatermark: found.highWatermark };
}

/** By topic name. */
export async function fetchLogStart(client: RawClient, topic: string, partition: number): Promise<number> {
  const partitions = [{ partitionIndex: partition, currentLeaderEpoch: -1, timestamp: -2 }];
  const topics = [{ name: topic, partitions }];
  const answer = await client.call(listOffsets, 7, { replicaId: -1, isolationLevel: 0, topics });
  const found = answer.topics[0]?.partitions[0];
  if (found?.errorCode !== 0) throw new FetchRefused(found?.errorCode ?? -1);
  return found.offset;
}

/** Values in the order of their offsets, from 0 to the high watermark; throws where an offset is missing or doubled. */
export async function fetchValues(client: RawClient, topicId: string, partition: number): Promise<string[]> {
  const values: string[] = [];
  for (;;) {
    const found = await fetchRecords(client, topicId, partition, { from: values.length });
    if (found === outOfRange) throw new Error(`offset ${values.length} is out of range`);
    for (const { offset, value } of found.records) {
      if (offset !== values.length) throw new Error(`offset ${values.length} is missing or doubled: ${offset} follows`);
      values.push(value ?? '');
    }
    if (values.length >= found.highWatermark) return values;
  }
}

export function fetchRequest(topicId: string, partition: number, fetchOffset: number, partitionMaxBytes: number) {
  return {
    maxWaitMs: 0,
    minBytes: 0,
    topics: [{ topicId, partitions: [{ partition, fetchOffset, partitionMaxBytes }] }],
  };
}
