// A partition with its history in L1, on a metastore and a store in memory, for tests of what the compactor does to it. A compactor may
// be killed in any step and another one opened on what is there.

import { type Offset, offset, type Term, term, timestampMs, topicId } from '../../../src/engine/base/ids.ts';
import { silentLogger } from '../../../src/engine/base/logger.ts';
import { seededRandom } from '../../../src/engine/base/random.ts';
import { VirtualClock } from '../../../src/engine/base/virtual-clock.ts';
import {
  type CleanupRules,
  Compactor,
  type CompactorOptions,
  type MaintainedPartition,
} from '../../../src/engine/compactor/compactor.ts';
import type { LocatedExtent } from '../../../src/engine/compactor/maintained-partition.ts';
import { L1ObjectBuilder, L1Reader } from '../../../src/engine/l1/l1.ts';
import { l1Prefix, parseL1Key } from '../../../src/engine/l1/l1-key-format.ts';
import { openMetastore, validateObjects, validatePartition } from '../../../src/engine/metastore/metastore.ts';
import { readBaseTimestamp, readBatchFacts } from '../../../src/engine/records/record-batch-format.ts';
import { iterateRecords } from '../../../src/engine/records/record-format.ts';
import { decompressSync } from '../../../src/engine/records/records.ts';
import type { FaultPlan } from '../../../src/engine/store/fault-plan.ts';
import { FaultyStore } from '../../../src/engine/store/faulty-store.ts';
import { MemoryStore } from '../../../src/engine/store/memory-store.ts';
import type { ObjectStore } from '../../../src/engine/store/object-store.ts';
import { MemoryDomain } from '../metastore/memory-domain.ts';
import { stamp } from '../metastore/metastore-requests.ts';

export const clusterId = '0f9a3c52-7a01-4b6f-9f4e-6a1c7d0e2b11';
export const topic = topicId('6f1c2a34-5b6d-4e7f-8a9b-0c1d2e3f4a5b');
export const place = { topicId: topic, partition: 0 };

export class StagePartition implements MaintainedPartition {
  readonly topicId = topic;
  readonly index: number;
  term: Term = term(1);
  logStartOffset: Offset = offset(0);
  highWatermark: Offset = offset(0);
  reconciledEnd: Offset = offset(0);
  pendingBytes = 0;
  readonly drained: number[] = [];
  /** Called while somebody waits for L0 readers. */
  whileDraining: () => void | Promise<void> = () => {};

  constructor(index = 0) {
    this.index = index;
  }

  async deleteRecords(before: Offset): Promise<Offset> {
    this.logStartOffset = offset(Math.max(before, this.logStartOffset));
    return this.logStartOffset;
  }

  async noL0ReaderBelow(before: Offset): Promise<void> {
    this.drained.push(before);
    await this.whileDraining();
  }
}

export interface ReadRecord {
  readonly offset: number;
  readonly timestamp: number;
  readonly key: string | null;
  readonly value: string | null;
}

/** Thrown in a step, as if the process ended there. */
export class Killed extends Error {}

const noFaults: FaultPlan = { next: () => undefined };

export class CompactorStage {
  readonly clock = new VirtualClock();
  readonly domain = new MemoryDomain();
  readonly store = new MemoryStore({ clock: this.clock, partBytesMin: 1 });
  readonly metastore = openMetastore({ domains: [this.domain], clock: this.clock, random: seededRandom(7) });
  partition = new StagePartition();
  rules: CleanupRules = {
    compacted: true,
    deleted: false,
    retentionMs: -1,
    retentionBytes: -1,
    deleteRetentionMs: 1000,
    minCleanableDirtyRatio: 0,
    minCompactionLagMs: 0,
    maxCompactionLagMs: Number.MAX_SAFE_INTEGER,
  };
  readonly settings = {
    compactionEnabled: false,
    levelingEnabled: false,
    compactionIntervalMs: 30_000,
    levelingIntervalMs: 300_000,
    retentionIntervalMs: 300_000,
    objectBytes: 4096,
    keysBytes: 1 << 20,
    levelingExtentBytes: 1024,
    levelingRangeBytes: 1 << 20,
    partBytes: 2048,
    indexBytes: 512,
  };

