// Random histories of a store, compared with a sorted map at every step.
//
// What is committed to the log counts, whether the process that wrote it lived to apply it or not. After a death, a store that gave up,
// or a clean stop, the next process opens the store at the next term, and everything must be there again.

import { expect } from 'vitest';
import { type EngineError, hasCode } from '../../../../src/engine/base/errors.ts';
import { silentLogger } from '../../../../src/engine/base/logger.ts';
import { type Random, seededRandom } from '../../../../src/engine/base/random.ts';
import type { Change, Key } from '../../../../src/engine/lsm/core/row.ts';
import type { LsmIterator, LsmReads, LsmSnapshot } from '../../../../src/engine/lsm/db/lsm-reads.ts';
import { openLsmView } from '../../../../src/engine/lsm/db/lsm-view.ts';
import { BlockCache } from '../../../../src/engine/lsm/io/block-cache.ts';
import type { Manifest } from '../../../../src/engine/lsm/manifest/manifest.ts';
import { newestManifest, readManifest } from '../../../../src/engine/lsm/manifest/manifest-objects.ts';
import { judgeObjects } from '../../../../src/engine/lsm/manifest/obsolete-objects.ts';
import { type CrashingProcess, prefix, tinyRules, World, type WorldOptions } from './crashing-process.ts';

type Rows = ReadonlyMap<Key, string>;

/** A reader that was opened at some time, and what it must see for as long as it lives. */
interface Pinned<Reader> {
  readonly reader: Reader;
  readonly rows: Rows;
}

export interface HistoryOptions extends Omit<WorldOptions, 'random'> {
  readonly seed: number;
  readonly steps: number;
}

const keyCount = 120;
/** Anything else is a mistake of the store, even where the next process gets over it. */
const reasonsToGiveUp = ['outcome-unknown', 'fenced-term', 'fenced-owner'] as const;
const pinnedMax = 3;

export class LsmHistory {
  readonly world: World;
  readonly #options: HistoryOptions;
  /** Decides what is done; faults have a source of their own, so that the same things are done with and without them. */
  readonly #random: Random;
  readonly #rows = new Map<Key, string>();
  #process!: CrashingProcess;
  #snapshots: Pinned<LsmSnapshot>[] = [];
  #iterators: Pinned<LsmIterator>[] = [];
  #zombie: CrashingProcess | undefined;
  #written = 0;
  /** How many processes there were. */
  lives = 0;

  constructor(options: HistoryOptions) {
    this.#options = options;
    this.#random = seededRandom(options.seed);
    this.world = new World({ ...options, random: seededRandom(options.seed + 1_000_000) });
  }

  async run(): Promise<void> {
    await this.#nextLife();
    for (let step = 0; step < this.#options.steps; step++) await this.#survive(() => this.#step());
    await this.#survive(() => this.#flush());
    await this.#survive(() => this.#compareAll());
    await this.#compareBucket();
    this.#process.die();
  }

  async #step(): Promise<void> {
    const dice = this.#random.fraction() * 100;
    if (dice < 50) return await this.#write();
    if (dice < 60) return await this.#get();
    if (dice < 66) return await this.#walk();
    if (dice < 69) return this.#pin();
    if (dice < 73) return await this.#readPinned();
    if (dice < 75) return this.#unpin();
    if (dice < 81) return await this.#flush();
    if (dice < 83) return await this.#compact();
    if (dice < 93) return await turns(this.#random.fraction() * 20);
    if (dice < 94) return await this.#compareBucket();
    if (dice < 96) return await this.#collect();
    if (dice < 98) return await this.#compareAll();
    if (dice < 99) return await this.#stop();
    return await this.#beReplaced();
  }

  /** Does something; where the process does not live through it, the next one takes over. */
  async #survive(work: () => Promise<void>): Promise<void> {
    const process = this.#process;
    try {
      await Promise.race([work(), process.died]);
    } catch (error) {
      if (!process.isDead && process.gaveUp === undefined) throw error;
    }
    if (process.gaveUp !== undefined && !hasCode(process.gaveUp, ...reasonsToGiveUp)) throw process.gaveUp;
    if (this.#process !== process) return;
    if (process.isDead || process.gaveUp !== undefined) await this.#nextLife();
  }

  async #nextLife(): Promise<void> {
    this.#snapshots = [];
    this.#iterators = [];
    this.lives += 1;
    this.#process = await this.world.start();
    await this.#survive(() => this.#compareAll());
  }

  async #write(): Promise<void> {
    const { lsm } = this.#process;
    for (let wait = lsm.room(); wait !== undefined; wait = lsm.room()) await wait;
    const changes = this.#changes();
    const entry = this.world.log.append(changes);
    for (const { key, value } of changes) {
      if (value === undefined) this.#rows.delete(key);
      else this.#rows.set(key, value.toString());
    }
    lsm.apply(entry);
    // Nobody but the store keeps the values.
    for (const { value } of changes) value?.fill(0);
    this.world.log.entries[this.world.log.entries.length - 1] = { index: entry.index, changes: this.#copies.splice(0) };
    const { memtable } = lsm.stats();
    const { memtableBytesMax } = this.#options.rules ?? tinyRules;
    expect(memtable.bytes).toBeLessThan(memtableBytesMax + 3000);
  }

