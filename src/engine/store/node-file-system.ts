// The real file system, through node:fs. The lock is an fcntl lock, which the kernel drops with its process: Node has no
// flock, but SQLite takes one for `BEGIN IMMEDIATE`, also on an empty database that nothing is ever written to.

import { constants } from 'node:fs';
import * as fs from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import type { FileFacts, FileLock, FileSystem, OpenDirectory, OpenFile } from './file-system.ts';

const sqliteBusy = 5;
/** Linux reads at most 2 GiB in one call. */
const readBytesMax = 2 ** 30;

export const nodeFileSystem: FileSystem = {
  create: async (path) => new NodeFile(await fs.open(path, 'wx')),
  open: async (path) => new NodeFile(await fs.open(path, 'r')),
  openDirectory: async (path) => new NodeDirectory(await fs.open(path, constants.O_RDONLY | constants.O_DIRECTORY)),
  makeDirectory: (path) => fs.mkdir(path),
  removeDirectory: (path) => fs.rmdir(path),
  names: (path) => fs.readdir(path),
  link: (from, to) => fs.link(from, to),
  rename: (from, to) => fs.rename(from, to),
  unlink: (path) => fs.unlink(path),
  openLock: (path) => new SqliteLock(path),
};

async function factsOf(handle: fs.FileHandle): Promise<FileFacts> {
  const stat = await handle.stat();
  return { sizeBytes: stat.size, modifiedMs: Math.floor(stat.mtimeMs), linked: stat.nlink > 0 };
}

class NodeFile implements OpenFile {
  readonly #handle: fs.FileHandle;

  constructor(handle: fs.FileHandle) {
    this.#handle = handle;
  }

  async write(parts: readonly Uint8Array[], position: number): Promise<void> {
    let rest = parts;
    let at = position;
    while (rest.length > 0) {
      const { bytesWritten } = await this.#handle.writev(rest as Uint8Array[], at);
      at += bytesWritten;
      rest = afterBytes(rest, bytesWritten);
    }
  }

  async read(into: Buffer, position: number): Promise<number> {
    let filled = 0;
    while (filled < into.length) {
      const length = Math.min(into.length - filled, readBytesMax);
      const { bytesRead } = await this.#handle.read(into, filled, length, position + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return filled;
  }

  facts(): Promise<FileFacts> {
    return factsOf(this.#handle);
  }

  flushData(): Promise<void> {
    return this.#handle.datasync();
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
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

class NodeDirectory implements OpenDirectory {
  readonly #handle: fs.FileHandle;

  constructor(handle: fs.FileHandle) {
    this.#handle = handle;
  }

  facts(): Promise<FileFacts> {
    return factsOf(this.#handle);
  }

  flush(): Promise<void> {
    return this.#handle.sync();
  }

  close(): Promise<void> {
    return this.#handle.close();
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
