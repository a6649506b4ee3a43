// What the disk cache needs of a file system: a small port, so that tests can make it fail. Failures are Node's errors with a code.

import { close, open, openSync, read, readSync } from 'node:fs';
import { mkdir, open as openHandle, readdir, rename, rmdir, unlink } from 'node:fs/promises';
import { promisify } from 'node:util';

export interface ChunkFileSystem {
  /** The two direct calls stop everything else until they are done. */
  openNow(path: string): number;
  readNow(descriptor: number, into: Buffer, position: number): number;
  open(path: string): Promise<number>;
  read(descriptor: number, into: Buffer, position: number): Promise<number>;
  /** In the background; nobody waits for it. */
  close(descriptor: number): void;
  /** A new file with these bytes. Not flushed. */
  write(path: string, parts: readonly Buffer[]): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  makeDirectory(path: string): Promise<void>;
  removeDirectory(path: string): Promise<void>;
  names(directory: string): Promise<string[]>;
}

const openPooled = promisify(open);
const readPooled = promisify(read);

export const nodeChunkFileSystem: ChunkFileSystem = {
  openNow: (path) => openSync(path, 'r'),
  readNow: (descriptor, into, position) => readSync(descriptor, into, 0, into.length, position),
  open: (path) => openPooled(path, 'r'),
  read: async (descriptor, into, position) => (await readPooled(descriptor, into, 0, into.length, position)).bytesRead,
  close: (descriptor) => close(descriptor, () => {}),
  async write(path, parts) {
    const file = await openHandle(path, 'wx');
    try {
      await writeFully(file, parts);
    } finally {
      await file.close();
    }
  },
  rename,
  remove: unlink,
  async makeDirectory(path) {
    await mkdir(path, { recursive: true });
  },
  removeDirectory: rmdir,
  names: (directory) => readdir(directory),
};

/** The system may take fewer parts, and fewer bytes, than it is given. */
async function writeFully(file: Awaited<ReturnType<typeof openHandle>>, parts: readonly Buffer[]): Promise<void> {
  const partsMax = 1024;
  let left = parts.filter((part) => part.length > 0);
  while (left.length > 0) {
    let { bytesWritten } = await file.writev(left.slice(0, partsMax));
    let whole = 0;
    for (const part of left) {
      if (bytesWritten < part.length) break;
      bytesWritten -= part.length;
      whole++;
    }
    left = left.slice(whole);
    if (bytesWritten > 0) left[0] = (left[0] as Buffer).subarray(bytesWritten);
  }
}

/** Node's code for what went wrong: "ENOSPC". */
export const failureCode = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : String(error);
