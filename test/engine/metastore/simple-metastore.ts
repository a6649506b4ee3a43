// The oracle of the metastore: the same rules over plain maps, sets and arrays, offset by offset, with nothing clever in it. A
// refusal throws an EngineError whose code must be the metastore's; nothing has changed then.

import type { ErrorCode } from '../../../src/engine/base/error-table.ts';
import { EngineError } from '../../../src/engine/base/errors.ts';
import { compareStamps, noStamp, type Stamp } from '../../../src/engine/base/ids.ts';
import type { Extent, TermStart } from '../../../src/engine/metastore/extent-row-format.ts';
import type {
  AddObjectsRequest,
  CompactObjectsRequest,
  NewObject,
  PartitionCompaction,
  PartitionReplacement,
  PartitionTiles,
  ReplaceObjectsRequest,
} from '../../../src/engine/metastore/metastore-requests.ts';
import type { ObjectRow } from '../../../src/engine/metastore/object-row-format.ts';
import type { ProducerSnapshot } from '../../../src/engine/metastore/producer-row-format.ts';

type Mutable<T> = { -readonly [Field in keyof T]: T[Field] };

export interface SimplePartition {
  start: number;
  next: number;
  epoch: number;
  stamp: Stamp;
  extents: Extent[];
  /** Offsets without records. */
  empty: Set<number>;
  cleaned: Set<number>;
  /** Offsets with tombstones, and when they were cleaned. */
  tombstones: Map<number, number>;
  terms: TermStart[];
  producers: Map<number, ProducerSnapshot>;
}

interface State {
  partitions: Map<string, SimplePartition>;
  objects: Map<string, Mutable<ObjectRow>>;
  removedTopics: Set<string>;
}

const newPartition = (): SimplePartition => ({
  start: 0,
  next: 0,
  epoch: 0,
  stamp: noStamp,
  extents: [],
  empty: new Set(),
  cleaned: new Set(),
  tombstones: new Map(),
  terms: [],
  producers: new Map(),
});

export const nameOf = (of: { topicId: string; partition: number }): string => `${of.topicId}/${of.partition}`;
const refusal = (code: ErrorCode) => new EngineError(code, 'refused by the oracle');

type Tile = { base: number; last: number; extent?: Extent };

function tilesOf(of: PartitionTiles): Tile[] {
  return [
    ...of.extents.map((extent) => ({ base: extent.baseOffset, last: extent.lastOffset, extent })),
    ...of.emptyRanges.map((range) => ({ base: range.baseOffset, last: range.lastOffset })),
  ].sort((a, b) => a.base - b.base);
}

export class SimpleMetastore {
  state: State = { partitions: new Map(), objects: new Map(), removedTopics: new Set() };

  /** All or nothing. */
  attempt<T>(work: () => T): T {
    const before = structuredClone(this.state);
    try {
      return work();
    } catch (error) {
      this.state = before;
      throw error;
    }
  }

  preregister(ids: readonly string[], now: number): void {
    for (const id of new Set(ids)) {
      if (this.state.objects.has(id)) throw refusal('metastore-conflict');
      const counts = { totalBytes: 0, removedBytes: 0, sizeBytes: 0, footerPosition: 0 };
      this.state.objects.set(id, { objectId: id, state: 'preregistered', ...counts, lastUpdatedMs: now as never });
    }
  }