  readonly #copies: Change[] = [];

  #changes(): { key: Key; value: Buffer | undefined }[] {
    const count = this.#random.fraction() < 0.05 ? 0 : 1 + this.#below(5);
    const byKey = new Map<Key, Buffer | undefined>();
    for (let at = 0; at < count; at++) byKey.set(this.#key(), this.#value());
    const changes = [...byKey].map(([key, value]) => ({ key, value }));
    this.#copies.push(...changes.map(({ key, value }) => ({ key, value: value && Buffer.from(value) })));
    return changes;
  }

  #value(): Buffer | undefined {
    if (this.#random.fraction() < 0.3) return undefined;
    this.#written += 1;
    return Buffer.from(`${this.#written} ${'x'.repeat(this.#below(100))}`);
  }

  async #get(): Promise<void> {
    const { lsm } = this.#process;
    const keys = Array.from({ length: 5 }, () => this.#key());
    const pinned = this.#random.fraction() < 0.5 ? this.#snapshots.at(this.#below(this.#snapshots.length)) : undefined;
    const rows = pinned?.rows ?? this.#rows;
    const expected = keys.map((key) => rows.get(key));
    const found = await this.#patiently(() => lsm.getMany(keys, pinned?.reader));
    expect(found.map((value) => value?.toString())).toEqual(expected);
    const key = this.#key();
    const value = await this.#patiently(async () => await lsm.get(key, pinned?.reader));
    expect(value?.toString(), key).toBe(rows.get(key));
  }

