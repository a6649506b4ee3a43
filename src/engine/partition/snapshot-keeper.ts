// Keeps a partition's snapshot in its log, now and then, so that the next opening replays little. Best effort: a snapshot that is
// not kept costs time at the next start, nothing else.

import type { Term } from '../base/ids.ts';
import type { Logger } from '../base/logger.ts';
import type { ReplicatedLog } from '../replicated-log/replicated-log.ts';

export interface SnapshotKeeperOptions {
  readonly log: ReplicatedLog;
  readonly logger: Logger;
  readonly group: string;
  readonly term: Term;
  /** Index of the snapshot that is there. */
  readonly index: number;
  /** The committed state as it is now. */
  readonly encode: () => Buffer;
}

const everyEntries = 2048;

export class SnapshotKeeper {
  readonly #options: SnapshotKeeperOptions;
  #index: number;
  /** Of the snapshot that is there for certain. */
  #kept: number;
  #saving: Promise<void> | undefined;

  constructor(options: SnapshotKeeperOptions) {
    this.#options = options;
    this.#index = options.index;
    this.#kept = options.index;
  }

  /** Index of the snapshot that is kept; the log may be trimmed up to it. */
  get kept(): number {
    return this.#kept;
  }

  /** To be called after each commit, with the log's end. */
  consider(logEnd: number): void {
    if (logEnd - this.#index >= everyEntries) void this.save(logEnd);
  }

  /** Keeps what the state is now; `logEnd` is the last entry it has the effect of. */
  save(logEnd: number): Promise<void> {
    if (this.#index === logEnd) return Promise.resolve();
    this.#saving ??= this.#save(logEnd).finally(() => {
      this.#saving = undefined;
    });
    return this.#saving;
  }

  async #save(index: number): Promise<void> {
    const { log, logger, group, term } = this.#options;
    const bytes = this.#options.encode();
    this.#index = index;
    try {
      const outcome = await log.saveSnapshot(group, term, { index, bytes });
      if (outcome.status === 'committed') this.#kept = index;
      else logger.warn({ group, status: outcome.status }, 'a partition snapshot was not kept');
    } catch (error) {
      logger.warn({ group, error: String(error) }, 'a partition snapshot was not kept');
    }
  }
}
