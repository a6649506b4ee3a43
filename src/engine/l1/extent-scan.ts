// Reads an extent through once, for compaction: large GETs one after the other, which leave the caches as they are.
//
// - memory: one buffer of about 8 MiB, used again for every group, so a group is valid until the next is asked for
// - what is in memory or has a local copy is taken from there

import { checkSignal } from './abortable.ts';
import { splitBatches } from './batch-selection-policy.ts';
import type { ChunkCache } from './chunk-cache.ts';
import type { ChunkReader } from './chunk-reader.ts';
import type { OpenExtent } from './extent-finder.ts';

export interface L1ScanOptions {
  /** Batches that end below it are left out. */
  readonly from?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Waited for before each GET. */
  readonly pace?: ((bytes: number) => Promise<void>) | undefined;
}

const getBytes = 8 * 1024 * 1024;

/** Groups of batches, each in a buffer of its own. */
export async function* scanExtent(
  { object, section, place }: OpenExtent,
  chunks: ChunkCache,
  reader: ChunkReader,
  { from = place.baseOffset, signal, pace }: L1ScanOptions,
): AsyncGenerator<Buffer[]> {
  const { footer } = object;
  const end = footer.endChunk(section);
  let memory = Buffer.alloc(0);
  for (let chunk = footer.chunkOf(section, from); chunk < end; ) {
    checkSignal(signal);
    const where = `L1 object ${object.key}, chunk ${chunk}`;
    const group: Buffer[] = [];
    const near = chunks.near(object, chunk);
    if (near !== undefined) {
      try {
        splitBatches(near.bytes, from, where, group);
        if (group.length > 0) yield group;
      } finally {
        near.release();
      }
      chunk++;
      continue;
    }
    const runEnd = runEndOf(chunk, end);
    const bytes = footer.chunkEnd(runEnd - 1) - footer.chunkPosition(chunk);
    if (memory.length < bytes) memory = Buffer.allocUnsafeSlow(Math.max(bytes, Math.min(getBytes, place.length)));
    if (reader.isOnDisk(object, chunk)) {
      splitBatches(await reader.readOne(object, chunk, memory.subarray(0, bytes), signal), from, where, group);
    } else {
      await pace?.(bytes);
      for (const outcome of await reader.readRun(object, chunk, runEnd, memory, signal)) {
        if (!Buffer.isBuffer(outcome)) throw outcome;
        splitBatches(outcome, from, where, group);
      }
    }
    if (group.length > 0) yield group;
    chunk = runEnd;
  }

  /** Up to where one GET goes. */
  function runEndOf(first: number, limit: number): number {
    if (reader.isOnDisk(object, first)) return first + 1;
    let runEnd = first + 1;
    while (runEnd < limit && footer.chunkEnd(runEnd) - footer.chunkPosition(first) <= getBytes) {
      if (chunks.isNear(object, runEnd) || reader.isOnDisk(object, runEnd)) break;
      runEnd++;
    }
    return runEnd;
  }
}
