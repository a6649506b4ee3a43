// Reads a cluster out of its bucket alone, as a restore would: who owns it, every L0 footer, and per partition the chain that
// salvage makes of them. Nothing is believed: footers and batches are checked against their checksums and against each other,
// and the engine's salvage is compared with its specification (test/model/salvage-model.ts).
//
//   expect(await missingFromBucket(storeUrl, acknowledged)).toEqual([]);
//
// It may be done beside a running broker: what was acknowledged before the call is found.

import { systemClock } from '../../src/engine/base/clock.ts';
import { compareStamps, noStamp, offset } from '../../src/engine/base/ids.ts';
import { silentLogger } from '../../src/engine/base/logger.ts';
import { systemRandom } from '../../src/engine/base/random.ts';
import { findCluster, readOwner } from '../../src/engine/cluster/cluster-directory.ts';
import type { Owner } from '../../src/engine/cluster/owner-format.ts';
import { salvageChain } from '../../src/engine/l0/l0.ts';
import { l0Prefix, parseL0Key } from '../../src/engine/l0/l0-key-format.ts';
import {
  batchHeaderCrc,
  decodeL0Object,
  type L0FooterBatch,
  l0KindRecords,
} from '../../src/engine/l0/l0-object-format.ts';
import { decompress } from '../../src/engine/records/compression.ts';
import {
  batchHeaderBytes,
  codecOf,
  readBatchFacts,
  readLeaderEpoch,
  verifyStoredBatch,
} from '../../src/engine/records/record-batch-format.ts';
import { iterateRecords } from '../../src/engine/records/record-format.ts';
import type { ObjectStore } from '../../src/engine/store/object-store.ts';
import { openStore } from '../../src/engine/store/store.ts';
import { salvage, salvageFromNothing } from '../model/salvage-model.ts';

/** A batch as it lies in the bucket. */
export interface SalvagedBatch extends L0FooterBatch {
  readonly objectKey: string;
  /** The whole record batch, header included. */
  readonly bytes: Buffer;
}

export interface SalvagedRecord {
  readonly offset: number;
  readonly key: string | undefined;
  readonly value: string | undefined;
}

/** An acknowledgement as a producer has seen it. */
export interface AcknowledgedRecord {
  readonly partition: number;
  readonly offset: number;
  readonly value: string;
}

export class SalvagedPartition {
  readonly topicId: string;
  readonly index: number;
  /** The chain, in offset order. */
  readonly batches: readonly SalvagedBatch[];
  /** The highest committed end that any footer names: the chain reaches at least there. */
  readonly committedEnd: number;
  /** Everything that was uploaded for the partition, on the chain or not. */
  readonly uploaded: number;

  constructor(topicId: string, index: number, uploaded: readonly SalvagedBatch[], committedEnd: number) {
    this.topicId = topicId;
    this.index = index;
    this.uploaded = uploaded.length;
    this.committedEnd = committedEnd;
    this.batches = salvageChain({ nextOffset: offset(0), stamp: noStamp }, uploaded);
    const specified = salvage(salvageFromNothing, uploaded);
    const where = `${topicId}/${index}`;
    if (specified.ambiguousAt.length > 0) throw new Error(`${where}: two batches fit at ${specified.ambiguousAt}`);
    const same = specified.chain.length === this.batches.length;
    if (!same || this.batches.some((batch, at) => batch !== specified.chain[at])) {
      throw new Error(`${where}: the engine's salvage and its specification disagree`);
    }
    if (this.nextOffset < committedEnd) {
      throw new Error(`${where}: the chain ends at ${this.nextOffset}, a footer says ${committedEnd} is committed`);
    }
  }

  get nextOffset(): number {
    const last = this.batches.at(-1);
    return last === undefined ? 0 : last.lastOffset + 1;
  }

  /** The records of the chain; for batches with real records in them. */
  async records(): Promise<SalvagedRecord[]> {
    const found: SalvagedRecord[] = [];
    for (const { bytes, baseOffset, attributes, count } of this.batches) {
      const unpacked = await decompress(codecOf(attributes), bytes.subarray(batchHeaderBytes), 1 << 30);
      for (const record of iterateRecords(unpacked, count)) {
        found.push({
          offset: baseOffset + record.offsetDelta,
          key: record.key?.toString(),
          value: record.value?.toString(),
        });
      }
    }
    return found;
  }
}

export class SalvagedBucket {
  /** Undefined when only the L0 objects were read. */
  readonly owner: Owner | undefined;
  readonly objects: number;
  readonly partitions: readonly SalvagedPartition[];

  constructor(owner: Owner | undefined, objects: number, partitions: readonly SalvagedPartition[]) {
    this.owner = owner;
    this.objects = objects;
    this.partitions = partitions;
  }

  partition(topicId: string, index: number): SalvagedPartition | undefined {
    return this.partitions.find((one) => one.topicId === topicId && one.index === index);
  }

