// The object store in a directory. Page: docs/formats/file-store.md; names: file-key-path.ts; trailer: file-object-format.ts.
//
// A put writes a temp file in a hidden directory, flushes it, and then gives it its name in one atomic step; last it flushes the
// directory. A published file is never written to again. What makes conditions atomic against every writer in every process:
//
// - making an object that is not there is link(2), which fails when the name is taken; it needs no lock
// - replacing, comparing and deleting happen under one lock, which dies with its process (file-write-lock.ts)
// - so, while the lock is held, an object that is there stays what it is; one that is not there may only be made
//
// The hot path, a put under a fresh key, is the first: nine system calls and no lock. The work under the lock is a read of 16
// bytes and a rename; content was written and flushed before.
// A crash leaves temp files behind, never half an object. They are removed when the store is opened and they are old.

import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import { bodyLength } from './body.ts';
import { DurableDirectories } from './durable-directories.ts';
import { fileStoreError } from './file-errors.ts';
import { objectPath } from './file-key-path.ts';
import { listFiles } from './file-listing.ts';
import { FileMultipartUpload } from './file-multipart.ts';
import { newTrailer, trailerEtag } from './file-object-format.ts';
import { readObject, readObjectInfo } from './file-object-reader.ts';
import { findStoreDirectory, prepareStoreDirectory } from './file-store-directory.ts';
import { type FileSystem, fileErrorCode, type OpenFile } from './file-system.ts';
import { FileWriteLock } from './file-write-lock.ts';
import { writeFlushed } from './flushed-write.ts';
import { MultipartLedger, partBytesMinDefault } from './multipart-ledger.ts';
import { checkKey } from './object-key.ts';
import type {
  Body,
  CallOptions,
  DeleteFailure,
  GetOptions,
  ListOptions,
  MultipartUpload,
  ObjectInfo,
  ObjectStore,
  PutOptions,
  StoredObject,
} from './object-store.ts';
import { checkConditions, checkSignal, objectNotFound, preconditionFailed } from './write-conditions.ts';

export interface FileStoreOptions {
  /** Absolute path; made when missing. */
  readonly directory: string;
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly partBytesMin?: number;
  /** Temp files not touched for this long belong to nobody. */
  readonly orphanAgeMs?: number;
  /** Nothing is made or removed when the store is opened, so that one may be read by who cannot write there. */
  readonly readOnly?: boolean;
}

/** The hot path writes objects of a few MiB, with one flush. */
const oneFlushBytesMax = 8 * 1024 * 1024;
/** The lock is given back after so many deletes, so that writers get their turn. */
const deletesPerTurn = 64;

export async function openFileStore(options: FileStoreOptions): Promise<ObjectStore> {
  try {
    const paths = options.readOnly === true ? await findStoreDirectory(options) : await prepareStoreDirectory(options);
    return new FileStore(options, paths.temp, paths.lock);
  } catch (error) {
    throw fileStoreError(error, `open the store in ${options.directory}`);
  }
}

class FileStore implements ObjectStore {
  readonly label: string;
  readonly remote = false;
  readonly #options: FileStoreOptions;
  readonly #fileSystem: FileSystem;
  readonly #temp: string;
  readonly #directories: DurableDirectories;
  readonly #lock: FileWriteLock;

  constructor(options: FileStoreOptions, temp: string, lock: string) {
    this.label = `file://${options.directory}`;
    this.#options = options;
    this.#fileSystem = options.fileSystem;
    this.#temp = temp;
    this.#directories = new DurableDirectories(options.fileSystem, options.directory);
    this.#lock = new FileWriteLock(options.fileSystem, lock, options.clock, options.random);
  }

  async put(key: string, body: Body, options?: PutOptions): Promise<ObjectInfo> {
    checkKey(key);
    checkConditions(key, options);
    checkSignal(options?.signal, `put ${key}`);
    const temp = this.#newTempPath();
    let published = false;
    try {
      const file = await this.#fileSystem.create(temp);
      try {
        const info = await this.#finish(file, key, body, 0, newTrailer(this.#options.random));
        await this.#publish(temp, key, options);
        published = true;
        return info;
      } finally {
        await file.close();
      }
    } catch (error) {
      throw fileStoreError(error, `put ${key}`);
    } finally {
      if (!published) await this.#discard(temp);
    }
  }

