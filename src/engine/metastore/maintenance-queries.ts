// What compaction and leveling ask of a partition. Both go through the extent index.

import type { Offset, TimestampMs } from '../base/ids.ts';
import type { DomainReads } from '../domain/domain.ts';
import type { TombstoneRange } from './compaction-row-format.ts';
import { walkExtents } from './extent-index.ts';
import type { Extent, OffsetRange } from './extent-row-format.ts';
import type { TopicPartition } from './metastore-key-format.ts';
import { gapsBetween } from './range-arithmetic.ts';
import { firstExtentFrom, readCompaction, readPartition } from './row-reads.ts';
import { addSummaries, type ExtentSummary, emptySummary, summaryOf } from './summary-row-format.ts';

export interface CompactionInfo {
  readonly compactionEpoch: number;
  readonly startOffset: Offset;
  readonly nextOffset: Offset;
  /** What is not cleaned, from start to next offset. */
  readonly dirtyRanges: readonly OffsetRange[];
  /** Whose tombstones have been clean for long enough. */
  readonly removableTombstoneRanges: readonly TombstoneRange[];
  /** Bytes of the extents that hold a dirty offset. */
  readonly dirtyBytes: number;
  readonly sizeBytes: number;
  /** Dirty bytes by all bytes; 0 of an empty partition. */
  readonly dirtyRatio: number;
  /** The lowest of the dirty extents' max timestamps; undefined when none is dirty. */
  readonly earliestDirtyTimestamp: TimestampMs | undefined;
}

/** Rows read: for each dirty range logarithmic in the number of extents. */
export async function compactionInfo(
  reads: DomainReads,
  of: TopicPartition,
  cleanedAtMost: number,
): Promise<CompactionInfo | undefined> {
  const row = await readPartition(reads, of);
  if (row === undefined) return undefined;
  const { compactionEpoch, startOffset, nextOffset, sizeBytes, extentCount } = row;
  const { cleanedRanges, tombstoneRanges } = await readCompaction(reads, of);
  const dirtyRanges = gapsBetween(cleanedRanges, startOffset, nextOffset);
  let dirty = emptySummary;
  // An extent that reaches into two dirty ranges counts once.
  let counted = -1;
  for (const range of dirtyRanges) {
    const found = await sumOfExtents(reads, of, range, counted, extentCount);
    dirty = addSummaries(dirty, found.sum);
    counted = Math.max(counted, found.lastBase);
  }
  return {
    compactionEpoch,
    startOffset,
    nextOffset,
    dirtyRanges,
    removableTombstoneRanges: tombstoneRanges.filter((range) => range.cleanedAtMs <= cleanedAtMost),
    dirtyBytes: dirty.bytes,
    sizeBytes,
    dirtyRatio: sizeBytes === 0 ? 0 : dirty.bytes / sizeBytes,
    earliestDirtyTimestamp: dirty.count === 0 ? undefined : dirty.minTimestamp,
  };
}

/** Over the extents that hold an offset of the range, without those whose base offset is at or below `counted`. */
async function sumOfExtents(
  reads: DomainReads,
  of: TopicPartition,
  range: OffsetRange,
  counted: number,
  extentCount: number,
): Promise<{ sum: ExtentSummary; lastBase: number }> {
  let first = await firstExtentFrom(reads, of, range.baseOffset);
  if (first !== undefined && first.baseOffset <= counted) {
    first = await firstExtentFrom(reads, of, first.lastOffset + 1);
  }
  let sum = emptySummary;
  let lastBase = -1;
  if (first === undefined || first.baseOffset > range.lastOffset) return { sum, lastBase };
  // A stretch at the very beginning may use the long summaries that end at the first posts.
  const isFirst = extentCount > 0 && (await firstExtentFrom(reads, of, 0))?.baseOffset === first.baseOffset;
  await walkExtents(reads, of, isFirst ? { extentCount } : first, {
    summary: (summary, until) => {
      if (until > range.lastOffset + 1) return 'look inside';
      sum = addSummaries(sum, summary);
      lastBase = until - 1;
      return 'passed';
    },
    extent: (extent) => {
      if (extent.baseOffset > range.lastOffset) return 'stop';
      sum = addSummaries(sum, summaryOf(extent));
      lastBase = extent.baseOffset;
      return 'passed';
    },
  });
  return { sum, lastBase };
}

/** Neighbouring small extents that could be one. */
export interface LevelingRange extends OffsetRange {
  readonly sizeBytes: number;
  readonly extentCount: number;
}

export interface LevelingInfo {
  readonly compactionEpoch: number;
  readonly ranges: readonly LevelingRange[];
  /** Go on from here; undefined when all was looked at. */
  readonly resumeAt: Offset | undefined;
}

export interface LevelingOptions {
  /** An extent below this is small. */
  readonly extentBytesMin: number;
  /** A range is closed once it has this many bytes. */
  readonly rangeBytesMax: number;
  readonly from: Offset;
  readonly rangesMax: number;
  /** Bounds the work: no range is begun when so many small extents were looked at singly. */
  readonly extentsMax: number;
}

/** A range is closed with so many extents: replacing them has to fit one request. */
const rangeExtentsMax = 2000;

/**
 * Maximal runs of at least two small extents, in offset order. Stretches without a small extent are passed over as a whole, so the rows
 * read are those of the small extents and a logarithm for each run.
 */
export async function levelingInfo(
  reads: DomainReads,
  of: TopicPartition,
  options: LevelingOptions,
): Promise<LevelingInfo | undefined> {
  const row = await readPartition(reads, of);
  if (row === undefined) return undefined;
  const { compactionEpoch, extentCount } = row;
  const ranges: LevelingRange[] = [];
  let run: LevelingRange | undefined;
  let looked = 0;
  let resumeAt: Offset | undefined;
  const close = () => {
    if (run !== undefined && run.extentCount > 1) ranges.push(run);
    run = undefined;
  };
  const visit = (extent: Extent): 'passed' | 'stop' => {
    if (extent.length >= options.extentBytesMin) {
      close();
    } else {
      if (run === undefined && (ranges.length >= options.rangesMax || looked >= options.extentsMax)) {
        resumeAt = extent.baseOffset;
        return 'stop';
      }
      looked += 1;
      run = extended(run, extent);
      if (run.sizeBytes >= options.rangeBytesMax || run.extentCount >= rangeExtentsMax) close();
    }
    return 'passed';
  };
  const first = options.from === 0 ? undefined : await firstExtentFrom(reads, of, options.from);
  if (options.from > 0 && first === undefined) return { compactionEpoch, ranges, resumeAt };
  await walkExtents(reads, of, first ?? { extentCount }, {
    summary: ({ minLength }) => {
      if (minLength < options.extentBytesMin) return 'look inside';
      close();
      return 'passed';
    },
    extent: visit,
  });
  close();
  return { compactionEpoch, ranges, resumeAt };
}

function extended(run: LevelingRange | undefined, extent: Extent): LevelingRange {
  return {
    baseOffset: run?.baseOffset ?? extent.baseOffset,
    lastOffset: extent.lastOffset,
    sizeBytes: (run?.sizeBytes ?? 0) + extent.length,
    extentCount: (run?.extentCount ?? 0) + 1,
  };
}
