// Sets of offsets as lists of ranges that are sorted and do not overlap. Pure.

import { type Offset, offset } from '../base/ids.ts';
import type { OffsetRange } from './extent-row-format.ts';

/** The set with one range more; ranges that touch become one. */
export function withRange(ranges: readonly OffsetRange[], added: OffsetRange): OffsetRange[] {
  let { baseOffset, lastOffset } = added;
  const apart: OffsetRange[] = [];
  for (const range of ranges) {
    if (range.lastOffset + 1 < baseOffset || range.baseOffset > lastOffset + 1) {
      apart.push(range);
      continue;
    }
    baseOffset = Math.min(baseOffset, range.baseOffset) as Offset;
    lastOffset = Math.max(lastOffset, range.lastOffset) as Offset;
  }
  return [...apart, { baseOffset, lastOffset }].sort((a, b) => a.baseOffset - b.baseOffset);
}

/** The set without the offsets of a range; what else a range carries stays with what is left of it. */
export function withoutRange<Range extends OffsetRange>(ranges: readonly Range[], taken: OffsetRange): Range[] {
  return ranges.flatMap((range) => {
    if (!overlap(range, taken)) return [range];
    const left: Range[] = [];
    if (range.baseOffset < taken.baseOffset) left.push({ ...range, lastOffset: offset(taken.baseOffset - 1) });
    if (range.lastOffset > taken.lastOffset) left.push({ ...range, baseOffset: offset(taken.lastOffset + 1) });
    return left;
  });
}

/** The set without everything below an offset. */
export function withoutBelow<Range extends OffsetRange>(ranges: readonly Range[], start: Offset): Range[] {
  return ranges.flatMap((range) => {
    if (range.lastOffset < start) return [];
    return [range.baseOffset < start ? { ...range, baseOffset: start } : range];
  });
}

/** What lies between the ranges, from `start` up to, not including, `end`. */
export function gapsBetween(ranges: readonly OffsetRange[], start: Offset, end: Offset): OffsetRange[] {
  const gaps: OffsetRange[] = [];
  let at: number = start;
  for (const range of ranges) {
    if (range.lastOffset < at) continue;
    if (range.baseOffset >= end) break;
    if (range.baseOffset > at) gaps.push({ baseOffset: offset(at), lastOffset: offset(range.baseOffset - 1) });
    at = range.lastOffset + 1;
  }
  if (at < end) gaps.push({ baseOffset: offset(at), lastOffset: offset(end - 1) });
  return gaps;
}

export function overlap(a: OffsetRange, b: OffsetRange): boolean {
  return a.baseOffset <= b.lastOffset && b.baseOffset <= a.lastOffset;
}

export function contains(outer: OffsetRange, inner: OffsetRange): boolean {
  return outer.baseOffset <= inner.baseOffset && inner.lastOffset <= outer.lastOffset;
}
