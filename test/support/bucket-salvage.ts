// Reads a cluster out of its bucket alone, as a restore would: who owns it, what the flushed metastore has of every partition in L1
// (bucket-history.ts), every L0 footer, and per partition the chain that salvage makes of them from the flushed next offset on. Nothing
// is believed: footers and batches are checked against their checksums and against each other, and the engine's salvage is compared
// with its specification (test/model/salvage-model.ts).
//
//   expect(await missingFromBucket(storeUrl, acknowledged)).toEqual([]);
//
// It may be done beside a running broker: what was acknowledged before the call is found. Records that were deleted, or that a later
// one of their key replaces, are not missing.

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
import { type FlushedHistory, readFlushedHistories } from './bucket-history.ts';
import { toldValue } from './told-value.ts';

/** A batch as it lies in the bucket. */
export interface SalvagedBatch extends L0FooterBatch {
  readonly objectKey: string;
  /** The whole record batch, header included. */
  readonly bytes: Buffer;
}

export interface SalvagedRecord {
  readonly offset: number;
  readonly key: string | undefined;
  /** As `toldValue` has it. */
  readonly value: string | undefined;
}

/** An acknowledgement as a producer has seen it. */
export interface AcknowledgedRecord {
  readonly partition: number;
  readonly offset: number;
  /** Given for a topic that may be compacted: the record may be gone once there is a later one of its key. */
  readonly key?: string;
  /** As `toldValue` has it. */
  readonly value: string | undefined;
}

export type MissingRecord = AcknowledgedRecord & { readonly found: string | undefined };

export class SalvagedPartition {
  readonly topicId: string;
  readonly index: number;
  /** What the flushed metastore has in L1; undefined where it knows nothing of the partition. */
  readonly history: FlushedHistory | undefined;
  /** The chain from L0, in offset order: from the flushed next offset on. */
  readonly batches: readonly SalvagedBatch[];
  /** The highest committed end that any footer names: the chain reaches at least there. */
  readonly committedEnd: number;
  /** Everything that was uploaded to L0 for the partition, on the chain or not. */
  readonly uploads: readonly SalvagedBatch[];

  constructor(
    topicId: string,
    index: number,
    uploaded: readonly SalvagedBatch[],
    committedEnd: number,
    history?: FlushedHistory,
  ) {
    this.topicId = topicId;
    this.index = index;
    this.history = history;
    this.committedEnd = committedEnd;
    const row = history?.row;
    const start = row === undefined ? { nextOffset: offset(0), stamp: noStamp } : { ...row, stamp: row.lastStamp };
    this.uploads = uploaded;
    this.batches = salvageChain(start, uploaded);
    const specified = salvage({ ...start, stampBelow: start.stamp }, uploaded);
    const where = `${topicId}/${index}`;
    if (specified.ambiguousAt.length > 0) throw new Error(`${where}: two batches fit at ${specified.ambiguousAt}`);
    if (!isSame(this.batches, specified.chain)) {
      throw new Error(`${where}: the engine's salvage and its specification disagree`);
    }
    if (this.nextOffset < committedEnd) {
      throw new Error(`${where}: the chain ends at ${this.nextOffset}, a footer says ${committedEnd} is committed`);
    }
    // As long as L0 still has everything, the chain from the very beginning leads over the metastore's end to the same batches.
    const whole = salvage(salvageFromNothing, uploaded).chain;
    const above = whole.filter(({ baseOffset }) => baseOffset >= start.nextOffset);
    if (whole.length > 0 && !isSame(above, this.batches)) {
      throw new Error(`${where}: from the metastore's end ${start.nextOffset} salvage goes another way than from 0`);
    }
  }

  /** Nothing below counts. */
  get startOffset(): number {
    return this.history?.row.startOffset ?? 0;
  }

  get nextOffset(): number {
    const last = this.batches.at(-1);
    return last === undefined ? (this.history?.row.nextOffset ?? 0) : last.lastOffset + 1;
  }

  /** The records of L1 and of the chain; for batches with real records in them. */
  async records(): Promise<SalvagedRecord[]> {
    const found: SalvagedRecord[] = [];
    for (const { bytes, baseOffset, attributes, count } of [...(this.history?.batches ?? []), ...this.batches]) {
      const unpacked = await decompress(codecOf(attributes), bytes.subarray(batchHeaderBytes), 1 << 30);
      for (const record of iterateRecords(unpacked, count)) {
        const at = baseOffset + record.offsetDelta;
        if (at < this.startOffset) continue;
        found.push({ offset: at, key: record.key?.toString(), value: toldValue(record.value) });
      }
    }
    return found;
  }
}