  async get(key: string, options?: GetOptions): Promise<StoredObject> {
    checkKey(key);
    checkSignal(options?.signal, `get ${key}`);
    try {
      const object = await readObject(this.#fileSystem, this.#path(key), key, options);
      if (object === undefined) throw objectNotFound(key);
      return object;
    } catch (error) {
      throw fileStoreError(error, `get ${key}`);
    }
  }

  async head(key: string, options?: CallOptions): Promise<ObjectInfo | undefined> {
    checkKey(key);
    checkSignal(options?.signal, `head ${key}`);
    try {
      return await readObjectInfo(this.#fileSystem, this.#path(key), key);
    } catch (error) {
      throw fileStoreError(error, `head ${key}`);
    }
  }

  async *list(options: ListOptions): AsyncIterable<ObjectInfo> {
    try {
      yield* listFiles(this.#fileSystem, this.#options.directory, options);
    } catch (error) {
      throw fileStoreError(error, `list ${options.prefix}`);
    }
  }

  async deleteMany(keys: readonly string[], options?: CallOptions): Promise<DeleteFailure[]> {
    for (const key of keys) checkKey(key);
    const failures: DeleteFailure[] = [];
    const left = new Set<string>();
    const fail = (key: string, error: unknown) => {
      const { message, retryable } = fileStoreError(error, `delete ${key}`);
      failures.push({ key, message, retryable });
    };
    for (let start = 0; start < keys.length; start += deletesPerTurn) {
      checkSignal(options?.signal, 'delete');
      await this.#lock.hold(async () => {
        for (const key of keys.slice(start, start + deletesPerTurn)) {
          const path = objectPath(key);
          try {
            await this.#fileSystem.unlink(`${this.#options.directory}/${path}`);
            left.add(directoryOf(path));
          } catch (error) {
            if (fileErrorCode(error) !== 'ENOENT') fail(key, error);
          }
        }
      });
    }
    try {
      for (const directory of left) await this.#directories.leave(directory);
    } catch (error) {
      throw fileStoreError(error, 'flush after a delete');
    }
    return failures;
  }

  async multipart(key: string, options?: CallOptions): Promise<MultipartUpload> {
    checkKey(key);
    checkSignal(options?.signal, `multipart ${key}`);
    const temp = this.#newTempPath();
    try {
      const file = await this.#fileSystem.create(temp);
      // Made once: a completion tried again must not change a file that is published already.
      const trailer = newTrailer(this.#options.random);
      return new FileMultipartUpload({
        key,
        file,
        ledger: new MultipartLedger(key, this.#options.partBytesMin ?? partBytesMinDefault),
        publish: async (contentBytes, putOptions) => {
          const info = await this.#finish(file, key, [], contentBytes, trailer);
          await this.#publish(temp, key, putOptions);
          return info;
        },
        discard: () => this.#discard(temp),
      });
    } catch (error) {
      throw fileStoreError(error, `multipart ${key}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lock.close();
    await this.#directories.close();
  }

  /** Writes the rest of the content and the trailer, and flushes the file. */
  async #finish(file: OpenFile, key: string, rest: Body, position: number, trailer: Buffer): Promise<ObjectInfo> {
    const restBytes = bodyLength(rest);
    if (restBytes <= oneFlushBytesMax) await file.write([...rest, trailer], position);
    else {
      await writeFlushed(file, rest, position);
      await file.write([trailer], position + restBytes);
    }
    await file.flushData();
    const { modifiedMs } = await file.facts();
    return { key, sizeBytes: position + restBytes, modifiedMs, etag: trailerEtag(trailer, key) };
  }

  /** Gives a finished temp file its name, and makes that durable. The temp name is gone when it has succeeded. */
  async #publish(temp: string, key: string, options: PutOptions | undefined): Promise<void> {
    const path = objectPath(key);
    const directory = directoryOf(path);
    const target = `${this.#options.directory}/${path}`;
    if (options?.ifMatch !== undefined) await this.#mustMatch(target, key, options);
    checkSignal(options?.signal, `put ${key}`);
    let unlinking: Promise<void> | undefined;
    try {
      await this.#directories.enter(directory, async () => {
        if (options?.ifMatch !== undefined) {
          await this.#lock.hold(async () => {
            await this.#mustMatch(target, key, options);
            await this.#fileSystem.rename(temp, target);
          });
          return;
        }
        try {
          await this.#fileSystem.link(temp, target);
          // The name is what counts; the temp name goes while the directory is flushed.
          unlinking = this.#discard(temp);
        } catch (error) {
          if (fileErrorCode(error) !== 'EEXIST') throw error;
          if (options?.createOnly === true) throw preconditionFailed(key, options);
          await this.#lock.hold(() => this.#fileSystem.rename(temp, target));
        }
      });
    } catch (error) {
      // The refusal must not rest on an object that a crash could still take back.
      if (options?.createOnly === true && isPreconditionFailed(error)) await this.#directories.flushExisting(directory);
      throw error;
    } finally {
      await unlinking;
    }
  }

  async #mustMatch(target: string, key: string, options: PutOptions): Promise<void> {
    const current = await readObjectInfo(this.#fileSystem, target, key);
    if (current?.etag !== options.ifMatch) throw preconditionFailed(key, options);
  }

  #path(key: string): string {
    return `${this.#options.directory}/${objectPath(key)}`;
  }

  #newTempPath(): string {
    return `${this.#temp}/${this.#options.random.bytes(12).toString('hex')}`;
  }

  async #discard(temp: string): Promise<void> {
    try {
      await this.#fileSystem.unlink(temp);
    } catch (error) {
      if (fileErrorCode(error) === 'ENOENT') return;
      this.#options.logger.warn({ temp, error: String(error) }, 'a temp file stays until the store is opened again');
    }
  }
}

function isPreconditionFailed(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'precondition-failed';
}

function directoryOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf('/'), 0));
}
