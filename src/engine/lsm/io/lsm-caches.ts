// The caches that all stores of a process share, each with a limit in bytes.

import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { DiskCache } from '../../disk-cache/disk-cache.ts';
import { BlockCache } from './block-cache.ts';
import { type FetchLimits, FetchMemory } from './fetch-memory.ts';

export interface LsmCaches {
  readonly blocks: BlockCache;
  /** Undefined where there is no place for one: every miss goes to the bucket. */
  readonly disk: DiskCache | undefined;
  /** Of table bytes on their way from the bucket. Where not given, every store has one of its own. */
  readonly fetches?: FetchMemory;
}

export interface LsmCacheOptions {
  readonly blockBytesMax: number;
  readonly disk?: { readonly directory: string; readonly bytesMax: number };
  readonly fetches?: Partial<FetchLimits>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** To be disposed of when the last store is closed. */
export interface OpenCaches extends LsmCaches, AsyncDisposable {
  readonly fetches: FetchMemory;
}

export async function openLsmCaches(options: LsmCacheOptions): Promise<OpenCaches> {
  const { clock, logger } = options;
  const disk = options.disk === undefined ? undefined : await DiskCache.open({ ...options.disk, clock, logger });
  return {
    blocks: new BlockCache(options.blockBytesMax),
    disk,
    fetches: new FetchMemory(options.fetches),
    [Symbol.asyncDispose]: async () => await disk?.[Symbol.asyncDispose](),
  };
}