const isSame = (one: readonly SalvagedBatch[], other: readonly SalvagedBatch[]): boolean =>
  one.length === other.length && one.every((batch, at) => batch === other[at]);

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

  /** Acknowledged records that the bucket does not have at their acknowledged offset, and should. */
  async missing(topicId: string, acknowledged: Iterable<AcknowledgedRecord>): Promise<MissingRecord[]> {
    const missing: MissingRecord[] = [];
    for (const [index, told] of Map.groupBy(acknowledged, ({ partition }) => partition)) {
      const partition = this.partition(topicId, index);
      missing.push(...missingRecords(told, (await partition?.records()) ?? [], partition?.startOffset ?? 0));
    }
    return missing;
  }
}

/** What of acknowledged records of one partition is not among those that were found, from a log start on, and should be. */
export function missingRecords(
  acknowledged: readonly AcknowledgedRecord[],
  found: readonly SalvagedRecord[],
  logStart: number,
): MissingRecord[] {
  const there = new Map(found.map((one) => [one.offset, one]));
  const lastFound = new Map(found.map(({ key, offset }) => [key, offset]));
  const lastTold = new Map<string | undefined, AcknowledgedRecord>();
  for (const one of acknowledged) {
    if ((lastTold.get(one.key)?.offset ?? -1) < one.offset) lastTold.set(one.key, one);
  }
  const isReplaced = ({ key, offset }: AcknowledgedRecord): boolean => {
    if (key === undefined) return false;
    const later = lastFound.get(key);
    // A tombstone goes in the end, and what it deletes must have gone before.
    return later === undefined ? lastTold.get(key)?.value === undefined : later > offset;
  };
  const missing: MissingRecord[] = [];
  for (const one of acknowledged) {
    if (one.offset < logStart) continue;
    const record = there.get(one.offset);
    if (record === undefined ? isReplaced(one) : isSameRecord(one, record)) continue;
    missing.push({ ...one, found: record === undefined ? undefined : `${record.key}=${record.value}` });
  }
  return missing;
}

const isSameRecord = (told: AcknowledgedRecord, found: SalvagedRecord): boolean =>
  told.value === found.value && (told.key === undefined || told.key === found.key);

/** Opens the cluster (name or id) from its bucket. Throws on damage, and on anything that no leader could have written. */
export async function salvageBucket(store: ObjectStore, cluster = 'default'): Promise<SalvagedBucket> {
  const found = await findCluster(store, cluster);
  if (found === undefined) throw new Error(`${store.label} has no cluster ${cluster}`);
  const owner = (await readOwner(store, found.clusterId))?.owner;
  if (owner === undefined) throw new Error(`cluster ${found.clusterId} has no OWNER`);
  // In this order: what is reconciled and deleted behind the listing is in the rows that are read after it.
  const l0 = await readL0(store, found.clusterId, owner);
  return bucketOf(l0, await readFlushedHistories(store, found.clusterId), owner);
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
  return bucketOf(await readL0(store, clusterId, owner), [], owner);
}

interface UploadedPartition {
  readonly topicId: string;
  readonly index: number;
  committedEnd: number;
  readonly batches: SalvagedBatch[];
}

async function readL0(store: ObjectStore, clusterId: string, owner: Owner | undefined) {
  const partitions = new Map<string, UploadedPartition>();
  let objects = 0;
  for await (const { key } of store.list({ prefix: l0Prefix(clusterId) })) {
    objects++;
    parseL0Key(clusterId, key);
    const { bytes } = await store.get(key);
    const footer = decodeL0Object(bytes, key);
    if (footer.clusterId !== clusterId) throw new Error(`${key} is of cluster ${footer.clusterId}`);
    for (const { topicId, index, committedEnd, batches } of footer.partitions) {
      const into = uploadedPartition(partitions, topicId, index);
      into.committedEnd = Math.max(into.committedEnd, committedEnd);
      for (const batch of batches) into.batches.push(checkedBatch(batch, bytes, key, owner));
    }
  }
  return { objects, partitions };
}

function uploadedPartition(of: Map<string, UploadedPartition>, topicId: string, index: number): UploadedPartition {
  const name = `${topicId}/${index}`;
  const known = of.get(name) ?? { topicId, index, committedEnd: 0, batches: [] };
  of.set(name, known);
  return known;
}

function bucketOf(
  { objects, partitions }: Awaited<ReturnType<typeof readL0>>,
  histories: readonly FlushedHistory[],
  owner: Owner | undefined,
): SalvagedBucket {
  const byName = new Map(histories.map((one) => [`${one.row.topicId}/${one.row.partition}`, one]));
  for (const { row } of histories) uploadedPartition(partitions, row.topicId, row.partition);
  const salvaged = [...partitions].map(
    ([name, one]) => new SalvagedPartition(one.topicId, one.index, one.batches, one.committedEnd, byName.get(name)),
  );
  return new SalvagedBucket(owner, objects, salvaged);
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
