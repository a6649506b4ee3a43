// The caches that all stores of a process share, each with a limit in bytes.

import type { BlockCache } from './block-cache.ts';
import type { DiskCache } from './disk-cache.ts';

export interface LsmCaches {
  readonly blocks: BlockCache;
  /** Undefined where there is no place for one: every miss goes to the bucket. */
  readonly disk: DiskCache | undefined;
}
