// What every job works with, and what it adds up.

import type { Clock } from '../base/clock.ts';
import { EngineError } from '../base/errors.ts';
import type { TopicId } from '../base/ids.ts';
import type { Logger } from '../base/logger.ts';
import type { L1Reader } from '../l1/l1.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { MaintainedMetastore, MaintainedPartition } from './maintained-partition.ts';

/** The broker's settings, asked for each time: most of them change while it runs. */
export interface CompactorSettings {
  readonly compactionEnabled: () => boolean;
  readonly levelingEnabled: () => boolean;
  readonly compactionIntervalMs: () => number;
  readonly levelingIntervalMs: () => number;
  readonly retentionIntervalMs: () => number;
  /** cloudtopics.compaction.object.bytes */
  readonly objectBytes: () => number;
  /** cloudtopics.memory.compaction.keys.bytes */
  readonly keysBytes: () => number;
  /** cloudtopics.leveling.extent.bytes and .range.bytes */
  readonly levelingExtentBytes: () => number;
  readonly levelingRangeBytes: () => number;
  /** cloudtopics.upload.part.bytes */
  readonly partBytes: () => number;
  /** cloudtopics.l1.index.bytes */
  readonly indexBytes: () => number;
}

/** How much one pass of a compaction takes on. What is replaced in one request has to fit an entry of the metastore's log. */
export interface PassLimits {
  /** Extents that one request replaces where nothing is cleaned, and in front of what is. */
  readonly groupExtents: number;
  /** Extents whose keys are mapped. */
  readonly mappedExtents: number;
  /** Extents at the log start that wait for the last request of a pass. */
  readonly headExtents: number;
  /** Bytes of either: an object must be in use long before it would expire. */
  readonly groupBytes: number;
}

export const defaultPassLimits: PassLimits = {
  groupExtents: 500,
  mappedExtents: 400,
  headExtents: 50,
  groupBytes: 16 * 1024 ** 3,
};

export interface CompactorWork {
  readonly metastore: MaintainedMetastore;
  readonly reader: Pick<L1Reader, 'scan'>;
  readonly store: ObjectStore;
  readonly clusterId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: CompactorSettings;
  readonly limits: PassLimits;
  /** The partition's leader as it is now. */
  readonly partition: (topicId: TopicId, index: number) => MaintainedPartition | undefined;
  /** Waits until so many more bytes may be read or written in the background. */
  readonly pace: (bytes: number, signal?: AbortSignal) => Promise<void>;
  /** Lets others run: resolves in a later turn of the event loop. */
  readonly pause: () => Promise<void>;
  /** Named crash points. */
  readonly step: (name: string) => Promise<void> | void;
}

/** What one job has done so far. */
export interface JobTally {
  bytesRead: number;
  bytesWritten: number;
  extentsBefore: number;
  extentsAfter: number;
  batchesProcessed: number;
  batchesRemoved: number;
  recordsProcessed: number;
  recordsRemoved: number;
  tombstonesRemoved: number;
}

export const emptyTally = (): JobTally => ({
  bytesRead: 0,
  bytesWritten: 0,
  extentsBefore: 0,
  extentsAfter: 0,
  batchesProcessed: 0,
  batchesRemoved: 0,
  recordsProcessed: 0,
  recordsRemoved: 0,
  tombstonesRemoved: 0,
});

export interface JobRun {
  readonly signal: AbortSignal;
  readonly tally: JobTally;
}

/** Refuses (`not-leader`) when the partition has another leader by now, or none. */
export function mustLead(work: CompactorWork, { topicId, index, term }: MaintainedPartition): void {
  const now = work.partition(topicId, index);
  if (now?.term === term) return;
  throw new EngineError('not-leader', `${topicId}/${index}: term ${term} is over`, {
    context: { topicId, partition: index, term, now: now?.term },
  });
}

/** Long work asks after every batch. */
export class Breather {
  readonly #pause: () => Promise<void>;
  #records = 0;

  constructor(pause: () => Promise<void>) {
    this.#pause = pause;
  }

  /** A few milliseconds' worth of records, then others run. */
  async after(records: number): Promise<void> {
    this.#records += records + 1;
    if (this.#records < 5000) return;
    this.#records = 0;
    await this.#pause();
  }
}
