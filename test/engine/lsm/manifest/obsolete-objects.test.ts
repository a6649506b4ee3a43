// The collector's list under random histories: writers that crash, lose their term, retry, or upload late; restores; readers of
// the bucket; lists made while all that goes on, from an old recorded manifest, and carried out later. Nothing that anybody may
// still need goes, and in the end everything that nobody needs does.

import { describe, expect, it } from 'vitest';
import type { Clock } from '../../../../src/engine/base/clock.ts';
import { type Random, seededRandom } from '../../../../src/engine/base/random.ts';
import { manifestKey, nameText, tableKey } from '../../../../src/engine/lsm/core/table-name.ts';
import type { Manifest } from '../../../../src/engine/lsm/manifest/manifest.ts';
import { encodeManifest } from '../../../../src/engine/lsm/manifest/manifest-format.ts';
import { newestManifest, writeManifest } from '../../../../src/engine/lsm/manifest/manifest-objects.ts';
import { judgeObjects } from '../../../../src/engine/lsm/manifest/obsolete-objects.ts';
import { MemoryStore } from '../../../../src/engine/store/memory-store.ts';
import type { ObjectStore } from '../../../../src/engine/store/object-store.ts';
import { manifestOf, type NameParts, nameOf, specimenPrefix as prefix } from './manifest-specimen.ts';

const delayMs = 1000;

interface Log {
  incarnation: number;
  term: number;
  /** Oldest first. */
  readonly recorded: Manifest[];
}

interface Edit {
  readonly manifest: Manifest;
  uploaded: boolean;
}

/** A process that writes the store, until it crashes or learns that it may no more. */
class Writer {
  readonly log: Log;
  readonly incarnation: number;
  readonly term: number;
  readonly version: NameParts[];
  nextTable: number;
  nextManifest: number;
  /** Numbers that were given away, and are in no manifest yet; those in the bucket are true. */
  readonly onTheirWay = new Map<number, boolean>();
  edit: Edit | undefined;
  dead = false;

  constructor(log: Log) {
    log.term++;
    this.log = log;
    this.incarnation = log.incarnation;
    this.term = log.term;
    const from = log.recorded.at(-1);
    this.version = from === undefined ? [] : tablesOf(from);
    this.nextTable = from?.nextTableNumber ?? 1;
    this.nextManifest = (from?.name.number ?? 0) + 1;
  }

  get deposed(): boolean {
    return this.term !== this.log.term;
  }

  name(number: number): NameParts {
    return [this.incarnation, this.term, number];
  }
}

const tablesOf = (manifest: Manifest): NameParts[] =>
  manifest.levels.flat().map(({ name }): NameParts => [name.incarnation, name.term, name.number]);
const keyOf = (name: NameParts) => tableKey(prefix, nameOf(name));

class World {
  readonly random: Random;
  readonly store: MemoryStore;
  readonly writers: Writer[] = [];
  readonly readers: { manifest: Manifest; untilMs: number }[] = [];
  readonly late: (() => void)[] = [];
  log: Log = { incarnation: 1, term: 0, recorded: [] };
  nowMs = 10_000;
  deleted = 0;

  constructor(seed: number) {
    this.random = seededRandom(seed);
    const clock: Clock = {
      nowMs: () => this.nowMs,
      monotonicMs: () => this.nowMs,
      after: () => ({ cancel: () => {} }),
    };
    this.store = new MemoryStore({ clock });
  }

  chance(share: number): boolean {
    return this.random.fraction() < share;
  }

  pick<T>(items: readonly T[]): T | undefined {
    return items[Math.floor(this.random.fraction() * items.length)];
  }

  /** The store in memory acts at once; its promise says nothing more. True: the writer was told that it happened. */
  put(key: string, bytes: Buffer): boolean {
    const act = () => void this.store.put(key, [bytes], { createOnly: true }).catch(() => {});
    const dice = this.random.fraction();
    if (dice < 0.7 || dice >= 0.9) act();
    else if (dice < 0.8) this.late.push(act);
    return dice < 0.7;
  }

  step(): void {
    // Mostly busy, with a rest now and then in which everything ages.
    this.nowMs += this.chance(0.05) ? delayMs : Math.floor(this.random.fraction() ** 2 * (delayMs / 10));
    if (this.chance(0.1)) this.late.splice(Math.floor(this.random.fraction() * this.late.length), 1)[0]?.();
    if (this.writers.every((writer) => writer.dead || writer.deposed) || this.chance(0.04)) {
      this.writers.push(new Writer(this.log));
    }
    const writer = this.pick(this.writers.filter(({ dead }) => !dead));
    if (writer !== undefined) this.#write(writer);
  }

