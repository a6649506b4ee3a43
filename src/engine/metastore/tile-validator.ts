// The part of the partition validator that goes over what tiles a partition: extents and explicit empty ranges, the objects that
// extents lie in, and the index over them, computed anew on the way.

import type { DomainReads } from '../domain/domain.ts';
import { decodeEmptyRangeRow, decodeExtentRow, type Extent, type OffsetRange } from './extent-row-format.ts';
import {
  emptyRangeKey,
  emptyRangesPrefix,
  extentKey,
  extentsPrefix,
  indexPrefix,
  objectKey,
  partitionKey,
  summaryKey,
} from './metastore-key-format.ts';
import { decodeObjectRow, type ObjectRow } from './object-row-format.ts';
import type { PartitionRow } from './partition-row-format.ts';
import {
  addSummaries,
  decodeSummaryRow,
  type ExtentSummary,
  emptySummary,
  indexLevels,
  rankOf,
  sameSummary,
  summaryOf,
} from './summary-row-format.ts';
import { type Anomaly, getOrReport, scanOrReport } from './validation.ts';

export interface StoredObject {
  readonly sizeBytes: number;
}

/** How far the tiles were checked, and what was summed up until there. */
export interface TilePosition {
  /** Base offsets from here on are still to be looked at. */
  readonly from: number;
  /** Where the next tile must begin; undefined before the first. */
  readonly expected: number | undefined;
  readonly total: ExtentSummary;
  /** Per level, over the extents since the last post of that level. */
  readonly sincePost: readonly ExtentSummary[];
}

const beginning: TilePosition = {
  from: 0,
  expected: undefined,
  total: emptySummary,
  sincePost: Array.from({ length: indexLevels }, () => emptySummary),
};

interface FoundTile extends OffsetRange {
  readonly key: string;
  readonly extent?: Extent;
}

/** Gives where to go on; undefined at the end. */
export async function checkTiles(
  reads: DomainReads,
  row: PartitionRow,
  position: TilePosition | undefined,
  limit: number,
  objectInStorage: ((id: string) => Promise<StoredObject | undefined>) | undefined,
  anomalies: Anomaly[],
): Promise<TilePosition | undefined> {
  let { from, expected, total, sincePost } = position ?? beginning;
  const page = await readTiles(reads, row, from, limit, anomalies);
  const objects = new ObjectCheck(reads, objectInStorage, anomalies);
  for (const tile of page.tiles) {
    checkBorders(row, tile, expected, anomalies);
    expected = Math.max(expected ?? 0, tile.lastOffset + 1);
    if (tile.extent === undefined) continue;
    await objects.check(tile.key, tile.extent);
    sincePost = await checkSummaries(reads, row, tile.extent, sincePost, anomalies);
    total = addSummaries(total, summaryOf(tile.extent));
  }
  if (page.next !== undefined) return { from: page.next, expected, total, sincePost };
  checkEnd(row, expected ?? row.startOffset, total, anomalies);
  return undefined;
}

/** Both kinds of tiles in offset order. */
async function readTiles(
  reads: DomainReads,
  row: PartitionRow,
  from: number,
  limit: number,
  anomalies: Anomaly[],
): Promise<{ tiles: FoundTile[]; next: number | undefined }> {
  // What does not decode behind the end of this page is reported with the page that it belongs to.
  const found: Anomaly[] = [];
  const extentScan = { prefix: extentsPrefix(row), from: extentKey(row, from), limit };
  const extents = await scanOrReport(reads, extentScan, decodeExtentRow, found);
  const emptyScan = { prefix: emptyRangesPrefix(row), from: emptyRangeKey(row, from), limit };
  const ranges = await scanOrReport(reads, emptyScan, decodeEmptyRangeRow, found);
  // A full page says nothing of what lies behind its last key.
  const ends = [extents, ranges].flatMap((page) => (page.isFull ? [baseIn(page.lastKey as string)] : []));
  const end = ends.length === 0 ? undefined : Math.min(...ends);
  const isInside = (base: number) => end === undefined || base <= end;
  anomalies.push(...found.filter(({ key }) => isInside(baseIn(key))));
  const tiles: FoundTile[] = [
    ...extents.rows.map((extent) => ({ ...extent, extent, key: extentKey(row, extent.baseOffset) })),
    ...ranges.rows.map((range) => ({ ...range, key: emptyRangeKey(row, range.baseOffset) })),
  ];
  return {
    tiles: tiles.filter((tile) => isInside(tile.baseOffset)).sort((a, b) => a.baseOffset - b.baseOffset),
    next: end === undefined ? undefined : end + 1,
  };
}

/** The base offset that a key ends with; 0 where it does not, so that damage is reported with the first page. */
function baseIn(key: string): number {
  const base = Number(key.slice(key.lastIndexOf('/') + 1));
  return Number.isSafeInteger(base) ? base : 0;
}

function checkBorders(
  row: PartitionRow,
  { baseOffset, lastOffset, key }: FoundTile,
  expected: number | undefined,
  anomalies: Anomaly[],
): void {
  const says = `from ${baseOffset} to ${lastOffset}`;
  if (lastOffset < row.startOffset || (expected === undefined && baseOffset > row.startOffset)) {
    anomalies.push({ name: 'start_offset_mismatch', key, detail: `${says}; the start offset is ${row.startOffset}` });
  }
  if (expected === undefined) return;
  if (baseOffset > expected) anomalies.push({ name: 'extent_gap', key, detail: `${says}; ${expected} was expected` });
  if (baseOffset < expected) {
    anomalies.push({ name: 'extent_overlap', key, detail: `${says}; below ${expected} all is covered` });
  }
}