  add(request: AddObjectsRequest, now: number): { corrections: unknown[]; removedTopics: string[] } {
    const closed = request.objects.filter(({ objectId }) => this.state.objects.get(objectId)?.state === 'complete');
    const isClosed = ({ objectId }: { objectId: string }) => closed.some((one) => one.objectId === objectId);
    this.#admit(
      request.objects.filter((one) => !isClosed(one)),
      now,
    );
    const corrections: unknown[] = [];
    const removedTopics = new Set<string>();
    for (const one of request.partitions) {
      const partition = this.state.partitions.get(nameOf(one)) ?? newPartition();
      const tiles = tilesOf(one);
      const isRemoved = this.state.removedTopics.has(one.topicId);
      if (isRemoved) removedTopics.add(one.topicId);
      const fits = tiles[0]?.base === partition.next && !one.extents.some(isClosed);
      if (!isRemoved && !fits) {
        corrections.push({ topicId: one.topicId, partition: one.partition, nextOffset: partition.next });
      }
      for (const extent of one.extents.filter((extent) => !isClosed(extent))) {
        this.#object(extent).totalBytes += extent.length;
        if (isRemoved || !fits) this.#object(extent).removedBytes += extent.length;
      }
      if (isRemoved || !fits) continue;
      if (compareStamps(one.lastStamp, partition.stamp) < 0) throw refusal('metastore-conflict');
      const known = partition.terms.at(-1);
      for (const start of one.terms) {
        if (known !== undefined && (start.term < known.term || start.startOffset <= known.startOffset)) {
          throw refusal('metastore-conflict');
        }
        if (start.term !== known?.term) partition.terms.push(start);
      }
      for (const tile of tiles) this.#put(partition, tile);
      partition.next = (tiles.at(-1) as Tile).last + 1;
      partition.stamp = one.lastStamp;
      for (const id of one.forgottenProducers) partition.producers.delete(id);
      for (const producer of one.producers) partition.producers.set(producer.producerId, producer);
      this.state.partitions.set(nameOf(one), partition);
    }
    return { corrections, removedTopics: [...removedTopics] };
  }

  replace(request: ReplaceObjectsRequest, now: number): void {
    this.#replace(request, now, () => {});
  }

  compact(request: CompactObjectsRequest, now: number): void {
    this.#replace(request, now, (partition, replacement) => {
      const one = replacement as PartitionCompaction;
      const rewritten = new Set(tilesOf(one).flatMap((tile) => offsetsOf(tile.base, tile.last)));
      for (const range of [...one.cleanedRanges, ...one.removedTombstoneRanges]) {
        if (!offsetsOf(range.baseOffset, range.lastOffset).every((offset) => rewritten.has(offset))) {
          throw refusal('metastore-conflict');
        }
      }
      const lowest = Math.min(...rewritten);
      if (one.cleanedRanges.length > 0 && lowest > partition.start) throw refusal('metastore-conflict');
      for (const range of one.removedTombstoneRanges) {
        for (const at of offsetsOf(range.baseOffset, range.lastOffset)) partition.tombstones.delete(at);
      }
      for (const range of one.cleanedRanges) {
        for (const at of offsetsOf(range.baseOffset, range.lastOffset)) {
          if (at < partition.start) continue;
          partition.cleaned.add(at);
          if (!range.hasTombstones) continue;
          if (partition.tombstones.has(at)) throw refusal('metastore-conflict');
          partition.tombstones.set(at, one.cleanedAtMs);
        }
      }
      partition.epoch += 1;
    });
  }

  setStart(of: { topicId: string; partition: number }, start: number, now: number): void {
    const partition = this.#live(of);
    if (start > partition.next) throw refusal('metastore-conflict');
    if (start <= partition.start) return;
    for (const extent of partition.extents) if (extent.lastOffset < start) this.#retire(extent, now);
    partition.extents = partition.extents.filter((extent) => extent.lastOffset >= start);
    partition.start = start;
    for (const set of [partition.empty, partition.cleaned, partition.tombstones]) {
      for (const at of [...set.keys()]) if (at < start) set.delete(at);
    }
    const holding = partition.terms.filter((term) => term.startOffset <= start).at(-1);
    partition.terms = partition.terms.filter((term) => term === holding || term.startOffset > start);
  }

  removeTopics(ids: readonly string[], now: number): void {
    for (const id of ids) {
      this.state.removedTopics.add(id);
      for (const [name, partition] of this.state.partitions) {
        if (!name.startsWith(id)) continue;
        for (const extent of partition.extents) this.#retire(extent, now);
        this.state.partitions.delete(name);
      }
    }
  }

  expire(ids: readonly string[], lastUpdatedAtMost: number, now: number): string[] {
    const expired: string[] = [];
    for (const id of new Set(ids)) {
      const object = this.state.objects.get(id);
      if (object === undefined || object.state === 'complete' || object.lastUpdatedMs > lastUpdatedAtMost) continue;
      object.state = 'complete';
      object.lastUpdatedMs = now as never;
      expired.push(id);
    }
    return expired;
  }

  removeObjects(flushed: readonly ObjectRow[]): string[] {
    const removed: string[] = [];
    for (const row of flushed) {
      const object = this.state.objects.get(row.objectId);
      const isSame = object !== undefined && JSON.stringify(object) === JSON.stringify(row);
      if (!isSame || object.state !== 'complete' || object.removedBytes !== object.totalBytes) continue;
      this.state.objects.delete(row.objectId);
      removed.push(row.objectId);
    }
    return removed;
  }

  #replace(
    request: { objects: readonly NewObject[]; partitions: readonly PartitionReplacement[] },
    now: number,
    after: (partition: SimplePartition, one: PartitionReplacement) => void,
  ): void {
    this.#admit(request.objects, now);
    let kept = 0;
    for (const one of request.partitions) {
      const partition = this.#live(one);
      if (partition.epoch !== one.expectedCompactionEpoch) throw refusal('metastore-conflict');
      const intervals: Tile[][] = [];
      for (const tile of tilesOf(one)) {
        const last = intervals.at(-1);
        if (last !== undefined && (last.at(-1) as Tile).last + 1 === tile.base) last.push(tile);
        else intervals.push([tile]);
      }
      for (const tiles of intervals) kept += this.#replaceInterval(partition, tiles, now);
      after(partition, one);
    }
    if (kept === 0) throw refusal('metastore-conflict');
  }

  #replaceInterval(partition: SimplePartition, tiles: Tile[], now: number): number {
    const base = (tiles[0] as Tile).base;
    const last = (tiles.at(-1) as Tile).last;
    for (const { extent } of tiles) {
      if (extent === undefined) continue;
      this.#object(extent).totalBytes += extent.length;
      if (extent.lastOffset < partition.start) this.#object(extent).removedBytes += extent.length;
    }
    const left = tiles.filter((tile) => tile.last >= partition.start);
    if (left.length === 0) return 0;
    if (last >= partition.next) throw refusal('metastore-conflict');
    const old = partition.extents.filter((extent) => extent.baseOffset <= last && extent.lastOffset >= base);
    if (old.some((extent) => extent.baseOffset < base || extent.lastOffset > last)) throw refusal('metastore-conflict');
    if (old.length === 0 && left.some((tile) => tile.extent !== undefined)) throw refusal('metastore-conflict');
    for (const extent of old) this.#retire(extent, now);
    partition.extents = partition.extents.filter((extent) => !old.includes(extent));
    for (let at = base; at <= last; at++) partition.empty.delete(at);
    for (const tile of left) this.#put(partition, tile);
    return left.length;
  }

  #put(partition: SimplePartition, { base, last, extent }: Tile): void {
    if (extent !== undefined) {
      partition.extents = [...partition.extents, extent].sort((a, b) => a.baseOffset - b.baseOffset);
      return;
    }
    for (const at of offsetsOf(base, last)) if (at >= partition.start) partition.empty.add(at);
  }

  #live(of: { topicId: string; partition: number }): SimplePartition {
    if (this.state.removedTopics.has(of.topicId)) throw refusal('unknown-topic-id');
    const partition = this.state.partitions.get(nameOf(of));
    if (partition === undefined) throw refusal('unknown-topic-or-partition');
    return partition;
  }

  #admit(objects: readonly NewObject[], now: number): void {
    for (const { objectId, sizeBytes, footerPosition, partial } of objects) {
      const row = this.state.objects.get(objectId);
      if (row === undefined || row.state === 'complete') throw refusal('object-not-preregistered');
      row.state = partial === true ? 'partial' : 'complete';
      Object.assign(row, { sizeBytes, footerPosition, lastUpdatedMs: now });
    }
  }

  #object(extent: Extent): Mutable<ObjectRow> {
    return this.state.objects.get(extent.objectId) as Mutable<ObjectRow>;
  }

  #retire(extent: Extent, now: number): void {
    const object = this.#object(extent);
    object.removedBytes += extent.length;
    object.lastUpdatedMs = now as never;
  }
}

export function offsetsOf(base: number, last: number): number[] {
  return Array.from({ length: last - base + 1 }, (_, at) => base + at);
}
