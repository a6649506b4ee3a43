// Cuts a connection's bytes into request frames.
//
//   frame   INT32 length, then length bytes, which begin with INT16 api_key
//
// A Produce frame is copied straight into slab memory, where its batches then stay; every other frame into a buffer of its own
// that is charged to a budget. The length is judged before anything is allocated for it, and memory is taken only when the frame
// is whole or has brought its first 2 KiB: an announcement alone costs nothing. Where memory has to be waited for, the
// assembler says so and keeps the bytes at hand (one chunk), and the connection stops reading.
// What it refuses (throws): lengths that FrameMemory refuses.

import type { Frame, FrameInReading, FrameMemory, FrameWish } from './frame-memory.ts';

/** The length and the api key: what must be there to know where the frame goes. */
const prologueBytes = 6;
const keyBytes = 2;
/** What a frame has brought behind its prologue before it is given memory. */
const openingBytes = 2_048;
const produceKey = 0;

export class FrameAssembler {
  readonly #memory: FrameMemory;
  readonly #prologue = Buffer.alloc(prologueBytes);
  #prologueFilled = 0;
  /** The first bytes of a frame that has no memory yet. */
  #opening: Buffer | undefined;
  #openingFilled = 0;
  #reading: FrameInReading | undefined;
  #filled = 0;
  #chunk: Buffer | undefined;
  #chunkAt = 0;
  #leaveQueue: (() => void) | undefined;
  #framesRead = 0;

  constructor(memory: FrameMemory) {
    this.#memory = memory;
  }

  /** Whether a frame has begun and is not whole. */
  get midFrame(): boolean {
    return this.#prologueFilled > 0;
  }

  /** Whole frames so far. */
  get framesRead(): number {
    return this.#framesRead;
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
    if (this.#reading === undefined) {
      if (!this.#readPrologue(chunk) || !this.#readOpening(chunk)) return this.#exhausted();
      const reading = this.#memory.tryTake(this.#wish(chunk));
      if (reading === undefined) return 'memory';
      this.#begin(reading);
    }
    const { frame, ends } = this.#reading as unknown as FrameInReading;
    const missing = frame.bytes.length - this.#filled;
    const take = Math.min(missing, chunk.length - this.#chunkAt);
    if (take > 0) {
      chunk.copy(frame.bytes, this.#filled, this.#chunkAt, this.#chunkAt + take);
      this.#filled += take;
      this.#chunkAt += take;
    }
    if (take < missing) return this.#exhausted();
    this.#reading = undefined;
    this.#prologueFilled = 0;
    this.#framesRead++;
    ends();
    return frame;
  }

  /** After 'memory': calls `ready` when `next` may be called again. */
  whenMemory(ready: () => void): void {
    if (this.#leaveQueue !== undefined) return;
    this.#leaveQueue = this.#memory.wait(this.#wish(this.#chunk as Buffer), (reading) => {
      this.#leaveQueue = undefined;
      this.#begin(reading);
      ready();
    });
  }

  /** Gives up what is half read. */
  close(): void {
    this.#leaveQueue?.();
    this.#reading?.ends();
    this.#reading?.frame.release();
    this.#reading = undefined;
    this.#chunk = undefined;
    this.#opening = undefined;
  }

  get #length(): number {
    return this.#prologue.readInt32BE(0);
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
    if (this.#prologueFilled === prologueBytes) return true;
    const take = Math.min(prologueBytes - this.#prologueFilled, chunk.length - this.#chunkAt);
    chunk.copy(this.#prologue, this.#prologueFilled, this.#chunkAt, this.#chunkAt + take);
    this.#prologueFilled += take;
    this.#chunkAt += take;
    if (this.#prologueFilled >= 4) this.#memory.check(this.#length);
    if (this.#prologueFilled < prologueBytes) return false;
    if (this.#isProduce) this.#memory.checkProduce(this.#length);
    return true;
  }

  /** True when enough of the frame is at hand to give it memory; else what there is was set aside. */
  #readOpening(chunk: Buffer): boolean {
    const wanted = Math.min(this.#length - keyBytes, openingBytes);
    const left = chunk.length - this.#chunkAt;
    if (this.#openingFilled + left >= wanted) return true;
    this.#opening ??= Buffer.allocUnsafe(wanted);
    chunk.copy(this.#opening, this.#openingFilled, this.#chunkAt);
    this.#openingFilled += left;
    return false;
  }

  #wish(chunk: Buffer): FrameWish {
    const length = this.#length;
    const atHand = keyBytes + this.#openingFilled + chunk.length - this.#chunkAt;
    return { isProduce: this.#isProduce, length, isWhole: atHand >= length };
  }

  /** The api key was read already and belongs to the frame, as does the opening. */
  #begin(reading: FrameInReading): void {
    const { bytes } = reading.frame;
    this.#prologue.copy(bytes, 0, 4, prologueBytes);
    this.#opening?.copy(bytes, keyBytes, 0, this.#openingFilled);
    this.#filled = keyBytes + this.#openingFilled;
    this.#opening = undefined;
    this.#openingFilled = 0;
    this.#reading = reading;
  }
}