  #write(writer: Writer): void {
    if (this.chance(0.03)) writer.dead = true;
    else if (writer.edit !== undefined && this.chance(0.6)) this.#finishEdit(writer, writer.edit);
    else if (writer.edit === undefined && this.chance(0.3)) this.#beginEdit(writer);
    else if (this.chance(0.5)) writer.onTheirWay.set(writer.nextTable++, false);
    else {
      const number = this.pick([...writer.onTheirWay.keys()]);
      if (number === undefined || writer.onTheirWay.get(number) === true) return;
      if (this.put(keyOf(writer.name(number)), Buffer.from('table'))) writer.onTheirWay.set(number, true);
      // Not every upload is tried again.
      else if (this.chance(0.5)) writer.onTheirWay.delete(number);
    }
  }

  #beginEdit(writer: Writer): void {
    const there = [...writer.onTheirWay].filter(([, uploaded]) => uploaded).map(([number]) => number);
    const added = there.filter(() => this.chance(0.8)).map((number) => writer.name(number));
    const kept = writer.version.filter(() => this.chance(0.7));
    const left = [...writer.onTheirWay.keys()].filter((number) => !added.some((name) => name[2] === number));
    const manifest = manifestOf(writer.name(writer.nextManifest++), [...kept, ...added], {
      nextTableNumber: writer.nextTable,
      settledTableNumber: Math.min(writer.nextTable, ...left),
    });
    writer.edit = { manifest, uploaded: false };
  }

  #finishEdit(writer: Writer, edit: Edit): void {
    if (!edit.uploaded) {
      edit.uploaded = this.put(manifestKey(prefix, edit.manifest.name), encodeManifest(edit.manifest));
      // Without an answer it is tried again, or the edit is given up and its tables wait for another one.
      if (!edit.uploaded && this.chance(0.4)) writer.edit = undefined;
      return;
    }
    writer.edit = undefined;
    if (writer.deposed) {
      writer.dead = true;
      return;
    }
    writer.log.recorded.push(edit.manifest);
    writer.version.splice(0, writer.version.length, ...tablesOf(edit.manifest));
    for (const [, , number] of writer.version) writer.onTheirWay.delete(number);
    // The answer of the log may get lost.
    if (this.chance(0.05)) writer.dead = true;
  }

  /** A restore goes on from the newest manifest in the bucket, with a log of its own; the writers of before do not know. */
  async restore(): Promise<void> {
    const newest = await newestManifest(this.store, prefix);
    if (newest === undefined) return;
    this.log = { incarnation: this.log.incarnation + 1, term: this.log.term + 100, recorded: [newest.manifest] };
  }

  async read(): Promise<void> {
    const newest = await newestManifest(this.store, prefix);
    if (newest !== undefined) this.readers.push({ manifest: newest.manifest, untilMs: this.nowMs + delayMs });
  }

  /** The world goes on while the collector lists and reads. */
  #whileOthersWork(): ObjectStore {
    const work = () => {
      while (this.chance(0.3)) this.step();
    };
    const { store } = this;
    return Object.assign(Object.create(store) as ObjectStore, {
      get: (key: string) => {
        work();
        return store.get(key);
      },
      async *list(options: { prefix: string }) {
        for await (const info of store.list(options)) {
          yield info;
          work();
        }
      },
    });
  }

  async list(): Promise<string[]> {
    const recorded = this.log.recorded.at(-1 - Math.floor(this.random.fraction() ** 3 * this.log.recorded.length));
    if (recorded === undefined) return [];
    const judged = await judgeObjects(this.#whileOthersWork(), prefix, { recorded, nowMs: this.nowMs, delayMs });
    const obsolete = [...judged.tables, ...judged.manifests].filter(({ verdict }) => verdict === 'obsolete');
    return obsolete.map(({ info }) => info.key);
  }

  async remove(keys: readonly string[]): Promise<void> {
    this.deleted += keys.length;
    await this.store.deleteMany(keys);
  }

  async mustBeThere(name: NameParts, why: string): Promise<void> {
    if ((await this.store.head(keyOf(name))) === undefined)
      throw new Error(`${nameText(nameOf(name))} is gone: ${why}`);
  }

  async check(): Promise<void> {
    const recorded = this.log.recorded.at(-1);
    if (recorded !== undefined) {
      if ((await this.store.head(manifestKey(prefix, recorded.name))) === undefined)
        throw new Error('recorded is gone');
      for (const table of tablesOf(recorded)) await this.mustBeThere(table, 'it is in the recorded manifest');
    }
    for (const writer of this.writers) {
      if (writer.dead || writer.deposed || writer.log !== this.log) continue;
      for (const table of writer.version) await this.mustBeThere(table, 'the writer reads it');
      for (const [number, uploaded] of writer.onTheirWay) {
        if (uploaded) await this.mustBeThere(writer.name(number), 'it is on its way');
      }
    }
    for (const { manifest, untilMs } of this.readers) {
      if (untilMs < this.nowMs) continue;
      for (const table of tablesOf(manifest)) await this.mustBeThere(table, 'somebody reads it');
    }
    const newest = await newestManifest(this.store, prefix);
    for (const table of newest === undefined ? [] : tablesOf(newest.manifest)) {
      await this.mustBeThere(table, 'it is in the newest manifest');
    }
  }

  async keys(): Promise<string[]> {
    return (await Array.fromAsync(this.store.list({ prefix }))).map(({ key }) => key);
  }
}

