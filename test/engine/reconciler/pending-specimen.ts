// Leaders with pending batches for tests of plans: nothing but what a plan looks at.

import { clusterEpoch, incarnation, offset, term, timestampMs } from '../../../src/engine/base/ids.ts';
import type { LedPartition, PendingBatch } from '../../../src/engine/partition/partition.ts';
import { topic } from '../partition/write-path-world.ts';

export interface BatchSpecimen {
  /** Names the L0 object. */
  readonly object?: number;
  readonly position?: number;
  readonly length?: number;
  readonly producerId?: number;
  readonly appendedAtMs?: number;
}

/** Batches of one record each, from an offset on. */
export function pendingBatches(from: number, specimens: readonly BatchSpecimen[]): PendingBatch[] {
  return specimens.map(({ object = 1, position = 0, length = 100, producerId = -1, appendedAtMs = 0 }, at) => ({
    stamp: { incarnation: incarnation(1), term: term(1), attempt: 0 },
    baseOffset: offset(from + at),
    lastOffset: offset(from + at),
    position,
    length,
    producerId,
    producerEpoch: 0,
    baseSequence: 0,
    attributes: 0,
    maxTimestamp: timestampMs(0),
    object: {
      id: { shard: 0, epoch: clusterEpoch(1), name: `00000000-0000-4000-8000-${String(object).padStart(12, '0')}` },
      sizeBytes: 4 * 1024 * 1024,
    },
    appendedAtMs: timestampMs(appendedAtMs),
    records: undefined,
  }));
}

/** A leader with these batches pending; `reconciled` takes some off the front. */
export class PendingLeader {
  readonly topicId = topic;
  readonly index: number;
  reconciledEnd = offset(0);
  readonly #batches: readonly PendingBatch[];

  constructor(index: number, specimens: readonly BatchSpecimen[]) {
    this.index = index;
    this.#batches = pendingBatches(0, specimens);
  }

  get lastStableOffset(): number {
    return this.#batches.length;
  }

  get pendingBytes(): number {
    return this.#batches.slice(this.reconciledEnd).reduce((sum, { length }) => sum + length, 0);
  }

  async readPending({ bytesMax, batchesMax }: { bytesMax: number; batchesMax: number }): Promise<PendingBatch[]> {
    const found: PendingBatch[] = [];
    let bytes = 0;
    for (const batch of this.#batches.slice(this.reconciledEnd, this.reconciledEnd + batchesMax)) {
      bytes += batch.length;
      if (found.length > 0 && bytes > bytesMax) break;
      found.push(batch);
    }
    return found;
  }

  get led(): LedPartition {
    return this as unknown as LedPartition;
  }
}
