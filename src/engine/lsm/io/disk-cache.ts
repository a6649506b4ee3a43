import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';

export interface DiskCacheOptions {
  /** Made where it does not exist. Nobody else writes there. */
  readonly directory: string;
  readonly bytesMax: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class DiskCache implements AsyncDisposable {
  static async open(_options: DiskCacheOptions): Promise<DiskCache> {
    return new DiskCache();
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
