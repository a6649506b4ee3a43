// Reads back what a job rewrites: the extents of a partition, and their batches one by one.

import { EngineError } from '../base/errors.ts';
import type { Offset } from '../base/ids.ts';
import type { CompactorWork, JobRun } from './compactor-work.ts';
import { type LocatedExtent, type MaintainedPartition, placeOf } from './maintained-partition.ts';

/** The batches of an extent from an offset on. A batch is valid until the next is asked for. */
export async function* batchesOf(
  work: CompactorWork,
  partition: MaintainedPartition,
  extent: LocatedExtent,
  { from, run }: { readonly from?: Offset | undefined; readonly run: JobRun },
): AsyncGenerator<Buffer> {
  const { signal, tally } = run;
  const { object } = extent;
  if (object === undefined) {
    throw new EngineError('corrupt-object', `the metastore has no row of object ${extent.objectId}`, {
      context: { objectId: extent.objectId, baseOffset: extent.baseOffset },
    });
  }
  const pace = (bytes: number) => work.pace(bytes, signal);
  const options = { signal, pace, ...(from === undefined || from <= extent.baseOffset ? {} : { from }) };
  for await (const group of work.reader.scan(placeOf(partition), { ...extent, object }, options)) {
    for (const batch of group) {
      tally.bytesRead += batch.length;
      yield batch;
    }
    signal.throwIfAborted();
  }
}

export interface ExtentsWanted {
  readonly min: number;
  readonly max: number;
  readonly limit: number;
  readonly bytesMax: number;
}

/** Extents in offset order up to both limits, at least one if there is any; and whether there is none behind them in the range. */
export async function oldExtents(
  work: CompactorWork,
  partition: MaintainedPartition,
  { min, max, limit, bytesMax }: ExtentsWanted,
): Promise<{ readonly extents: readonly LocatedExtent[]; readonly isLast: boolean }> {
  if (max < min) return { extents: [], isLast: true };
  const range = { min: min as Offset, max: max as Offset, limit, withObjects: true };
  const page = await work.metastore.pageOfExtents(placeOf(partition), range);
  let bytes = 0;
  const count = page.extents.findIndex(({ length }, at) => {
    bytes += length;
    return at > 0 && bytes > bytesMax;
  });
  return count < 0 ? page : { extents: page.extents.slice(0, count), isLast: false };
}
