// The upload of one object whose bytes come piece by piece: one put where all of it fits one part, else a multipart upload.
//
// - parts have exactly `partBytes`, all but the last: no more PUTs than the size asks for
// - at most two parts are in memory, one being filled and one on its way; who appends waits for room in between. What is appended
//   without waiting is taken all the same
// - bytes are copied once, into blocks that are used again (part-memory.ts)
// - the first failure of a call is what every later call rejects with. Nothing is tried again here: the store does that, and settles
//   outcomes that are unknown

import { crc32c } from '../base/checksum.ts';
import { EngineError } from '../base/errors.ts';
import type { MultipartUpload, ObjectStore } from '../store/object-store.ts';
import { PartMemory } from './part-memory.ts';

export interface PartUploadOptions {
  readonly store: ObjectStore;
  readonly key: string;
  readonly partBytes: number;
  /** Shared with other uploads; of its own where none is given. */
  readonly memory?: PartMemory | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly step: (name: 'part' | 'complete') => Promise<void> | void;
}

/** Bytes on their way, or being filled. */
interface Part {
  readonly blocks: Buffer[];
  /** Used of the last block. */
  used: number;
  length: number;
}

const newPart = (): Part => ({ blocks: [], used: 0, length: 0 });
const atOnce = Promise.resolve();

export class PartUpload {
  readonly #options: PartUploadOptions;
  readonly #memory: PartMemory;
  readonly #abort = new AbortController();
  readonly #signal: AbortSignal;
  #filling = newPart();
  /** Parts that wait for the one on its way. */
  readonly #full: Part[] = [];
  /** In use. */
  #blocks = 0;
  #flight: Promise<void> | undefined;
  #upload: MultipartUpload | undefined;
  #failure: { readonly error: unknown } | undefined;
  #sizeBytes = 0;
  #checksum = 0;
  /** Where the bytes that are not in the checksum yet begin in the last block. */
  #checkFrom = 0;
  #completed = false;
  #aborted: Promise<void> | undefined;

  constructor(options: PartUploadOptions) {
    this.#options = options;
    const { partBytes } = options;
    this.#memory = options.memory ?? new PartMemory({ partBytes, keptBytesMax: 2 * partBytes });
    this.#signal =
      options.signal === undefined ? this.#abort.signal : AbortSignal.any([options.signal, this.#abort.signal]);
  }

  /** Bytes appended so far. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Of the blocks in use. */
  get memoryBytes(): number {
    return this.#blocks * this.#memory.blockBytes;
  }

  /** Copies the bytes before it returns. */
  append(bytes: Buffer): void {
    for (let from = 0; from < bytes.length; ) {
      if (this.#filling.length === this.#options.partBytes) this.#close();
      const part = this.#filling;
      const block = this.#lastBlock(part);
      const room = Math.min(block.length - part.used, this.#options.partBytes - part.length, bytes.length - from);
      bytes.copy(block, part.used, from, from + room);
      part.used += room;
      part.length += room;
      from += room;
    }
    this.#sizeBytes += bytes.length;
    this.#pump();
  }

  /** Resolves when more may be appended. */
  room(): Promise<void> {
    if (this.#failure === undefined && this.#full.length === 0 && !this.#signal.aborted) return atOnce;
    return this.#waitForRoom();
  }

  /** CRC32C of what was appended since the last call. */
  takeChecksum(): number {
    this.#foldChecksum();
    const checksum = this.#checksum;
    this.#checksum = 0;
    return checksum;
  }

  /** Sends what is left and makes the object visible. */
  async finish(): Promise<void> {
    await this.#waitForRoom();
    await this.#flight;
    this.#mustGoOn();
    try {
      if (this.#upload === undefined) await this.#putWhole();
      else await this.#completeParts(this.#upload);
    } catch (error) {
      this.#failure ??= { error };
      throw error;
    }
    this.#completed = true;
    this.#giveBack(this.#filling);
    this.#letGo();
  }

  /** Discards. What the store does not let be discarded is left to who collects unfinished uploads. */
  abort(): Promise<void> {
    this.#aborted ??= this.#discard();
    return this.#aborted;
  }

  #lastBlock(part: Part): Buffer {
    const last = part.blocks.at(-1);
    if (last !== undefined && part.used < last.length) return last;
    this.#foldChecksum();
    const block = this.#memory.take();
    this.#blocks++;
    part.blocks.push(block);
    part.used = 0;
    this.#checkFrom = 0;
    return block;
  }

  #foldChecksum(): void {
    const block = this.#filling.blocks.at(-1);
    if (block === undefined || this.#checkFrom === this.#filling.used) return;
    this.#checksum = crc32c(block.subarray(this.#checkFrom, this.#filling.used), this.#checksum);
    this.#checkFrom = this.#filling.used;
  }

  /** More bytes come behind a full part: it can be sent, as one of several. */
  #close(): void {
    this.#foldChecksum();
    this.#full.push(this.#filling);
    this.#filling = newPart();
    this.#checkFrom = 0;
  }

  #pump(): void {
    if (this.#flight !== undefined || this.#failure !== undefined) return;
    const part = this.#full.shift();
    if (part === undefined) return;
    this.#flight = this.#send(part).then(
      () => this.#sent(part),
      (error: unknown) => {
        this.#failure ??= { error };
        this.#flight = undefined;
      },
    );
  }

  async #send(part: Part): Promise<void> {
    await this.#options.step('part');
    this.#upload ??= await this.#options.store.multipart(this.#options.key, { signal: this.#signal });
    await this.#upload.part(bodyOf(part), { signal: this.#signal });
  }

  #sent(part: Part): void {
    this.#flight = undefined;
    this.#giveBack(part);
    this.#pump();
  }

  #giveBack({ blocks }: Part): void {
    this.#blocks -= blocks.length;
    this.#memory.giveBack(blocks);
  }

  async #waitForRoom(): Promise<void> {
    while (this.#full.length > 0 && this.#failure === undefined) await this.#flight;
    this.#mustGoOn();
  }

  #mustGoOn(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    if (!this.#signal.aborted && !this.#completed) return;
    const { key } = this.#options;
    throw this.#completed
      ? new EngineError('bug', `L1 object ${key} is finished already`)
      : new EngineError('cancelled', `the upload of ${key} was cancelled`, { cause: this.#signal.reason });
  }

  async #putWhole(): Promise<void> {
    const { store, key, step } = this.#options;
    await step('complete');
    await store.put(key, bodyOf(this.#filling), { createOnly: true, signal: this.#signal });
  }

  async #completeParts(upload: MultipartUpload): Promise<void> {
    const { step } = this.#options;
    await step('part');
    await upload.part(bodyOf(this.#filling), { signal: this.#signal });
    await step('complete');
    await upload.complete({ createOnly: true, signal: this.#signal });
  }

  async #discard(): Promise<void> {
    if (this.#completed) return;
    this.#abort.abort();
    await this.#flight;
    const discarded = this.#upload?.abort().catch(() => {});
    // Who called it off must end, and a store that hangs would keep it for as long as a call may take.
    if (this.#options.signal?.aborted !== true) await discarded;
    this.#letGo();
  }

  #letGo(): void {
    this.#filling = newPart();
    this.#full.length = 0;
    this.#blocks = 0;
  }
}

const bodyOf = ({ blocks, used }: Part): Buffer[] =>
  blocks.map((block, at) => (at === blocks.length - 1 ? block.subarray(0, used) : block));
