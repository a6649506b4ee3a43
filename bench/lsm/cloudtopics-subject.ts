// Ours: a domain as the broker has it (embedded log, tables on a directory, local disk cache), read as its store is read.
//
// Every write is in the log, on disk, before it resolves; there is no other way. Reads go through a view of the newest manifest: the
// same code as the live store's, with everything in tables.

import { join } from 'node:path';
import { systemClock } from '../../src/engine/base/clock.ts';
import { incarnation } from '../../src/engine/base/ids.ts';
import { silentLogger } from '../../src/engine/base/logger.ts';
import { systemRandom } from '../../src/engine/base/random.ts';
import { domainPrefix, type LsmDomain, openLsmDomain } from '../../src/engine/domain/domain.ts';
import {
  defaultLsmRules,
  type LsmView,
  type OpenCaches,
  openLsmCaches,
  openLsmView,
} from '../../src/engine/lsm/lsm.ts';
import { type EmbeddedLog, openEmbeddedLog } from '../../src/engine/replicated-log/embedded-log.ts';
import type { ObjectStore } from '../../src/engine/store/object-store.ts';
import { openStore } from '../../src/engine/store/store.ts';
import type { BenchRow, LsmSubject, SubjectOptions, Timing } from './subject.ts';

export const benchClusterId = '00000000-0000-4000-8000-00000000be4c';
export const benchDomain = 'metastore/0';
const clock = systemClock;
const random = systemRandom;
const logger = silentLogger;
export const pause = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export interface BenchPlace {
  readonly store: ObjectStore;
  readonly log: EmbeddedLog;
  readonly caches: OpenCaches;
  close(): Promise<void>;
}

/** `wrap` puts a delay around the store. */
export async function openPlace(
  directory: string,
  cacheBytes: number,
  wrap: (store: ObjectStore) => ObjectStore = (store) => store,
): Promise<BenchPlace> {
  const store = wrap(await openStore(`file://${join(directory, 'bucket')}`, { clock, random, logger }));
  const log = await openEmbeddedLog({
    directory: join(directory, 'log'),
    random,
    onFatal: (error) => {
      throw error;
    },
  });
  const disk = { directory: join(directory, 'cache'), bytesMax: 2 ** 31 };
  const caches = await openLsmCaches({ blockBytesMax: cacheBytes, disk, clock, logger });
  return {
    store,
    log,
    caches,
    async close() {
      await caches[Symbol.asyncDispose]();
      await log[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}

export function openBenchDomain({ store, log, caches }: BenchPlace): Promise<LsmDomain> {
  return openLsmDomain({
    name: benchDomain,
    log,
    store,
    clusterId: benchClusterId,
    incarnation: incarnation(1),
    caches,
    rules: defaultLsmRules,
    clock,
    random,
    logger,
    flush: { everyMs: () => 600_000 },
    confirmOwnership: async () => {},
    pause,
  });
}

export function openNewest(domain: LsmDomain, { store, caches }: BenchPlace): Promise<LsmView> {
  const { manifest } = domain;
  if (manifest === undefined) throw new Error('nothing was flushed');
  return openLsmView({ store, prefix: domainPrefix(benchClusterId, benchDomain), manifest, caches, logger });
}

export async function openCloudtopics(options: SubjectOptions): Promise<LsmSubject> {
  let place = await openPlace(options.directory, options.cacheBytes);
  let domain = await openBenchDomain(place);
  let view: LsmView | undefined;
  const reads = async (): Promise<LsmView> => {
    view ??= await openNewest(domain, place);
    return view;
  };
  const forgetView = async (): Promise<void> => {
    await view?.[Symbol.asyncDispose]();
    view = undefined;
  };
  return {
    write: (rows: readonly BenchRow[]) => domain.write(rows),
    settle: () => domain.flush(),
    async compact() {
      await domain.compact();
      await forgetView();
    },
    async reopen(): Promise<number> {
      await forgetView();
      await domain[Symbol.asyncDispose]();
      await place.close();
      const began = performance.now();
      place = await openPlace(options.directory, options.cacheBytes);
      domain = await openBenchDomain(place);
      return performance.now() - began;
    },
    ...readsOf(reads),
    async close() {
      await forgetView();
      await domain[Symbol.asyncDispose]();
      await place.close();
    },
  };
}

export function readsOf(
  open: () => Promise<LsmView>,
): Pick<LsmSubject, 'readRandom' | 'readMany' | 'scan' | 'seekRandom'> {
  return {
    async readRandom(keys: readonly string[], timing: Timing): Promise<number> {
      const view = await open();
      let found = 0;
      // What is in memory is answered at once; only what is not waits, and is counted with its wait.
      for (let at = 0; at < keys.length; at++) {
        const began = performance.now();
        let value = view.get(keys[at] as string);
        if (value instanceof Promise) {
          value = await value;
        }
        if (value !== undefined) found++;
        timing.latenciesMs[at] = performance.now() - began;
      }
      return found;
    },
    async readMany(keys, batch, { latenciesMs }): Promise<number> {
      const view = await open();
      let found = 0;
      for (let at = 0; at < keys.length; at += batch) {
        const began = performance.now();
        for (const value of await view.getMany(keys.slice(at, at + batch))) if (value !== undefined) found++;
        latenciesMs[at / batch] = performance.now() - began;
      }
      return found;
    },
    async scan(reverse: boolean): Promise<number> {
      const view = await open();
      using iterator = view.iterator({ sequential: true });
      let rows = 0;
      let bytes = 0;
      const begun = reverse ? iterator.last() : iterator.first();
      if (begun !== undefined) await begun;
      while (iterator.valid) {
        rows++;
        bytes += iterator.key.length + iterator.value().length;
        const wait = reverse ? iterator.previous() : iterator.next();
        if (wait !== undefined) await wait;
      }
      if (bytes < rows) throw new Error('rows without bytes');
      return rows;
    },
    async seekRandom(keys: readonly string[], { latenciesMs }: Timing): Promise<number> {
      const view = await open();
      using iterator = view.iterator();
      let found = 0;
      for (let at = 0; at < keys.length; at++) {
        const began = performance.now();
        const wait = iterator.seek(keys[at] as string);
        if (wait !== undefined) await wait;
        if (iterator.valid && iterator.value().length > 0) found++;
        latenciesMs[at] = performance.now() - began;
      }
      return found;
    },
  };
}
