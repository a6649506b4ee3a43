// Random requests to a metastore: mostly ones that fit what it holds, now and then one that must be refused. The same seed gives the
// same history.

import { offset, type Stamp, term, timestampMs, topicId } from '../../../src/engine/base/ids.ts';
import { type Random, seededRandom } from '../../../src/engine/base/random.ts';
import { uuidv4 } from '../../../src/engine/base/uuid.ts';
import type { Extent, OffsetRange } from '../../../src/engine/metastore/extent-row-format.ts';
import type { TopicPartition } from '../../../src/engine/metastore/metastore-key-format.ts';
import type {
  NewObject,
  PartitionAddition,
  PartitionCompaction,
  PartitionTiles,
} from '../../../src/engine/metastore/metastore-requests.ts';
import { rankOf } from '../../../src/engine/metastore/summary-row-format.ts';
import { nameOf, type SimpleMetastore, type SimplePartition } from './simple-metastore.ts';

export class HistoryDice {
  readonly random: Random;

  constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  below(limit: number): number {
    return Math.floor(this.random.fraction() * limit);
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(items: readonly T[]): T | undefined {
    return items[this.below(items.length)];
  }

  id(): string {
    return uuidv4(this.random);
  }
}

/** Sizes small enough that the oracle may go offset by offset, with ends that make posts of high levels likely. */
const lengthMax = 12;

export class HistoryMaker {
  readonly dice: HistoryDice;
  readonly topics: TopicPartition['topicId'][];
  readonly #oracle: SimpleMetastore;
  #batchCount = 0;

  constructor(seed: number, oracle: SimpleMetastore) {
    this.dice = new HistoryDice(seed);
    this.#oracle = oracle;
    this.topics = [topicId(this.dice.id()), topicId(this.dice.id())];
  }

  place(): TopicPartition {
    // Most of what happens, happens in one partition: its index gets some height.
    const topic = this.dice.chance(70) ? this.topics[0] : this.topics[1];
    return { topicId: topic as TopicPartition['topicId'], partition: this.dice.chance(80) ? 0 : 1 };
  }

  partition(of: TopicPartition): SimplePartition | undefined {
    return this.#oracle.state.partitions.get(nameOf(of));
  }

