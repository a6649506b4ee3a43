// The extents and empty ranges that tile a topic's partitions: `l1 extents`. In the order of partitions and offsets, a page of rows at a
// time. A row that does not decode is shown with the reason.

import { pagedRows } from '../audit/audit.ts';
import { toEngineError } from '../base/errors.ts';
import type { DomainReads, DomainRow } from '../domain/domain.ts';
import { decodeEmptyRangeRow, decodeExtentRow } from '../metastore/extent-row-format.ts';
import {
  emptyRangeKey,
  emptyRangesPrefix,
  extentKey,
  extentsPrefix,
  type TopicPartition,
} from '../metastore/metastore-key-format.ts';
import type { MetadataSource, PictureMoment } from './metadata-source.ts';
import { TopicPlace } from './topic-place.ts';

/** Fields of an extent are null in an empty range, and all but base offset in a row that does not decode. */
export interface ShownExtent {
  readonly partition: number;
  readonly kind: 'extent' | 'empty' | 'undecoded';
  readonly baseOffset: number;
  readonly lastOffset: number | null;
  /** RFC 3339; null also where no record has a time. */
  readonly maxTimestamp: string | null;
  readonly object: string | null;
  readonly position: number | null;
  readonly length: number | null;
  /** Why it does not decode. */
  readonly problem: string | null;
}

export interface TopicExtents {
  readonly topic: string;
  readonly topicId: string;
  readonly partitionCount: number;
  readonly moments: readonly PictureMoment[];
  readonly unflushed: readonly string[];
  readonly extents: AsyncIterable<ShownExtent>;
}

/** `from`: the extent that holds this offset, and what follows, of every partition. */
export async function listExtents(
  source: MetadataSource,
  nameOrId: string,
  partition: number | undefined,
  from: number,
): Promise<TopicExtents> {
  const place = await TopicPlace.find(source, nameOrId, partition);
  const { topic, topicId, partitionCount } = place;
  const wanted = partition === undefined ? Array.from({ length: partitionCount }, (_, at) => at) : [partition];
  // All are opened before anything is shown, so that the picture is known.
  for (const at of wanted) await place.domain(place.domainName(at));
  const extents = async function* (): AsyncGenerator<ShownExtent> {
    for (const at of wanted) {
      const domain = await place.domain(place.domainName(at));
      if (domain !== undefined) yield* tiles(domain.reads, place.at(at), from);
    }
  };
  return { topic, topicId, partitionCount, ...(await place.picture()), extents: extents() };
}

async function* tiles(reads: DomainReads, of: TopicPartition, from: number): AsyncGenerator<ShownExtent> {
  const extents = rowsFrom(reads, extentsPrefix(of), extentKey(of, from));
  const ranges = rowsFrom(reads, emptyRangesPrefix(of), emptyRangeKey(of, from));
  let [extent, range] = [await extents.next(), await ranges.next()];
  while (extent.done !== true || range.done !== true) {
    const ofExtent = extent.done === true ? undefined : shown(extent.value, of.partition);
    const ofRange = range.done === true ? undefined : shown(range.value, of.partition);
    const isRange = ofExtent === undefined || (ofRange !== undefined && ofRange.baseOffset < ofExtent.baseOffset);
    const first = (isRange ? ofRange : ofExtent) as ShownExtent;
    // What ends below is shown only where its end is not known.
    if (first.lastOffset === null || first.lastOffset >= from) yield first;
    if (isRange) range = await ranges.next();
    else extent = await extents.next();
  }
}

/** The row at or below a key, as it may hold the offset, and all behind it. */
async function* rowsFrom(reads: DomainReads, prefix: string, key: string): AsyncGenerator<DomainRow> {
  const [below] = await reads.scan({ prefix, before: key, reverse: true, limit: 1 });
  if (below !== undefined) yield below;
  yield* pagedRows(reads, { prefix, from: key });
}

const baseIn = (key: string): number => Number(key.slice(key.lastIndexOf('/') + 1));

function shown({ key, value }: DomainRow, partition: number): ShownExtent {
  const baseOffset = baseIn(key);
  const nothing = { maxTimestamp: null, object: null, position: null, length: null, problem: null };
  try {
    if (key.startsWith('empty/')) {
      const { lastOffset } = decodeEmptyRangeRow(key, value);
      return { partition, kind: 'empty', baseOffset, lastOffset, ...nothing };
    }
    const { lastOffset, maxTimestamp, objectId, position, length } = decodeExtentRow(key, value);
    const time = maxTimestamp < 0 || maxTimestamp > 8.64e15 ? null : new Date(maxTimestamp).toISOString();
    const place = { maxTimestamp: time, object: objectId, position, length, problem: null };
    return { partition, kind: 'extent', baseOffset, lastOffset, ...place };
  } catch (error) {
    const problem = toEngineError(error).message;
    return { partition, kind: 'undecoded', baseOffset, lastOffset: null, ...nothing, problem };
  }
}
