// LMDB as the embedded log uses it: one environment, one database, one transaction in flight, and failures sorted into
// "nothing happened, go on" and "the process must end".
//
// What lmdb-js and LMDB really do (tried, and read in their sources):
// - `mapSize` is no limit: the map grows by itself. The limit is ours, see embedded-log.ts.
// - A commit writes the data pages, calls fdatasync, and then writes the meta page through a descriptor opened with O_DSYNC.
//   Only the meta page makes the transaction exist. A failure before it leaves the environment usable and the transaction undone.
// - A file system that is full shows as ENOSPC, or, when a write was cut short, as EIO. A probe file tells the latter from a
//   broken disk.
// - A failed meta write marks the environment as broken; the next transaction would then hang. So after every failure an empty
//   transaction asks whether it is still sound.

import { closeSync, fsyncSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import { EngineError } from '../base/errors.ts';
import { checkLmdbFile } from './lmdb-file-check.ts';

export type LmdbDatabase = RootDatabase<Buffer, Buffer>;

/** EFBIG, ENOSPC, EDQUOT as Linux and macOS number them, and MDB_MAP_FULL. */
const fullDiskCodes = new Set([27, 28, 122, 69, -30792]);
const probeBytesMin = 256 * 1024;

export class LmdbEnvironment {
  readonly directory: string;
  readonly database: LmdbDatabase;
  /** True after a full disk, until a probe shows that there is room again. */
  #full = false;

  constructor(directory: string, mapBytes: number) {
    this.directory = directory;
    mkdirSync(directory, { recursive: true });
    checkLmdbFile(join(directory, 'data.mdb'));
    try {
      this.database = open<Buffer, Buffer>({
        path: directory,
        mapSize: mapBytes,
        overlappingSync: false,
        encoding: 'binary',
        keyEncoding: 'binary',
        cache: false,
        compression: false,
        eventTurnBatching: false,
        commitDelay: 0,
      } as Parameters<typeof open>[0]) as LmdbDatabase;
    } catch (error) {
      throw new EngineError(
        'log-unavailable',
        `the log in ${directory} cannot be opened: ${(error as Error).message}`,
        {
          context: { directory },
          cause: error,
        },
      );
    }
    // A new file is only as durable as the directory entries that lead to it.
    for (const path of [directory, dirname(directory)]) syncDirectory(path);
  }

  /** A value of its own, or undefined. Throws `corrupt-log` when LMDB's own pages are damaged. */
  get(key: Buffer): Buffer | undefined {
    try {
      return this.database.getBinary(key);
    } catch (error) {
      throw damageOr(error);
    }
  }

  /** Bytes of the pages that hold something; what was freed and waits to be used again does not count. */
  liveBytes(): number {
    const stats = this.database.getStats() as Record<string, number>;
    const pages =
      (stats['treeBranchPageCount'] ?? 0) + (stats['treeLeafPageCount'] ?? 0) + (stats['overflowPages'] ?? 0);
    return pages * (stats['pageSize'] ?? 4096);
  }

  /**
   * Runs `change`, which only puts and removes, as one transaction. Resolves when it is flushed to disk. Rejects with
   * `disk-full` when nothing happened for want of space, and with any other error when the process must end.
   */
  async commit(bytes: number, change: () => void): Promise<void> {
    if (this.#full) {
      this.#probe(bytes);
      this.#full = false;
    }
    let trouble: unknown;
    try {
      await this.database.batch(change);
      return;
    } catch (error) {
      trouble = await causeOf(error);
    }
    this.#assertSound(trouble);
    const code = (trouble as { code?: number }).code;
    if (code !== undefined && fullDiskCodes.has(code)) {
      this.#full = true;
      throw this.#diskFull(trouble);
    }
    if (code === 5) {
      this.#full = true;
      this.#probe(bytes);
    }
    throw trouble;
  }

  async close(): Promise<void> {
    await this.database.close();
  }

  #assertSound(trouble: unknown): void {
    try {
      this.database.transactionSync(() => {});
    } catch (error) {
      throw new EngineError('log-unavailable', `the log could not write its root page: ${String(trouble)}`, {
        context: { directory: this.directory },
        cause: error,
      });
    }
  }

  /** Throws `disk-full` when a file of about the size of a transaction cannot be written beside the log. */
  #probe(bytes: number): void {
    const path = join(this.directory, 'space-probe');
    try {
      writeFileSync(path, Buffer.alloc(Math.max(probeBytesMin, bytes * 2)), { flush: true });
    } catch (error) {
      throw this.#diskFull(error);
    } finally {
      rmSync(path, { force: true });
    }
  }

  #diskFull(cause: unknown): EngineError {
    return new EngineError('disk-full', `there is no room on the disk of ${this.directory}`, {
      context: { directory: this.directory },
      cause,
    });
  }
}

/** MDB_PAGE_NOTFOUND, MDB_CORRUPTED, MDB_VERSION_MISMATCH, MDB_INVALID. */
const damageCodes = new Set([-30797, -30796, -30794, -30793]);

/** The error as `corrupt-log` when it is LMDB's word for damage; as it is otherwise. */
export function damageOr(error: unknown): unknown {
  if (!damageCodes.has((error as { code?: number }).code ?? 0)) return error;
  const message = `the local log is damaged: ${(error as Error).message}`;
  return new EngineError('corrupt-log', message, { cause: error });
}

function syncDirectory(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** lmdb-js says "see commitError" and gives the reason in a promise. */
async function causeOf(error: unknown): Promise<unknown> {
  const promise = (error as { commitError?: Promise<unknown> }).commitError;
  if (promise === undefined) return error;
  return promise.then(
    () => error,
    (cause: unknown) => cause,
  );
}
