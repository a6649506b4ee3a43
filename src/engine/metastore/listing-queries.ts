// Lists of rows, a page at a time, in key order.

import type { TopicId } from '../base/ids.ts';
import type { DomainReads } from '../domain/domain.ts';
import { decodeTermRow, type TermStart } from './extent-row-format.ts';
import {
  type ObjectId,
  objectKey,
  objectKeyPrefix,
  partitionKey,
  partitionKeyPrefix,
  producerKey,
  producersPrefix,
  type TopicPartition,
  termsPrefix,
  topicPartitionsPrefix,
} from './metastore-key-format.ts';
import { decodeObjectRow, type ObjectRow } from './object-row-format.ts';
import { decodePartitionRow, type PartitionRow } from './partition-row-format.ts';
import { decodeProducerRow, type ProducerSnapshot } from './producer-row-format.ts';
import { scanAll } from './row-reads.ts';

export interface PartitionListOptions {
  /** Only this topic's. */
  readonly topicId?: TopicId;
  readonly after?: TopicPartition;
  readonly limit: number;
}

/** The partitions of one domain. */
export async function listPartitions(reads: DomainReads, options: PartitionListOptions): Promise<PartitionRow[]> {
  const { topicId, after, limit } = options;
  const prefix = topicId === undefined ? partitionKeyPrefix : topicPartitionsPrefix(topicId);
  const rows = await reads.scan({ prefix, limit, ...(after === undefined ? {} : { after: partitionKey(after) }) });
  return rows.map(({ key, value }) => decodePartitionRow(key, value));
}

/** The objects of one domain. */
export async function listObjects(
  reads: DomainReads,
  options: { readonly after?: ObjectId; readonly limit: number },
): Promise<ObjectRow[]> {
  const { after, limit } = options;
  const rows = await reads.scan({
    prefix: objectKeyPrefix,
    limit,
    ...(after === undefined ? {} : { after: objectKey(after) }),
  });
  return rows.map(({ key, value }) => decodeObjectRow(key, value));
}

/** The live producers of a partition as of its next offset. */
export async function listProducers(
  reads: DomainReads,
  of: TopicPartition,
  options: { readonly after?: number; readonly limit: number },
): Promise<ProducerSnapshot[]> {
  const { after, limit } = options;
  const rows = await reads.scan({
    prefix: producersPrefix(of),
    limit,
    ...(after === undefined ? {} : { after: producerKey(of, after) }),
  });
  return rows.map(({ key, value }) => snapshotOf(key, value));
}

export async function readProducer(
  reads: DomainReads,
  of: TopicPartition,
  producerId: number,
): Promise<ProducerSnapshot | undefined> {
  const key = producerKey(of, producerId);
  const value = await reads.get(key);
  return value === undefined ? undefined : snapshotOf(key, value);
}

function snapshotOf(key: string, value: Uint8Array): ProducerSnapshot {
  const { producerId, producerEpoch, usedAtMs, batches } = decodeProducerRow(key, value);
  return { producerId, producerEpoch, usedAtMs, batches };
}

/** All terms of a partition, oldest first. */
export async function listTerms(reads: DomainReads, of: TopicPartition): Promise<TermStart[]> {
  const terms: TermStart[] = [];
  for await (const { key, value } of scanAll(reads, { prefix: termsPrefix(of) })) {
    const { term, startOffset } = decodeTermRow(key, value);
    terms.push({ term, startOffset });
  }
  return terms;
}
