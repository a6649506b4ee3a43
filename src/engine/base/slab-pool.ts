// The memory that produced records live in, from the socket to the bucket and then as the batch cache.
//
// A slab is a few MiB of shared memory. Request frames are read straight into it, one behind the other (the only copy of the
// payload); the same bytes are what is uploaded, and afterwards what is fetched, until the slab is wanted again.
// - a slab is *pinned* while somebody reads or writes it (a frame in work, an upload, a response on its way to a socket)
// - an unpinned slab keeps its bytes and stays readable through its references until it is recycled, oldest first
// - a reference remembers the slab's generation; after recycling it is dead and `pin` says so
// - the pool never holds more than `bytesMax`; when all of it is pinned, `allocate` returns undefined and the caller must wait
//   (`whenFree`): that is the broker's back-pressure

export interface SlabPoolOptions {
  readonly slabBytes: number;
  readonly bytesMax: number;
}

const noBytes = Buffer.alloc(0);

class Slab {
  /** Emptied when the pool gives the memory back, so that dead ranges do not keep it alive. */
  bytes: Buffer;
  generation = 0;
  pins = 0;
  used = 0;

  constructor(sizeBytes: number) {
    this.bytes = Buffer.from(new SharedArrayBuffer(sizeBytes));
  }
}

/** A range of a slab. Valid while pinned, or while `pin` still succeeds. */
export class SlabRange {
  readonly #pool: SlabPool;
  readonly #slab: Slab;
  readonly #generation: number;
  readonly #start: number;
  readonly length: number;

  constructor(pool: SlabPool, slab: Slab, generation: number, start: number, length: number) {
    this.#pool = pool;
    this.#slab = slab;
    this.#generation = generation;
    this.#start = start;
    this.length = length;
  }

  /** The bytes, without a check: only while the caller holds a pin. */
  get bytes(): Buffer {
    return this.#slab.bytes.subarray(this.#start, this.#start + this.length);
  }

  /** A range inside this one; shares its fate, takes no pin. */
  slice(start: number, length: number): SlabRange {
    return new SlabRange(this.#pool, this.#slab, this.#generation, this.#start + start, length);
  }

  /** Whether the bytes are still there; without a pin that may change at any time. */
  get alive(): boolean {
    return this.#slab.generation === this.#generation;
  }

  /** Whether much of the pool cannot be recycled: then a short copy is better than another pin. */
  get scarce(): boolean {
    return this.#pool.pinnedBytes * 2 > this.#pool.bytesMax;
  }

  /** Keeps the bytes in place until `unpin`; false when they are gone already. */
  pin(): boolean {
    if (!this.alive) return false;
    this.#pool.pinned(this.#slab);
    return true;
  }

  unpin(): void {
    this.#pool.unpinned(this.#slab);
  }
}

export class SlabPool {
  readonly #options: SlabPoolOptions;
  /** Slabs with no pins and nobody writing, oldest content first. */
  readonly #idle = new Set<Slab>();
  #current: Slab | undefined;
  #heldBytes = 0;
  #pinnedBytes = 0;
  #waiting: (() => void)[] = [];

  constructor(options: SlabPoolOptions) {
    this.#options = options;
  }

  get bytesMax(): number {
    return this.#options.bytesMax;
  }

  /** Memory taken from the system. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Memory that cannot be recycled now. */
  get pinnedBytes(): number {
    return this.#pinnedBytes;
  }

  /** Bytes that are left of the slab being filled: as much can be had without beginning another. */
  get roomBytes(): number {
    return this.#current === undefined ? 0 : this.#current.bytes.length - this.#current.used;
  }

  /** A pinned range of `length` bytes, or undefined when the limit is reached. */
  allocate(length: number): SlabRange | undefined {
    if (this.#current === undefined || this.#current.used + length > this.#current.bytes.length) {
      const next = this.#take(Math.max(length, this.#options.slabBytes));
      if (next === undefined) return undefined;
      this.#retireCurrent();
      this.#current = next;
      this.pinned(next); // the pin of "being filled"
    }
    const slab = this.#current;
    const range = new SlabRange(this, slab, slab.generation, slab.used, length);
    slab.used += length;
    this.pinned(slab);
    return range;
  }

  /** Resolves when an allocation that failed may be tried again. */
  whenFree(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #retireCurrent(): void {
    const slab = this.#current;
    this.#current = undefined;
    if (slab !== undefined) this.unpinned(slab);
  }

  #take(sizeBytes: number): Slab | undefined {
    if (this.#heldBytes + sizeBytes <= this.#options.bytesMax) {
      this.#heldBytes += sizeBytes;
      return new Slab(sizeBytes);
    }
    const slab = this.#recycle(sizeBytes);
    if (slab !== undefined || this.#current?.pins !== 1) return slab;
    // The slab being filled is itself all that stands in the way.
    this.#retireCurrent();
    return this.#recycle(sizeBytes);
  }

  #recycle(sizeBytes: number): Slab | undefined {
    for (const slab of this.#idle) {
      this.#idle.delete(slab);
      slab.generation++;
      slab.used = 0;
      if (slab.bytes.length === sizeBytes) return slab;
      this.#heldBytes -= slab.bytes.length;
      slab.bytes = noBytes;
      if (this.#heldBytes + sizeBytes <= this.#options.bytesMax) {
        this.#heldBytes += sizeBytes;
        return new Slab(sizeBytes);
      }
    }
    return undefined;
  }

  /** For SlabRange only. */
  pinned(slab: Slab): void {
    if (slab.pins++ === 0) {
      this.#idle.delete(slab);
      this.#pinnedBytes += slab.bytes.length;
    }
  }

  /** For SlabRange only. */
  unpinned(slab: Slab): void {
    slab.pins--;
    if (slab.pins === 0) {
      this.#pinnedBytes -= slab.bytes.length;
      this.#idle.add(slab);
      this.#wake();
    } else if (slab.pins === 1 && slab === this.#current) {
      this.#wake(); // only the pin of "being filled" is left: the slab can be had
    }
  }

  #wake(): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resume of waiting) resume();
  }
}
