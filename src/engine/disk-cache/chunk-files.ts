// Reads pieces of chunk files through descriptors that stay open, the least used of them closed when there are too many.
//
// A read of a file in the page cache takes a few microseconds, through the thread pool ten times that; a read from a busy or
// distant disk takes milliseconds, during which nothing else would run. So reads are made directly while they are prompt; after
// one that was not, the next ones go through the pool (docs/decisions/0006-direct-file-calls.md).

import type { Clock } from '../base/clock.ts';
import type { ChunkFileSystem } from './chunk-file-system.ts';

const promptMs = 1;
const pooledAfterSlow = 256;
/** Copying more than this takes too long even from memory. */
const directBytesMax = 256 * 1024;

interface OpenFile {
  readonly descriptor: number;
  /** Reads under way in the thread pool: it is not closed under them. */
  reads: number;
  closing: boolean;
}

/** The file ended before the piece did: it was torn by a crash. */
export class TornChunk extends Error {}

export class ChunkFiles {
  readonly #fileSystem: ChunkFileSystem;
  readonly #clock: Clock;
  readonly #openMax: number;
  /** In the order of their last use. */
  readonly #open = new Map<string, OpenFile>();
  #pooledLeft = 0;

  constructor(fileSystem: ChunkFileSystem, clock: Clock, openMax: number) {
    this.#fileSystem = fileSystem;
    this.#clock = clock;
    this.#openMax = openMax;
  }

  get openCount(): number {
    return this.#open.size;
  }

  /** Throws or rejects with the file system's error, or with TornChunk. `into` is memory for the answer, of that length. */
  read(path: string, position: number, length: number, into?: Buffer): Buffer | Promise<Buffer> {
    if (this.#pooledLeft > 0 || length > directBytesMax) {
      if (this.#pooledLeft > 0) this.#pooledLeft--;
      return this.#readPooled(path, position, length, into);
    }
    const began = this.#clock.monotonicMs();
    try {
      const file = this.#opened(path) ?? this.#keep(path, this.#fileSystem.openNow(path));
      const bytes = into ?? Buffer.allocUnsafe(length);
      const came = this.#fileSystem.readNow(file.descriptor, bytes, position);
      if (came !== length) throw torn(path, position, length, came);
      return bytes;
    } finally {
      if (this.#clock.monotonicMs() - began > promptMs) this.#pooledLeft = pooledAfterSlow;
    }
  }

  /** To be called before the file is removed, or its space stays taken. */
  forget(path: string): void {
    const file = this.#open.get(path);
    if (file === undefined) return;
    this.#open.delete(path);
    this.#close(file);
  }

  closeAll(): void {
    for (const path of [...this.#open.keys()]) this.forget(path);
  }

  async #readPooled(path: string, position: number, length: number, into?: Buffer): Promise<Buffer> {
    const file = this.#opened(path) ?? this.#keep(path, await this.#fileSystem.open(path));
    file.reads++;
    try {
      const bytes = into ?? Buffer.allocUnsafe(length);
      const came = await this.#fileSystem.read(file.descriptor, bytes, position);
      if (came !== length) throw torn(path, position, length, came);
      return bytes;
    } finally {
      file.reads--;
      if (file.closing) this.#close(file);
    }
  }

  #opened(path: string): OpenFile | undefined {
    const file = this.#open.get(path);
    if (file !== undefined && this.#open.size * 2 > this.#openMax) {
      this.#open.delete(path);
      this.#open.set(path, file);
    }
    return file;
  }

  #keep(path: string, descriptor: number): OpenFile {
    const other = this.#open.get(path);
    if (other !== undefined) {
      // Two opened it at the same time through the pool.
      this.#fileSystem.close(descriptor);
      return other;
    }
    const file: OpenFile = { descriptor, reads: 0, closing: false };
    this.#open.set(path, file);
    for (const oldest of this.#open.keys()) {
      if (this.#open.size <= this.#openMax) break;
      this.forget(oldest);
    }
    return file;
  }

  #close(file: OpenFile): void {
    file.closing = true;
    if (file.reads === 0) this.#fileSystem.close(file.descriptor);
  }
}

const torn = (path: string, position: number, length: number, came: number): TornChunk =>
  new TornChunk(`${path} gave ${came} of ${length} bytes from ${position}`);