  /** One that works on the stage; `step` may kill it. */
  open(more: Partial<CompactorOptions> & { readonly faults?: FaultPlan } = {}): Compactor {
    const { faults = noFaults, step, ...options } = more;
    const store = new FaultyStore(this.store, faults, this.clock);
    return new Compactor({
      partitions: () => [this.partition],
      partition: () => this.partition,
      rules: () => this.rules,
      metastore: this.metastore,
      reader: this.#reader(store),
      store,
      clusterId,
      clock: this.clock,
      logger: silentLogger,
      settings: Object.fromEntries(
        Object.keys(this.settings).map((name) => [name, () => this.settings[name as keyof typeof this.settings]]),
      ) as unknown as CompactorOptions['settings'],
      pace: async () => {},
      pause: () => new Promise((resolve) => setImmediate(resolve)),
      async step(name) {
        try {
          await step?.(name);
        } catch (error) {
          if (error instanceof Killed) store.cut();
          throw error;
        }
      },
      ...options,
    });
  }

  /** Does with `kinds` what is due, until nothing is. */
  async settle(
    compactor: Compactor,
    kinds: readonly ('compaction' | 'leveling' | 'retention')[] = ['compaction'],
  ): Promise<string[]> {
    const errors: string[] = [];
    for (let rounds = 0; rounds < 20; rounds++) {
      const { outcomes } = await compactor.run({ kinds, wait: true, signal: new AbortController().signal });
      errors.push(...outcomes.flatMap(({ error }) => error ?? []));
      if (outcomes.length === 0 || errors.length > 0) return errors;
    }
    return [...errors, 'it does not come to an end'];
  }

  /** The partition is opened again, at a higher term. */
  reopenPartition(): void {
    this.partition = Object.assign(new StagePartition(this.partition.index), this.partition, {
      term: term(this.partition.term + 1),
    });
  }

