// Makes directory entries durable: the directories that a new object needs, and the object's own entry.
//
// The invariant: a directory in the cache was made durable in its parent, up to the root, after it existed. Empty directories are
// removed when objects are deleted, by this process or another, so a cached directory may be gone; it is noticed because a
// removed directory has no links. One that is still linked after an entry went in has been linked, with all above it, all along.
//
// Concurrent entries into one directory share flushes: one that began after an entry was made covers it.
// A failed flush leaves the kernel's idea of what is on disk unknown: nothing can be made durable through this instance any more.

import { EngineError } from '../base/errors.ts';
import { type FileSystem, fileErrorCode, type OpenDirectory } from './file-system.ts';

const openDirectoriesMax = 64;
/** Each try is lost only to somebody removing an empty directory in the same instant. */
const triesMax = 50;

export class DurableDirectories {
  readonly #fileSystem: FileSystem;
  readonly #root: string;
  /** By path relative to the root ('' is the root), least recently used first. */
  readonly #open = new Map<string, Promise<SharedDirectory>>();
  #broken: unknown;

  constructor(fileSystem: FileSystem, root: string) {
    this.#fileSystem = fileSystem;
    this.#root = root;
  }

  /** Runs `enter`, which makes or replaces an entry of the directory, and resolves when that entry is durable. */
  async enter(directory: string, enter: () => Promise<void>): Promise<void> {
    let entered = false;
    for (let tries = 1; ; tries++) {
      const shared = await this.#acquire(directory);
      try {
        if (!entered) {
          await enter();
          entered = true;
        }
        await this.#flush(shared);
        if ((await shared.directory.facts()).linked) return;
        if (tries === triesMax)
          throw new EngineError('store-timeout', `directory ${directory} is removed again and again`);
      } catch (error) {
        if (entered || fileErrorCode(error) !== 'ENOENT' || tries === triesMax) throw error;
      } finally {
        shared.release();
      }
      this.#forget(directory);
    }
  }

  /** Makes the removal of entries durable, and removes the directory, and those above, as far as they are empty. */
  async leave(directory: string): Promise<void> {
    for (let path = directory; ; path = parentOf(path)) {
      if (path !== '') {
        try {
          await this.#fileSystem.removeDirectory(this.#absolute(path));
          this.#forget(path);
          continue;
        } catch (error) {
          if (fileErrorCode(error) === 'ENOENT') continue;
          if (fileErrorCode(error) !== 'ENOTEMPTY' && fileErrorCode(error) !== 'EEXIST') throw error;
        }
      }
      if (await this.flushExisting(path)) return;
    }
  }

  /** Flushes a directory if it is there. */
  async flushExisting(directory: string): Promise<boolean> {
    try {
      const opened = new SharedDirectory(await this.#fileSystem.openDirectory(this.#absolute(directory)));
      await this.#flush(opened).finally(() => opened.release());
      return true;
    } catch (error) {
      if (fileErrorCode(error) === 'ENOENT') return false;
      throw error;
    }
  }

  async close(): Promise<void> {
    for (const path of [...this.#open.keys()]) this.#forget(path);
  }

  async #flush(shared: SharedDirectory): Promise<void> {
    this.#mustWork();
    try {
      await shared.flush();
    } catch (error) {
      this.#broken = error;
    }
    this.#mustWork();
  }

  #mustWork(): void {
    if (this.#broken === undefined) return;
    throw new EngineError(
      'store-timeout',
      'a directory of the store could not be flushed; what was written may not be durable',
      {
        cause: this.#broken,
        hint: 'check the disk, then restart',
      },
    );
  }

  /** The directory, made and made durable where needed. The caller releases it. */
  async #acquire(path: string): Promise<SharedDirectory> {
    this.#mustWork();
    for (;;) {
      let opening = this.#open.get(path);
      if (opening === undefined) opening = this.#make(path);
      else this.#open.delete(path);
      this.#open.set(path, opening);
      try {
        const shared = await opening;
        // Between our turn and the opening it may have been forgotten and closed.
        if (!shared.retain()) continue;
        this.#evict();
        return shared;
      } catch (error) {
        if (this.#open.get(path) === opening) this.#open.delete(path);
        throw error;
      }
    }
  }

  async #make(path: string): Promise<SharedDirectory> {
    const absolute = this.#absolute(path);
    if (path === '') return new SharedDirectory(await this.#fileSystem.openDirectory(absolute));
    for (let tries = 1; ; tries++) {
      const parent = await this.#acquire(parentOf(path));
      let opened: OpenDirectory | undefined;
      try {
        await this.#fileSystem.makeDirectory(absolute).catch((error: unknown) => {
          if (fileErrorCode(error) !== 'EEXIST') throw error;
        });
        opened = await this.#fileSystem.openDirectory(absolute);
        // Also when it existed: whoever made it may not have come to flush it yet.
        await this.#flush(parent);
        if ((await parent.directory.facts()).linked) return new SharedDirectory(opened);
        await opened.close();
        this.#forget(parentOf(path));
      } catch (error) {
        await opened?.close();
        if (fileErrorCode(error) !== 'ENOENT' || tries === triesMax) throw error;
        if (opened === undefined) this.#forget(parentOf(path));
      } finally {
        parent.release();
      }
    }
  }

  #evict(): void {
    for (const path of this.#open.keys()) {
      if (this.#open.size <= openDirectoriesMax) return;
      this.#forget(path);
    }
  }

  #forget(path: string): void {
    const opening = this.#open.get(path);
    this.#open.delete(path);
    opening?.then(
      (shared) => shared.release(),
      () => {},
    );
  }

  #absolute(path: string): string {
    return path === '' ? this.#root : `${this.#root}/${path}`;
  }
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf('/'), 0));
}

/** An open directory; closed when the cache and everybody using it have let go. */
class SharedDirectory {
  readonly directory: OpenDirectory;
  /** The cache's own use is the first. */
  #uses = 1;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(directory: OpenDirectory) {
    this.directory = directory;
  }

  retain(): boolean {
    if (this.#uses === 0) return false;
    this.#uses++;
    return true;
  }

  release(): void {
    if (--this.#uses === 0) this.directory.close().catch(() => {});
  }

  flush(): Promise<void> {
    if (this.#running === undefined) {
      const running = this.directory.flush().finally(() => {
        this.#running = undefined;
      });
      this.#running = running;
      return running;
    }
    this.#next ??= this.#running
      .catch(() => {})
      .then(() => {
        this.#next = undefined;
        return this.flush();
      });
    return this.#next;
  }
}
