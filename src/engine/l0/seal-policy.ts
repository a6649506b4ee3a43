// When the open L0 object is sealed: at a size, a number of partitions or batches, or an age, whichever comes first.
// With the interval `auto` on a local store an object is sealed whenever no upload is in flight. An upload that takes long holds
// up its own partitions and no others: behind it, an object is sealed after the window of a remote store.

export interface SealRules {
  readonly bytesMax: number;
  readonly partitionsMax: number;
  /** Keeps one partition's share of an object within one entry of the replicated log. */
  readonly batchesMax: number;
  /** Age of the first batch at which the object is sealed; 'when-idle' for group commit. */
  readonly interval: number | 'when-idle';
  /**
   * With 'when-idle': how long an object that was filled during an upload waits for what the answers to that upload bring. Clients
   * with a bounded number of requests in flight send the next ones then; it saves such loads half of their objects and flushes.
   */
  readonly gatherMs: number;
}

/** The window on stores where a PUT costs money or, on a local one, takes long. */
const remoteIntervalMs = 250;

export const defaultSealRules: Omit<SealRules, 'interval'> = {
  bytesMax: 4 * 1024 * 1024,
  partitionsMax: 1000,
  batchesMax: 8000,
  gatherMs: 1,
};

/** What `auto` means for a store. */
export const automaticInterval = (storeIsRemote: boolean): number | 'when-idle' =>
  storeIsRemote ? remoteIntervalMs : 'when-idle';

export interface OpenObjectFacts {
  readonly bytes: number;
  readonly partitions: number;
  readonly batches: number;
  readonly uploadsInFlight: number;
  /** Whether an upload has just settled while this object was open. */
  readonly behindUpload: boolean;
}

/** 'now' for full objects, 'soon' for one that only waits for its neighbours of this turn, a number for the longest wait in ms. */
export function whenToSeal(open: OpenObjectFacts, rules: SealRules): 'now' | 'soon' | number {
  if (open.bytes >= rules.bytesMax || open.partitions >= rules.partitionsMax || open.batches >= rules.batchesMax) {
    return 'now';
  }
  if (rules.interval !== 'when-idle') return rules.interval;
  if (open.uploadsInFlight > 0) return remoteIntervalMs;
  return open.behindUpload && rules.gatherMs > 0 ? rules.gatherMs : 'soon';
}