  async #walk(): Promise<void> {
    const lower = this.#random.fraction() < 0.5 ? this.#key() : undefined;
    const upper = this.#random.fraction() < 0.5 ? this.#key() : undefined;
    const pinned = this.#random.fraction() < 0.4 ? this.#snapshots.at(this.#below(this.#snapshots.length)) : undefined;
    const sought = this.#key();
    const bounds = { ...(lower === undefined ? {} : { lower }), ...(upper === undefined ? {} : { upper }) };
    const options = { ...bounds, ...(pinned === undefined ? {} : { snapshot: pinned.reader }) };
    const inside = sortedRows(pinned?.rows ?? this.#rows).filter(
      ([key]) => (lower === undefined || key >= lower) && (upper === undefined || key < upper),
    );
    await this.#patiently(async () => {
      using iterator = this.#process.lsm.iterator(options);
      expectSame(await rowsForward(iterator), inside);
      expectSame(await rowsBackward(iterator), inside.toReversed());
      await iterator.seek(sought);
      expect(iterator.valid ? iterator.key : undefined).toBe(inside.find(([key]) => key >= sought)?.[0]);
      await iterator.seekReverse(sought);
      expect(iterator.valid ? iterator.key : undefined).toBe(inside.findLast(([key]) => key <= sought)?.[0]);
    });
  }

  #pin(): void {
    const rows = new Map(this.#rows);
    const { lsm } = this.#process;
    if (this.#random.fraction() < 0.5) this.#snapshots.push({ reader: lsm.snapshot(), rows });
    else this.#iterators.push({ reader: lsm.iterator(), rows });
    if (this.#snapshots.length > pinnedMax) this.#snapshots.shift()?.reader[Symbol.dispose]();
    if (this.#iterators.length > pinnedMax) this.#iterators.shift()?.reader[Symbol.dispose]();
  }

  async #readPinned(): Promise<void> {
    const iterator = this.#iterators.at(this.#below(this.#iterators.length));
    if (iterator !== undefined) {
      await this.#patiently(async () => expectSame(await rowsForward(iterator.reader), sortedRows(iterator.rows)));
    }
    const snapshot = this.#snapshots.at(this.#below(this.#snapshots.length));
    if (snapshot !== undefined) await this.#compare(this.#process.lsm, snapshot.rows, snapshot.reader);
  }

  #unpin(): void {
    this.#snapshots.shift()?.reader[Symbol.dispose]();
    this.#iterators.shift()?.reader[Symbol.dispose]();
  }

  /** Waited for or not; what fails for now stays queued. */
  async #flush(): Promise<void> {
    const { lsm } = this.#process;
    const target = lsm.appliedIndex;
    const flushed = this.#patiently(() => lsm.flush()).then(() => {
      expect(lsm.coveredIndex).toBeGreaterThanOrEqual(target);
      expect(this.world.log.recorded?.coveredIndex ?? 0).toBeGreaterThanOrEqual(target);
    });
    if (this.#random.fraction() < 0.7) await flushed;
    else flushed.catch(() => undefined);
  }

  async #compact(): Promise<void> {
    await this.#patiently(() => this.#process.lsm.compact());
  }

  async #stop(): Promise<void> {
    const { lsm } = this.#process;
    for (const { reader } of this.#iterators) reader[Symbol.dispose]();
    await lsm[Symbol.asyncDispose]();
    await this.#nextLife();
  }

  /** Another process takes over while this one goes on: it can write objects, and nothing of them counts. */
  async #beReplaced(): Promise<void> {
    this.#zombie?.die();
    this.#zombie = this.#process;
    await this.#nextLife();
    const flushed = this.#zombie.lsm.flush();
    flushed.catch(() => undefined);
  }

  /** Whatever no manifest needs is deleted: nobody may miss it. Open iterators would, so there are none. */
  async #collect(): Promise<void> {
    const { recorded } = this.world.log;
    if (recorded === undefined || this.#iterators.length > 0) return;
    const { bucket, clock } = this.world;
    const { manifest } = await readManifest(bucket, prefix, recorded.ref);
    const judged = await judgeObjects(bucket, prefix, { recorded: manifest, nowMs: clock.nowMs(), delayMs: 0 });
    const obsolete = [...judged.tables, ...judged.manifests].filter(({ verdict }) => verdict === 'obsolete');
    await bucket.deleteMany(obsolete.map(({ info }) => info.key));
  }

  async #compareAll(): Promise<void> {
    await this.#compare(this.#process.lsm, this.#rows);
  }

  /** A stranger who has nothing but the bucket and the name of the manifest sees everything that is covered. */
  async #compareBucket(): Promise<void> {
    const { recorded } = this.world.log;
    if (recorded === undefined) return;
    const { bucket } = this.world;
    const { manifest } = await readManifest(bucket, prefix, recorded.ref);
    expect(manifest.coveredIndex).toBe(recorded.coveredIndex);
    await this.#compareManifest(manifest);
    // One that does not know the name either finds this one, or one that was never recorded and has no less in it.
    const newest = (await newestManifest(bucket, prefix))?.manifest as Manifest;
    expect(newest.coveredIndex).toBeGreaterThanOrEqual(recorded.coveredIndex);
    await this.#compareManifest(newest);
  }

  async #compareManifest(manifest: Manifest): Promise<void> {
    const rows = new Map<Key, string>();
    for (const { changes } of this.world.log.entries.filter(({ index }) => index <= manifest.coveredIndex)) {
      for (const { key, value } of changes) {
        if (value === undefined) rows.delete(key);
        else rows.set(key, value.toString());
      }
    }
    const { bucket: store } = this.world;
    const caches = { blocks: new BlockCache(1000), disk: undefined };
    await using view = await openLsmView({ store, prefix, manifest, caches, logger: silentLogger });
    await this.#compare(view, rows);
  }

  async #compare(reads: LsmReads, rows: Rows, snapshot?: LsmSnapshot): Promise<void> {
    const expected = sortedRows(rows);
    await this.#patiently(async () => {
      using iterator = reads.iterator(snapshot === undefined ? {} : { snapshot });
      expectSame(await rowsForward(iterator), expected);
      expectSame(await rowsBackward(iterator), expected.toReversed());
    });
  }

  /** What the bucket refuses for now is asked again. */
  async #patiently<T>(ask: () => Promise<T>): Promise<T> {
    const process = this.#process;
    for (let tries = 0; ; tries++) {
      try {
        return await ask();
      } catch (error) {
        const passes = hasCode(error, 'store-unavailable', 'store-timeout', 'store-conflict');
        if (!passes || process.isDead || process.gaveUp !== undefined || tries > 200) throw error as EngineError;
        await turns(1);
      }
    }
  }

  #key(): Key {
    return `row/${String(this.#below(keyCount)).padStart(4, '0')}`;
  }

  /** Also for an empty range: 0. */
  #below(end: number): number {
    return Math.floor(this.#random.fraction() * end);
  }
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

function sortedRows(rows: Rows): [Key, string][] {
  return [...rows].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** As toEqual, and quick where they are the same. */
function expectSame(found: readonly [Key, string][], expected: readonly [Key, string][]): void {
  const isSame = found.every(([key, value], at) => key === expected[at]?.[0] && value === expected[at][1]);
  if (!isSame || found.length !== expected.length) expect(found).toEqual(expected);
}

/** Waits only where it has to, as users of cursors do. */
async function rowsForward(iterator: LsmIterator): Promise<[Key, string][]> {
  const rows: [Key, string][] = [];
  for (let wait = iterator.first(); ; wait = iterator.next()) {
    if (wait !== undefined) await wait;
    if (!iterator.valid) return rows;
    rows.push([iterator.key, `${iterator.value()}`]);
  }
}

async function rowsBackward(iterator: LsmIterator): Promise<[Key, string][]> {
  const rows: [Key, string][] = [];
  for (let wait = iterator.last(); ; wait = iterator.previous()) {
    if (wait !== undefined) await wait;
    if (!iterator.valid) return rows;
    rows.push([iterator.key, `${iterator.value()}`]);
  }
}
