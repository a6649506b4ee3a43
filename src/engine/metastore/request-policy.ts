// The rules that a request must keep whatever the metastore holds: refused with `usage` when broken, with `entry-too-large` when
// it cannot fit one entry of the log anyway.

import { EngineError } from '../base/errors.ts';
import type { Offset } from '../base/ids.ts';
import type { Extent, OffsetRange } from './extent-row-format.ts';
import { isUuid, partitionIndexMax, type TopicPartition } from './metastore-key-format.ts';
import type {
  AddObjectsRequest,
  NewObject,
  PartitionAddition,
  PartitionCompaction,
  PartitionTiles,
} from './metastore-requests.ts';
import { type ProducerSnapshot, producerBatchesMax } from './producer-row-format.ts';

/** More rows than fit an entry of the log, whatever they are. */
const requestItemsMax = 20_000;

/** An extent or an explicit empty range. */
export type Tile = OffsetRange & { readonly extent?: Extent };

/** Tiles without a gap between them. */
export interface Interval extends OffsetRange {
  readonly tiles: readonly Tile[];
}

export function refuse(problem: string, of?: TopicPartition): EngineError {
  if (of === undefined) return new EngineError('usage', problem);
  const { topicId, partition } = of;
  return new EngineError('usage', `${topicId}/${partition}: ${problem}`, { context: { topicId, partition } });
}

export function checkItems(count: number): void {
  if (count <= requestItemsMax) return;
  throw new EngineError('entry-too-large', `a request of ${count} rows; at most ${requestItemsMax}`);
}

/** The rules for all requests that bring new objects. */
export function checkNewObjects(objects: readonly NewObject[], partitions: readonly PartitionTiles[]): void {
  if (partitions.length === 0) throw refuse('a request without partitions');
  checkItems(partitions.reduce((sum, one) => sum + 1 + one.extents.length + one.emptyRanges.length, objects.length));
  const sizes = new Map<string, number>();
  for (const { objectId, sizeBytes, footerPosition } of objects) {
    checkUuid(objectId);
    if (sizes.has(objectId)) throw refuse(`object ${objectId} is named twice`);
    if (!isCount(sizeBytes) || !isCount(footerPosition) || footerPosition > sizeBytes) {
      throw refuse(`object ${objectId} has ${sizeBytes} bytes and its footer at ${footerPosition}`);
    }
    sizes.set(objectId, sizeBytes);
  }
  const seen = new Set<string>();
  for (const one of partitions) {
    checkPartition(one);
    const name = `${one.topicId}/${one.partition}`;
    if (seen.has(name)) throw refuse('the partition is named twice', one);
    seen.add(name);
    for (const extent of one.extents) checkExtent(extent, sizes, one);
    for (const range of one.emptyRanges) checkRange(range, one);
  }
}

export function checkPartition({ topicId, partition }: TopicPartition): void {
  checkUuid(topicId);
  if (!isCount(partition) || partition > partitionIndexMax) throw refuse(`not the index of a partition: ${partition}`);
}

export function checkUuid(id: string): void {
  if (!isUuid(id)) throw refuse(`not a UUID in lower case: ${JSON.stringify(id)}`);
}

function checkExtent(extent: Extent, sizes: ReadonlyMap<string, number>, of: TopicPartition): void {
  checkRange(extent, of);
  const where = `the extent at ${extent.baseOffset}`;
  const sizeBytes = sizes.get(extent.objectId);
  if (sizeBytes === undefined)
    throw refuse(`${where} lies in ${extent.objectId}, which is no object of the request`, of);
  const { position, length, maxTimestamp } = extent;
  if (!isCount(position) || !isCount(length) || length === 0 || position + length > sizeBytes) {
    throw refuse(`${where} has ${length} bytes at ${position} of an object of ${sizeBytes}`, of);
  }
  if (!Number.isSafeInteger(maxTimestamp) || maxTimestamp < -1)
    throw refuse(`${where} has timestamp ${maxTimestamp}`, of);
}

export function checkRange({ baseOffset, lastOffset }: OffsetRange, of: TopicPartition): void {
  // The next offset must be a safe integer too.
  if (!isCount(baseOffset) || !isCount(lastOffset + 1) || lastOffset < baseOffset) {
    throw refuse(`not a range of offsets: ${baseOffset} … ${lastOffset}`, of);
  }
}

