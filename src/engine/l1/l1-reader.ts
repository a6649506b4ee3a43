// Reads L1 objects, for consumers and for compaction.

import type { Clock } from '../base/clock.ts';
import { EngineError } from '../base/errors.ts';
import type { Offset, TopicId } from '../base/ids.ts';
import type { Logger } from '../base/logger.ts';
import type { DiskCache } from '../disk-cache/disk-cache.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { L1Footer } from './l1-object-format.ts';
import type { L1ObjectPlace, L1Place } from './l1-place.ts';

export interface L1Partition {
  readonly topicId: TopicId;
  readonly partition: number;
}

/** Bytes stay valid until disposed. */
export interface L1Read extends Disposable {
  readonly parts: readonly Buffer[];
  readonly bytes: number;
  /** Nothing lies from `from` up to `until` (exclusive): the caller goes on at `until`. */
  readonly nothingThere: boolean;
}

export interface L1ReadOptions {
  readonly from: Offset;
  readonly until: Offset;
  readonly bytesMax: number;
  readonly atLeastOne: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface L1ScanOptions {
  readonly from?: Offset | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly pace?: ((bytes: number) => Promise<void>) | undefined;
}

export interface L1ReaderOptions {
  readonly store: ObjectStore;
  readonly clusterId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly memoryBytesMax: number;
  readonly footerBytesMax: number;
  readonly disk?: DiskCache | undefined;
  /** The extent that holds the offset or the first above it; from the metastore. */
  readonly locate: (topicId: TopicId, partition: number, from: Offset) => Promise<L1Place | undefined>;
}

export interface L1ReaderStats {
  readonly memoryBytes: number;
  readonly memoryBytesMax: number;
  readonly footerBytes: number;
  readonly reads: number;
  readonly readBytes: number;
  readonly footerReadBytes: number;
  readonly skippedBytes: number;
  readonly cacheHits: number;
  readonly cacheMisses: number;
  readonly sharedReads: number;
  readonly readAheadBytes: number;
}

const soon = (): never => {
  throw new EngineError('bug', 'not there yet');
};

export class L1Reader implements AsyncDisposable {
  readonly options: L1ReaderOptions;

  constructor(options: L1ReaderOptions) {
    this.options = options;
  }

  read(_of: L1Partition, _options: L1ReadOptions): Promise<L1Read> {
    return soon();
  }

  batchAtTimestamp(_of: L1Partition, _place: L1Place, _from: Offset, _timestamp: number): Promise<Buffer | undefined> {
    return soon();
  }

  batchAt(_of: L1Partition, _place: L1Place, _from: Offset): Promise<Buffer | undefined> {
    return soon();
  }

  scan(_of: L1Partition, _place: L1Place, _options: L1ScanOptions = {}): AsyncGenerator<Buffer[]> {
    return soon();
  }

  footer(_objectId: string, _object: L1ObjectPlace): Promise<L1Footer> {
    return soon();
  }

  stats(): L1ReaderStats {
    return soon();
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
