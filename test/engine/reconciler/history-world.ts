// The write path of a small world (write-path-world.ts) with history on top: a real reconciler, real L1 objects, a real metastore over
// rows in memory, on virtual time. Every call to the store may fail, every named step may be the last.

import { clusterEpoch, offset, type TopicId, timestampMs } from '../../../src/engine/base/ids.ts';
import { silentLogger } from '../../../src/engine/base/logger.ts';
import { L1ObjectBuilder, L1Reader } from '../../../src/engine/l1/l1.ts';
import { Metastore, validateObjects, validatePartition } from '../../../src/engine/metastore/metastore.ts';
import { History, placeOf } from '../../../src/engine/partition/history.ts';
import { Reconciler } from '../../../src/engine/reconciler/reconciler.ts';
import type { FaultPlan } from '../../../src/engine/store/fault-plan.ts';
import { FaultyStore } from '../../../src/engine/store/faulty-store.ts';
import type { ObjectStore } from '../../../src/engine/store/object-store.ts';
import { MemoryDomain } from '../metastore/memory-domain.ts';
import { clusterId, topic, WriteWorld } from '../partition/write-path-world.ts';

/** Thrown in a step: what was under way ends there, as if the process had. */
export class Killed extends Error {}

export class HistoryWorld extends WriteWorld {
  readonly domains: readonly MemoryDomain[];
  /** Entries of each domain's log that the bucket has. */
  readonly covered: number[];
  readonly applied: number[];
  settings = {
    enabled: true,
    skipMissing: false,
    targetBytes: 512 * 1024,
    minMs: 100,
    maxMs: 1000,
    jobsParallel: 2,
    memoryBytes: 64 * 1024,
  };
  step: (name: string) => Promise<void> | void = () => {};
  readonly steps: string[] = [];
  /** Faults of the calls that the work on history makes. */
  faults: FaultPlan = { next: () => undefined };
  /** Turns of the event loop that the reconciler left to others. */
  pauses = 0;
  /** GETs of L0 objects by the reconciler. */
  l0Gets: string[] = [];
  metastore!: Metastore;
  l1!: L1Reader;
  reconciler!: Reconciler;
  partitionCount = 1;

  constructor(seed = 1, domainCount = 1) {
    super(seed);
    this.domains = Array.from({ length: domainCount }, () => new MemoryDomain());
    this.covered = this.domains.map(() => 0);
    this.applied = this.domains.map(() => 0);
    for (const [at, domain] of this.domains.entries()) {
      domain.beforeWrite = () => {
        this.applied[at] = (this.applied[at] as number) + 1;
        return this.beforeMetastoreWrite();
      };
    }
  }

  beforeMetastoreWrite: () => void | Promise<void> = () => {};

  protected override history(): History {
    this.metastore = new Metastore({ domains: this.domains, clock: this.clock, random: this.random });
    this.l1 = new L1Reader({
      store: this.#store(),
      clusterId,
      clock: this.clock,
      logger: silentLogger,
      memoryBytesMax: 1024 * 1024,
      footerBytesMax: 64 * 1024,
      locate: async (topicId, partition, from) =>
        placeOf(await this.metastore.firstExtentAtOrAbove({ topicId, partition }, from)),
    });
    return new History({ reader: this.l1, metastore: this.metastore });
  }

  override async start(partitionCount = this.partitionCount): Promise<void> {
    this.partitionCount = partitionCount;
    await super.start(partitionCount);
    const { settings, clock } = this;
    const step = async (name: string) => {
      this.steps.push(name);
      if (this.crashed) throw new Killed();
      await this.step(name);
    };
    this.reconciler = new Reconciler({
      partitions: () => this.partitions.all(),
      metastore: this.metastore,
      domains: this.domains.map((_, at) => ({
        appliedIndex: () => this.applied[at] as number,
        coveredIndex: () => this.covered[at] as number,
      })),
      store: this.#store(),
      clusterId,
      newBuilder: (topicId, objectId, signal) =>
        new L1ObjectBuilder({
          store: this.#store(),
          clusterId,
          topicId,
          objectId,
          kind: 'reconciled',
          createdMs: clock.nowMs(),
          partBytes: 5 * 1024 * 1024,
          indexBytes: 512,
          signal,
          step: (name) => step(`reconcile.${name}`),
        }),
      settings: {
        enabled: () => settings.enabled,
        interval: () => settings,
        skipMissing: () => settings.skipMissing,
        jobsParallel: settings.jobsParallel,
        memoryBytes: settings.memoryBytes,
      },
      clock,
      logger: silentLogger,
      pace: async () => {},
      pause: async () => {
        this.pauses++;
      },
      step,
    });
  }

  override crash(keep?: number): void {
    super.crash(keep);
    this.faults = { next: () => ({ kind: 'unavailable' }) };
  }

  /** A restart on what is durable; faults are over. */
  async startAgain(): Promise<void> {
    const ending = this.reconciler[Symbol.asyncDispose]();
    for (let turn = 0; turn < 20; turn++) await this.clock.advance(0);
    await ending;
    this.faults = { next: () => undefined };
    this.step = () => {};
    await this.start();
  }

  /** Takes the bytes out of the batch cache: what is read from then on comes from the store. */
  forgetBatchCache(): void {
    for (let filled = 0; filled < 64; filled++) this.slabs.allocate(64 * 1024)?.unpin();
  }