  /** An id of an object that may be added to; now and then of one that may not. */
  objectId(): string {
    const objects = [...this.#oracle.state.objects.values()];
    const open = objects.filter((row) => row.state !== 'complete').map((row) => row.objectId);
    if (this.dice.chance(4)) return this.dice.id();
    if (this.dice.chance(4)) return this.dice.pick(objects.map((row) => row.objectId)) ?? this.dice.id();
    return this.dice.pick(open) ?? this.dice.id();
  }

  newObject(objectId: string): NewObject {
    return { objectId, sizeBytes: 100_000, footerPosition: 99_000, ...(this.dice.chance(20) ? { partial: true } : {}) };
  }

  /** Tiles that cover the range. */
  tiles(of: TopicPartition, base: number, last: number, objectId: string, emptyPercent = 20): PartitionTiles {
    const extents: Extent[] = [];
    const emptyRanges: OffsetRange[] = [];
    for (let at = base; at <= last; ) {
      const end = Math.min(last, this.#endFrom(at));
      const range = { baseOffset: offset(at), lastOffset: offset(end) };
      if (this.dice.chance(emptyPercent)) emptyRanges.push(range);
      else {
        const length = 1 + this.dice.below(50);
        const maxTimestamp = timestampMs(1000 + at * 10 + this.dice.below(200));
        extents.push({ ...range, maxTimestamp, objectId, position: this.dice.below(1000), length });
      }
      at = end + 1;
    }
    return { ...of, extents, emptyRanges };
  }

  /** Often just below an offset that would be a post. */
  #endFrom(at: number): number {
    if (this.dice.chance(50)) {
      for (let end = at + 40; end > at; end--) if (rankOf(end) >= 1) return end - 1;
    }
    return at + this.dice.below(lengthMax);
  }

  addition(of: TopicPartition, objectId: string, extentsHint: number): PartitionAddition {
    const known = this.partition(of);
    const wrong = this.dice.chance(8) ? this.dice.below(5) - 2 : 0;
    const base = Math.max(0, (known?.next ?? 0) + wrong);
    const last = base + this.dice.below(extentsHint * 8);
    const tiles = this.tiles(of, base, last, objectId);
    const before = known?.terms.at(-1);
    const first = Math.max(0, (before?.term ?? 1) + (this.dice.chance(20) ? 1 : 0) - (this.dice.chance(2) ? 1 : 0));
    const terms = [{ term: term(first), startOffset: offset(base) }];
    if (last > base && this.dice.chance(10)) terms.push({ term: term(first + 2), startOffset: offset(base + 1) });
    this.#batchCount += this.dice.chance(2) ? -1 : 1;
    const attempt = Math.max(0, this.#batchCount);
    const lastStamp: Stamp = { incarnation: 1 as Stamp['incarnation'], term: term(0), attempt };
    const producers = this.dice.chance(50) ? [] : [this.#producer(base)];
    const forgotten = this.dice.chance(5) ? [...(known?.producers.keys() ?? [])].slice(0, 1) : [];
    const isBoth = producers.some(({ producerId }) => forgotten.includes(producerId));
    return { ...tiles, terms, lastStamp, producers, forgottenProducers: isBoth ? [] : forgotten };
  }

  #producer(base: number) {
    const baseOffset = offset(base);
    return {
      producerId: this.dice.below(4),
      producerEpoch: this.dice.below(3),
      usedAtMs: timestampMs(this.dice.below(1e6)),
      batches: [{ firstSequence: this.dice.below(100), lastSequence: 100 + this.dice.below(9), baseOffset }],
    };
  }

  /** Rewrites one or two stretches, whose borders are those of extents, mostly. */
  replacement(of: TopicPartition, objectId: string): PartitionCompaction | undefined {
    const known = this.partition(of);
    if (known === undefined || known.extents.length === 0) return undefined;
    const { extents } = known;
    const fromStart = this.dice.chance(50);
    const first = fromStart ? 0 : this.dice.below(extents.length);
    const end = Math.min(extents.length - 1, first + this.dice.below(20));
    let base = (extents[first] as Extent).baseOffset as number;
    if (fromStart) base = Math.min(base, known.start);
    let last = (extents[end] as Extent).lastOffset as number;
    if (this.dice.chance(5)) base = Math.max(0, base - 1);
    if (this.dice.chance(5)) last += 1;
    if (this.dice.chance(5)) base = Math.max(0, base - this.dice.below(30));
    const parts = [this.tiles(of, base, last, objectId, 10)];
    const behind = extents[end + 2];
    if (behind !== undefined && this.dice.chance(30)) {
      parts.push(this.tiles(of, behind.baseOffset, behind.lastOffset, objectId, 10));
    }
    const isClean = fromStart && this.dice.chance(80);
    const cleanedLast = this.dice.chance(90) ? last : last + 1;
    const cleaned = { baseOffset: offset(base), lastOffset: offset(cleanedLast), hasTombstones: this.dice.chance(50) };
    const removed = { baseOffset: offset(base), lastOffset: offset(last) };
    return {
      ...of,
      extents: parts.flatMap((part) => part.extents),
      emptyRanges: parts.flatMap((part) => part.emptyRanges),
      expectedCompactionEpoch: this.dice.chance(95) ? known.epoch : known.epoch + 1,
      cleanedRanges: isClean ? [cleaned] : [],
      removedTombstoneRanges: this.dice.chance(60) ? [removed] : [],
      cleanedAtMs: timestampMs(this.dice.below(1000)),
    };
  }
}
