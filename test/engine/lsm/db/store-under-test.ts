// A store on a bucket in memory with a clock that moves only when told to; every put can be held up, counted and made to fail.

import type { EngineError } from '../../../../src/engine/base/errors.ts';
import { incarnation, term } from '../../../../src/engine/base/ids.ts';
import type { LogFields, Logger } from '../../../../src/engine/base/logger.ts';
import { VirtualClock } from '../../../../src/engine/base/virtual-clock.ts';
import type { LsmRules } from '../../../../src/engine/lsm/core/lsm-rules.ts';
import type { LsmStore } from '../../../../src/engine/lsm/db/lsm-store.ts';
import { openLsm } from '../../../../src/engine/lsm/db/open-lsm.ts';
import { BlockCache } from '../../../../src/engine/lsm/io/block-cache.ts';
import type { ManifestRef } from '../../../../src/engine/lsm/manifest/manifest.ts';
import { MemoryStore } from '../../../../src/engine/store/memory-store.ts';
import type {
  Body,
  GetOptions,
  ObjectInfo,
  PutOptions,
  StoredObject,
} from '../../../../src/engine/store/object-store.ts';
import { prefix, tinyRules } from './crashing-process.ts';

/** Judges a put or a get before it happens: throws, waits, or lets it pass. */
export type Judge = (key: string) => void | Promise<void>;

export class JudgedBucket extends MemoryStore {
  beforePut: Judge = () => undefined;
  afterPut: Judge = () => undefined;
  beforeGet: Judge = () => undefined;
  readonly puts: string[] = [];
  putsUnderWay = 0;
  /** Of tables. */
  bytesUnderWayMost = 0;
  #bytesUnderWay = 0;

  override async put(key: string, body: Body, options?: PutOptions): Promise<ObjectInfo> {
    const bytes = key.includes('/sst/') ? body.reduce((sum, part) => sum + part.length, 0) : 0;
    this.puts.push(key);
    this.putsUnderWay += 1;
    this.#bytesUnderWay += bytes;
    this.bytesUnderWayMost = Math.max(this.bytesUnderWayMost, this.#bytesUnderWay);
    try {
      await this.beforePut(key);
      const info = await super.put(key, body, options);
      await this.afterPut(key);
      return info;
    } finally {
      this.putsUnderWay -= 1;
      this.#bytesUnderWay -= bytes;
    }
  }

  override async get(key: string, options?: GetOptions): Promise<StoredObject> {
    await this.beforeGet(key);
    return await super.get(key, options);
  }

  /** Of tables or manifests, without the prefix. */
  putsOf(kind: 'sst' | 'manifest'): string[] {
    return this.puts.filter((key) => key.startsWith(`${prefix}${kind}/`));
  }
}

export interface StoreSetup {
  readonly bucket?: JudgedBucket;
  readonly clock?: VirtualClock;
  readonly rules?: Partial<LsmRules>;
  readonly term?: number;
  readonly manifest?: ManifestRef;
  readonly confirm?: () => Promise<void>;
  readonly record?: (ref: ManifestRef, coveredIndex: number) => Promise<void>;
}

export interface StoreUnderTest extends AsyncDisposable {
  readonly lsm: LsmStore;
  readonly bucket: JudgedBucket;
  readonly clock: VirtualClock;
  readonly recorded: { readonly ref: ManifestRef; readonly coveredIndex: number }[];
  readonly gaveUp: EngineError[];
  readonly logged: { readonly level: string; readonly fields: LogFields; readonly message: string }[];
  /** One entry with these rows; an empty value deletes. Gives its index. */
  write(rows: Readonly<Record<string, string>>): number;
  text(key: string): Promise<string | undefined>;
}

export async function openStoreUnderTest(setup: StoreSetup = {}): Promise<StoreUnderTest> {
  const clock = setup.clock ?? new VirtualClock();
  const bucket = setup.bucket ?? new JudgedBucket({ clock });
  const recorded: StoreUnderTest['recorded'] = [];
  const gaveUp: EngineError[] = [];
  const logged: StoreUnderTest['logged'] = [];
  const note = (level: string) => (fields: LogFields, message: string) => void logged.push({ level, fields, message });
  const logger: Logger = { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') };
  const lsm = await openLsm({
    store: bucket,
    prefix,
    incarnation: incarnation(1),
    term: term(setup.term ?? 1),
    journal: {
      confirm: setup.confirm ?? (async () => undefined),
      record: async (ref, coveredIndex) => {
        await setup.record?.(ref, coveredIndex);
        recorded.push({ ref, coveredIndex });
      },
    },
    manifest: setup.manifest,
    caches: { blocks: new BlockCache(64 * 1024), disk: undefined },
    rules: { ...tinyRules, ...setup.rules },
    clock,
    logger,
    pause: () => new Promise((resolve) => void setImmediate(resolve)),
    onGiveUp: (error) => void gaveUp.push(error),
  });
  return {
    lsm,
    bucket,
    clock,
    recorded,
    gaveUp,
    logged,
    write(rows) {
      const index = lsm.appliedIndex + 1;
      const changes = Object.entries(rows).map(([key, text]) => ({
        key,
        value: text === '' ? undefined : Buffer.from(text),
      }));
      lsm.apply({ index, changes });
      return index;
    },
    text: async (key) => (await lsm.get(key))?.toString(),
    [Symbol.asyncDispose]: async () => await lsm[Symbol.asyncDispose](),
  };
}

/** Lets what is under way get on, without time passing. */
export async function settle(turns = 50): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
}
