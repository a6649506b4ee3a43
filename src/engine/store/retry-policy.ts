// When a call to the store is tried again, and after how long: exponential backoff with full jitter between half and the whole.

import type { ErrorCode } from '../base/error-table.ts';
import { EngineError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';

export interface RetryPolicy {
  /** A call ends after this long, whatever its tries do. */
  readonly deadlineMs: number;
  /** One try is given up, with an unknown outcome, after this long and the time its bytes may take. */
  readonly tryTimeoutMs: number;
  /** The slowest transfer that is not given up. */
  readonly bytesPerMsMin: number;
  readonly backoffMsMin: number;
  readonly backoffMsMax: number;
}

export const defaultRetryPolicy: RetryPolicy = {
  deadlineMs: 60_000,
  tryTimeoutMs: 10_000,
  bytesPerMsMin: 1024,
  backoffMsMin: 50,
  backoffMsMax: 5_000,
};

/** Answers that may be another one next time. A full disk is an answer: whoever waits for space decides how. */
const retried: readonly ErrorCode[] = ['store-unavailable', 'store-timeout', 'store-conflict'];

export function isRetried(error: unknown): error is EngineError {
  return error instanceof EngineError && retried.includes(error.code);
}

/** Whether a write that ended so may have happened all the same. 409 says that the store did nothing. */
export function mayHaveHappened(error: EngineError): boolean {
  return error.code !== 'store-conflict';
}

/** Pause before try number `tries` + 1. */
export function backoffMs(policy: RetryPolicy, random: Random, tries: number): number {
  const ceiling = Math.min(policy.backoffMsMax, policy.backoffMsMin * 2 ** Math.min(tries - 1, 30));
  return ceiling * (0.5 + random.fraction() / 2);
}

export function tryTimeoutMs(policy: RetryPolicy, bytes: number): number {
  return policy.tryTimeoutMs + bytes / policy.bytesPerMsMin;
}
