// Which call to the store fails, and how: a script for a test that tells one story, or chance from a seed for the simulator.

import type { Random } from '../base/random.ts';
import type { StoreOperation } from './metered-store.ts';

export type FaultKind =
  /** 503: nothing happened. */
  | 'unavailable'
  /** 409: nothing happened. */
  | 'conflict'
  /** No answer, and nothing happened. */
  | 'timeout-before'
  /** No answer, but it happened. */
  | 'timeout-after'
  /** No answer; it happens later, `latencyMs` after the caller was told. */
  | 'timeout-late'
  /** A get gives fewer bytes than it should. */
  | 'torn-read'
  /** A listing shows what was there when it began, however slowly it is read. */
  | 'late-list';

export interface Fault {
  readonly kind?: FaultKind;
  /** Waited before the call reaches the store. */
  readonly latencyMs?: number;
}

export interface FaultPlan {
  /** The fault for the next call; undefined for none. `key` is a prefix for listings, '' for deletes. */
  next(operation: StoreOperation, key: string): Fault | undefined;
}

/** One fault after the other for the calls of one operation; none when they are used up. */
export function scriptedFaults(operation: StoreOperation, faults: readonly (Fault | undefined)[]): FaultPlan {
  const left = [...faults];
  return { next: (called) => (called === operation ? left.shift() : undefined) };
}

export interface FaultRates {
  /** Chance of each kind, per call; kinds that do not fit the operation do nothing. */
  readonly kinds: Partial<Record<FaultKind, number>>;
  readonly latencyMsMax?: number;
}

export function randomFaults(random: Random, rates: FaultRates): FaultPlan {
  return {
    next() {
      const latencyMs = random.fraction() * (rates.latencyMsMax ?? 0);
      let dice = random.fraction();
      for (const [kind, rate] of Object.entries(rates.kinds) as [FaultKind, number][]) {
        if (dice < rate) return { kind, latencyMs };
        dice -= rate;
      }
      return { latencyMs };
    },
  };
}
