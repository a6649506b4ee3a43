// What readers, retention and the tools ask of a partition. Nothing found is undefined, never an error; a row that does not decode is.

import { type Offset, offset, type Term } from '../base/ids.ts';
import type { DomainReads } from '../domain/domain.ts';
import { walkExtents } from './extent-index.ts';
import { decodeTermRow, type Extent } from './extent-row-format.ts';
import { type TopicPartition, termKey, termsPrefix } from './metastore-key-format.ts';
import type { ObjectRow } from './object-row-format.ts';
import { firstExtentFrom, readExtents, readObject, readPartition, scanAll } from './row-reads.ts';

/** Where to read. */
export interface LocatedExtent extends Extent {
  /** Undefined when the object has no row, which the validators report. */
  readonly object: Pick<ObjectRow, 'sizeBytes' | 'footerPosition' | 'state'> | undefined;
}

/** The extent that holds the offset, or else the first behind it: offsets in between are empty. */
export async function firstExtentAtOrAbove(
  reads: DomainReads,
  of: TopicPartition,
  from: Offset,
): Promise<LocatedExtent | undefined> {
  const extent = await firstExtentFrom(reads, of, from);
  return extent === undefined ? undefined : locate(reads, extent);
}

/** The first extent from an offset on with a record at or above a timestamp. Rows read: logarithmic in the number of extents. */
export async function firstExtentAtTimestamp(
  reads: DomainReads,
  of: TopicPartition,
  from: Offset,
  timestamp: number,
): Promise<LocatedExtent | undefined> {
  const first = await firstExtentFrom(reads, of, from);
  if (first === undefined) return undefined;
  let found: Extent | undefined;
  await walkExtents(reads, of, first, {
    summary: ({ maxTimestamp }) => (maxTimestamp < timestamp ? 'passed' : 'look inside'),
    extent: (extent) => {
      if (extent.maxTimestamp < timestamp) return 'passed';
      found = extent;
      return 'stop';
    },
  });
  return found === undefined ? undefined : locate(reads, found);
}

/** Of the extents whose base offset is at or above `from`, the first with the greatest timestamp. Rows read: logarithmic in their number. */
export async function extentOfMaxTimestamp(
  reads: DomainReads,
  of: TopicPartition,
  from: Offset,
): Promise<LocatedExtent | undefined> {
  let first = await firstExtentFrom(reads, of, from);
  if (first !== undefined && first.baseOffset < from) first = await firstExtentFrom(reads, of, first.lastOffset + 1);
  if (first === undefined) return undefined;
  let best: Extent | undefined;
  await walkExtents(reads, of, first, {
    summary: ({ maxTimestamp }) => (best !== undefined && maxTimestamp <= best.maxTimestamp ? 'passed' : 'look inside'),
    extent: (extent) => {
      if (best === undefined || extent.maxTimestamp > best.maxTimestamp) best = extent;
      return 'passed';
    },
  });
  return best === undefined ? undefined : locate(reads, best);
}

/**
 * The highest offset such that the extents from it on have at least `bytes`; next offset for 0; undefined when all of them have less.
 * Rows read: logarithmic in the number of extents.
 */
export async function offsetOfSuffix(
  reads: DomainReads,
  of: TopicPartition,
  bytes: number,
): Promise<Offset | undefined> {
  const row = await readPartition(reads, of);
  if (row === undefined || bytes > row.sizeBytes) return undefined;
  if (bytes <= 0) return row.nextOffset;
  // As many bytes in front may be left out; the extent that would exceed them is the first of the suffix.
  let spare = row.sizeBytes - bytes;
  let found: Offset | undefined;
  await walkExtents(reads, of, row, {
    summary: (summary) => {
      if (summary.bytes > spare) return 'look inside';
      spare -= summary.bytes;
      return 'passed';
    },
    extent: ({ baseOffset, length }) => {
      if (length <= spare) {
        spare -= length;
        return 'passed';
      }
      found = baseOffset;
      return 'stop';
    },
  });
  return found === undefined ? undefined : offset(Math.max(found, row.startOffset));
}

/** The term of an offset up to, and with, the next one; undefined for offsets above that and below the first term that is known. */
export async function termForOffset(reads: DomainReads, of: TopicPartition, at: Offset): Promise<Term | undefined> {
  const row = await readPartition(reads, of);
  if (row === undefined || at > row.nextOffset) return undefined;
  for await (const { key, value } of scanAll(reads, { prefix: termsPrefix(of), reverse: true })) {
    const { term, startOffset } = decodeTermRow(key, value);
    if (startOffset <= at) return term;
  }
  return undefined;
}

/** Where a term ends: where the next one begins, or at the next offset. A term that is not known ends where the next higher begins. */
export async function endOffsetOfTerm(reads: DomainReads, of: TopicPartition, term: Term): Promise<Offset | undefined> {
  // Read before the terms: a term that is added meanwhile begins here, and a later next offset would lie behind its beginning.
  const row = await readPartition(reads, of);
  const [above] = await reads.scan({ prefix: termsPrefix(of), after: termKey(of, term), limit: 1 });
  if (above !== undefined) return decodeTermRow(above.key, above.value).startOffset;
  return (await reads.get(termKey(of, term))) === undefined ? undefined : row?.nextOffset;
}

export interface ExtentPage {
  /** In the order asked for. */
  readonly extents: readonly LocatedExtent[];
  /** Whether there is none behind them within the bounds. */
  readonly isLast: boolean;
}

export interface ExtentPageOptions {
  /** Extents that hold an offset from `min` to `max`. */
  readonly min: Offset;
  readonly max: Offset;
  readonly limit: number;
  /** From the highest offset down. */
  readonly backward?: boolean;
  /** Look each object up too. */
  readonly withObjects?: boolean;
}

/** To go on: forward with `min` behind the last extent of the page, backward with `max` below its base. */
export async function pageOfExtents(
  reads: DomainReads,
  of: TopicPartition,
  { min, max, limit, backward, withObjects }: ExtentPageOptions,
): Promise<ExtentPage> {
  const first = await firstExtentFrom(reads, of, min);
  if (first === undefined || first.baseOffset > max) return { extents: [], isLast: true };
  const reverse = backward === true;
  // One more tells whether the page is the last.
  const bounds = { from: first.baseOffset, before: max + 1, reverse, limit: limit + 1 };
  const found = await readExtents(reads, of, bounds);
  const page = found.slice(0, limit);
  const extents: LocatedExtent[] = [];
  for (const extent of page) {
    extents.push(withObjects === true ? await locate(reads, extent) : { ...extent, object: undefined });
  }
  return { extents, isLast: found.length <= limit };
}

async function locate(reads: DomainReads, extent: Extent): Promise<LocatedExtent> {
  const { baseOffset, lastOffset, maxTimestamp, objectId, position, length } = extent;
  const row = await readObject(reads, objectId);
  const object =
    row === undefined ? undefined : { sizeBytes: row.sizeBytes, footerPosition: row.footerPosition, state: row.state };
  return { baseOffset, lastOffset, maxTimestamp, objectId, position, length, object };
}
