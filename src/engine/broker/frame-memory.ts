// The memory that request frames are read into: slabs for Produce, buffers charged to a budget for everything else.
//
// Where a frame has come whole with the bytes at hand, all of that memory is open to it. A frame that is still to be read holds
// memory for as long as its client likes, so those may hold a part only:
// - large ones (above 1/64 of the memory) together 1/2 of it; one that is larger than that is read when no other large one is
// - the others together 1/4 (Produce) or 1/8
// The rest stays for requests that are whole, whatever the clients of half-read ones do. Every wait is first come, first served.
// What it refuses (throws): lengths too small for a header, negative, or above the limits (`request-too-large`).

import { ByteBudget } from '../base/byte-budget.ts';
import { EngineError } from '../base/errors.ts';
import type { SlabRange } from '../base/slab-pool.ts';
import type { SlabQueue } from './slab-queue.ts';

/** Api key, version and correlation id: no request header is shorter. */
const frameBytesMin = 8;
const largePart = 1 / 64;
const largeShare = 1 / 2;
const smallProduceShare = 1 / 4;
const smallOtherShare = 1 / 8;

/** A whole frame, without its length. Its memory is held until `release`. */
export interface Frame {
  readonly bytes: Buffer;
  /** Where the bytes are slab memory. */
  readonly range: SlabRange | undefined;
  release(): void;
}

export interface FrameWish {
  readonly isProduce: boolean;
  readonly length: number;
  /** All its bytes are at hand. */
  readonly isWhole: boolean;
}

/** A frame that is being read. */
export interface FrameInReading {
  readonly frame: Frame;
  /** To be called once: its last byte is there, or it is given up. */
  readonly ends: () => void;
}

/** Half-read frames of one kind. */
interface ReadingShares {
  readonly largeAbove: number;
  readonly large: ByteBudget;
  readonly small: ByteBudget;
}

export class FrameMemory {
  readonly #slabs: SlabQueue;
  readonly #budget: ByteBudget;
  readonly #frameBytesMax: number;
  readonly #produce: ReadingShares;
  readonly #other: ReadingShares;

  constructor(slabs: SlabQueue, budget: ByteBudget, frameBytesMax: number) {
    this.#slabs = slabs;
    this.#budget = budget;
    this.#frameBytesMax = frameBytesMax;
    this.#produce = sharesOf(slabs.pool.bytesMax, smallProduceShare);
    this.#other = sharesOf(budget.bytesMax, smallOtherShare);
  }

  /** To be asked before anything else about a length is. */
  check(length: number): void {
    if (length >= frameBytesMin && length <= this.#frameBytesMax) return;
    throw new EngineError(
      'request-too-large',
      `request of ${length} bytes; ${frameBytesMin} to ${this.#frameBytesMax} are read`,
      {
        context: { length, frameBytesMax: this.#frameBytesMax },
        hint: 'raise socket.request.max.bytes if the client is one of yours',
      },
    );
  }

  checkProduce(length: number): void {
    if (length <= this.#slabs.pool.bytesMax) return;
    throw new EngineError(
      'request-too-large',
      `Produce request of ${length} bytes, above cloudtopics.memory.slabs.bytes`,
    );
  }

  /** Undefined when it has to be waited for. */
  tryTake(wish: FrameWish): FrameInReading | undefined {
    const ends = this.#shareOf(wish)?.tryTake(wish.length);
    if (ends === undefined && !wish.isWhole) return undefined;
    const frame = this.#tryAllocate(wish);
    if (frame !== undefined) return { frame, ends: ends ?? nothing };
    ends?.();
    return undefined;
  }

  /** After `tryTake` failed: calls `ready`, later, when it is this one's turn. Returns the way to leave the queue. */
  wait(wish: FrameWish, ready: (reading: FrameInReading) => void): () => void {
    const share = this.#shareOf(wish);
    if (share === undefined) return this.#allocate(wish, (frame) => ready({ frame, ends: nothing }));
    let gone = false;
    let leave = nothing;
    void share.take(wish.length).then((ends) => {
      if (gone) {
        ends();
        return;
      }
      // The slab queue is woken by memory that comes back, and there may be room already.
      const frame = this.#tryAllocate(wish);
      if (frame !== undefined) {
        ready({ frame, ends });
        return;
      }
      const leaveMemory = this.#allocate(wish, (frame) => ready({ frame, ends }));
      leave = () => {
        leaveMemory();
        ends();
      };
    });
    return () => {
      gone = true;
      leave();
    };
  }

  #shareOf({ isProduce, length, isWhole }: FrameWish): ByteBudget | undefined {
    if (isWhole) return undefined;
    const shares = isProduce ? this.#produce : this.#other;
    return length > shares.largeAbove ? shares.large : shares.small;
  }

  #tryAllocate({ isProduce, length }: FrameWish): Frame | undefined {
    if (isProduce) {
      const range = this.#slabs.tryTake(length);
      return range && slabFrame(range);
    }
    const release = this.#budget.tryTake(length);
    return release && bufferFrame(length, release);
  }

  #allocate({ isProduce, length }: FrameWish, ready: (frame: Frame) => void): () => void {
    if (isProduce) return this.#slabs.wait(length, (range) => ready(slabFrame(range)));
    let gone = false;
    void this.#budget.take(length).then((release) => {
      if (gone) release();
      else ready(bufferFrame(length, release));
    });
    return () => {
      gone = true;
    };
  }
}

const nothing = () => undefined;

function sharesOf(bytesMax: number, smallShare: number): ReadingShares {
  return {
    largeAbove: bytesMax * largePart,
    large: new ByteBudget(bytesMax * largeShare),
    small: new ByteBudget(bytesMax * smallShare),
  };
}

function slabFrame(range: SlabRange): Frame {
  return { bytes: range.bytes, range, release: () => range.unpin() };
}

function bufferFrame(length: number, release: () => void): Frame {
  return { bytes: Buffer.allocUnsafe(length), range: undefined, release };
}
