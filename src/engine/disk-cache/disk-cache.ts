// Local copies of immutable objects of the bucket (tables, L1 objects), chunk by chunk, shared by all who read them and bounded in bytes.
//
//   <directory>/v1/<id of the object, 32 hexadecimal digits>/<chunk>-<bytes>
//
// - an object never changes, so a copy never goes stale; the id is made of store and key, so that those of two buckets are told apart
// - which bytes are a chunk is for the reader to say; chunks of one object have numbers
// - it survives restarts: opening lists what is there
// - nothing is flushed, and nothing need be. A chunk gets its name when it has been written; what a crash of the machine leaves
//   torn under a name all the same is shorter than its name says, or the reader's checksum refuses it, and it is fetched again
// - a local failure of any kind is a miss, logged, never an error of the read; writing pauses for a while after one
// - chunks on their way to the disk are served from memory, and bounded in bytes; beyond that, and while paused, `keep` declines
// - writes and removals happen one after the other, in the order of the calls, so the disk never holds more than `bytesMax`

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { partsOf } from '../base/byte-parts.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import { type ChunkFileSystem, failureCode, nodeChunkFileSystem } from './chunk-file-system.ts';
import { ChunkFiles } from './chunk-files.ts';

const pauseMs = 10_000;
const scansMax = 8;
const objectIdPattern = /^[0-9a-f]{32}$/;
const chunkPattern = /^(0|[1-9]\d{0,8})-([1-9]\d{0,8})$/;

export interface DiskCacheOptions {
  /** Made where it does not exist. Nobody else writes there. */
  readonly directory: string;
  readonly bytesMax: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly fileSystem?: ChunkFileSystem;
  /** Chunks that wait to be written. */
  readonly pendingBytesMax?: number;
  readonly openFilesMax?: number;
}

export interface DiskCacheStats {
  readonly bytes: number;
  readonly chunks: number;
  readonly pendingBytes: number;
  readonly hits: number;
  readonly misses: number;
  readonly failures: number;
}

interface Chunk {
  readonly object: string;
  readonly index: number;
  readonly bytes: number;
  /** Its content while it is not on the disk yet. */
  parts: readonly Buffer[] | undefined;
  readonly written: (() => void) | undefined;
  /** Read since eviction last passed it. */
  used: boolean;
  gone: boolean;
}

/** Names an object in the cache. `label` is the store's. */
export const cacheId = (label: string, key: string): string =>
  createHash('sha256').update(`${label}\n${key}`).digest('hex').slice(0, 32);

export class DiskCache implements AsyncDisposable {
  readonly bytesMax: number;
  readonly #root: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #fileSystem: ChunkFileSystem;
  readonly #files: ChunkFiles;
  readonly #pendingBytesMax: number;
  readonly #objects = new Map<string, Map<number, Chunk>>();
  /** The next to be evicted first. */
  readonly #chunks = new Set<Chunk>();
  #bytes = 0;
  #pendingBytes = 0;
  #hits = 0;
  #misses = 0;
  #failures = 0;
  #temporaries = 0;
  #pausedUntilMs = Number.NEGATIVE_INFINITY;
  #closed = false;
  /** The last of the writes and removals. */
  #tail: Promise<void> = Promise.resolve();

  /** Never rejects: a directory that cannot be used makes a cache that always misses. */
  static async open(options: DiskCacheOptions): Promise<DiskCache> {
    const cache = new DiskCache(options);
    await cache.#scan();
    return cache;
  }

  private constructor(options: DiskCacheOptions) {
    const { directory, bytesMax, clock, logger, fileSystem = nodeChunkFileSystem } = options;
    this.bytesMax = bytesMax;
    this.#root = join(directory, 'v1');
    this.#clock = clock;
    this.#logger = logger;
    this.#fileSystem = fileSystem;
    this.#files = new ChunkFiles(fileSystem, clock, options.openFilesMax ?? 256);
    this.#pendingBytesMax = options.pendingBytesMax ?? 32 * 1024 * 1024;
  }

