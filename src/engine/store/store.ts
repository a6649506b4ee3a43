// The front door of the object store: a URL in, a store out, with retries, a limit on what runs at once, and metrics around
// the adapter. From the outside in: retry (a pause holds no place) → limit → metrics (sees every try) → adapter.

import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import { openFileStore } from './file-store.ts';
import { defaultLimits, LimitedStore, type LimitedStoreOptions } from './limited-store.ts';
import { MemoryStore } from './memory-store.ts';
import { MeteredStore, type StoreMetrics } from './metered-store.ts';
import { nodeFileSystem } from './node-file-system.ts';
import type { ObjectStore } from './object-store.ts';
import { ReadOnlyStore } from './read-only-store.ts';
import { defaultRetryPolicy, type RetryPolicy } from './retry-policy.ts';
import { RetryingStore } from './retrying-store.ts';
import { parseStoreUrl, type StoreUrl } from './store-url.ts';

export type { StoreMetrics } from './metered-store.ts';

export interface StoreDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics?: StoreMetrics;
  readonly options?: StoreOptions;
}

export interface StoreOptions {
  /** Everything that writes is refused, and opening leaves no trace. */
  readonly readOnly?: boolean;
  readonly retry?: Partial<RetryPolicy>;
  readonly limits?: Partial<LimitedStoreOptions>;
}

/** Opens the store behind a URL (forms: store-url.ts). Throws `store-url`. A bucket is not asked before the first call. */
export async function openStore(url: string, deps: StoreDeps): Promise<ObjectStore> {
  const store = decorate(await openAdapter(parseStoreUrl(url), deps), deps);
  return deps.options?.readOnly === true ? new ReadOnlyStore(store) : store;
}

/** Puts retries, limit and metrics around any store. */
export function decorate(adapter: ObjectStore, deps: StoreDeps): ObjectStore {
  const metered = deps.metrics === undefined ? adapter : new MeteredStore(adapter, deps.metrics, deps.clock);
  const limited = new LimitedStore(metered, limitsOf(deps));
  return new RetryingStore(limited, { ...deps, policy: { ...defaultRetryPolicy, ...deps.options?.retry } });
}

const limitsOf = (deps: StoreDeps): LimitedStoreOptions => ({ ...defaultLimits, ...deps.options?.limits });

async function openAdapter(url: StoreUrl, deps: StoreDeps): Promise<ObjectStore> {
  switch (url.scheme) {
    case 'file':
      return await openFileStore({
        ...deps,
        directory: url.directory,
        fileSystem: nodeFileSystem(deps.clock),
        readOnly: deps.options?.readOnly === true,
      });
    case 'memory':
      return new MemoryStore(deps);
    case 's3': {
      // The SDK takes a while to load; a broker on a directory does without.
      const { S3Store } = await import('./s3-store.ts');
      const { concurrencyMax, urgentMax } = limitsOf(deps);
      return new S3Store({ url, clock: deps.clock, connectionsMax: concurrencyMax + urgentMax });
    }
  }
}
