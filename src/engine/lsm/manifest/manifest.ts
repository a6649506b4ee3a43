// What a manifest says: the whole state of a store at one instant. Objects are written once and never change, so whoever holds a
// manifest can read that state for as long as its tables are in the bucket.

import type { ManifestName } from '../core/table-name.ts';
import type { TableInfo } from '../sst/table-info.ts';

export interface Manifest {
  readonly name: ManifestName;
  /** The store's prefix in the bucket, "<cluster id>/domain/<name>/": a manifest that was copied elsewhere is noticed. */
  readonly prefix: string;
  /** By the writer's wall clock. */
  readonly createdMs: number;
  /** Every log entry up to and with this index is in the tables; also the highest sequence there. 0: none. */
  readonly coveredIndex: number;
  /** The next table of the writer gets at least this number. */
  readonly nextTableNumber: number;
  /**
   * Tables of this writer with a lower number are settled: in this manifest, or in none from here on. Those at or above it may be
   * on their way. What the collector may take follows from it (obsolete-objects.ts).
   */
  readonly settledTableNumber: number;
  /** Level 0 first, newest table first in it; below, tables sorted by key and without overlap. Trailing empty levels may be missing. */
  readonly levels: readonly (readonly TableInfo[])[];
}

/** How a log names a manifest, so that a wrong or damaged object is noticed. */
export interface ManifestRef {
  readonly name: ManifestName;
  readonly sizeBytes: number;
  /** CRC32C of the whole object. */
  readonly crc: number;
}

/** The log's side of a flush, given in by the domain. */
export interface ManifestJournal {
  /** Before anything is uploaded: rejects when this process may not write to the bucket any more. */
  confirm(): Promise<void>;
  /**
   * Makes this the store's manifest: durable in the log under the current term; entries up to `coveredIndex` may go from there.
   * A rejection of any kind ends the store: nobody knows what is recorded until the log was opened again.
   */
  record(ref: ManifestRef, coveredIndex: number): Promise<void>;
}
