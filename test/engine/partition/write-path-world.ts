// The write path in a small world: real partitions, writer, committer and reader over a store and a log that fail when told to.
// The log is in memory; the store is too, or it is the real file store on a file system that loses what was not flushed.
// Time is virtual.

import { EngineError } from '../../../src/engine/base/errors.ts';
import { clusterEpoch, incarnation, type TopicId, topicId } from '../../../src/engine/base/ids.ts';
import { silentLogger } from '../../../src/engine/base/logger.ts';
import { seededRandom } from '../../../src/engine/base/random.ts';
import { SlabPool } from '../../../src/engine/base/slab-pool.ts';
import { VirtualClock } from '../../../src/engine/base/virtual-clock.ts';
import { L0Reader, L0Writer, type SealRules } from '../../../src/engine/l0/l0.ts';
import { decodeL0Object } from '../../../src/engine/l0/l0-object-format.ts';
import type { L1Reader } from '../../../src/engine/l1/l1.ts';
import type { MetastoreQueries } from '../../../src/engine/metastore/metastore.ts';
import { Committer } from '../../../src/engine/partition/committer.ts';
import { History } from '../../../src/engine/partition/history.ts';
import type { AppendResult, Partition } from '../../../src/engine/partition/partition.ts';
import { Partitions } from '../../../src/engine/partition/partitions.ts';
import type { BatchRules } from '../../../src/engine/records/batch-validation-policy.ts';
import { MemoryLog, MemoryLogDisk } from '../../../src/engine/replicated-log/memory-log.ts';
import { openFileStore } from '../../../src/engine/store/file-store.ts';
import type { FileSystem } from '../../../src/engine/store/file-system.ts';
import { MemoryStore } from '../../../src/engine/store/memory-store.ts';
import type { Body, ObjectStore } from '../../../src/engine/store/object-store.ts';
import { UnflushedFileSystem } from '../../../src/engine/store/unflushed-file-system.ts';
import { type SalvagedBucket, salvageL0 } from '../../support/bucket-salvage.ts';
import { type BatchOptions, makeBatch, readPayloads } from '../../support/record-batches.ts';

export const clusterId = '11111111-1111-4111-8111-111111111111';
export const topic: TopicId = topicId('22222222-2222-4222-8222-222222222222');

/** What happens to a PUT: nothing special, an error before or after it took effect, or an effect long after the error. */
export type PutFate = 'ok' | 'fails' | 'times-out-after-success' | 'appears-late';

/** This world ends at L0: nothing moves its LRO, so nobody asks for history. */
const nothingReconciled = new History({ reader: {} as L1Reader, metastore: {} as MetastoreQueries });

export interface WorldOptions {
  readonly store?: 'memory' | 'files';
  /** Takes flushes and the like away from the file store, to see what that does. */
  readonly weaken?: (fileSystem: FileSystem) => FileSystem;
}

export class WriteWorld {
  readonly clock = new VirtualClock();
  readonly random;
  readonly #options: WorldOptions;
  bucket: ObjectStore;
  readonly disk = new MemoryLogDisk('33333333-3333-4333-8333-333333333333');
  readonly slabs = new SlabPool({ slabBytes: 64 * 1024, bytesMax: 4 * 1024 * 1024 });
  readonly rules: { -readonly [Key in keyof BatchRules]: BatchRules[Key] } = {
    messageBytesMax: 1024 * 1024,
    timestampBeforeMaxMs: Number.POSITIVE_INFINITY,
    timestampAfterMaxMs: Number.POSITIVE_INFINITY,
    logAppendTime: false,
    compacted: false,
  };
  /** Asked for every PUT; may wait, so that PUTs finish out of order. */
  putFate: () => PutFate | Promise<PutFate> = () => 'ok';
  confirmOwnership: () => Promise<void> = async () => {};
  recentExtentsMax = 100_000;
  producersMax = 1000;
  seal: SealRules = { bytesMax: 64 * 1024, partitionsMax: 1000, batchesMax: 8000, interval: 'when-idle', gatherMs: 0 };
  readonly latePuts: (() => Promise<unknown>)[] = [];
  /** How many operations of the file system are left until the next crash; undefined for none. */
  operationsUntilCrash: number | undefined;
  /** For everything that was not flushed when the crash came: whether the disk has it all the same. */
  survivesCrash: () => boolean = () => false;
  /** Operations of the file system so far. */
  operations = 0;
  crashes = 0;
  /** Between a crash and the next start. */
  crashed = false;
  #files: UnflushedFileSystem;
  log: MemoryLog;
  partitions!: Partitions;
  writer!: L0Writer;
  reader!: L0Reader;

  constructor(seed = 1, options: WorldOptions = {}) {
    this.#options = options;
    this.random = seededRandom(seed);
    this.bucket = new MemoryStore({ clock: this.clock });
    this.#files = new UnflushedFileSystem({ clock: this.clock, beforeOperation: () => this.#beforeOperation() });
    this.log = new MemoryLog({ disk: this.disk });
  }

