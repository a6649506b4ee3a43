// Decides up to where retention moves the log start of a partition. Pure.

export interface RetentionFacts {
  readonly logStartOffset: number;
  /** What is not reconciled never expires. */
  readonly reconciledEnd: number;
  /** The first offset that retention by time keeps; undefined where time does not limit. */
  readonly keptByTime: number | undefined;
  /** The first offset that retention by size keeps; undefined where size does not limit. */
  readonly keptByBytes: number | undefined;
}

export interface RetentionMove {
  readonly startOffset: number;
  readonly reason: 'retention.ms' | 'retention.bytes';
}

/** Undefined when the log start stays. Of two limits the one that moves further wins. */
export function decideRetention(facts: RetentionFacts): RetentionMove | undefined {
  const { keptByTime = 0, keptByBytes = 0, logStartOffset, reconciledEnd } = facts;
  const startOffset = Math.min(Math.max(keptByTime, keptByBytes), reconciledEnd);
  if (startOffset <= logStartOffset) return undefined;
  return { startOffset, reason: keptByBytes > keptByTime ? 'retention.bytes' : 'retention.ms' };
}