async function liveThrough(seed: number, steps: number): Promise<World> {
  const world = new World(seed);
  const plans: string[][] = [];
  for (let step = 0; step < steps; step++) {
    world.step();
    if (world.chance(0.2)) await world.read();
    if (world.chance(0.005)) await world.restore();
    if (world.chance(0.1)) plans.push(await world.list());
    if (!world.chance(0.1)) continue;
    await world.remove(plans.splice(Math.floor(world.random.fraction() * plans.length), 1)[0] ?? []);
    await world.check();
  }
  return world;
}

describe('the list for the collector', () => {
  it('holds nothing that anybody may need, whatever writers, readers and restores do', async () => {
    let deleted = 0;
    for (let seed = 1; seed <= 120; seed++) {
      try {
        deleted += (await liveThrough(seed, 250)).deleted;
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
    }
    expect(deleted).toBeGreaterThan(2000);
  }, 60_000);

  it('in the end holds everything but the state of the store', async () => {
    for (let seed = 1000; seed < 1030; seed++) {
      const world = await liveThrough(seed, 150);
      for (const act of world.late) act();
      for (const writer of world.writers) writer.dead = true;
      const last = new Writer(world.log);
      const table = last.name(last.nextTable);
      await world.store.put(keyOf(table), [Buffer.from('table')]);
      const state = manifestOf(last.name(last.nextManifest), [...last.version, table]);
      await writeManifest(world.store, state);
      world.log.recorded.push(state);
      world.nowMs += delayMs;
      const { tables, manifests } = await judgeObjects(world.store, prefix, {
        recorded: state,
        nowMs: world.nowMs,
        delayMs,
      });
      await world.remove(
        [...tables, ...manifests].filter(({ verdict }) => verdict === 'obsolete').map(({ info }) => info.key),
      );
      const expected = [...tablesOf(state).map(keyOf), manifestKey(prefix, state.name)];
      expect(await world.keys(), `seed ${seed}`).toEqual(expected.sort());
    }
  });
});

describe('listing for the collector', () => {
  const store = () =>
    new MemoryStore({ clock: { nowMs: () => 5, monotonicMs: () => 5, after: () => ({ cancel: () => {} }) } });
  const old = manifestOf([1, 1, 1], [[1, 1, 1]]);
  const recorded = manifestOf([1, 1, 2], [[1, 1, 2]]);

  it('says of every object what becomes of it and why, and names what is no table and no manifest', async () => {
    const bucket = store();
    for (const table of [1, 2, 3]) await bucket.put(keyOf([1, 1, table]), [Buffer.from('1234')]);
    await writeManifest(bucket, old);
    await writeManifest(bucket, recorded);
    await bucket.put(`${prefix}sst/readme`, [Buffer.from('x')]);
    await bucket.put(`${prefix}manifest/readme`, [Buffer.from('x')]);
    const judged = await judgeObjects(bucket, prefix, { recorded, nowMs: 1005, delayMs: 1000 });
    expect(judged.tables.map(({ info, verdict }) => [info.sizeBytes, verdict])).toEqual([
      [4, 'obsolete'],
      [4, 'recorded'],
      [4, 'may-be-on-its-way'],
    ]);
    expect(judged.manifests.map(({ verdict }) => verdict)).toEqual(['obsolete', 'recorded']);
    expect(judged.foreign).toEqual([`${prefix}manifest/readme`, `${prefix}sst/readme`]);
    const early = await judgeObjects(bucket, prefix, { recorded, nowMs: 1004, delayMs: 1000 });
    expect(new Set([...early.tables, ...early.manifests].map(({ verdict }) => verdict))).toEqual(
      new Set(['nothing-settled']),
    );
  });

  it('judges nothing when a manifest that counts is damaged', async () => {
    const bucket = store();
    await writeManifest(bucket, old);
    await bucket.put(manifestKey(prefix, recorded.name), [encodeManifest(recorded).subarray(1)]);
    await expect(judgeObjects(bucket, prefix, { recorded, nowMs: 9999, delayMs: 1000 })).rejects.toMatchObject({
      code: 'corrupt-object',
    });
  });

  it('refuses a recorded manifest of another store', async () => {
    await expect(judgeObjects(store(), 'other/', { recorded, nowMs: 0, delayMs: 0 })).rejects.toMatchObject({
      code: 'usage',
    });
  });
});
