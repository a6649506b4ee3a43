// Writes what survives of a walk through versions into tables: a memtable that is written out, or tables that are merged.

import type { Cursor } from '../core/cursor.ts';
import type { TableInfo } from '../sst/table-info.ts';
import type { DropPolicy } from './drop-policy.ts';
import type { OutputSplitPolicy } from './output-split-policy.ts';
import type { TableWriter } from './table-writer.ts';
import type { WorkSlices } from './work-slices.ts';

export interface TableMerge {
  readonly cursor: Cursor;
  readonly drop: DropPolicy;
  /** Where tables end early; nowhere where not given. */
  readonly split?: OutputSplitPolicy;
  readonly writer: TableWriter;
  readonly slices: WorkSlices;
  /** The work stops, and rejects with the signal's reason, in the next slice. */
  readonly ending: AbortSignal;
  /** Called with the tables that were written before it failed. */
  readonly discard: (tables: readonly TableInfo[]) => void;
}

/** The tables, in the order of their keys; none when nothing survives. After a failure nothing is under way any more. */
export async function mergeIntoTables(merge: TableMerge): Promise<readonly TableInfo[]> {
  const { cursor, drop, split, writer, slices, ending } = merge;
  try {
    const begun = cursor.first();
    if (begun !== undefined) await begun;
    while (cursor.valid) {
      const { key, sequence, deleted } = cursor;
      let bytes = key.length;
      if (drop.keeps(key, sequence, deleted)) {
        const value = deleted ? undefined : cursor.value();
        const closed = writer.begin(key, split?.closesBefore(key) ?? false);
        if (closed !== undefined) await closed;
        writer.add(key, sequence, value);
        bytes += value?.length ?? 0;
      }
      const aside = slices.worked(bytes);
      if (aside !== undefined) {
        await aside;
        ending.throwIfAborted();
      }
      const moved = cursor.next();
      if (moved !== undefined) await moved;
    }
    return await writer.finish();
  } catch (error) {
    merge.discard(await writer.abandon());
    throw error;
  }
}
