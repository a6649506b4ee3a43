// What of a round’s jobs fits the memory for L0 data that is read back.
//
// An L1 object is sorted by partition and L0 objects are not, so what a round wants of an L0 object stays in memory until the last job that
// wants some of it is done. Where not everything fits, the oldest L0 objects come first, for all jobs alike: each is read once, and
// nobody's data waits behind what is younger.

import type { LedPartition, PendingBatch } from '../partition/partition.ts';
import { memoryFor } from './read-memory.ts';
import type { Job, JobPart } from './round-job.ts';

export interface FittedRound {
  readonly jobs: readonly Job[];
  /** Partitions that were cut. */
  readonly cut: ReadonlySet<LedPartition>;
}

/** What is wanted of one L0 object, from the first byte to the last. */
interface Wanted {
  start: number;
  end: number;
  /** Whether the batch cache has not all of it. */
  missing: boolean;
  /** When the first of it was appended, and how far from the front of its partition's part it is. */
  atMs: number;
  place: number;
}

/** Whether a batch must be read back. */
export const isMissing = ({ records }: PendingBatch): boolean => records?.alive !== true;

/** The first object fits however large it is, and always gets somebody on. */
export async function fitToMemory(
  jobs: readonly Job[],
  bytesMax: number,
  pause: () => Promise<void>,
): Promise<FittedRound> {
  const objects = new Map<string, Wanted>();
  for (const { parts } of jobs) {
    for (const part of parts) note(part, objects);
    await pause();
  }
  const missing = [...objects].filter(([, wanted]) => wanted.missing);
  let bytes = missing.reduce((sum, [, { start, end }]) => sum + memoryFor(end - start), 0);
  if (bytes <= bytesMax) return { jobs, cut: new Set() };
  const unfit = new Set(missing.map(([name]) => name));
  bytes = 0;
  for (const [name, { start, end }] of missing.sort(([, a], [, b]) => a.atMs - b.atMs || a.place - b.place)) {
    bytes += memoryFor(end - start);
    if (bytes > bytesMax && unfit.size < missing.length) break;
    unfit.delete(name);
  }
  const cut = new Set<LedPartition>();
  const fitting: Job[] = [];
  for (const job of jobs) {
    const parts = job.parts.flatMap((part) => {
      const end = part.batches.findIndex((batch) => isMissing(batch) && unfit.has(batch.object.id.name));
      if (end < 0) return [part];
      cut.add(part.leader);
      return end === 0 ? [] : [{ ...part, batches: part.batches.slice(0, end) }];
    });
    if (parts.length > 0) fitting.push({ ...job, parts });
    await pause();
  }
  return { jobs: fitting, cut };
}

function note({ batches }: JobPart, objects: Map<string, Wanted>): void {
  // Clocks may jump back; a partition's batches come in order all the same.
  let atMs = 0;
  for (const [place, batch] of batches.entries()) {
    const { object, position, length, appendedAtMs } = batch;
    atMs = Math.max(atMs, appendedAtMs);
    const missing = isMissing(batch);
    const known = objects.get(object.id.name);
    if (known === undefined) {
      objects.set(object.id.name, { start: position, end: position + length, missing, atMs, place });
      continue;
    }
    known.start = Math.min(known.start, position);
    known.end = Math.max(known.end, position + length);
    known.missing ||= missing;
    if (atMs < known.atMs || (atMs === known.atMs && place < known.place)) {
      known.atMs = atMs;
      known.place = place;
    }
  }
}
