// Cuts a connection's bytes into request frames.
//
//   frame   INT32 length, then length bytes, which begin with INT16 api_key
//
// A Produce frame is copied straight into slab memory, where its batches then stay; every other frame into a buffer of its own
// that is charged to a budget. The length is judged before anything is allocated for it. Where memory has to be waited for, the
// assembler says so and keeps the bytes at hand (one chunk), and the connection stops reading.
// What it refuses (throws): lengths too small for a header, negative, or above the limit (`request-too-large`).

import type { ByteBudget } from '../base/byte-budget.ts';
import { EngineError } from '../base/errors.ts';
import type { SlabRange } from '../base/slab-pool.ts';
import type { SlabQueue } from './slab-queue.ts';

/** Api key, version and correlation id: no request header is shorter. */
const frameBytesMin = 8;
/** The length and the api key: what must be there to know where the frame goes. */
const prologueBytes = 6;
const produceKey = 0;

export interface FrameMemory {
  readonly slabs: SlabQueue;
  readonly budget: ByteBudget;
  readonly frameBytesMax: number;
}

/** A whole frame, without its length. Its memory is held until `release`. */
export interface Frame {
  readonly bytes: Buffer;
  /** Where the bytes are slab memory. */
  readonly range: SlabRange | undefined;
  release(): void;
}

export class FrameAssembler {
  readonly #memory: FrameMemory;
  readonly #prologue = Buffer.alloc(prologueBytes);
  #prologueFilled = 0;
  #frame: Frame | undefined;
  #filled = 0;
  #chunk: Buffer | undefined;
  #chunkAt = 0;
  #leaveQueue: (() => void) | undefined;
  #closed = false;

  constructor(memory: FrameMemory) {
    this.#memory = memory;
  }

  /** Whether a frame has begun and is not whole. */
  get midFrame(): boolean {
    return this.#prologueFilled > 0;
  }

  /** Length of the frame that has begun; 0 when not known yet. */
  get frameLength(): number {
    return this.#prologueFilled >= 4 ? this.#prologue.readInt32BE(0) : 0;
  }

  /** Takes the next bytes; they must stay as they are until `next` has said 'bytes' or `ownChunk` was called. */
  feed(chunk: Buffer): void {
    // A socket may deliver one more chunk after it was paused.
    this.#chunk = this.#chunk === undefined ? chunk : Buffer.concat([this.#chunk.subarray(this.#chunkAt), chunk]);
    this.#chunkAt = 0;
  }

  /** Copies what is left of the bytes that were fed, so that their memory may be used again. */
  ownChunk(): void {
    if (this.#chunk === undefined) return;
    this.#chunk = Buffer.from(this.#chunk.subarray(this.#chunkAt));
    this.#chunkAt = 0;
  }

  /** The next whole frame; 'bytes' when more must be fed; 'memory' when `whenMemory` must be waited for. */
  next(): Frame | 'bytes' | 'memory' {
    const chunk = this.#chunk;
    if (this.#leaveQueue !== undefined) return 'memory';
    if (chunk === undefined) return 'bytes';
    if (this.#frame === undefined) {
      if (!this.#readPrologue(chunk)) return this.#exhausted();
      this.#frame = this.#tryAllocate(this.#prologue.readInt32BE(0));
      if (this.#frame === undefined) return 'memory';
      this.#begin(this.#frame);
    }
    const frame = this.#frame;
    const missing = frame.bytes.length - this.#filled;
    const take = Math.min(missing, chunk.length - this.#chunkAt);
    if (take > 0) {
      chunk.copy(frame.bytes, this.#filled, this.#chunkAt, this.#chunkAt + take);
      this.#filled += take;
      this.#chunkAt += take;
    }
    if (take < missing) return this.#exhausted();
    this.#frame = undefined;
    this.#prologueFilled = 0;
    return frame;
  }

  /** After 'memory': calls `ready` when `next` may be called again. */
  whenMemory(ready: () => void): void {
    if (this.#leaveQueue !== undefined) return;
    const length = this.#prologue.readInt32BE(0);
    const begin = (frame: Frame) => {
      this.#leaveQueue = undefined;
      if (this.#closed) {
        frame.release();
        return;
      }
      this.#frame = frame;
      this.#begin(frame);
      ready();
    };
    if (this.#isProduce) {
      this.#leaveQueue = this.#memory.slabs.wait(length, (range) => begin(slabFrame(range)));
      return;
    }
    this.#leaveQueue = () => undefined;
    void this.#memory.budget.take(length).then((release) => begin(bufferFrame(length, release)));
  }

  /** Gives up what is half read. */
  close(): void {
    this.#closed = true;
    this.#leaveQueue?.();
    this.#frame?.release();
    this.#frame = undefined;
    this.#chunk = undefined;
  }

  get #isProduce(): boolean {
    return this.#prologue.readInt16BE(4) === produceKey;
  }

  #exhausted(): 'bytes' {
    this.#chunk = undefined;
    this.#chunkAt = 0;
    return 'bytes';
  }

  /** True when length and api key are known. */
  #readPrologue(chunk: Buffer): boolean {
    const take = Math.min(prologueBytes - this.#prologueFilled, chunk.length - this.#chunkAt);
    chunk.copy(this.#prologue, this.#prologueFilled, this.#chunkAt, this.#chunkAt + take);
    this.#prologueFilled += take;
    this.#chunkAt += take;
    if (this.#prologueFilled >= 4) this.#checkLength(this.#prologue.readInt32BE(0));
    return this.#prologueFilled === prologueBytes;
  }

  #checkLength(length: number): void {
    const { frameBytesMax } = this.#memory;
    if (length >= frameBytesMin && length <= frameBytesMax) return;
    throw new EngineError(
      'request-too-large',
      `request of ${length} bytes; ${frameBytesMin} to ${frameBytesMax} are read`,
      {
        context: { length, frameBytesMax },
        hint: 'raise socket.request.max.bytes if the client is one of yours',
      },
    );
  }

  #tryAllocate(length: number): Frame | undefined {
    if (this.#isProduce) {
      if (length > this.#memory.slabs.pool.bytesMax) {
        throw new EngineError(
          'request-too-large',
          `Produce request of ${length} bytes, above cloudtopics.memory.slabs.bytes`,
        );
      }
      const range = this.#memory.slabs.tryTake(length);
      return range && slabFrame(range);
    }
    const release = this.#memory.budget.tryTake(length);
    return release && bufferFrame(length, release);
  }

  /** The api key was read already and belongs to the frame. */
  #begin(frame: Frame): void {
    this.#prologue.copy(frame.bytes, 0, 4, prologueBytes);
    this.#filled = prologueBytes - 4;
  }
}

function slabFrame(range: SlabRange): Frame {
  return { bytes: range.bytes, range, release: () => range.unpin() };
}

function bufferFrame(length: number, release: () => void): Frame {
  return { bytes: Buffer.allocUnsafe(length), range: undefined, release };
}
