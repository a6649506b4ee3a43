// Goes through all rows of a partition and reports what does not fit together, by name. It writes nothing, and a row that does not
// decode is reported and left out, never the end of the check.
//
// A call looks at a bounded number of rows and gives a position to go on from (plain data, to be kept in a file). All calls of one
// check must see the same state: run it on a view of the bucket, or look again at what it finds on a live broker.

import type { Offset } from '../base/ids.ts';
import type { DomainReads } from '../domain/domain.ts';
import { decodeCompactionRow } from './compaction-row-format.ts';
import { decodeTermRow } from './extent-row-format.ts';
import {
  compactionKey,
  partitionKey,
  producerKey,
  producersPrefix,
  type TopicPartition,
  termKey,
  termsPrefix,
} from './metastore-key-format.ts';
import { decodePartitionRow, type PartitionRow } from './partition-row-format.ts';
import { decodeProducerRow } from './producer-row-format.ts';
import { contains, overlap } from './range-arithmetic.ts';
import { checkSummaryRows, checkTiles, type StoredObject, type TilePosition } from './tile-validator.ts';
import { type Anomaly, getOrReport, scanOrReport } from './validation.ts';

export type PartitionCheckPosition =
  | { readonly phase: 'tiles'; readonly tiles: TilePosition }
  | {
      readonly phase: 'index' | 'terms' | 'producers';
      readonly after: string | undefined;
      readonly lastStart?: number;
    };

export interface PartitionCheckOptions {
  /** From the last call; undefined to begin. */
  readonly position?: PartitionCheckPosition;
  /** Rows of a call. */
  readonly rowsMax: number;
  /** Asks the store for an object; without it the store is not looked at. */
  readonly objectInStorage?: (id: string) => Promise<StoredObject | undefined>;
}

export interface PartitionCheck {
  readonly anomalies: readonly Anomaly[];
  /** Undefined when the partition was checked to its end. */
  readonly position: PartitionCheckPosition | undefined;
}

export async function validatePartition(
  reads: DomainReads,
  of: TopicPartition,
  { position, rowsMax, objectInStorage }: PartitionCheckOptions,
): Promise<PartitionCheck> {
  const anomalies: Anomaly[] = [];
  const row = await getOrReport(reads, partitionKey(of), decodePartitionRow, anomalies);
  if (row === undefined) {
    // Without its row nothing can be said about the rest, but that there is something.
    if (anomalies.length === 0) {
      anomalies.push({ name: 'partition_row_missing', key: partitionKey(of), detail: 'there is no such row' });
    }
    return { anomalies, position: undefined };
  }
  const next = await checkPhase(reads, row, position, rowsMax, objectInStorage, anomalies);
  return { anomalies, position: next };
}

async function checkPhase(
  reads: DomainReads,
  row: PartitionRow,
  position: PartitionCheckPosition | undefined,
  limit: number,
  objectInStorage: PartitionCheckOptions['objectInStorage'],
  anomalies: Anomaly[],
): Promise<PartitionCheckPosition | undefined> {
  if (position === undefined || position.phase === 'tiles') {
    if (position === undefined) await checkCompactionState(reads, row, anomalies);
    const tiles = await checkTiles(reads, row, position?.tiles, limit, objectInStorage, anomalies);
    return tiles === undefined ? { phase: 'index', after: undefined } : { phase: 'tiles', tiles };
  }
  const bounds = { limit, ...(position.after === undefined ? {} : { after: position.after }) };
  switch (position.phase) {
    case 'index': {
      const after = await checkSummaryRows(reads, row, bounds, anomalies);
      return after === undefined ? { phase: 'terms', after } : { phase: 'index', after };
    }
    case 'terms': {
      const terms = await scanOrReport(reads, { prefix: termsPrefix(row), ...bounds }, decodeTermRow, anomalies);
      const lastStart = checkTermOrder(row, terms.rows, position.lastStart, anomalies);
      const hasNone = position.after === undefined && terms.lastKey === undefined;
      if (hasNone && row.startOffset < row.nextOffset) {
        anomalies.push({ name: 'term_ordering', key: partitionKey(row), detail: 'there are offsets, and no term' });
      }
      if (!terms.isFull) return { phase: 'producers', after: undefined };
      return { phase: 'terms', after: terms.lastKey, ...(lastStart === undefined ? {} : { lastStart }) };
    }
    case 'producers': {
      const scan = { prefix: producersPrefix(row), ...bounds };
      const producers = await scanOrReport(reads, scan, decodeProducerRow, anomalies);
      checkProducers(row, producers.rows, anomalies);
      return producers.isFull ? { phase: 'producers', after: producers.lastKey } : undefined;
    }
  }
}

