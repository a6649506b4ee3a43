// The memory that chunks of L1 objects are read into, and kept in until it is wanted again.
//
// - it is taken once, in slabs (base/slab-pool.ts), and never exceeds its share of `bytesMax`; the oldest content goes first
// - a chunk is kept under its name as long as its memory is; a name whose memory was used again is a miss
// - while all of it is pinned by answers on their way, chunks come into plain memory that belongs to whoever reads them: the bytes of
//   those on their way have a budget of their own, the rest of `bytesMax`. One chunk larger than that is let through alone
// - what is fetched ahead of a reader takes at most half of it, leaves one slab to others, and takes nothing while a read that is waited
//   for has to wait for memory

import { ByteBudget } from '../base/byte-budget.ts';
import { SlabPool, type SlabRange } from '../base/slab-pool.ts';

const slabBytesMax = 8 * 1024 * 1024;
/** Small chunks take less memory than their names: so many bytes of memory have one name at most. */
const bytesPerName = 16 * 1024;
const namesMin = 1024;

export class ChunkMemory {
  readonly bytesMax: number;
  /** The largest run that fits a slab. */
  readonly runBytesMax: number;
  readonly #pool: SlabPool;
  readonly #plain: ByteBudget;
  readonly #namesMax: number;
  /** Least recently used first. */
  readonly #kept = new Map<string, SlabRange>();
  #aheadBytes = 0;
  #waiting = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
    this.#plain = new ByteBudget(Math.max(1, Math.floor(bytesMax / 8)));
    const pooledBytes = bytesMax - this.#plain.bytesMax;
    this.runBytesMax = Math.max(1, Math.min(slabBytesMax, Math.floor(pooledBytes / 6)));
    this.#pool = new SlabPool({ slabBytes: this.runBytesMax, bytesMax: pooledBytes });
    this.#namesMax = Math.max(namesMin, Math.floor(bytesMax / bytesPerName));
  }

  /** Slabs, and plain memory that is being filled. */
  get bytes(): number {
    return this.#pool.heldBytes + this.#plain.usedBytes;
  }

  get pooledBytesMax(): number {
    return this.#pool.bytesMax;
  }

  get pinnedBytes(): number {
    return this.#pool.pinnedBytes;
  }

  /** On its way ahead of readers. */
  get aheadBytes(): number {
    return this.#aheadBytes;
  }

  /** How many bytes a run should have that may have `wanted`: fewer where they fill up a slab. */
  fit(wanted: number): number {
    const most = Math.min(wanted, this.runBytesMax);
    const room = this.#pool.roomBytes;
    return room * 2 >= most ? Math.min(room, most) : most;
  }

  /** A chunk that is here, pinned for the caller. */
  take(id: string): SlabRange | undefined {
    const range = this.#kept.get(id);
    if (range === undefined) return undefined;
    this.#kept.delete(id);
    if (!range.pin()) return undefined;
    this.#kept.set(id, range);
    return range;
  }

  has(id: string): boolean {
    return this.#kept.get(id)?.alive ?? false;
  }

  keep(id: string, range: SlabRange): void {
    this.#kept.delete(id);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size < this.#namesMax) break;
      this.#kept.delete(oldest);
    }
    this.#kept.set(id, range);
  }

  /** A pinned range, for a read that somebody waits for. Undefined while all is pinned. */
  allocate(length: number): SlabRange | undefined {
    return length > this.#pool.bytesMax ? undefined : this.#pool.allocate(length);
  }

  /** A pinned range, to be told with `aheadDone` when it has been filled. Undefined where it would be missed elsewhere. */
  allocateAhead(length: number): SlabRange | undefined {
    const half = this.#pool.bytesMax / 2;
    if (
      this.#waiting > 0 ||
      this.#aheadBytes + length > half ||
      this.#pool.pinnedBytes + length > this.#pool.bytesMax - this.runBytesMax
    ) {
      return undefined;
    }
    const range = this.#pool.allocate(length);
    if (range !== undefined) this.#aheadBytes += length;
    return range;
  }

  aheadDone(length: number): void {
    this.#aheadBytes -= length;
  }

  /** Resolves, when it is this one's turn, with the way to give the bytes back. */
  async takePlain(length: number): Promise<() => void> {
    const now = this.#plain.tryTake(length);
    if (now !== undefined) return now;
    this.#waiting++;
    try {
      return await this.#plain.take(length);
    } finally {
      this.#waiting--;
    }
  }
}
