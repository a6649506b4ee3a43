// The bucket of the model: everything that a salvage may read, and nothing else.

import { noStamp, type Stamp } from '../../src/engine/base/ids.ts';
import type { ModelBatch, ModelObject } from './batch-model.ts';
import { noProducers, type ProducerTable } from './producer-table-model.ts';
import type { Rules } from './rules.ts';
import { batchesAfterRestore, type NamedChains, type Salvaged, salvage } from './salvage-model.ts';

/** A partition's row in the flushed metastore, and what L1 holds below it. */
export interface FlushedRow {
  readonly nextOffset: number;
  readonly stampBelow: Stamp;
  readonly producers: ProducerTable;
  readonly below: readonly ModelBatch[];
}

export const nothingFlushed: FlushedRow = { nextOffset: 0, stampBelow: noStamp, producers: noProducers, below: [] };

/** What a restore chose: per partition the row it started from and the chain above it. */
export interface RestoreRecord extends NamedChains<ModelBatch> {
  readonly rows: readonly FlushedRow[];
  readonly chains: readonly Salvaged<ModelBatch>[];
}

export class BucketModel {
  ownerIncarnation = 1;
  publishedM = 0;
  readonly objects = new Map<number, ModelObject>();
  readonly rows: FlushedRow[];
  readonly records = new Map<number, RestoreRecord>();

  constructor(partitions: number) {
    this.rows = Array.from({ length: partitions }, () => nothingFlushed);
  }

  /** The salvage of one partition. */
  salvage(partition: number, rules: Rules): Salvaged<ModelBatch> {
    const row = this.rows[partition]!;
    const batches = batchesAfterRestore(this.#batches(partition, rules), this.#record(rules));
    return salvage(row, batches, rules);
  }

  *#batches(partition: number, rules: Rules): Iterable<ModelBatch> {
    for (const object of this.objects.values()) {
      if (rules.salvageIgnoresCollected && object.clusterEpoch <= this.publishedM) continue;
      for (const batch of object.batches) if (batch.send.partition === partition) yield batch;
    }
  }

  #record(rules: Rules): RestoreRecord | undefined {
    if (!rules.restoreRecordNamesChain) return undefined;
    let newest: RestoreRecord | undefined;
    for (const record of this.records.values()) {
      if (record.incarnation > (newest?.incarnation ?? 0)) newest = record;
    }
    return newest;
  }

  /** Highest committed end of a partition that any footer, or the flushed row, tells of. */
  committedEndSeen(partition: number): number {
    let end = this.rows[partition]!.nextOffset;
    for (const object of this.objects.values()) end = Math.max(end, object.committedEnds.get(partition) ?? 0);
    return end;
  }
}
