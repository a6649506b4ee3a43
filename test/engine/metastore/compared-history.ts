// A random history of all operations, valid and not, on a metastore and its oracle: updates answer like the oracle, queries say what
// the oracle says, and the validators find nothing, after every step.

import { expect } from 'vitest';
import { EngineError } from '../../../src/engine/base/errors.ts';
import { type Offset, offset, type Term, timestampMs } from '../../../src/engine/base/ids.ts';
import type { Domain, DomainReads } from '../../../src/engine/domain/domain.ts';
import { addObjects } from '../../../src/engine/metastore/add-objects.ts';
import {
  endOffsetOfTerm,
  firstExtentAtOrAbove,
  firstExtentAtTimestamp,
  offsetOfSuffix,
  pageOfExtents,
  termForOffset,
} from '../../../src/engine/metastore/extent-queries.ts';
import type { Extent } from '../../../src/engine/metastore/extent-row-format.ts';
import {
  listObjects,
  listPartitions,
  listProducers,
  listTerms,
} from '../../../src/engine/metastore/listing-queries.ts';
import { compactionInfo, levelingInfo } from '../../../src/engine/metastore/maintenance-queries.ts';
import type { TopicPartition } from '../../../src/engine/metastore/metastore-key-format.ts';
import type { Update } from '../../../src/engine/metastore/metastore-requests.ts';
import {
  expirePreregistrations,
  preregisterObjects,
  removeObjects,
} from '../../../src/engine/metastore/object-lifecycle.ts';
import { validateObjects } from '../../../src/engine/metastore/object-validator.ts';
import { type PartitionCheckPosition, validatePartition } from '../../../src/engine/metastore/partition-validator.ts';
import { removeTopics } from '../../../src/engine/metastore/remove-topics.ts';
import { compactObjects, replaceObjects } from '../../../src/engine/metastore/replace-objects.ts';
import { setStartOffset } from '../../../src/engine/metastore/start-offset.ts';
import { HistoryMaker } from './metastore-history.ts';
import { nameOf, offsetsOf, SimpleMetastore, type SimplePartition } from './simple-metastore.ts';

type Outcome = { answer: unknown } | { code: string };

export class ComparedHistory {
  /** May be another one after a restart. */
  domain: Domain;
  readonly oracle = new SimpleMetastore();
  readonly maker: HistoryMaker;
  readonly outcomes = new Map<string, number>();
  #nowMs = 1000;

  constructor(seed: number, domain: Domain) {
    this.domain = domain;
    this.maker = new HistoryMaker(seed, this.oracle);
  }

