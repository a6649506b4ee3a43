// The memory of table bytes that come from the bucket, shared by all stores of a process. Three limits in bytes:
//
// - *in flight*: GETs that readers wait for; more wait in turn
// - *ahead*: chunks that are fetched before they are read, from the start of their GET until they have been read through, kept
//   elsewhere, or evicted (read-ahead.ts keeps it)
// - *held*: chunks that no disk keeps, for their next readers; evicted by second chance

import { ByteBudget } from '../../base/byte-budget.ts';
import { ReadAhead } from './read-ahead.ts';

export interface FetchLimits {
  readonly inFlightBytesMax: number;
  readonly aheadBytesMax: number;
  readonly heldBytesMax: number;
}

const mebibyte = 1024 * 1024;

export const defaultFetchLimits: FetchLimits = {
  inFlightBytesMax: 8 * mebibyte,
  aheadBytesMax: 8 * mebibyte,
  heldBytesMax: 16 * mebibyte,
};

/** Of a chunk that was fetched ahead of its reader. */
export interface AheadChunk {
  /** The byte inside at which its reader will stop. */
  end(): number;
  /** Told once: true when it was read up to there, false when it was evicted before. */
  done(readThrough: boolean): void;
}

interface Held {
  readonly bytes: Buffer;
  used: boolean;
  ahead: AheadChunk | undefined;
}

export class FetchMemory {
  readonly limits: FetchLimits;
  readonly inFlight: ByteBudget;
  readonly ahead: ReadAhead;
  /** The next to be evicted first. */
  readonly #held = new Map<string, Held>();
  #heldBytes = 0;

  constructor(limits: Partial<FetchLimits> = {}) {
    this.limits = { ...defaultFetchLimits, ...limits };
    this.inFlight = new ByteBudget(this.limits.inFlightBytesMax);
    this.ahead = new ReadAhead(this.limits.aheadBytesMax);
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** The whole chunk; `end` is where the reader stops inside it. */
  held(chunk: string, end: number): Buffer | undefined {
    const held = this.#held.get(chunk);
    if (held === undefined) return undefined;
    held.used = true;
    if (end >= (held.ahead?.end() ?? held.bytes.length)) {
      // Read through: it may go before those that are still to be read.
      held.used = false;
      leave(held, true);
    }
    return held.bytes;
  }

  holds(chunk: string): boolean {
    return this.#held.has(chunk);
  }

  hold(chunk: string, bytes: Buffer, ahead?: AheadChunk): void {
    this.drop(chunk);
    const held: Held = { bytes, used: ahead !== undefined, ahead };
    if (bytes.length > this.limits.heldBytesMax) {
      leave(held, false);
      return;
    }
    for (const [oldest, candidate] of this.#held) {
      if (this.#heldBytes + bytes.length <= this.limits.heldBytesMax) break;
      if (candidate.used) {
        candidate.used = false;
        this.#held.delete(oldest);
        this.#held.set(oldest, candidate);
      } else this.drop(oldest);
    }
    this.#held.set(chunk, held);
    this.#heldBytes += bytes.length;
  }

  drop(chunk: string): void {
    const held = this.#held.get(chunk);
    if (held === undefined) return;
    this.#held.delete(chunk);
    this.#heldBytes -= held.bytes.length;
    leave(held, false);
  }

  dropTable(table: string): void {
    for (const chunk of [...this.#held.keys()]) if (chunk.startsWith(`${table}/`)) this.drop(chunk);
  }
}

function leave(held: Held, readThrough: boolean): void {
  const { ahead } = held;
  held.ahead = undefined;
  ahead?.done(readThrough);
}
