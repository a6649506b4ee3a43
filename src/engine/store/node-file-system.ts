// The real file system, through node:fs. The lock is an fcntl lock, which the kernel drops with its process: Node has no
// flock, but SQLite takes one for `BEGIN IMMEDIATE`, also on an empty database that nothing is ever written to.
//
// What waits for the disk (content, flushes, listings) goes through the thread pool; small calls are made directly while they
// are prompt (prompt-calls.ts).

import * as fs from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import type { Clock } from '../base/clock.ts';
import { EngineError } from '../base/errors.ts';
import type { FileFacts, FileLock, FileSystem, OpenDirectory, OpenFile } from './file-system.ts';
import { PromptCalls } from './prompt-calls.ts';

const { promises } = fs;
const close = promisify(fs.close);
const fdatasync = promisify(fs.fdatasync);
const fstat = promisify(fs.fstat);
const fsync = promisify(fs.fsync);
const openFd = promisify(fs.open) as (path: string, flags: string | number) => Promise<number>;

const sqliteBusy = 5;
/** Linux reads at most 2 GiB in one call. */
const readBytesMax = 2 ** 30;
/** Less than this is only copied into the page cache: not worth the thread pool. */
const directWriteBytesMax = 64 * 1024;

export function nodeFileSystem(clock: Clock): FileSystem {
  const calls = new PromptCalls(clock);
  const open = (path: string, flags: string | number): Promise<number> =>
    calls.run(
      () => fs.openSync(path, flags),
      () => openFd(path, flags),
    );
  return {
    create: async (path) => new NodeFile(await open(path, 'wx'), calls),
    open: async (path) => new NodeFile(await open(path, 'r'), calls),
    openDirectory: async (path) =>
      new NodeDirectory(await open(path, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY), calls),
    makeDirectory: (path) => promises.mkdir(path),
    removeDirectory: (path) => promises.rmdir(path),
    names: (path) => promises.readdir(path),
    link: (from, to) =>
      calls.run(
        () => fs.linkSync(from, to),
        () => promises.link(from, to),
      ),
    rename: (from, to) => promises.rename(from, to),
    unlink: (path) =>
      calls.run(
        () => fs.unlinkSync(path),
        () => promises.unlink(path),
      ),
    openLock: (path) => new SqliteLock(path),
  };
}

/**
 * An open descriptor. Closing waits for calls under way and happens once: the system gives the number away again at once, and a
 * late call would reach somebody else's file.
 */
abstract class Descriptor {
  readonly #fd: number;
  protected readonly calls: PromptCalls;
  #uses = 0;
  #closing: PromiseWithResolvers<void> | undefined;

  constructor(fd: number, calls: PromptCalls) {
    this.#fd = fd;
    this.calls = calls;
  }

  async facts(): Promise<FileFacts> {
    const stat = await this.use((fd) =>
      this.calls.run(
        () => fs.fstatSync(fd),
        () => fstat(fd),
      ),
    );
    return { sizeBytes: stat.size, modifiedMs: Math.floor(stat.mtimeMs), linked: stat.nlink > 0 };
  }

  async close(): Promise<void> {
    if (this.#closing !== undefined) return this.#closing.promise;
    this.#closing = Promise.withResolvers<void>();
    if (this.#uses === 0) this.#closing.resolve();
    await this.#closing.promise;
    await this.calls.run(
      () => fs.closeSync(this.#fd),
      () => close(this.#fd),
    );
  }

  protected async use<T>(call: (fd: number) => Promise<T>): Promise<T> {
    if (this.#closing !== undefined) throw new EngineError('bug', 'a file is used after it was closed');
    this.#uses++;
    try {
      return await call(this.#fd);
    } finally {
      this.#uses--;
      if (this.#uses === 0) (this.#closing as PromiseWithResolvers<void> | undefined)?.resolve();
    }
  }
}

class NodeFile extends Descriptor implements OpenFile {
  write(parts: readonly Uint8Array[], position: number): Promise<void> {
    return this.use(async (fd) => {
      let rest = parts;
      let at = position;
      while (rest.length > 0) {
        const written = await this.#writeSome(fd, rest as Uint8Array[], at);
        at += written;
        rest = afterBytes(rest, written);
      }
    });
  }

  #writeSome(fd: number, parts: Uint8Array[], position: number): Promise<number> {
    const pooled = () =>
      new Promise<number>((resolve, reject) => {
        fs.writev(fd, parts, position, (error, written) => (error === null ? resolve(written) : reject(error)));
      });
    const bytes = parts.reduce((sum, part) => sum + part.length, 0);
    return bytes > directWriteBytesMax ? pooled() : this.calls.run(() => fs.writevSync(fd, parts, position), pooled);
  }

  read(into: Buffer, position: number): Promise<number> {
    return this.use(async (fd) => {
      let filled = 0;
      while (filled < into.length) {
        const length = Math.min(into.length - filled, readBytesMax);
        const bytesRead = await readSome(fd, into, filled, length, position + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return filled;
    });
  }

  flushData(): Promise<void> {
    return this.use(fdatasync);
  }
}

function readSome(fd: number, into: Buffer, at: number, length: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.read(fd, into, at, length, position, (error, read) => (error === null ? resolve(read) : reject(error)));
  });
}

/** What is left of the parts after `count` bytes; empty parts at the front go too, or a write of nothing would repeat for ever. */
function afterBytes(parts: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let index = 0;
  let rest = count;
  while (index < parts.length && rest >= (parts[index] as Uint8Array).length) {
    rest -= (parts[index] as Uint8Array).length;
    index++;
  }
  if (rest === 0) return parts.slice(index);
  return [(parts[index] as Uint8Array).subarray(rest), ...parts.slice(index + 1)];
}

class NodeDirectory extends Descriptor implements OpenDirectory {
  flush(): Promise<void> {
    return this.use(fsync);
  }
}

class SqliteLock implements FileLock {
  readonly #database: DatabaseSync;

  constructor(path: string) {
    this.#database = new DatabaseSync(path, { timeout: 0 });
  }

  tryAcquire(): boolean {
    try {
      this.#database.exec('BEGIN IMMEDIATE');
      return true;
    } catch (error) {
      if (error instanceof Error && 'errcode' in error && ((error.errcode as number) & 0xff) === sqliteBusy)
        return false;
      throw error;
    }
  }

  release(): void {
    this.#database.exec('ROLLBACK');
  }

  close(): void {
    this.#database.close();
  }
}
