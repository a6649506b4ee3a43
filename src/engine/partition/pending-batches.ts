// The committed batches of a partition from an offset on, as its placeholders tell them: what the reconciler reads next. Out of the log,
// a piece at a time; the bytes of each are in its L0 object, and in the batch cache as long as that has them.

import { EngineError } from '../base/errors.ts';
import { type Offset, offset, type TimestampMs } from '../base/ids.ts';
import type { SlabRange } from '../base/slab-pool.ts';
import type { L0Object } from '../l0/l0.ts';
import type { LogEntry } from '../replicated-log/replicated-log.ts';
import type { ExtentIndex } from './extent-index.ts';
import { decodePartitionEntry, type Placeholder } from './placeholder-format.ts';

export interface PendingBatch extends Placeholder {
  readonly object: L0Object;
  readonly appendedAtMs: TimestampMs;
  /** Its bytes, where they may still be in memory: whoever wants them pins them, which may fail. */
  readonly records: SlabRange | undefined;
}

export interface PendingLimits {
  /** The first batch is given however large it is. */
  readonly bytesMax: number;
  readonly batchesMax: number;
  /** Waited for between pieces of the log, so that others have their turn of the event loop. */
  readonly pause?: () => Promise<void>;
}

export interface PendingBatchesOptions {
  readonly group: string;
  readonly extents: ExtentIndex;
  readonly readLog: (fromEntry: number, bytesMax: number) => Promise<LogEntry[]>;
}

const readBytes = 256 * 1024;

export class PendingBatches {
  readonly #options: PendingBatchesOptions;
  /** Entries that hold these offsets, from the last read: where it began and where it ended. */
  #places: readonly { readonly at: Offset; readonly entry: number }[] = [];

  constructor(options: PendingBatchesOptions) {
    this.#options = options;
  }

  /** Whole batches from `from` on, which must be where a batch begins, up to `until` (exclusive). */
  async read(from: Offset, until: Offset, { bytesMax, batchesMax, pause }: PendingLimits): Promise<PendingBatch[]> {
    if (from >= until) return [];
    const { group, extents, readLog } = this.#options;
    // The entry that was noted may be trimmed meanwhile, when all its batches lie below.
    const noted = this.#places.find((one) => one.at === from)?.entry ?? 0;
    const start = Math.max(noted, extents.entryOf(from));
    const found: PendingBatch[] = [];
    let bytes = 0;
    let next: number = from;
    let entry = start;
    while (next < until) {
      const entries = await readLog(entry, readBytes);
      if (entries.length === 0) throw missing(group, entry, next);
      for (const one of entries) {
        for (const batch of batchesOf(one, group)) {
          if (batch.baseOffset < from || batch.baseOffset >= until) continue;
          if (batch.baseOffset !== next) throw missing(group, one.index, next);
          const full = bytes + batch.length > bytesMax || found.length >= batchesMax;
          if (full && found.length > 0) return this.#finish(from, start, found, one.index);
          found.push(batch);
          bytes += batch.length;
          next = batch.lastOffset + 1;
        }
        entry = one.index;
        if (next >= until) break;
      }
      if (next >= until) break;
      entry++;
      await pause?.();
    }
    return this.#finish(from, start, found, entry);
  }

  #finish(from: Offset, start: number, found: PendingBatch[], entry: number): PendingBatch[] {
    const end = offset((found.at(-1)?.lastOffset ?? from - 1) + 1);
    this.#places = [
      { at: from, entry: start },
      { at: end, entry },
    ];
    return withRecords(found, this.#options.extents);
  }
}

function batchesOf(entry: LogEntry, group: string): PendingBatch[] {
  const decoded = decodePartitionEntry(entry.bytes, `${group}#${entry.index}`);
  if (decoded.kind !== 'placeholders') return [];
  const { appendedAtMs } = decoded;
  return decoded.shares.flatMap(({ object, batches }) =>
    batches.map((batch) => ({ ...batch, object, appendedAtMs, records: undefined })),
  );
}

/** Joins what the batch cache may still have; both are in offset order. */
function withRecords(batches: PendingBatch[], extents: ExtentIndex): PendingBatch[] {
  const first = batches[0];
  const recent = first === undefined ? undefined : extents.oldestRecent(first.baseOffset);
  if (recent === undefined) return batches;
  let at = recent.start;
  return batches.map((batch) => {
    while ((recent.extents[at]?.baseOffset ?? Number.POSITIVE_INFINITY) < batch.baseOffset) at++;
    const extent = recent.extents[at];
    return extent?.baseOffset === batch.baseOffset && extent.records?.alive === true
      ? { ...batch, records: extent.records }
      : batch;
  });
}

function missing(group: string, entry: number, at: number): EngineError {
  return new EngineError('corrupt-log', `${group}: no log entry from ${entry} on holds offset ${at}`, {
    context: { group, entry, offset: at },
  });
}