function checkEnd(row: PartitionRow, end: number, total: ExtentSummary, anomalies: Anomaly[]): void {
  const key = partitionKey(row);
  if (end !== row.nextOffset) {
    const detail = `the last tile ends below ${end}, the next offset is ${row.nextOffset}`;
    anomalies.push({ name: 'next_offset_mismatch', key, detail });
  }
  if (total.count !== row.extentCount || total.bytes !== row.sizeBytes) {
    const detail = `${total.count} extents of ${total.bytes} bytes; the row says ${row.extentCount} of ${row.sizeBytes}`;
    anomalies.push({ name: 'partition_totals_mismatch', key, detail });
  }
}

async function checkSummaries(
  reads: DomainReads,
  row: PartitionRow,
  extent: Extent,
  sincePost: readonly ExtentSummary[],
  anomalies: Anomaly[],
): Promise<ExtentSummary[]> {
  const rank = rankOf(extent.baseOffset);
  const sums: ExtentSummary[] = [];
  for (const [at, sum] of sincePost.entries()) {
    if (at < rank) {
      const key = summaryKey(row, at + 1, extent.baseOffset);
      const known = anomalies.length;
      const found = await getOrReport(reads, key, decodeSummaryRow, anomalies);
      if (anomalies.length === known && (found === undefined || !sameSummary(found, sum))) {
        const says = found === undefined ? 'is missing' : `says ${found.count} extents of ${found.bytes} bytes`;
        const detail = `the summary ${says}; ${sum.count} of ${sum.bytes} lie there`;
        anomalies.push({ name: 'index_mismatch', key, detail });
      }
    }
    sums.push(addSummaries(at < rank ? emptySummary : sum, summaryOf(extent)));
  }
  return sums;
}

/** Looks for summaries that no extent is a post of. Gives the last key of a full page. */
export async function checkSummaryRows(
  reads: DomainReads,
  row: PartitionRow,
  bounds: { readonly after?: string; readonly limit: number },
  anomalies: Anomaly[],
): Promise<string | undefined> {
  // Rows that do not decode were reported with their extents, and those without one are reported here.
  const page = await scanOrReport(reads, { prefix: indexPrefix(row), ...bounds }, decodeSummaryRow, []);
  for (const { level, baseOffset } of page.rows) {
    if (rankOf(baseOffset) >= level && (await reads.get(extentKey(row, baseOffset))) !== undefined) continue;
    const key = summaryKey(row, level, baseOffset);
    anomalies.push({ name: 'index_mismatch', key, detail: 'there is no extent that is a post of this level' });
  }
  return page.isFull ? page.lastKey : undefined;
}

/** Looks each object of a call up once. */
class ObjectCheck {
  readonly #reads: DomainReads;
  readonly #inStorage: ((id: string) => Promise<StoredObject | undefined>) | undefined;
  readonly #anomalies: Anomaly[];
  readonly #seen = new Map<string, ObjectRow | undefined>();

  constructor(
    reads: DomainReads,
    inStorage: ((id: string) => Promise<StoredObject | undefined>) | undefined,
    anomalies: Anomaly[],
  ) {
    this.#reads = reads;
    this.#inStorage = inStorage;
    this.#anomalies = anomalies;
  }

  async check(key: string, { objectId, position, length }: Extent): Promise<void> {
    const row = this.#seen.has(objectId) ? this.#seen.get(objectId) : await this.#look(key, objectId);
    if (row === undefined) return;
    if (row.state === 'preregistered') {
      this.#report('object_preregistered', key, `${objectId} was not added`);
      return;
    }
    if (position + length > row.sizeBytes) {
      this.#report(
        'object_size_mismatch',
        key,
        `${length} bytes at ${position} of ${objectId}, which has ${row.sizeBytes}`,
      );
    }
    if (length > row.totalBytes - row.removedBytes) {
      const left = `${row.totalBytes} bytes without ${row.removedBytes} removed`;
      this.#report(
        'object_accounting_mismatch',
        key,
        `${length} bytes are in use of ${objectId}; its row says ${left}`,
      );
    }
  }

  async #look(key: string, objectId: string): Promise<ObjectRow | undefined> {
    const known = this.#anomalies.length;
    const row = await getOrReport(this.#reads, objectKey(objectId), decodeObjectRow, this.#anomalies);
    this.#seen.set(objectId, row);
    if (row === undefined && this.#anomalies.length === known) {
      this.#report('object_not_found', key, `${objectId} has no row`);
    }
    if (this.#inStorage === undefined) return row;
    const stored = await this.#inStorage(objectId);
    if (stored === undefined) this.#report('object_not_in_storage', key, `${objectId} is not in the store`);
    else if (row !== undefined && row.state !== 'preregistered' && stored.sizeBytes !== row.sizeBytes) {
      const detail = `${objectId} has ${stored.sizeBytes} bytes in the store; its row says ${row.sizeBytes}`;
      this.#report('object_size_mismatch', key, detail);
    }
    return row;
  }

  #report(name: Anomaly['name'], key: string, detail: string): void {
    this.#anomalies.push({ name, key, detail });
  }
}
