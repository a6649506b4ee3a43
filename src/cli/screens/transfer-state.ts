// What is known of a run that moves records, and what follows from it: rate, share done, time left. Pure: time and figures
// come in, a new state comes out. Memory is bounded, since only samples of the last few seconds are kept.

/** How far a run has come, as its command sees it. Taken a few times per second, never per record. */
export interface TransferSnapshot {
  readonly records: number;
  readonly bytes: number;
  /** Towards a known end, in any unit. */
  readonly goal?: Goal;
  /** Partitions with a known end, in their order. */
  readonly partitions?: readonly PartitionSnapshot[];
}

export interface Goal {
  readonly done: number;
  readonly total: number;
}

export interface PartitionSnapshot extends Goal {
  readonly partition: number;
}

export interface TransferState {
  readonly startedAtMs: number;
  readonly nowMs: number;
  readonly snapshot: TransferSnapshot;
  /** Oldest first; the first is the one that rates are measured from. */
  readonly samples: readonly Sample[];
}

interface Sample {
  readonly atMs: number;
  readonly records: number;
  readonly bytes: number;
  readonly done: number;
}

export interface Pace {
  readonly elapsedMs: number;
  readonly recordsPerSecond: number;
  readonly bytesPerSecond: number;
  /** Undefined where no end is known, or nothing moves. */
  readonly remainingMs: number | undefined;
}

/** Rates are those of the last few seconds: a run that stalls shows it. */
const windowMs = 5_000;
/** A rate taken over less than this says nothing about the time left. */
const estimateAfterMs = 1_000;

export function transferBegun(nowMs: number): TransferState {
  const snapshot = { records: 0, bytes: 0 };
  return { startedAtMs: nowMs, nowMs, snapshot, samples: [{ atMs: nowMs, ...snapshot, done: 0 }] };
}

export function transferMoved(state: TransferState, snapshot: TransferSnapshot, nowMs: number): TransferState {
  const { records, bytes, goal } = snapshot;
  const samples = [...state.samples, { atMs: nowMs, records, bytes, done: goal?.done ?? 0 }];
  // One sample from before the window stays, so that a full window is measured also when samples are rare.
  const first = Math.max(
    0,
    samples.findLastIndex(({ atMs }) => atMs <= nowMs - windowMs),
  );
  return { startedAtMs: state.startedAtMs, nowMs, snapshot, samples: samples.slice(first) };
}

export function paceOf({ startedAtMs, nowMs, snapshot, samples }: TransferState): Pace {
  const from = samples[0];
  const seconds = from === undefined ? 0 : (nowMs - from.atMs) / 1000;
  const per = (now: number, then: number): number => (seconds <= 0 ? 0 : Math.max(0, now - then) / seconds);
  const elapsedMs = nowMs - startedAtMs;
  const donePerSecond = per(snapshot.goal?.done ?? 0, from?.done ?? 0);
  return {
    elapsedMs,
    recordsPerSecond: per(snapshot.records, from?.records ?? 0),
    bytesPerSecond: per(snapshot.bytes, from?.bytes ?? 0),
    remainingMs:
      snapshot.goal === undefined || donePerSecond === 0 || elapsedMs < estimateAfterMs
        ? undefined
        : (Math.max(0, snapshot.goal.total - snapshot.goal.done) / donePerSecond) * 1000,
  };
}

/** 0 to 1. What has nothing to do is done. */
export function shareOf({ done, total }: Goal): number {
  return total <= 0 ? 1 : Math.min(1, Math.max(0, done / total));
}
