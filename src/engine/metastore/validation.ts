// The anomalies that the validators report, by their names, which are stable; and how rows are read by somebody who trusts none.

import { toEngineError } from '../base/errors.ts';
import type { DomainReads, DomainRow, ScanOptions } from '../domain/domain.ts';

export type AnomalyName =
  // Offsets: extents and explicit empty ranges must tile a partition from start to next offset.
  | 'extent_overlap'
  | 'extent_gap'
  | 'next_offset_mismatch'
  | 'start_offset_mismatch'
  // Objects that extents lie in.
  | 'object_not_found'
  | 'object_preregistered'
  | 'object_not_in_storage'
  | 'object_size_mismatch'
  | 'object_accounting_mismatch'
  | 'object_unreferenced'
  | 'object_unknown'
  // Compaction state and terms.
  | 'compaction_range_below_start'
  | 'compaction_range_above_next'
  | 'tombstone_overlap'
  | 'tombstone_outside_cleaned'
  | 'compaction_state_unexpected'
  | 'term_ordering'
  // What is derived, and rows as such.
  | 'partition_totals_mismatch'
  | 'partition_row_missing'
  | 'index_mismatch'
  | 'producer_invalid'
  | 'row_undecodable';

export interface Anomaly {
  readonly name: AnomalyName;
  /** The row it was noticed at. */
  readonly key: string;
  /** What was found, and what was expected. */
  readonly detail: string;
}

/** A row that does not decode is an anomaly of its own, and is left out. */
export function decodeOrReport<Row>(
  { key, value }: DomainRow,
  decode: (key: string, value: Uint8Array) => Row,
  anomalies: Anomaly[],
): Row | undefined {
  try {
    return decode(key, value);
  } catch (error) {
    anomalies.push({ name: 'row_undecodable', key, detail: toEngineError(error).message });
    return undefined;
  }
}

export async function getOrReport<Row>(
  reads: DomainReads,
  key: string,
  decode: (key: string, value: Uint8Array) => Row,
  anomalies: Anomaly[],
): Promise<Row | undefined> {
  const value = await reads.get(key);
  return value === undefined ? undefined : decodeOrReport({ key, value }, decode, anomalies);
}

export async function scanOrReport<Row>(
  reads: DomainReads,
  options: ScanOptions,
  decode: (key: string, value: Uint8Array) => Row,
  anomalies: Anomaly[],
): Promise<{ readonly rows: Row[]; readonly lastKey: string | undefined; readonly isFull: boolean }> {
  const found = await reads.scan(options);
  const rows = found.flatMap((row) => {
    const decoded = decodeOrReport(row, decode, anomalies);
    return decoded === undefined ? [] : [decoded];
  });
  return { rows, lastKey: found.at(-1)?.key, isFull: found.length === options.limit };
}