/** Extents and empty ranges in order, as intervals that have gaps between them. */
export function intervalsOf(tiles: PartitionTiles): Interval[] {
  const all: Tile[] = [
    ...tiles.extents.map((extent) => ({ baseOffset: extent.baseOffset, lastOffset: extent.lastOffset, extent })),
    ...tiles.emptyRanges.map(({ baseOffset, lastOffset }) => ({ baseOffset, lastOffset })),
  ].sort((a, b) => a.baseOffset - b.baseOffset);
  const intervals: { baseOffset: Offset; lastOffset: Offset; tiles: Tile[] }[] = [];
  for (const tile of all) {
    const last = intervals.at(-1);
    if (last === undefined || tile.baseOffset > last.lastOffset + 1) {
      intervals.push({ baseOffset: tile.baseOffset, lastOffset: tile.lastOffset, tiles: [tile] });
      continue;
    }
    if (tile.baseOffset <= last.lastOffset) throw refuse(`offset ${tile.baseOffset} is covered twice`, tiles);
    last.tiles.push(tile);
    last.lastOffset = tile.lastOffset;
  }
  return intervals;
}

/** Gives each partition's one interval. */
export function checkAddition(request: AddObjectsRequest): Interval[] {
  checkNewObjects(request.objects, request.partitions);
  checkItems(
    request.partitions.reduce(
      (sum, one) => sum + one.terms.length + one.producers.length + one.forgottenProducers.length,
      0,
    ),
  );
  return request.partitions.map((one) => {
    const intervals = intervalsOf(one);
    const [interval] = intervals;
    if (interval === undefined) throw refuse('nothing is added', one);
    if (intervals.length > 1) throw refuse(`there is a gap behind offset ${interval.lastOffset}`, one);
    checkTerms(one, interval);
    for (const producer of one.producers) checkProducer(producer, interval, one);
    for (const id of one.forgottenProducers) if (!isCount(id)) throw refuse(`not a producer id: ${id}`, one);
    return interval;
  });
}

function checkTerms(of: PartitionAddition, { baseOffset, lastOffset }: OffsetRange): void {
  const [first] = of.terms;
  if (first === undefined) throw refuse('no term is given', of);
  if (first.startOffset !== baseOffset) {
    throw refuse(`the first term begins at ${first.startOffset}, the offsets at ${baseOffset}`, of);
  }
  for (const [at, { term, startOffset }] of of.terms.entries()) {
    const before = of.terms[at - 1];
    if (!isCount(term) || term > 0x7fff_ffff || !isCount(startOffset)) throw refuse(`not a term: ${term}`, of);
    if (before !== undefined && (term <= before.term || startOffset <= before.startOffset)) {
      throw refuse(`term ${term} at ${startOffset} does not follow term ${before.term} at ${before.startOffset}`, of);
    }
    if (startOffset > lastOffset) throw refuse(`term ${term} begins behind the last offset ${lastOffset}`, of);
  }
}

function checkProducer(producer: ProducerSnapshot, { lastOffset }: OffsetRange, of: TopicPartition): void {
  const { producerId, producerEpoch, usedAtMs, batches } = producer;
  const isKnown = isCount(producerId) && isCount(producerEpoch) && producerEpoch <= 0x7fff && isCount(usedAtMs);
  const fits = batches.length > 0 && batches.length <= producerBatchesMax;
  const sound = batches.every(
    ({ baseOffset, firstSequence, lastSequence }, at) =>
      isCount(baseOffset) &&
      baseOffset <= lastOffset &&
      baseOffset > (batches[at - 1]?.baseOffset ?? -1) &&
      isSequence(firstSequence) &&
      isSequence(lastSequence),
  );
  if (!isKnown || !fits || !sound) throw refuse(`the state of producer ${producerId} is not valid`, of);
}

export function checkCompaction(of: PartitionCompaction): void {
  checkItems(of.cleanedRanges.length + of.removedTombstoneRanges.length);
  for (const range of [...of.cleanedRanges, ...of.removedTombstoneRanges]) checkRange(range, of);
  if (!isCount(of.cleanedAtMs)) throw refuse(`cleaned at ${of.cleanedAtMs}`, of);
}

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;
const isSequence = (value: number): boolean => isCount(value) && value <= 0x7fff_ffff;