  #beforeOperation(): void {
    this.operations++;
    if (this.operationsUntilCrash !== undefined && this.operationsUntilCrash-- === 0) this.crash();
  }

  /** What is read of reconciled offsets. */
  protected history(): History {
    return nothingReconciled;
  }

  /** Starts the write path on what bucket and log hold, as a process start does. */
  async start(partitionCount = 1): Promise<void> {
    this.crashed = false;
    if (this.#options.store === 'files') {
      const { clock, random } = this;
      const fileSystem = this.#options.weaken?.(this.#files) ?? this.#files;
      this.bucket = await openFileStore({ directory: '/bucket', fileSystem, clock, random, logger: silentLogger });
    }
    const committer = new Committer(this.log);
    this.writer = new L0Writer({
      store: this.#faultyStore(),
      clusterId,
      shards: 1,
      seal: this.seal,
      putsMax: 64,
      clock: this.clock,
      random: this.random,
      logger: silentLogger,
      clusterEpoch: () => clusterEpoch(1),
      confirmOwnership: () => this.confirmOwnership(),
      defer: (run) => queueMicrotask(run),
    });
    this.reader = new L0Reader({
      store: this.bucket,
      clusterId,
      cacheBytesMax: 256 * 1024,
      inFlightBytesMax: 1024 * 1024,
    });
    this.partitions = new Partitions({
      log: this.log,
      committer,
      writer: this.writer,
      reader: this.reader,
      history: this.history(),
      clock: this.clock,
      logger: silentLogger,
      incarnation: incarnation(1),
      confirmOwnership: () => this.confirmOwnership(),
      producerRules: () => ({ expirationMs: 86_400_000, producersMax: this.producersMax }),
      recentExtentsMax: this.recentExtentsMax,
    });
    await this.partitions.open(
      Array.from({ length: partitionCount }, (_, index) => ({
        topicId: topic,
        index,
        creationEpoch: clusterEpoch(1),
        rules: () => this.rules,
      })),
    );
  }

  /**
   * The machine dies: unflushed bytes, directory entries and log calls are gone, but for those that `survivesCrash` and `keep`
   * name. The next start goes on from what is left.
   */
  crash(keep = this.#survivingLogCalls()): void {
    if (this.crashed) return;
    this.crashed = true;
    this.crashes++;
    this.operationsUntilCrash = undefined;
    this.log.crash(keep);
    this.log = new MemoryLog({ disk: this.disk });
    this.#files = this.#files.crash(this.survivesCrash);
  }

  #survivingLogCalls(): number {
    let keep = 0;
    while (keep < 10 && this.survivesCrash()) keep++;
    return keep;
  }

  leader(index = 0) {
    const leader = this.partitions.get(topic, index);
    if (leader === undefined) throw new EngineError('not-leader', `partition ${index} is not open`);
    return leader;
  }

  /** Sends a batch, as a connection does it: into a slab, pinned until the outcome is known. */
  async produce(options: BatchOptions, index = 0): Promise<AppendResult> {
    return await this.produceTo(this.leader(index), options);
  }

  async produceTo(leader: Pick<Partition, 'append'>, options: BatchOptions): Promise<AppendResult> {
    const batch = makeBatch(options);
    const range = this.slabs.allocate(batch.length);
    if (range === undefined) throw new EngineError('bug', 'the slab pool of the test is too small');
    range.bytes.set(batch);
    try {
      return await leader.append(range);
    } finally {
      range.unpin();
    }
  }

  /** Everything the live partition serves. */
  async fetchAll(index = 0): Promise<{ baseOffset: number; payload: string }[]> {
    const found: { baseOffset: number; payload: string }[] = [];
    const leader = this.leader(index);
    let from = leader.logStartOffset;
    while (from < leader.highWatermark) {
      using result = await leader.read({ from, bytesMax: 4096, atLeastOne: true });
      const batches = readPayloads(result.parts);
      found.push(...batches);
      const bytes = result.parts.at(-1) as Buffer;
      from = lastOffsetOf(bytes) as typeof from;
    }
    return found;
  }

  /** All L0 objects with their footers. */
  async footers() {
    const found = [];
    for await (const { key } of this.bucket.list({ prefix: `${clusterId}/level_zero/` })) {
      const { bytes } = await this.bucket.get(key);
      found.push({ key, bytes, footer: decodeL0Object(bytes, key) });
    }
    return found;
  }

  /** What the bucket alone says, as a restore would see it. */
  salvage(): Promise<SalvagedBucket> {
    return salvageL0(this.bucket, clusterId);
  }

  #faultyStore(): ObjectStore {
    const { bucket } = this;
    return new Proxy(bucket, {
      get: (target, name) => {
        if (name === 'put') return (key: string, body: Body) => this.#put(bucket, key, body);
        const value = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }

  async #put(bucket: ObjectStore, key: string, body: Body) {
    const fate = await this.putFate();
    if (fate === 'ok') return bucket.put(key, body);
    if (fate === 'times-out-after-success') await bucket.put(key, body);
    if (fate === 'appears-late') {
      const copy = [Buffer.concat(body)];
      this.latePuts.push(() => bucket.put(key, copy));
    }
    throw new EngineError('store-timeout', 'the store did not answer');
  }
}

/** Offset behind the last batch of some bytes. */
function lastOffsetOf(bytes: Buffer): number {
  let end = 0;
  for (let at = 0; at < bytes.length; at += bytes.readInt32BE(at + 8) + 12) {
    end = Number(bytes.readBigInt64BE(at)) + bytes.readInt32BE(at + 23) + 1;
  }
  return end;
}