  async step(): Promise<void> {
    const { dice } = this.maker;
    this.#nowMs += 10;
    const now = timestampMs(this.#nowMs);
    const at = dice.below(100);
    if (at < 22) {
      const objectIds = [dice.id(), dice.id()];
      await this.#compare(
        'preregister',
        (reads) => preregisterObjects(reads, { objectIds }, now),
        () => {
          this.oracle.preregister(objectIds, now);
        },
      );
    } else if (at < 62) {
      const object = this.maker.newObject(this.maker.objectId());
      const places = [this.maker.place(), this.maker.place()];
      const distinct = places.filter((of, i) => places.findIndex((one) => nameOf(one) === nameOf(of)) === i);
      const partitions = distinct.map((of) => this.maker.addition(of, object.objectId, dice.chance(10) ? 20 : 3));
      const request = { objects: [object], partitions };
      await this.#compare(
        'add',
        (reads) => addObjects(reads, request, now),
        () => this.oracle.add(request, now),
      );
    } else if (at < 82) {
      const object = this.maker.newObject(this.maker.objectId());
      const one = this.maker.replacement(this.maker.place(), object.objectId);
      if (one === undefined) return;
      const request = { objects: [object], partitions: [one] };
      if (dice.chance(50)) {
        await this.#compare(
          'replace',
          (reads) => replaceObjects(reads, request, now),
          () => {
            this.oracle.replace(request, now);
          },
        );
      } else {
        await this.#compare(
          'compact',
          (reads) => compactObjects(reads, request, now),
          () => {
            this.oracle.compact(request, now);
          },
        );
      }
    } else if (at < 92) {
      const of = this.maker.place();
      const known = this.maker.partition(of);
      const start = (known?.start ?? 0) + dice.below(Math.min(60, (known?.next ?? 0) - (known?.start ?? 0) + 3));
      await this.#compare(
        'set start',
        (reads) => setStartOffset(reads, { ...of, startOffset: offset(start) }, now),
        () => {
          this.oracle.setStart(of, start, now);
          return { startOffset: this.oracle.state.partitions.get(nameOf(of))?.start, hasMore: false };
        },
      );
    } else if (at < 96) {
      const objectIds = [...this.oracle.state.objects.keys()].slice(-5);
      const request = { objectIds, lastUpdatedAtMost: timestampMs(this.#nowMs - 60) };
      await this.#compare(
        'expire',
        (reads) => expirePreregistrations(reads, request, now),
        () => this.oracle.expire(objectIds, this.#nowMs - 60, now),
      );
    } else if (at < 99 || this.#nowMs < 2500) {
      const flushedRows = structuredClone([...this.oracle.state.objects.values()]);
      if (dice.chance(30) && flushedRows[0] !== undefined) flushedRows[0].lastUpdatedMs = timestampMs(1);
      await this.#compare(
        'remove objects',
        (reads) => removeObjects(reads, { flushedRows }),
        () => this.oracle.removeObjects(flushedRows),
      );
    } else {
      const topicIds = [this.maker.topics[1] as TopicPartition['topicId']];
      await this.#compare(
        'remove topics',
        (reads) => removeTopics(reads, { topicIds }, now),
        () => {
          this.oracle.removeTopics(topicIds, now);
          return { notRemoved: [] };
        },
      );
    }
  }

  async #compare(
    what: string,
    update: (reads: DomainReads) => Promise<Update<unknown>>,
    twin: () => unknown,
  ): Promise<void> {
    const found = await outcomeOf(async () => {
      const { changes, answer } = await update(this.domain);
      await this.domain.write(changes);
      return answer;
    });
    const expected = await outcomeOf(() => this.oracle.attempt(twin));
    expect(found, what).toEqual(expected);
    const isCorrected = 'answer' in found && JSON.stringify(found.answer)?.includes('nextOffset') === true;
    const name = 'code' in found ? `${what}: ${found.code}` : `${what}${isCorrected ? ', corrected' : ''}`;
    this.outcomes.set(name, (this.outcomes.get(name) ?? 0) + 1);
  }

  async checkAll(): Promise<void> {
    const { partitions, objects } = this.oracle.state;
    const listed = await listPartitions(this.domain, { limit: 100 });
    expect(listed.map(nameOf).sort()).toEqual([...partitions.keys()].sort());
    for (const row of listed) {
      const known = partitions.get(nameOf(row)) as SimplePartition;
      expect(row).toMatchObject({
        startOffset: known.start,
        nextOffset: known.next,
        compactionEpoch: known.epoch,
        lastStamp: known.stamp,
        extentCount: known.extents.length,
        sizeBytes: known.extents.reduce((sum, extent) => sum + extent.length, 0),
      });
      await this.#checkPartition(row, known);
    }
    const rows = await listObjects(this.domain, { limit: 10_000 });
    const sorted = [...objects.values()].sort((a, b) => (a.objectId < b.objectId ? -1 : 1));
    expect(rows).toEqual(sorted);
    const check = await validateObjects(this.domain, { objectsMax: 10_000 });
    expect(check.anomalies).toEqual([]);
  }

  async #checkPartition(of: TopicPartition, known: SimplePartition): Promise<void> {
    const { dice } = this.maker;
    const all = await pageOfExtents(this.domain, of, { min: offset(0), max: offset(known.next), limit: 10_000 });
    expect(all.extents.map(bare)).toEqual(known.extents);
    expect(await listTerms(this.domain, of)).toEqual(known.terms);
    const producers = [...known.producers.values()].sort((a, b) => a.producerId - b.producerId);
    expect(await listProducers(this.domain, of, { limit: 100 })).toEqual(producers);
    for (let round = 0; round < 3; round++) {
      const from = dice.below(known.next + 2) as Offset;
      const { extents } = known;
      const atOrAbove = extents.find((extent) => extent.lastOffset >= from);
      expect(bare(await firstExtentAtOrAbove(this.domain, of, from))).toEqual(atOrAbove);
      const timestamp = 1000 + dice.below(known.next * 10 + 300);
      const inTime = extents.find((extent) => extent.lastOffset >= from && extent.maxTimestamp >= timestamp);
      expect(bare(await firstExtentAtTimestamp(this.domain, of, from, timestamp))).toEqual(inTime);
      await this.#checkSuffix(of, known);
      const term = known.terms.filter((one) => one.startOffset <= from).at(-1)?.term;
      expect(await termForOffset(this.domain, of, from)).toBe(from > known.next ? undefined : term);
      await this.#checkTermEnd(of, known);
      await this.#checkPages(of, known, from);
    }
    await this.#checkMaintenance(of, known);
    expect(await checkWhole(this.domain, of, 1 + dice.below(40))).toEqual([]);
  }

  async #checkSuffix(of: TopicPartition, known: SimplePartition): Promise<void> {
    const size = known.extents.reduce((sum, extent) => sum + extent.length, 0);
    const bytes = this.maker.dice.below(size + 20);
    let left = bytes;
    let expected: number | undefined = known.next;
    for (const extent of [...known.extents].reverse()) {
      if (left <= 0) break;
      left -= extent.length;
      expected = Math.max(extent.baseOffset, known.start);
    }
    if (left > 0) expected = undefined;
    expect(await offsetOfSuffix(this.domain, of, bytes), `suffix of ${bytes}`).toBe(expected);
  }

  async #checkTermEnd(of: TopicPartition, known: SimplePartition): Promise<void> {
    const term = this.maker.dice.below(15) as Term;
    const above = known.terms.find((one) => one.term > term);
    const isKnown = known.terms.some((one) => one.term === term);
    const expected = above?.startOffset ?? (isKnown ? known.next : undefined);
    expect(await endOffsetOfTerm(this.domain, of, term)).toBe(expected);
  }

  async #checkPages(of: TopicPartition, known: SimplePartition, min: Offset): Promise<void> {
    const max = offset(min + this.maker.dice.below(200));
    const expected = known.extents.filter((extent) => extent.lastOffset >= min && extent.baseOffset <= max);
    for (const backward of [false, true]) {
      const page = await pageOfExtents(this.domain, of, { min, max, limit: 5, backward, withObjects: true });
      const ordered = backward ? [...expected].reverse() : expected;
      expect(page.extents.map(bare)).toEqual(ordered.slice(0, 5));
      expect(page.isLast).toBe(ordered.length <= 5);
      for (const { object } of page.extents) expect(object?.sizeBytes).toBe(100_000);
    }
  }

  async #checkMaintenance(of: TopicPartition, known: SimplePartition): Promise<void> {
    const { dice } = this.maker;
    const cleanedAtMost = dice.below(1000);
    const info = await compactionInfo(this.domain, of, cleanedAtMost);
    const dirty = new Set(offsetsOf(known.start, known.next - 1).filter((at) => !known.cleaned.has(at)));
    expect(info?.dirtyRanges.flatMap((one) => offsetsOf(one.baseOffset, one.lastOffset))).toEqual([...dirty]);
    const removable = [...known.tombstones].filter(([, at]) => at <= cleanedAtMost).map(([at]) => at);
    const found = info?.removableTombstoneRanges.flatMap((one) => offsetsOf(one.baseOffset, one.lastOffset));
    expect(found).toEqual(removable.sort((a, b) => a - b));
    const isDirty = (extent: Extent) => offsetsOf(extent.baseOffset, extent.lastOffset).some((at) => dirty.has(at));
    const dirtyExtents = known.extents.filter(isDirty);
    expect(info?.dirtyBytes).toBe(dirtyExtents.reduce((sum, extent) => sum + extent.length, 0));
    const earliest = dirtyExtents.length === 0 ? undefined : Math.min(...dirtyExtents.map((one) => one.maxTimestamp));
    expect(info?.earliestDirtyTimestamp).toBe(earliest);
    await this.#checkLeveling(of, known);
  }

  async #checkLeveling(of: TopicPartition, known: SimplePartition): Promise<void> {
    const extentBytesMin = 5 + this.maker.dice.below(40);
    const options = { extentBytesMin, rangeBytesMax: 100, rangesMax: 3, extentsMax: 30 };
    const found = [];
    for (let from: Offset | undefined = offset(0); from !== undefined; ) {
      const info: Awaited<ReturnType<typeof levelingInfo>> = await levelingInfo(this.domain, of, { ...options, from });
      found.push(...(info?.ranges ?? []));
      from = info?.resumeAt;
    }
    const expected: unknown[] = [];
    let run: Extent[] = [];
    const close = () => {
      const [first, last] = [run[0], run.at(-1)];
      if (run.length > 1 && first !== undefined && last !== undefined) {
        const sizeBytes = run.reduce((sum, extent) => sum + extent.length, 0);
        const { baseOffset } = first;
        expected.push({ baseOffset, lastOffset: last.lastOffset, sizeBytes, extentCount: run.length });
      }
      run = [];
    };
    for (const extent of known.extents) {
      if (extent.length >= extentBytesMin) close();
      else {
        run.push(extent);
        if (run.reduce((sum, one) => sum + one.length, 0) >= 100) close();
      }
    }
    close();
    expect(found).toEqual(expected);
  }
}

function bare(extent: Extent | undefined): Extent | undefined {
  if (extent === undefined) return undefined;
  const { baseOffset, lastOffset, maxTimestamp, objectId, position, length } = extent;
  return { baseOffset, lastOffset, maxTimestamp, objectId, position, length };
}

async function outcomeOf(work: () => unknown): Promise<Outcome> {
  try {
    return { answer: await work() };
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    return { code: error.code };
  }
}

async function checkWhole(domain: DomainReads, of: TopicPartition, rowsMax: number) {
  const anomalies = [];
  let position: PartitionCheckPosition | undefined;
  do {
    const check = await validatePartition(domain, of, { rowsMax, ...(position === undefined ? {} : { position }) });
    anomalies.push(...check.anomalies);
    position = check.position;
  } while (position !== undefined);
  return anomalies;
}
