// Owning a cluster: the right to acknowledge, flush and delete in its part of the store.
//
// - `takeOwnership` creates the cluster or raises its start counter, by conditional writes only, and refuses a data directory
//   that is not the one the cluster lives in.
// - `confirm` resolves while OWNER was seen to be ours less than a lease ago. A confirmation counts from the start of its
//   request, and its age is the larger of what the monotonic and the wall clock say.
// - OWNER is read ahead of everything else the store has to do. A try that hangs is given up in time for the next one to count.
// - Once OWNER shows anybody else, ownership is lost for good: every confirm rejects with `fenced-owner`.

import type { Clock } from '../base/clock.ts';
import { EngineError } from '../base/errors.ts';
import type { Incarnation } from '../base/ids.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { type FoundOwner, ownerKey, readOwner } from './cluster-directory.ts';
import type { Owner } from './owner-format.ts';

export { type TakeOwnershipOptions, takeOwnership } from './ownership-start.ts';

/** Tries of one read, a lease together: each is shorter than the third of a lease after which the loop reads again. */
const readTries = 4;

interface Instant {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

export interface OwnershipOptions {
  readonly store: ObjectStore;
  readonly clock: Clock;
  /** What this process wrote into OWNER. */
  readonly owner: Owner;
  /** When the request that wrote it began. */
  readonly confirmedAt: Instant;
  /** Reads OWNER for every confirmation, and so needs no clock. */
  readonly strict: boolean;
}

export class Ownership {
  readonly #store: ObjectStore;
  readonly #clock: Clock;
  readonly #owner: Owner;
  readonly strict: boolean;
  #confirmedAt: Instant;
  #lost: EngineError | undefined;
  readonly #listeners = new Set<(error: EngineError) => void>();
  /** The read that is under way, and the one that begins behind it for those who came too late to share it. */
  #reading: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(options: OwnershipOptions) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#owner = options.owner;
    this.strict = options.strict;
    this.#confirmedAt = options.confirmedAt;
  }

  get clusterId(): string {
    return this.#owner.clusterId;
  }

  get clusterName(): string {
    return this.#owner.clusterName;
  }

  get incarnation(): Incarnation {
    return this.#owner.incarnation;
  }

  get startCounter(): number {
    return this.#owner.start.counter;
  }

  get leaseMs(): number {
    return this.#owner.leaseMs;
  }

  /** The reason, once ownership is lost. */
  get lost(): EngineError | undefined {
    return this.#lost;
  }

  /** Of the last confirmation. */
  ageMs(): number {
    return Math.max(
      this.#clock.monotonicMs() - this.#confirmedAt.monotonicMs,
      this.#clock.nowMs() - this.#confirmedAt.wallMs,
    );
  }

  /** Whether the last confirmation is younger than a lease. Where that is not enough (strict mode), `confirm` says more. */
  get fresh(): boolean {
    return this.#lost === undefined && this.ageMs() < this.leaseMs;
  }

  /**
   * Resolves when this process owned the cluster less than a lease ago. Rejects with `fenced-owner` when it does not any more,
   * and with the store's error when that could not be found out.
   */
  async confirm(signal?: AbortSignal): Promise<void> {
    if (this.#lost !== undefined) throw this.#lost;
    if (!this.strict && this.fresh) return;
    // Within a lease a read that began before this call is as good as one that begins now.
    const reading = this.strict ? this.refresh() : (this.#reading ?? this.refresh());
    await unlessAborted(reading, signal);
    if (this.#lost !== undefined) throw this.#lost;
    if (!this.strict && !this.fresh) {
      throw new EngineError('store-timeout', `OWNER of cluster ${this.clusterId} took longer than a lease to read`, {
        context: { clusterId: this.clusterId, leaseMs: this.leaseMs },
      });
    }
  }

  /** Reads OWNER with a request that begins after this call; calls that wait share one. */
  refresh(): Promise<void> {
    if (this.#reading === undefined) return this.#begin();
    const running = this.#reading;
    this.#next ??= running
      .catch(() => {})
      .then(() => {
        this.#next = undefined;
        return this.#reading ?? this.#begin();
      });
    return this.#next;
  }

  /** Calls `listener` once when ownership is lost, at once when it is; returns the way to stop that. */
  onLost(listener: (error: EngineError) => void): () => void {
    if (this.#lost !== undefined) {
      listener(this.#lost);
      return () => {};
    }
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #begin(): Promise<void> {
    const reading = this.#read().finally(() => {
      this.#reading = undefined;
    });
    this.#reading = reading;
    return reading;
  }

  async #read(): Promise<void> {
    for (let tries = 1; ; tries++) {
      if (this.#lost !== undefined) throw this.#lost;
      const began: Instant = { monotonicMs: this.#clock.monotonicMs(), wallMs: this.#clock.nowMs() };
      const found = await this.#try();
      if (this.#lost !== undefined) throw this.#lost;
      if (found === 'late') {
        if (tries < readTries) continue;
        throw new EngineError('store-timeout', `OWNER of cluster ${this.clusterId} could not be read for a lease`, {
          context: { clusterId: this.clusterId, leaseMs: this.leaseMs, tries },
        });
      }
      if (found === undefined || !isSame(found.owner, this.#owner)) throw this.#lose(found?.owner);
      this.#confirmedAt = began;
      return;
    }
  }

  /** One try. The store is not waited for when it does not stop at once. */
  async #try(): Promise<FoundOwner | undefined | 'late'> {
    const abort = new AbortController();
    const late = Promise.withResolvers<'late'>();
    const timer = this.#clock.after(this.leaseMs / readTries, () => {
      late.resolve('late');
      abort.abort();
    });
    try {
      const reading = readOwner(this.#store, this.clusterId, { signal: abort.signal, urgent: true });
      reading.catch(() => {});
      return await Promise.race([reading, late.promise]);
    } finally {
      timer.cancel();
    }
  }

  #lose(now: Owner | undefined): EngineError {
    const whose =
      now === undefined
        ? `${ownerKey(this.clusterId)} is gone`
        : `OWNER shows incarnation ${now.incarnation}, start ${now.start.counter}; this process is incarnation ${this.incarnation}, start ${this.startCounter}`;
    const error = new EngineError('fenced-owner', `cluster ${this.clusterName} has another owner: ${whose}`, {
      context: {
        clusterId: this.clusterId,
        incarnation: this.incarnation,
        startCounter: this.startCounter,
        ownerIncarnation: now?.incarnation,
        ownerStartCounter: now?.start.counter,
      },
    });
    this.#lost = error;
    for (const listener of this.#listeners) listener(error);
    this.#listeners.clear();
    return error;
  }
}

function isSame(found: Owner, mine: Owner): boolean {
  return (
    found.incarnation === mine.incarnation &&
    found.logIdentity === mine.logIdentity &&
    found.start.counter === mine.start.counter &&
    found.start.nonce === mine.start.nonce
  );
}

function unlessAborted(promise: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      promise.catch(() => {});
      reject(signal.reason);
      return;
    }
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
