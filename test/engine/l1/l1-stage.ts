// A stage for tests of L1: objects that are built as the reconciler builds them, the metastore's look-up as a plain list, a store whose
// GETs are counted, and what was written as plain arrays to compare with.

import type { Clock } from '../../../src/engine/base/clock.ts';
import { offset, type TopicId, topicId } from '../../../src/engine/base/ids.ts';
import { silentLogger } from '../../../src/engine/base/logger.ts';
import { VirtualClock } from '../../../src/engine/base/virtual-clock.ts';
import {
  type L1BuilderOptions,
  L1ObjectBuilder,
  type L1Place,
  type L1Read,
  L1Reader,
  type L1ReaderOptions,
  type L1ReadOptions,
} from '../../../src/engine/l1/l1.ts';
import { formatL1Key } from '../../../src/engine/l1/l1-key-format.ts';
import {
  batchHeaderBytes,
  computeBatchCrc,
  patchPlace,
  readBaseOffset,
  readBatchSize,
} from '../../../src/engine/records/record-batch-format.ts';
import { MemoryStore } from '../../../src/engine/store/memory-store.ts';
import type { ByteRange, GetOptions, ObjectStore, StoredObject } from '../../../src/engine/store/object-store.ts';

export const clusterId = '11111111-1111-4111-8111-111111111111';
export const topic: TopicId = topicId('22222222-2222-4222-8222-222222222222');
export const kibibyte = 1024;
export const mebibyte = 1024 * 1024;

export const objectIdOf = (number: number): string => `33333333-3333-4333-8333-${String(number).padStart(12, '0')}`;
export const keyOf = (number: number): string => formatL1Key(clusterId, objectIdOf(number));

/** A batch of a size, with its place in it, and bytes that differ from batch to batch. */
export function batchOf(baseOffset: number, sizeBytes = 100, count = 1, timestampMs = 1_700_000_000_000 + baseOffset) {
  const bytes = Buffer.alloc(Math.max(sizeBytes, batchHeaderBytes), baseOffset % 251);
  bytes.fill(0, 0, batchHeaderBytes);
  bytes.writeInt32BE(bytes.length - 12, 8);
  bytes.writeInt8(2, 16);
  bytes.writeInt32BE(count - 1, 23);
  bytes.writeBigInt64BE(BigInt(timestampMs), 27);
  bytes.writeBigInt64BE(BigInt(timestampMs), 35);
  bytes.writeBigInt64BE(-1n, 43);
  bytes.writeInt32BE(count, 57);
  patchPlace(bytes, baseOffset, 0);
  bytes.writeUInt32BE(computeBatchCrc(bytes), 17);
  return bytes;
}

/** Batches of one record and one size, one after the other. */
export const batchesFrom = (baseOffset: number, count: number, sizeBytes = 100): Buffer[] =>
  Array.from({ length: count }, (_, at) => batchOf(baseOffset + at, sizeBytes));

export interface ExtentPlan {
  readonly partition?: number;
  readonly base: number;
  readonly last: number;
  readonly batches: readonly Buffer[];
}

export interface CountedGet {
  readonly key: string;
  readonly range: ByteRange | undefined;
}

export class L1Stage {
  readonly clock: VirtualClock;
  /** What objects are built in. */
  readonly inner: MemoryStore;
  readonly store: ObjectStore;
  readonly gets: CountedGet[] = [];
  /** In the way of every GET. */
  onGet: ((get: CountedGet, go: () => Promise<StoredObject>) => Promise<StoredObject>) | undefined;
  /** Extents of each partition, in order. */
  readonly places = new Map<number, L1Place[]>();
  located = 0;
  #objects = 0;

  constructor() {
    this.clock = new VirtualClock();
    this.inner = new MemoryStore({ clock: this.clock, partBytesMin: 1 });
    this.store = this.#counted();
  }