  /** Keeps all reads of the bucket waiting until what it returns is called. */
  holdReads(): () => void {
    const { promise: mayRead, resolve: letRead } = Promise.withResolvers<void>();
    const get = this.bucket.get.bind(this.bucket);
    this.bucket.get = async (...wanted) => {
      await mayRead;
      return get(...wanted);
    };
    return letRead;
  }

  /** The topic gets one partition more. */
  async addPartition(): Promise<void> {
    const index = this.partitionCount++;
    await this.openPartition(topic, index);
  }

  async openPartition(topicId: TopicId, index: number): Promise<void> {
    await this.partitions.open([{ topicId, index, creationEpoch: clusterEpoch(1), rules: () => this.rules }]);
  }

  /** As the deletion of a topic goes on, once it is decided: leaders and logs, then what the metastore has of it. */
  async removeTopic(topicId: TopicId, partitionCount: number): Promise<void> {
    await this.partitions.remove(Array.from({ length: partitionCount }, (_, index) => ({ topicId, index })));
    for (const domain of this.domains.keys()) {
      for (let left = 1; left > 0; )
        left = (await this.metastore.removeTopics(domain, { topicIds: [topicId] })).notRemoved.length;
    }
  }

  /** The metastore's domains are written to the bucket. */
  flushMetastore(): void {
    for (const at of this.domains.keys()) this.covered[at] = this.applied[at] as number;
  }

  /** Lets rounds come until everything is reconciled. */
  async settle(limitMs = 60_000): Promise<void> {
    for (let passedMs = 0; passedMs < limitMs; passedMs += 50) {
      const leaders = [...this.partitions.all()];
      if (leaders.length === this.partitionCount && leaders.every((one) => one.reconciledEnd === one.highWatermark)) {
        // Trimming comes behind the round.
        await this.clock.advance(1_000);
        return;
      }
      await this.clock.advance(50);
    }
    const problems = this.reconciler.schedules().get(topic)?.problems;
    const state = [...this.partitions.all()].map((one) => {
      const problem = problems?.get(one);
      return `${one.index}: ${one.reconciledEnd} of ${one.highWatermark} ${problem?.stack ?? ''}`;
    });
    throw new Error(`waited in vain until all was reconciled: ${state.join(', ')}`);
  }

  /** What the metastore's validators find, and what its rows do not agree with the logs in. */
  async findings(): Promise<string[]> {
    const found: string[] = [];
    for (const [domain, reads] of this.domains.entries()) {
      const { anomalies } = await validateObjects(reads, { objectsMax: 100_000 });
      found.push(...anomalies.map((one) => `domain ${domain}: ${JSON.stringify(one)}`));
    }
    for (let partition = 0; partition < this.partitionCount; partition++) {
      const of = { topicId: topic, partition };
      const reads = this.domains[this.metastore.domainOf(of)] as MemoryDomain;
      const row = await this.metastore.partition(of);
      const lro = this.partitions.get(topic, partition)?.reconciledEnd ?? 0;
      if (lro > (row?.nextOffset ?? 0)) found.push(`partition ${partition}: LRO ${lro} leads the metastore`);
      // Before the first round there is no row of it.
      if (row === undefined) continue;
      const check = await validatePartition(reads, of, { rowsMax: 100_000 });
      found.push(...check.anomalies.map((one) => `partition ${partition}: ${JSON.stringify(one)}`));
    }
    return found;
  }

  /** L1 objects in the bucket that no row knows, and those whose rows wait for an object. */
  async orphans(): Promise<{ unknown: string[]; preregistered: string[] }> {
    const rows = new Map<string, string>();
    for (const domain of this.domains.keys()) {
      for (const row of await this.metastore.objects(domain, { limit: 100_000 })) rows.set(row.objectId, row.state);
    }
    const unknown: string[] = [];
    const prefix = `${clusterId}/level_one/`;
    for await (const { key } of this.bucket.list({ prefix })) {
      if (!rows.has(key.slice(prefix.length))) unknown.push(key);
    }
    const preregistered = [...rows].filter(([, state]) => state === 'preregistered').map(([id]) => id);
    return { unknown, preregistered };
  }

  /** First record at or after a time, as ListOffsets asks. */
  async offsetAt(timestamp: number, index = 0): Promise<number | undefined> {
    return (await this.leader(index).offsetForTimestamp(timestampMs(timestamp)))?.offset;
  }

  /** Reads one answer from an offset on. */
  async readFrom(from: number, bytesMax: number, index = 0) {
    return this.leader(index).read({ from: offset(from), bytesMax, atLeastOne: true });
  }

  #store(): ObjectStore {
    const counted = new Proxy(this.bucket, {
      get: (target, name) => {
        if (name === 'get') {
          return (key: string, options?: Parameters<ObjectStore['get']>[1]) => {
            if (key.includes('/level_zero/')) this.l0Gets.push(key);
            return target.get(key, options);
          };
        }
        const value = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    return new FaultyStore(counted, { next: (operation, key) => this.faults.next(operation, key) }, this.clock);
  }
}

/** Started, after a change to its settings. */
export async function world(
  partitionCount = 1,
  change: (made: HistoryWorld) => void = () => {},
): Promise<HistoryWorld> {
  const made = new HistoryWorld();
  change(made);
  await made.start(partitionCount);
  return made;
}

export const payloads = (found: readonly { payload: string }[]): string[] => found.map((one) => one.payload);

export async function produceMany(made: HistoryWorld, names: readonly string[], index = 0): Promise<void> {
  for (const payload of names) await made.produce({ payload }, index);
}

export const named = (count: number, name = 'r'): string[] => Array.from({ length: count }, (_, at) => `${name}${at}`);
