// One pass of a compaction: maps the keys of as much dirty history as fits, rewrites everything from the log start to the end of that
// without the records that a later one of the map replaces, and puts the result in place of what it has read.
//
// - the request that says what is clean now begins at the log start and holds all of it. What does not fit that one request, the clean
//   stretch between the first extents and the dirty ones, is replaced before it, in requests of its own that clean nothing: each of them
//   removes only what a later record, still there, replaces
// - before anything becomes visible no reader is served L0 data of the range any more, and the leader is asked for its term
// - what another got ahead of is refused by the metastore (`metastore-conflict`) and ends the pass

import { type Offset, offset, timestampMs } from '../base/ids.ts';
import { filterBatch } from '../records/records.ts';
import type { CompactionSurvey } from './compaction-survey.ts';
import { Breather, type CompactorWork, type JobRun, mustLead } from './compactor-work.ts';
import {
  common,
  type LocatedExtent,
  type MaintainedPartition,
  type OffsetRange,
  placeOf,
} from './maintained-partition.ts';
import { mapKeys } from './map-keys.ts';
import { batchesOf, oldExtents } from './old-extents.ts';
import { RecordFilter } from './record-filter.ts';
import { TileWriter } from './tile-writer.ts';

/** Offsets to rewrite, and the extents that lie in them. */
interface Stretch extends OffsetRange {
  readonly extents: readonly LocatedExtent[];
}

interface Rewritten extends OffsetRange {
  readonly tiles: Pick<TileWriter, 'extents' | 'emptyRanges' | 'objects'>;
  readonly oldExtents: number;
}

export class CompactionPass {
  readonly #work: CompactorWork;
  readonly #partition: MaintainedPartition;
  readonly #survey: CompactionSurvey;
  readonly #removable: readonly OffsetRange[];
  readonly #run: JobRun;
  readonly #breather: Breather;
  #epoch: number;
  /** Nobody reads L0 below it. */
  #drainedTo = 0;
  /** Everything that becomes visible in the pass lies below it, where that is known beforehand. */
  #end = 0;

  /** `removable`: ranges that lose their tombstones. */
  constructor(
    work: CompactorWork,
    of: {
      readonly partition: MaintainedPartition;
      readonly survey: CompactionSurvey;
      readonly removable: readonly OffsetRange[];
      readonly run: JobRun;
    },
  ) {
    this.#work = work;
    this.#partition = of.partition;
    this.#survey = of.survey;
    this.#removable = of.removable;
    this.#run = of.run;
    this.#epoch = of.survey.info.compactionEpoch;
    this.#breather = new Breather(work.pause);
  }