  /** Builds an object of extents that are in order, and knows them from then on, instead of others. */
  async object(
    extents: readonly ExtentPlan[],
    options: Partial<L1BuilderOptions> = {},
    instead: readonly L1Place[] = [],
  ): Promise<L1Place[]> {
    const objectId = objectIdOf(++this.#objects);
    const builder = new L1ObjectBuilder({ ...this.builderOptions(objectId), ...options });
    for (const { partition = 0, base, last, batches } of extents) {
      builder.beginSection(partition, offset(base));
      for (const batch of batches) await builder.add(batch);
      builder.endSection(offset(last));
    }
    const { sizeBytes, footerPosition, sections } = await builder.finish();
    for (const [partition, places] of this.places) {
      this.places.set(
        partition,
        places.filter((place) => !instead.includes(place)),
      );
    }
    return sections.map((section) => {
      const { partition, baseOffset, lastOffset, maxTimestamp, position, length } = section;
      const object = { sizeBytes, footerPosition };
      const place: L1Place = { baseOffset, lastOffset, maxTimestamp, objectId, position, length, object };
      const places = this.places.get(partition) ?? [];
      places.push(place);
      places.sort((a, b) => a.baseOffset - b.baseOffset);
      this.places.set(partition, places);
      return place;
    });
  }

  builderOptions(objectId: string): L1BuilderOptions {
    return {
      store: this.inner,
      clusterId,
      topicId: topic,
      objectId,
      kind: 'reconciled',
      createdMs: 1_700_000_000_123,
      partBytes: 16 * mebibyte,
      indexBytes: mebibyte,
    };
  }

  reader(options: Partial<L1ReaderOptions> = {}): L1Reader {
    const clock: Clock = this.clock;
    return new L1Reader({
      store: this.store,
      clusterId,
      clock,
      logger: silentLogger,
      memoryBytesMax: 64 * mebibyte,
      footerBytesMax: 4 * mebibyte,
      locate: async (_topic, partition, from) => {
        this.located++;
        return this.places.get(partition)?.find(({ lastOffset }) => lastOffset >= from);
      },
      ...options,
    });
  }

  /** GETs of an object's body. */
  get bodyGets(): CountedGet[] {
    const footers = new Map([...this.places.values()].flat().map(({ objectId, object }) => [objectId, object]));
    return this.gets.filter(({ key, range }) => {
      const footer = footers.get(key.slice(key.lastIndexOf('/') + 1));
      return (range?.start ?? 0) < (footer?.footerPosition ?? 0);
    });
  }

  #counted(): ObjectStore {
    return new Proxy(this.inner, {
      get: (inner, name) => {
        if (name === 'get') return (key: string, options?: GetOptions) => this.#get(key, options);
        const value = Reflect.get(inner, name);
        return typeof value === 'function' ? value.bind(inner) : value;
      },
    });
  }

  #get(key: string, options?: GetOptions): Promise<StoredObject> {
    const get = { key, range: options?.range };
    this.gets.push(get);
    const go = () => this.inner.get(key, options);
    return this.onGet === undefined ? go() : this.onGet(get, go);
  }
}

export type ReadWish = Partial<Omit<L1ReadOptions, 'from' | 'until'>> & {
  readonly partition?: number;
  readonly from: number;
  readonly until?: number;
};

export function read(reader: L1Reader, { partition = 0, from, until, ...options }: ReadWish): Promise<L1Read> {
  return reader.read(
    { topicId: topic, partition },
    {
      bytesMax: mebibyte,
      atLeastOne: true,
      ...options,
      from: offset(from),
      until: offset(until ?? Number.MAX_SAFE_INTEGER),
    },
  );
}

/** Base offsets of the batches of a read. */
export function offsetsOf(parts: readonly Buffer[]): number[] {
  return batchesIn(parts).map((batch) => readBaseOffset(batch));
}

/** The batches of a read, each apart, copied. */
export function batchesIn(parts: readonly Buffer[]): Buffer[] {
  const batches: Buffer[] = [];
  for (const part of parts) {
    for (let at = 0; at < part.length; at += readBatchSize(part, at)) {
      batches.push(Buffer.from(part.subarray(at, at + readBatchSize(part, at))));
    }
  }
  return batches;
}

/** Reads, and gives what came after it was let go. */
export async function readOffsets(reader: L1Reader, wish: ReadWish): Promise<number[]> {
  using got = await read(reader, wish);
  return offsetsOf(got.parts);
}
