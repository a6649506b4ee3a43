// What every store under test does, each in the way that is fastest for it: the loops are the subject's own, so that no store pays
// for an interface that fits another.

export interface BenchRow {
  readonly key: string;
  readonly value: Buffer;
}

/** Latencies of single operations, in milliseconds, into a preallocated array. */
export interface Timing {
  readonly latenciesMs: Float64Array;
}

export interface Reads {
  /** One look-up after the other; returns how many rows were found. */
  readRandom(keys: readonly string[], timing: Timing): Promise<number>;
  /** `keys` in lists of `batch`; a latency is that of a list. */
  readMany(keys: readonly string[], batch: number, timing: Timing): Promise<number>;
  /** The whole store, keys and values; returns the number of rows. */
  scan(reverse: boolean): Promise<number>;
  /** For each key a seek and the row that is found there; returns how many were found. */
  seekRandom(keys: readonly string[], timing: Timing): Promise<number>;
}

export interface LsmSubject extends Reads {
  /** Writes one batch; resolved means durable where the variant says so. */
  write(rows: readonly BenchRow[]): Promise<void>;
  /** Waits until everything is in tables and nothing runs in the background. */
  settle(): Promise<void>;
  compact(): Promise<void>;
  /** Closes and opens again, the way a restart does; caches of the process are empty, local files stay. Returns milliseconds. */
  reopen(): Promise<number>;
  close(): Promise<void>;
}

export interface SubjectOptions {
  readonly directory: string;
  /** For blocks in memory; each store gets the same. */
  readonly cacheBytes: number;
  /** Whether a write is flushed to the disk before it resolves. */
  readonly durable: boolean;
}

/** Runs `one` for each key and keeps how long it took. */
export function timed(keys: readonly string[], { latenciesMs }: Timing, one: (key: string) => void): void {
  for (let at = 0; at < keys.length; at++) {
    const began = performance.now();
    one(keys[at] as string);
    latenciesMs[at] = performance.now() - began;
  }
}

export async function timedAsync(
  keys: readonly string[],
  { latenciesMs }: Timing,
  one: (key: string) => Promise<void>,
): Promise<void> {
  for (let at = 0; at < keys.length; at++) {
    const began = performance.now();
    await one(keys[at] as string);
    latenciesMs[at] = performance.now() - began;
  }
}