  /** Cleans what is dirty, as far as the map holds it. */
  async clean(): Promise<void> {
    const { dirtyRanges, end, info } = this.#survey;
    const [dirty] = dirtyRanges;
    if (dirty === undefined) return;
    const mapped = await mapKeys(this.#work, this.#partition, { from: dirty.baseOffset, end, run: this.#run });
    using map = mapped.map;
    this.#end = mapped.lastOffset + 1;
    await this.#work.step('compact.mapped');
    const covered: OffsetRange = { baseOffset: dirty.baseOffset, lastOffset: offset(mapped.mappedEnd - 1) };
    const cleaned = dirtyRanges.flatMap((range) => common(range, covered) ?? []);
    const filter = new RecordFilter({ map, removable: this.#removable, cleaned, tally: this.#run.tally });
    const tailFrom = offset(Math.min(dirty.baseOffset, mapped.extents[0]?.baseOffset ?? dirty.baseOffset));
    const tail: Stretch = { baseOffset: tailFrom, lastOffset: mapped.lastOffset, extents: mapped.extents };
    const stretches = await this.#stretchesUpTo(info.startOffset, tail, filter);
    const parts: Rewritten[] = [];
    for (const stretch of stretches) parts.push(await this.#rewrite(stretch, filter));
    await this.#replace(parts, cleaned, filter);
  }

  /** Removes tombstones where nothing is dirty. */
  async removeTombstones(): Promise<void> {
    const first = this.#removable[0];
    const last = this.#removable.at(-1);
    if (first === undefined || last === undefined) return;
    const filter = new RecordFilter({
      map: undefined,
      removable: this.#removable,
      cleaned: [],
      tally: this.#run.tally,
    });
    for (let from: number = first.baseOffset; from <= last.lastOffset; ) {
      const stretch = await this.#nextStretch(from, last.lastOffset);
      await this.#replace([await this.#rewrite(stretch, filter)], [], filter);
      from = stretch.lastOffset + 1;
    }
  }

  /** What the last request replaces; the middle of a long history is replaced on the way. */
  async #stretchesUpTo(start: Offset, tail: Stretch, filter: RecordFilter): Promise<Stretch[]> {
    const { headExtents, groupExtents, groupBytes } = this.#work.limits;
    const before = tail.baseOffset - 1;
    const wanted = { min: start, max: before, limit: groupExtents, bytesMax: groupBytes };
    const prefix = await oldExtents(this.#work, this.#partition, wanted);
    const baseOffset = offset(Math.min(start, prefix.extents[0]?.baseOffset ?? tail.baseOffset, tail.baseOffset));
    if (prefix.isLast) return [{ ...tail, baseOffset, extents: [...prefix.extents, ...tail.extents] }];
    const head = prefix.extents.slice(0, headExtents);
    const headLast = (head.at(-1) as LocatedExtent).lastOffset;
    let from = headLast + 1;
    while (from <= before) {
      const stretch = await this.#nextStretch(from, before);
      await this.#replace([await this.#rewrite(stretch, filter)], [], filter);
      from = stretch.lastOffset + 1;
    }
    return [{ baseOffset, lastOffset: headLast, extents: head }, tail];
  }

  /** As much as one request may replace, from an offset on, or from the beginning of the extent that holds it. */
  async #nextStretch(from: number, to: number): Promise<Stretch> {
    const { groupExtents, groupBytes } = this.#work.limits;
    const wanted = { min: from, max: to, limit: groupExtents, bytesMax: groupBytes };
    const { extents, isLast } = await oldExtents(this.#work, this.#partition, wanted);
    const last = extents.at(-1)?.lastOffset ?? to;
    return {
      baseOffset: offset(Math.min(from, extents[0]?.baseOffset ?? from)),
      lastOffset: offset(isLast ? Math.max(last, to) : last),
      extents,
    };
  }

  async #rewrite(stretch: Stretch, filter: RecordFilter): Promise<Rewritten> {
    const { baseOffset, lastOffset, extents } = stretch;
    const writer = new TileWriter(this.#work, {
      partition: this.#partition,
      kind: 'compacted',
      stepPrefix: 'compact',
      from: baseOffset,
      objectBytes: this.#work.settings.objectBytes(),
      run: this.#run,
    });
    try {
      for (const extent of extents) {
        await this.#filterExtent(extent, filter, writer);
        await writer.endExtent(extent);
      }
      await writer.end(lastOffset);
    } catch (error) {
      await writer.abort();
      throw error;
    }
    return { baseOffset, lastOffset, tiles: writer, oldExtents: extents.length };
  }

  async #filterExtent(extent: LocatedExtent, filter: RecordFilter, writer: TileWriter): Promise<void> {
    const { tally } = this.#run;
    const from = this.#survey.info.startOffset;
    for await (const batch of batchesOf(this.#work, this.#partition, extent, { from, run: this.#run })) {
      const { bytes, records } = await filterBatch(batch, filter.keep);
      tally.batchesProcessed += 1;
      tally.recordsProcessed += records;
      if (bytes === undefined) tally.batchesRemoved += 1;
      else await writer.add(bytes);
      await this.#breather.after(records);
    }
  }

  /** Makes rewritten stretches visible, and says of ranges that they are clean. */
  async #replace(parts: readonly Rewritten[], cleaned: readonly OffsetRange[], filter: RecordFilter): Promise<void> {
    const { metastore, clock, step } = this.#work;
    const { signal, tally } = this.#run;
    await this.#drain(parts);
    signal.throwIfAborted();
    mustLead(this.#work, this.#partition);
    await metastore.compactObjects({
      objects: parts.flatMap(({ tiles }) => tiles.objects),
      partitions: [
        {
          ...placeOf(this.#partition),
          extents: parts.flatMap(({ tiles }) => tiles.extents),
          emptyRanges: parts.flatMap(({ tiles }) => tiles.emptyRanges),
          expectedCompactionEpoch: this.#epoch,
          cleanedRanges: cleaned.map((range) => ({ ...range, hasTombstones: filter.hasTombstones(range) })),
          removedTombstoneRanges: parts.flatMap((part) => this.#removable.flatMap((one) => common(one, part) ?? [])),
          cleanedAtMs: timestampMs(clock.nowMs()),
        },
      ],
    });
    this.#epoch += 1;
    for (const { oldExtents: old, tiles } of parts) {
      tally.extentsBefore += old;
      tally.extentsAfter += tiles.extents.length;
    }
    await step('compact.replaced');
  }

  /** For a pass of many requests once: below what is reconciled no read of L0 begins. */
  async #drain(parts: readonly OffsetRange[]): Promise<void> {
    const end = Math.max(this.#end, ...parts.map(({ lastOffset }) => lastOffset + 1));
    if (end <= this.#drainedTo) return;
    await this.#partition.noL0ReaderBelow(offset(end), this.#run.signal);
    this.#drainedTo = end;
    await this.#work.step('compact.drained');
  }
}