async function checkCompactionState(reads: DomainReads, row: PartitionRow, anomalies: Anomaly[]): Promise<void> {
  const key = compactionKey(row);
  const state = await getOrReport(reads, key, decodeCompactionRow, anomalies);
  if (state === undefined) return;
  const report = (name: Anomaly['name'], detail: string) => anomalies.push({ name, key, detail });
  if (row.compactionEpoch === 0) report('compaction_state_unexpected', 'the partition was never compacted');
  for (const range of [...state.cleanedRanges, ...state.tombstoneRanges]) {
    const says = `from ${range.baseOffset} to ${range.lastOffset}`;
    if (range.baseOffset < row.startOffset) {
      report('compaction_range_below_start', `${says}; the start offset is ${row.startOffset}`);
    }
    if (range.lastOffset >= row.nextOffset) {
      report('compaction_range_above_next', `${says}; the next offset is ${row.nextOffset}`);
    }
  }
  for (const [at, range] of state.cleanedRanges.entries()) {
    const before = state.cleanedRanges[at - 1];
    if (before === undefined || range.baseOffset > before.lastOffset + 1) continue;
    report('compaction_state_unexpected', `cleaned from ${range.baseOffset} on, behind up to ${before.lastOffset}`);
  }
  for (const [at, range] of state.tombstoneRanges.entries()) {
    const says = `tombstones from ${range.baseOffset} to ${range.lastOffset}`;
    const other = state.tombstoneRanges.slice(0, at).find((one) => overlap(one, range));
    if (other !== undefined) {
      report('tombstone_overlap', `${says}, and from ${other.baseOffset} to ${other.lastOffset}`);
    }
    if (!state.cleanedRanges.some((cleaned) => contains(cleaned, range))) {
      report('tombstone_outside_cleaned', `${says} lie in no cleaned range`);
    }
  }
}

/** Gives the start of the last term, for the next page. */
function checkTermOrder(
  row: PartitionRow,
  terms: readonly { readonly term: number; readonly startOffset: Offset }[],
  startBefore: number | undefined,
  anomalies: Anomaly[],
): number | undefined {
  let before = startBefore;
  for (const { term, startOffset } of terms) {
    const report = (detail: string) => anomalies.push({ name: 'term_ordering', key: termKey(row, term), detail });
    if (before === undefined && startOffset > row.startOffset && row.startOffset < row.nextOffset) {
      report(`the first term begins at ${startOffset}, the partition at ${row.startOffset}`);
    }
    if (before !== undefined && startOffset <= before) {
      report(`it begins at ${startOffset}, the term before it at ${before}`);
    }
    if (startOffset >= row.nextOffset) report(`it begins at ${startOffset}, the next offset is ${row.nextOffset}`);
    before = startOffset;
  }
  return before;
}

function checkProducers(
  row: PartitionRow,
  producers: readonly ReturnType<typeof decodeProducerRow>[],
  anomalies: Anomaly[],
): void {
  for (const { producerId, producerEpoch, batches } of producers) {
    const key = producerKey(row, producerId);
    const report = (detail: string) => anomalies.push({ name: 'producer_invalid', key, detail });
    if (producerEpoch < 0) report(`a producer epoch of ${producerEpoch}`);
    if (batches.length === 0) report('no batches');
    for (const [at, { baseOffset, firstSequence, lastSequence }] of batches.entries()) {
      const before = batches[at - 1]?.baseOffset ?? -1;
      if (baseOffset <= before) report(`a batch at ${baseOffset} behind one at ${before}`);
      if (baseOffset >= row.nextOffset) report(`a batch at ${baseOffset}, the next offset is ${row.nextOffset}`);
      if (firstSequence < 0 || lastSequence < 0) report(`sequences ${firstSequence} to ${lastSequence}`);
    }
  }
}
