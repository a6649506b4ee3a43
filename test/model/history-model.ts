// What the outside world was told: acknowledgements, and what readers saw. Nothing of it may ever turn out untrue.

import type { ModelBatch, Send } from './batch-model.ts';

/** A promise was broken; the message says which one, and where. */
export class Violation extends Error {}

export interface Told {
  readonly baseOffset: number;
  readonly send: Send;
}

export class HistoryModel {
  readonly acknowledged: Told[][];
  /** Per partition, by base offset. */
  readonly seen: Map<number, Send>[];
  readonly #acknowledgedPayloads = new Set<number>();

  constructor(partitions: number) {
    this.acknowledged = Array.from({ length: partitions }, () => []);
    this.seen = Array.from({ length: partitions }, () => new Map());
  }

  acknowledge(send: Send, baseOffset: number): void {
    this.acknowledged[send.partition]!.push({ baseOffset, send });
    this.#acknowledgedPayloads.add(send.payload);
  }

  isAcknowledged(send: Send): boolean {
    return this.#acknowledgedPayloads.has(send.payload);
  }

  /** A reader is served a batch: below a high watermark, or by a view. */
  serve(batch: ModelBatch): void {
    const { partition } = batch.send;
    const before = this.seen[partition]!.get(batch.baseOffset);
    if (before !== undefined && before.payload !== batch.send.payload) {
      throw new Violation(`partition ${partition}: a reader saw two different batches at offset ${batch.baseOffset}`);
    }
    this.seen[partition]!.set(batch.baseOffset, batch.send);
  }
}
