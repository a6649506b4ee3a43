// The lock under which objects of the file store are replaced, compared or deleted; see file-store.ts for what needs it.
// In turn within the process; between processes by trying again after a short, random pause.

import { type Clock, sleep } from '../base/clock.ts';
import { EngineError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import type { FileLock, FileSystem } from './file-system.ts';

const pauseMsMin = 1;
const pauseMsMax = 16;
/** Holders work for well under a millisecond; one that holds the lock this long is stopped, not busy. */
const patienceMs = 30_000;

export class FileWriteLock {
  readonly #open: () => FileLock;
  #lock: FileLock | undefined;
  readonly #clock: Clock;
  readonly #random: Random;
  #turn: Promise<void> = Promise.resolve();

  constructor(fileSystem: FileSystem, path: string, clock: Clock, random: Random) {
    // Opened when first needed: it makes a file, and who only reads must leave none.
    this.#open = () => fileSystem.openLock(path);
    this.#clock = clock;
    this.#random = random;
  }

  hold<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(async () => {
      this.#lock ??= this.#open();
      await this.#acquire(this.#lock);
      try {
        return await work();
      } finally {
        this.#lock.release();
      }
    });
    this.#turn = result.then(
      () => {},
      () => {},
    );
    return result;
  }

  async close(): Promise<void> {
    await this.#turn;
    this.#lock?.close();
  }

  async #acquire(lock: FileLock): Promise<void> {
    const startMs = this.#clock.monotonicMs();
    for (let pauseMs = pauseMsMin; !lock.tryAcquire(); pauseMs = Math.min(pauseMs * 2, pauseMsMax)) {
      if (this.#clock.monotonicMs() - startMs > patienceMs) {
        throw new EngineError(
          'store-unavailable',
          `another process has held the store’s write lock for ${patienceMs / 1000} s`,
          {
            hint: 'look for a stopped cloudtopics process on the same directory',
          },
        );
      }
      await sleep(this.#clock, pauseMs * (0.5 + this.#random.fraction()));
    }
  }
}
