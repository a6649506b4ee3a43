// What the metastore knows of an extent and of the object that it lies in: enough to read it.

import type { Offset, TimestampMs } from '../base/ids.ts';

/** Of an object: its size, and where its footer begins. */
export interface L1ObjectPlace {
  readonly sizeBytes: number;
  readonly footerPosition: number;
}

/** An extent is one section of one object. */
export interface L1Place {
  readonly baseOffset: Offset;
  readonly lastOffset: Offset;
  readonly maxTimestamp: TimestampMs;
  readonly objectId: string;
  /** The section's bytes in the object. */
  readonly position: number;
  readonly length: number;
  readonly object: L1ObjectPlace;
}
