// Memory for the L0 data that rounds read back. Buffers are used again, within a round and by the next one: new memory costs more than
// the read into it, and the collector comes on top.
//
// - memory is reserved before a buffer is taken; what is taken and what is kept together never exceed `bytesMax`, but for a reservation
//   that is larger alone
// - lengths that are about the same share one size, so that they find each other's buffers; short ones are not kept
// - a round that read nothing lets go of what is free
// What it refuses: to take back what a read that failed may still be filling. Whoever had it forgets it.

import { ByteBudget } from '../base/byte-budget.ts';

/** Shorter ones cost little. */
const keptBytesMin = 256 * 1024;

/** What a read of so many bytes is charged with: at most an eighth more. */
export function memoryFor(length: number): number {
  if (length < keptBytesMin) return length;
  const step = 2 ** (Math.floor(Math.log2(length)) - 3);
  return Math.ceil(length / step) * step;
}

/** Room for one read. */
export interface ReadReservation {
  /** A buffer of its length; again, when the first one is forgotten. */
  take(): Buffer;
  /** Once. The buffer comes along when nobody reads or fills it any more, and is forgotten otherwise. */
  giveBack(bytes?: Buffer): void;
}

export class ReadMemory {
  readonly #budget: ByteBudget;
  /** Least recently given back first. */
  readonly #free: Buffer[] = [];
  #freeBytes = 0;
  #takenBytes = 0;
  #wasUsed = false;

  constructor(bytesMax: number) {
    this.#budget = new ByteBudget(bytesMax);
  }

  /** Reserved: in memory, or about to be. */
  get usedBytes(): number {
    return this.#budget.usedBytes;
  }

  /** Kept. */
  get freeBytes(): number {
    return this.#freeBytes;
  }

  /** For a read of so many bytes; undefined where there is not so much. */
  tryReserve(length: number): ReadReservation | undefined {
    const size = memoryFor(length);
    const charge = this.#budget.tryTake(size);
    if (charge === undefined) return undefined;
    let taken = false;
    return {
      take: () => {
        if (!taken) this.#takenBytes += size;
        taken = true;
        return this.#take(size).subarray(0, length);
      },
      giveBack: (bytes) => {
        charge();
        if (!taken) return;
        this.#takenBytes -= size;
        if (bytes !== undefined && size >= keptBytesMin) this.#keep(Buffer.from(bytes.buffer), size);
      },
    };
  }

  /** A round is over. */
  rest(): void {
    if (!this.#wasUsed) {
      this.#free.length = 0;
      this.#freeBytes = 0;
    }
    this.#wasUsed = false;
  }

  #take(size: number): Buffer {
    this.#wasUsed = true;
    const at = this.#free.findLastIndex((one) => one.length === size);
    if (at >= 0) {
      this.#freeBytes -= size;
      return this.#free.splice(at, 1)[0] as Buffer;
    }
    while (this.#free.length > 0 && this.#takenBytes + this.#freeBytes > this.#budget.bytesMax) {
      this.#freeBytes -= (this.#free.shift() as Buffer).length;
    }
    return Buffer.allocUnsafeSlow(size);
  }

  #keep(buffer: Buffer, size: number): void {
    if (buffer.length !== size || this.#takenBytes + this.#freeBytes + size > this.#budget.bytesMax) return;
    this.#free.push(buffer);
    this.#freeBytes += size;
  }
}
