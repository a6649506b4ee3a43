// Fetch sessions (KIP-227): a consumer names its partitions once, afterwards only what it changes, and is told only what changed.
//
// - a session's requests carry epochs 1, 2, 3 …; another epoch means that the two sides disagree, and the client begins anew
// - slots are bounded; a new session takes the place of the one that was not used for longest, if that is long enough
// - the partitions of all sessions are bounded too; a session that does not fit is not kept, its client fetches in full
// - partitions that were just answered with data go to the end, so that one with much data does not starve the others

import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';

export interface FetchPartition {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly currentLeaderEpoch: number;
  readonly fetchOffset: number;
  readonly lastFetchedEpoch: number;
  readonly partitionMaxBytes: number;
}

interface Told {
  readonly highWatermark: number;
  readonly logStartOffset: number;
}

interface SessionPartition {
  wanted: FetchPartition;
  /** What the client knows; undefined when it must be told. */
  told: Told | undefined;
}

export interface ToldPartition extends Told {
  readonly errorCode: number;
  readonly bytes: number;
}

export interface ForgottenPartition {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
}

/** By topic id where the request has them. */
function keyOf(byId: boolean, { topic, topicId, partition }: ForgottenPartition): string {
  return `${byId ? topicId : topic} ${partition}`;
}

export class FetchSession {
  readonly id: number;
  readonly byId: boolean;
  #epoch = 1;
  lastUsedMs: number;
  readonly #partitions = new Map<string, SessionPartition>();

  constructor(id: number, byId: boolean, wanted: readonly FetchPartition[], nowMs: number) {
    this.id = id;
    this.byId = byId;
    this.lastUsedMs = nowMs;
    for (const one of wanted) this.#partitions.set(keyOf(byId, one), { wanted: one, told: undefined });
  }

  /** The epoch that the next request must carry. */
  get epoch(): number {
    return this.#epoch;
  }

  get size(): number {
    return this.#partitions.size;
  }

  /** In the order in which they are to be served. */
  get wanted(): FetchPartition[] {
    return [...this.#partitions.values()].map(({ wanted }) => wanted);
  }

  update(changed: readonly FetchPartition[], forgotten: readonly ForgottenPartition[], nowMs: number): void {
    this.lastUsedMs = nowMs;
    this.#epoch = this.#epoch === 0x7fff_ffff ? 1 : this.#epoch + 1;
    for (const wanted of changed) {
      const present = this.#partitions.get(keyOf(this.byId, wanted));
      if (present === undefined) this.#partitions.set(keyOf(this.byId, wanted), { wanted, told: undefined });
      else present.wanted = wanted;
    }
    for (const one of forgotten) this.#partitions.delete(keyOf(this.byId, one));
  }

  /** Whether the client must be told; remembers that it was. */
  tell(partition: ForgottenPartition, now: ToldPartition): boolean {
    const key = keyOf(this.byId, partition);
    const present = this.#partitions.get(key);
    if (present === undefined) return true;
    const { told } = present;
    const changed =
      told === undefined || told.highWatermark !== now.highWatermark || told.logStartOffset !== now.logStartOffset;
    // After an error the client is told in any case, also that it has passed.
    present.told = now.errorCode === 0 ? now : undefined;
    if (now.bytes > 0) {
      this.#partitions.delete(key);
      this.#partitions.set(key, present);
    }
    return changed || now.bytes > 0 || now.errorCode !== 0;
  }
}

export interface FetchSessionCacheOptions {
  readonly slotsMax: number;
  readonly evictionMs: number;
  readonly clock: Clock;
  readonly random: Random;
}

/** Of all sessions together: about 250 bytes each. */
export const sessionPartitionsMax = 500_000;

export class FetchSessionCache {
  readonly #options: FetchSessionCacheOptions;
  /** Least recently used first. */
  readonly #sessions = new Map<number, FetchSession>();
  #partitions = 0;

  constructor(options: FetchSessionCacheOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** A new session at epoch 1, or undefined when there is no room. */
  create(byId: boolean, wanted: readonly FetchPartition[]): FetchSession | undefined {
    if (wanted.length === 0 || !this.#makeRoom(wanted.length)) return undefined;
    let id = 0;
    while (id === 0 || this.#sessions.has(id)) id = this.#options.random.bytes(4).readUInt32BE(0) & 0x7fff_ffff;
    const session = new FetchSession(id, byId, wanted, this.#options.clock.monotonicMs());
    this.#sessions.set(id, session);
    this.#partitions += session.size;
    return session;
  }

  get(id: number): FetchSession | undefined {
    return this.#sessions.get(id);
  }

  /** Takes a request's changes into its session; the session is dropped when it became empty or too large. */
  update(session: FetchSession, changed: readonly FetchPartition[], forgotten: readonly ForgottenPartition[]): void {
    const before = session.size;
    session.update(changed, forgotten, this.#options.clock.monotonicMs());
    this.#partitions += session.size - before;
    this.#sessions.delete(session.id);
    this.#sessions.set(session.id, session);
    if (session.size === 0 || this.#partitions > sessionPartitionsMax) this.remove(session.id);
  }

  remove(id: number): void {
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    this.#sessions.delete(id);
    this.#partitions -= session.size;
  }

  #makeRoom(partitions: number): boolean {
    const { slotsMax, evictionMs, clock } = this.#options;
    if (slotsMax === 0 || partitions > sessionPartitionsMax) return false;
    while (this.#sessions.size >= slotsMax || this.#partitions + partitions > sessionPartitionsMax) {
      const oldest = this.#sessions.values().next().value;
      if (oldest === undefined || clock.monotonicMs() - oldest.lastUsedMs < evictionMs) return false;
      this.remove(oldest.id);
    }
    return true;
  }
}
