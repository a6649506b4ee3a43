// What the admin server can show and order of the work on history: reconciling, compaction, leveling, retention. A port, which the
// composition root fills; the shapes are those of docs/operating/admin-http.md, so times are RFC 3339 text and offsets plain numbers.

/** Partitions by name of their topic; all topics where none is named. Throws `unknown-topic-or-partition`. */
export interface MaintenanceScope {
  readonly topics?: readonly string[] | undefined;
}

export interface ReconciledPartition {
  readonly partition: number;
  readonly logStartOffset: number;
  /** LRO; null while nothing has been reconciled. */
  readonly lastReconciledOffset: number | null;
  readonly highWatermark: number;
  /** Offsets, bytes and age of what is only in L0. */
  readonly pendingOffsets: number;
  readonly pendingBytes: number;
  readonly pendingAgeMs: number | null;
  /** Up to where the metastore in the bucket has the partition: below it and the LRO the log may be trimmed. */
  readonly flushedNextOffset: number;
  /** Entries that the partition's log keeps. */
  readonly logEntries: number;
  /** Why it does not get on; null when it does. */
  readonly problem: string | null;
}

export interface ReconcileRound {
  readonly at: string;
  readonly tookMs: number;
  readonly objects: number;
  readonly bytes: number;
  readonly offsets: number;
  /** Code and message of what failed in it; null when nothing did. */
  readonly error: string | null;
}

export interface ReconciledTopic {
  readonly topic: string;
  readonly topicId: string;
  /** Since when; null when it is not paused. */
  readonly paused: string | null;
  readonly intervalMs: number;
  readonly nextRoundInMs: number;
  readonly lastRound: ReconcileRound | null;
  readonly partitions: readonly ReconciledPartition[];
}

export interface ReconcileStatus {
  /** Whether all topics are paused, and since when. */
  readonly paused: string | null;
  readonly enabled: boolean;
  readonly roundsRunning: number;
  readonly topics: readonly ReconciledTopic[];
}

export interface PlannedReconcileObject {
  readonly topic: string;
  /** metastore domain: "metastore/1" */
  readonly domain: string;
  readonly partitions: number;
  readonly offsets: number;
  readonly batches: number;
  readonly bytes: number;
  /** L0 objects its data lies in, and of how many batches the bytes are still in the batch cache. */
  readonly l0Objects: number;
  readonly cachedBatches: number;
}

export interface ReconcilePlan {
  /** What a round would do now. Empty where there is nothing to do. */
  readonly objects: readonly PlannedReconcileObject[];
  /** Topics with pending data that a round would leave alone, and why. */
  readonly skipped: readonly { readonly topic: string; readonly reason: string }[];
}

export interface ReconcileRunResult {
  /** Whether everything that was pending when it was ordered is reconciled now. */
  readonly complete: boolean;
  readonly tookMs: number;
  /** Uploaded meanwhile for the topics that were ordered. */
  readonly objects: number;
  readonly bytes: number;
  /** Of the partitions below. */
  readonly offsets: number;
  /** Those that had something pending when it was ordered, as they are now. */
  readonly partitions: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly lastReconciledOffset: number | null;
    readonly pendingOffsets: number;
    readonly problem: string | null;
  }[];
}

export type MaintenanceKind = 'compaction' | 'leveling' | 'retention';

export interface MaintenanceOutcome {
  readonly kind: MaintenanceKind;
  readonly topic: string;
  readonly partition: number;
  readonly at: string;
  readonly tookMs: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly extentsBefore: number;
  readonly extentsAfter: number;
  readonly recordsRemoved: number;
  readonly tombstonesRemoved: number;
  /** Where it could not be done: code and message. A `metastore-conflict` means that something else got there first. */
  readonly error: string | null;
}

export interface MaintenanceJob {
  readonly kind: MaintenanceKind;
  readonly topic: string;
  readonly partition: number;
  /** Why it is due, in a few words: "dirty ratio 0.63 of at least 0.5", "31 small extents". */
  readonly reason: string;
  readonly bytes: number;
  readonly extents: number;
}

export interface CompactStatus {
  readonly compactionEnabled: boolean;
  readonly levelingEnabled: boolean;
  readonly running: readonly (MaintenanceJob & { readonly since: string })[];
  readonly queued: readonly MaintenanceJob[];
  /** The newest outcomes, newest first; a bounded number. */
  readonly outcomes: readonly MaintenanceOutcome[];
  readonly partitions: readonly CompactedPartition[];
}

/** A partition as compaction sees it: of compacted topics, and others with more than one small extent. */
export interface CompactedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly cleanupPolicy: string;
  readonly extents: number;
  readonly bytes: number;
  /** Null where the topic is not compacted. */
  readonly dirtyRatio: number | null;
  readonly dirtyBytes: number | null;
  readonly cleanedTo: number | null;
}

export interface CompactPlan {
  readonly jobs: readonly MaintenanceJob[];
  readonly skipped: readonly { readonly topic: string; readonly partition: number; readonly reason: string }[];
}

export interface CompactRunResult {
  /** Whether everything that was due when it was ordered is done now, or was found to be done already. */
  readonly complete: boolean;
  readonly tookMs: number;
  /** Jobs that it put in front of the queue. */
  readonly ordered: number;
  /** Of those jobs, as far as they have ended. */
  readonly outcomes: readonly MaintenanceOutcome[];
}

export interface MaintenanceOperations {
  reconcileStatus(scope: MaintenanceScope): ReconcileStatus;
  reconcilePlan(scope: MaintenanceScope): Promise<ReconcilePlan>;
  /** Begins rounds at once, also where paused. With `wait` it resolves when what was pending is done, or cannot get on. */
  reconcileRun(
    scope: MaintenanceScope & { readonly wait: boolean; readonly signal: AbortSignal },
  ): Promise<ReconcileRunResult>;
  /** Until resumed, or the broker ends. Rounds under way are finished. */
  reconcilePause(scope: MaintenanceScope): ReconcileStatus;
  reconcileResume(scope: MaintenanceScope): ReconcileStatus;
  compactStatus(scope: MaintenanceScope): Promise<CompactStatus>;
  compactPlan(scope: MaintenanceScope & { readonly kinds: readonly MaintenanceKind[] }): Promise<CompactPlan>;
  compactRun(
    scope: MaintenanceScope & {
      readonly kinds: readonly MaintenanceKind[];
      readonly wait: boolean;
      readonly signal: AbortSignal;
    },
  ): Promise<CompactRunResult>;
}