  /** The only topic that the bucket has records of; names of topics are not in L0. */
  get onlyTopicId(): string {
    const ids = new Set(this.partitions.map((one) => one.topicId));
    if (ids.size !== 1) throw new Error(`expected records of one topic, found those of ${ids.size}`);
    return [...ids][0] as string;
  }

  /** Acknowledged records that the bucket does not have at their acknowledged offset. */
  async missing(
    topicId: string,
    acknowledged: Iterable<AcknowledgedRecord>,
  ): Promise<(AcknowledgedRecord & { readonly found: string | undefined })[]> {
    const values = new Map<number, Map<number, string | undefined>>();
    for (const partition of this.partitions) {
      if (partition.topicId !== topicId) continue;
      values.set(partition.index, new Map((await partition.records()).map((one) => [one.offset, one.value])));
    }
    return [...acknowledged]
      .map((one) => ({ ...one, found: values.get(one.partition)?.get(one.offset) }))
      .filter(({ value, found }) => value !== found);
  }
}

/** Opens the cluster (name or id) from its bucket. Throws on damage, and on anything that no leader could have written. */
export async function salvageBucket(store: ObjectStore, cluster = 'default'): Promise<SalvagedBucket> {
  const found = await findCluster(store, cluster);
  if (found === undefined) throw new Error(`${store.label} has no cluster ${cluster}`);
  const owner = (await readOwner(store, found.clusterId))?.owner;
  if (owner === undefined) throw new Error(`cluster ${found.clusterId} has no OWNER`);
  return salvageL0(store, found.clusterId, owner);
}

/** For a bucket with records of a single topic: the acknowledged records that it does not have. S3 credentials: environment. */
export async function missingFromBucket(
  storeUrl: string,
  acknowledged: Iterable<AcknowledgedRecord>,
): Promise<readonly AcknowledgedRecord[]> {
  await using store = await openStore(storeUrl, { clock: systemClock, random: systemRandom, logger: silentLogger });
  const bucket = await salvageBucket(store);
  return await bucket.missing(bucket.onlyTopicId, acknowledged);
}

/** The L0 part alone, for buckets without OWNER. */
export async function salvageL0(store: ObjectStore, clusterId: string, owner?: Owner): Promise<SalvagedBucket> {
  const found = new Map<string, { topicId: string; index: number; committedEnd: number; batches: SalvagedBatch[] }>();
  let objects = 0;
  for await (const { key } of store.list({ prefix: l0Prefix(clusterId) })) {
    objects++;
    parseL0Key(clusterId, key);
    const { bytes } = await store.get(key);
    const footer = decodeL0Object(bytes, key);
    if (footer.clusterId !== clusterId) throw new Error(`${key} is of cluster ${footer.clusterId}`);
    for (const { topicId, index, committedEnd, batches } of footer.partitions) {
      const name = `${topicId}/${index}`;
      const into = found.get(name) ?? { topicId, index, committedEnd: 0, batches: [] };
      found.set(name, into);
      into.committedEnd = Math.max(into.committedEnd, committedEnd);
      for (const batch of batches) into.batches.push(checkedBatch(batch, bytes, key, owner));
    }
  }
  const partitions = [...found.values()].map(
    (one) => new SalvagedPartition(one.topicId, one.index, one.batches, one.committedEnd),
  );
  return new SalvagedBucket(owner, objects, partitions);
}

/** The entry with its bytes, when entry, batch and checksums agree. */
function checkedBatch(entry: L0FooterBatch, object: Buffer, key: string, owner: Owner | undefined): SalvagedBatch {
  const bytes = object.subarray(entry.position, entry.position + entry.length);
  const where = `${key}@${entry.position}`;
  if (entry.kind !== l0KindRecords) throw new Error(`${where}: kind ${entry.kind}`);
  verifyStoredBatch(bytes, entry.baseOffset, where);
  const facts = readBatchFacts(bytes);
  const agrees =
    batchHeaderCrc(bytes) === entry.headerCrc &&
    readLeaderEpoch(bytes) === entry.stamp.term &&
    facts.lastOffsetDelta === entry.lastOffset - entry.baseOffset &&
    facts.producerId === entry.producerId &&
    facts.producerEpoch === entry.producerEpoch &&
    facts.baseSequence === entry.baseSequence &&
    facts.count === entry.count &&
    facts.attributes === entry.attributes &&
    facts.maxTimestamp === entry.maxTimestamp;
  if (!agrees) throw new Error(`${where}: the footer and the batch disagree`);
  if (compareStamps(entry.link, entry.stamp) > 0) throw new Error(`${where}: a batch links to a later stamp`);
  if (owner !== undefined && entry.stamp.incarnation > owner.incarnation) {
    throw new Error(`${where}: incarnation ${entry.stamp.incarnation} is above OWNER's ${owner.incarnation}`);
  }
  return { ...entry, objectKey: key, bytes };
}