  get #place() {
    return { topicId: topic, partition: this.partition.index };
  }

  get nextOffset(): number {
    return this.partition.highWatermark;
  }

  /** Adds batches behind what is there, as a reconciler would: one object, an extent for each group. Batches have their offsets. */
  async reconcile(groups: readonly (readonly Buffer[])[], { visible = true } = {}): Promise<void> {
    for (const group of groups) {
      const [objectId] = (await this.metastore.preregister(0, 1)) as [string];
      const builder = new L1ObjectBuilder({
        store: this.store,
        clusterId,
        topicId: topic,
        objectId,
        kind: 'reconciled',
        createdMs: this.clock.nowMs(),
        partBytes: 1 << 20,
        indexBytes: 512,
      });
      builder.beginSection(this.partition.index, offset(this.nextOffset));
      for (const batch of group) await builder.add(batch);
      const { baseOffset, lastOffsetDelta } = readBatchFacts(group.at(-1) as Buffer);
      builder.endSection(offset(baseOffset + lastOffsetDelta));
      const { sections, ...sizes } = await builder.finish();
      const extents = sections.map((section) => ({
        baseOffset: section.baseOffset,
        lastOffset: section.lastOffset,
        maxTimestamp: section.maxTimestamp,
        position: section.position,
        length: section.length,
        objectId,
      }));
      await this.#add({ objects: [{ objectId, ...sizes }], extents, emptyRanges: [] });
    }
    if (visible) this.partition.reconciledEnd = this.partition.highWatermark;
  }

  /** Offsets of which nothing is left, such as of an aborted transaction. */
  async reconcileNothing(count: number): Promise<void> {
    const range = { baseOffset: offset(this.nextOffset), lastOffset: offset(this.nextOffset + count - 1) };
    await this.#add({ objects: [], extents: [], emptyRanges: [range] });
    this.partition.reconciledEnd = this.partition.highWatermark;
  }

  /** Everything that a consumer would get from the log start on, and that is reconciled. */
  async readAll(): Promise<ReadRecord[]> {
    const batches = await this.batches();
    return batches.flatMap(readRecords).filter(({ offset: at }) => at >= this.partition.logStartOffset);
  }

  async batches(): Promise<Buffer[]> {
    const reader = this.#reader(this.store);
    const batches: Buffer[] = [];
    for (const { object, ...extent } of await this.extents()) {
      if (object === undefined) throw new Error(`no row of object ${extent.objectId}`);
      for await (const group of reader.scan(this.#place, { ...extent, object }))
        batches.push(...group.map((one) => Buffer.from(one)));
    }
    return batches;
  }

  async extents(): Promise<readonly LocatedExtent[]> {
    const max = offset(Number.MAX_SAFE_INTEGER - 1);
    const page = await this.metastore.pageOfExtents(this.#place, {
      min: offset(0),
      max,
      limit: 100_000,
      withObjects: true,
    });
    return page.extents;
  }

  async shape(): Promise<string> {
    return (await this.extents()).map(({ baseOffset, lastOffset }) => `${baseOffset}-${lastOffset}`).join(' ');
  }

  async compaction(cleanedAtMost = 0) {
    const info = await this.metastore.compactionInfo(this.#place, cleanedAtMost);
    if (info === undefined) throw new Error('nothing is reconciled');
    return info;
  }

  /** Names of what is wrong in the metastore, and objects that it does not know or that should not be there. */
  async anomalies(): Promise<string[]> {
    const partition = await validatePartition(this.domain, this.#place, {
      rowsMax: 1_000_000,
      objectInStorage: async (id) => {
        const info = await this.store.head(`${l1Prefix(clusterId)}${id}`);
        return info === undefined ? undefined : { sizeBytes: info.sizeBytes };
      },
    });
    const objects = await validateObjects(this.domain, { objectsMax: 1_000_000 });
    const found = [...partition.anomalies, ...objects.anomalies].map(({ name, detail }) => `${name}: ${detail}`);
    for await (const { key } of this.store.list({ prefix: l1Prefix(clusterId) })) {
      const row = await this.metastore.object(0, parseL1Key(clusterId, key));
      if (row === undefined) found.push(`unknown object ${key}`);
    }
    return found;
  }

  #reader(store: ObjectStore): L1Reader {
    return new L1Reader({
      store,
      clusterId,
      clock: this.clock,
      logger: silentLogger,
      memoryBytesMax: 1 << 26,
      footerBytesMax: 1 << 22,
      locate: async () => undefined,
    });
  }

  async #add(of: {
    objects: { objectId: string; sizeBytes: number; footerPosition: number }[];
    extents: Omit<LocatedExtent, 'object'>[];
    emptyRanges: { baseOffset: Offset; lastOffset: Offset }[];
  }): Promise<void> {
    const { objects, ...tiles } = of;
    const startOffset = offset(this.nextOffset);
    const { corrections } = await this.metastore.addObjects({
      objects,
      partitions: [
        {
          ...this.#place,
          ...tiles,
          terms: [{ term: this.partition.term, startOffset }],
          lastStamp: stamp(0),
          producers: [],
          forgottenProducers: [],
        },
      ],
    });
    if (corrections.length > 0) throw new Error('the addition does not fit');
    const last = [...tiles.extents, ...tiles.emptyRanges].at(-1);
    this.partition.highWatermark = offset((last?.lastOffset ?? -1) + 1);
  }
}

export function readRecords(batch: Buffer): ReadRecord[] {
  const { attributes, baseOffset, count } = readBatchFacts(batch);
  const records = decompressSync(attributes & 7, batch.subarray(61), 1 << 24);
  return [...iterateRecords(records, count)].map((record) => ({
    offset: baseOffset + record.offsetDelta,
    timestamp: timestampMs(readBaseTimestamp(batch) + record.timestampDelta),
    key: record.key?.toString() ?? null,
    value: record.value?.toString() ?? null,
  }));
}
