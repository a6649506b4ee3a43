// What the reconciler has done since it was started; Prometheus reads it.

/** Upper bounds of the size histogram, bytes. */
export const objectSizeBuckets: readonly number[] = [1, 4, 16, 32, 64, 80, 128].map(
  (mebibytes) => mebibytes * 1024 * 1024,
);

export class ReconcileCounters {
  rounds = 0;
  failedRounds = 0;
  /** Objects that were uploaded, also those that nothing came of. */
  objects = 0;
  objectBytes = 0;
  /** Objects up to each bound of `objectSizeBuckets`, cumulative. */
  readonly objectSizes: number[] = objectSizeBuckets.map(() => 0);
  bytes = 0;
  batches = 0;
  partitions = 0;
  metastoreRetries = 0;
  corrections = 0;
  poisonBatches = 0;
  /** Reads of L0 objects; what the batch cache had is not among them. */
  l0Reads = 0;
  l0ReadBytes = 0;
  readMs = 0;
  buildMs = 0;
  addMs = 0;
  trims = 0;

  uploaded(sizeBytes: number): void {
    this.objects++;
    this.objectBytes += sizeBytes;
    for (const [at, bound] of objectSizeBuckets.entries()) {
      if (sizeBytes <= bound) this.objectSizes[at] = (this.objectSizes[at] as number) + 1;
    }
  }
}