  stats(): DiskCacheStats {
    return {
      bytes: this.#bytes,
      chunks: this.#chunks.size,
      pendingBytes: this.#pendingBytes,
      hits: this.#hits,
      misses: this.#misses,
      failures: this.#failures,
    };
  }

  has(object: string, index: number): boolean {
    return this.#objects.get(object)?.has(index) ?? false;
  }

  /**
   * Bytes of a chunk: at once while the disk is prompt, else a promise. Undefined: not here. Never throws nor rejects. `into` is memory
   * for the answer, of that length, which nobody else touches until then.
   */
  read(
    object: string,
    index: number,
    at: number,
    length: number,
    into?: Buffer,
  ): Buffer | undefined | Promise<Buffer | undefined> {
    const chunk = this.#objects.get(object)?.get(index);
    if (chunk === undefined) {
      this.#misses++;
      return undefined;
    }
    chunk.used = true;
    if (chunk.parts !== undefined && at + length <= chunk.bytes) {
      this.#hits++;
      return copyInto(into ?? Buffer.allocUnsafe(length), partsOf(chunk.parts, at, length));
    }
    try {
      const bytes = this.#files.read(this.#path(chunk), at, length, into);
      this.#hits++;
      return Buffer.isBuffer(bytes) ? bytes : bytes.catch((error: unknown) => this.#readFailed(chunk, error));
    } catch (error) {
      this.#hits++;
      return this.#readFailed(chunk, error);
    }
  }

  /**
   * Puts a chunk on the disk, in the background. False where it declines. Nobody changes the parts until `written` is called, once, which
   * it is where this gives true; it says nothing of success.
   */
  keep(object: string, index: number, parts: readonly Buffer[], written?: () => void): boolean {
    if (this.has(object, index)) {
      written?.();
      return true;
    }
    const bytes = parts.reduce((sum, part) => sum + part.length, 0);
    if (this.#closed || bytes === 0 || bytes > this.bytesMax) return false;
    if (this.#pendingBytes + bytes > this.#pendingBytesMax || this.#clock.monotonicMs() < this.#pausedUntilMs) {
      return false;
    }
    this.#makeRoom(bytes);
    const chunk: Chunk = { object, index, bytes, parts, written, used: false, gone: false };
    this.#add(chunk);
    this.#pendingBytes += bytes;
    this.#enqueue(() => this.#write(chunk));
    return true;
  }

  /** Throws chunks of an object away; all where none are named. */
  drop(object: string, indexes?: readonly number[]): void {
    const chunks = this.#objects.get(object);
    if (chunks === undefined) return;
    for (const index of indexes ?? [...chunks.keys()]) {
      const chunk = chunks.get(index);
      if (chunk !== undefined) this.#discard(chunk);
    }
  }

  /** Resolves when nothing waits to be written or removed. */
  async settled(): Promise<void> {
    for (let tail: Promise<void> | undefined; tail !== this.#tail; ) {
      tail = this.#tail;
      await tail;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.settled();
    this.#files.closeAll();
  }

  async #scan(): Promise<void> {
    try {
      await this.#fileSystem.makeDirectory(this.#root);
      const objects = (await this.#fileSystem.names(this.#root)).filter((name) => objectIdPattern.test(name));
      const scanNext = async () => {
        for (let object = objects.pop(); object !== undefined; object = objects.pop()) await this.#scanObject(object);
      };
      await Promise.all(Array.from({ length: scansMax }, scanNext));
    } catch (error) {
      this.#failed('list the local copies', this.#root, error);
    }
    this.#makeRoom(0);
  }

  async #scanObject(object: string): Promise<void> {
    const directory = join(this.#root, object);
    const names = await this.#fileSystem.names(directory);
    for (const name of names) {
      const match = chunkPattern.exec(name);
      // What is no chunk is what a crash left of a write.
      if (match === null) this.#enqueue(() => this.#remove(join(directory, name), object));
      else {
        const chunk = {
          object,
          index: Number(match[1]),
          bytes: Number(match[2]),
          parts: undefined,
          written: undefined,
        };
        if (!this.has(object, chunk.index)) this.#add({ ...chunk, used: false, gone: false });
      }
    }
    if (names.length === 0) this.#enqueue(() => this.#removeDirectory(object));
  }

  #path(chunk: Chunk): string {
    return `${this.#root}/${chunk.object}/${chunk.index}-${chunk.bytes}`;
  }

  #add(chunk: Chunk): void {
    let chunks = this.#objects.get(chunk.object);
    if (chunks === undefined) {
      chunks = new Map();
      this.#objects.set(chunk.object, chunks);
    }
    chunks.set(chunk.index, chunk);
    this.#chunks.add(chunk);
    this.#bytes += chunk.bytes;
  }

  /** Second chance: a chunk that was read since it was last looked at goes to the end once. */
  #makeRoom(bytes: number): void {
    for (const chunk of this.#chunks) {
      if (this.#bytes + bytes <= this.bytesMax) return;
      if (chunk.used) {
        chunk.used = false;
        this.#chunks.delete(chunk);
        this.#chunks.add(chunk);
      } else this.#discard(chunk);
    }
  }

  #discard(chunk: Chunk): void {
    if (chunk.gone) return;
    chunk.gone = true;
    this.#chunks.delete(chunk);
    this.#bytes -= chunk.bytes;
    const chunks = this.#objects.get(chunk.object);
    chunks?.delete(chunk.index);
    if (chunks?.size === 0) this.#objects.delete(chunk.object);
    const path = this.#path(chunk);
    this.#files.forget(path);
    this.#enqueue(async () => {
      // Its descriptor may have been opened again by a read that was under way.
      this.#files.forget(path);
      await this.#remove(path, chunk.object);
    });
  }

  #enqueue(job: () => Promise<void>): void {
    this.#tail = this.#tail.then(job);
  }

  async #write(chunk: Chunk): Promise<void> {
    const directory = join(this.#root, chunk.object);
    const temporary = join(directory, `new-${++this.#temporaries}`);
    try {
      if (chunk.gone || chunk.parts === undefined) return;
      await this.#fileSystem.makeDirectory(directory);
      await this.#fileSystem.write(temporary, chunk.parts);
      await this.#fileSystem.rename(temporary, this.#path(chunk));
    } catch (error) {
      this.#pausedUntilMs = this.#clock.monotonicMs() + pauseMs;
      this.#failed('keep a local copy', temporary, error);
      this.#discard(chunk);
      this.#enqueue(() => this.#remove(temporary, chunk.object));
    } finally {
      chunk.parts = undefined;
      this.#pendingBytes -= chunk.bytes;
      chunk.written?.();
    }
  }

  async #remove(path: string, object: string): Promise<void> {
    try {
      await this.#fileSystem.remove(path);
    } catch (error) {
      if (failureCode(error) !== 'ENOENT') this.#failed('remove a local copy', path, error);
    }
    if (!this.#objects.has(object)) await this.#removeDirectory(object);
  }

  async #removeDirectory(object: string): Promise<void> {
    // It may hold what is removed next, or be gone already; an empty directory does no harm.
    await this.#fileSystem.removeDirectory(join(this.#root, object)).catch(() => undefined);
  }

  #readFailed(chunk: Chunk, error: unknown): undefined {
    this.#hits--;
    this.#misses++;
    // The chunk was evicted while it was read.
    if (chunk.gone) return undefined;
    this.#failed('read a local copy', this.#path(chunk), error);
    // Too many open files say nothing about the copy.
    if (!['EMFILE', 'ENFILE'].includes(failureCode(error))) this.#discard(chunk);
    return undefined;
  }

  #failed(what: string, path: string, error: unknown): void {
    this.#failures++;
    this.#logger.warn({ path, error: failureCode(error) }, `could not ${what}; it will be read from the bucket`);
  }
}

function copyInto(into: Buffer, parts: readonly Buffer[]): Buffer {
  let at = 0;
  for (const part of parts) at += part.copy(into, at);
  return into;
}
