// Random histories of a store without its write side: entries go into memtables, memtables become tables of level 0 and those sink,
// all by hand; whatever is read, by whomever, is compared with plain sorted maps of that moment.

import { describe, expect, it } from 'vitest';
import { EngineError } from '../../../../src/engine/base/errors.ts';
import { seededRandom } from '../../../../src/engine/base/random.ts';
import type { Cursor, Wait } from '../../../../src/engine/lsm/core/cursor.ts';
import type { Version } from '../../../../src/engine/lsm/core/row.ts';
import type { LsmIterator, LsmSnapshot, RangeOptions } from '../../../../src/engine/lsm/db/lsm-reads.ts';
import { OpenTables } from '../../../../src/engine/lsm/db/open-tables.ts';
import { ReadCore } from '../../../../src/engine/lsm/db/read-core.ts';
import { Snapshots } from '../../../../src/engine/lsm/db/snapshots.ts';
import { TableSets } from '../../../../src/engine/lsm/db/table-set.ts';
import { Memtable } from '../../../../src/engine/lsm/memtable/memtable.ts';
import type { TableInfo } from '../../../../src/engine/lsm/sst/table-info.ts';
import type { TableReader } from '../../../../src/engine/lsm/sst/table-reader.ts';
import { listedTable, type Waits } from './listed-versions.ts';

type Rows = ReadonlyMap<string, string>;

class HandStore {
  readonly pick: (below: number) => number;
  readonly waits: Waits;
  readonly snapshots = new Snapshots();
  readonly readers = new Map<number, TableReader>();
  readonly open: OpenTables;
  readonly sets: TableSets;
  memtables: Memtable[];
  newest = 0;
  rows = new Map<string, string>();
  gone = 0;
  /** Look-ups and cursors of tables fail while this is set. */
  failing = false;

  constructor(pick: (below: number) => number, waits: Waits) {
    this.pick = pick;
    this.waits = waits;
    this.open = new OpenTables({
      open: async (info) => this.readers.get(info.name.number) as TableReader,
      onClose: () => {},
      memoryBytesMax: 400,
    });
    this.sets = new TableSets([[]], this.open, (info) => {
      this.readers.delete(info.name.number);
      this.gone++;
    });
    this.memtables = [this.#memtable()];
  }

  get tables() {
    return this.sets.current;
  }

  apply(): void {
    const sequence = this.newest + 1;
    for (let changes = 1 + this.pick(3); changes > 0; changes--) {
      const key = this.key();
      const value = this.pick(3) === 0 ? undefined : `${key}/${sequence}/${changes}`;
      (this.memtables[0] as Memtable).put(key, sequence, value === undefined ? undefined : Buffer.from(value));
      if (value === undefined) this.rows.delete(key);
      else this.rows.set(key, value);
    }
    this.newest = sequence;
  }

  key(): string {
    return `k${this.pick(40).toString().padStart(2, '0')}`;
  }

  rotate(): void {
    this.memtables.unshift(this.#memtable());
  }

  /** The oldest memtable becomes a table of level 0. */
  flush(): void {
    const memtable = this.memtables.pop();
    if (this.memtables.length === 0) this.memtables.push(this.#memtable());
    const versions = versionsOf([memtable?.cursor()].filter((cursor) => cursor !== undefined));
    const [level0 = [], ...below] = this.sets.current.levels;
    if (versions.length > 0) this.sets.install([[this.#table(versions), ...level0], ...below]);
  }

  /** A whole level sinks into the one below it, into several tables. */
  sink(): void {
    const levels = [0, 1, 2, 3].map((level) => this.sets.current.levels[level] ?? []);
    const level = this.pick(3);
    const inputs = [...(levels[level] ?? []), ...(levels[level + 1] ?? [])];
    const versions = versionsOf(inputs.map((info) => (this.readers.get(info.name.number) as TableReader).cursor()));
    const newestOf = new Map<string, number>();
    const kept = versions.filter(({ key, sequence, value }) => {
      const newer = newestOf.get(key);
      newestOf.set(key, sequence);
      if (newer !== undefined) return this.snapshots.anyIn(sequence, newer);
      // A tombstone at the bottom hides nothing, where nobody reads at or below it.
      return value !== undefined || level < 2 || this.snapshots.anyIn(0, sequence);
    });
    const outputs: TableInfo[] = [];
    for (let from = 0; from < kept.length; ) {
      let to = Math.min(from + 1 + this.pick(8), kept.length);
      while (to < kept.length && kept[to]?.key === kept[to - 1]?.key) to++;
      outputs.push(this.#table(kept.slice(from, to)));
      from = to;
    }
    levels[level] = [];
    levels[level + 1] = outputs;
    this.sets.install(levels);
  }

  #memtable(): Memtable {
    return new Memtable((from, below) => this.snapshots.anyIn(from, below));
  }

  #table(versions: Version[]): TableInfo {
    const reader = listedTable(versions, this.waits);
    const { find } = reader;
    reader.find = (key, sequence) => (this.failing ? Promise.reject(new Error('torn')) : find(key, sequence));
    this.readers.set(reader.info.name.number, reader);
    return reader.info;
  }
}

/** All versions of all cursors, which do not wait, sorted. */
function versionsOf(cursors: readonly Cursor[]): Version[] {
  const versions: Version[] = [];
  for (const cursor of cursors) {
    for (void cursor.first(); cursor.valid; void cursor.next()) {
      const { key, sequence, deleted } = cursor;
      versions.push({ key, sequence, value: deleted ? undefined : cursor.value() });
    }
  }
  return versions.sort((a, b) => (a.key === b.key ? b.sequence - a.sequence : a.key < b.key ? -1 : 1));
}

interface Walk {
  readonly iterator: LsmIterator;
  /** The rows it has to show, sorted, and where it stands among them. */
  readonly rows: readonly (readonly [string, string])[];
  at: number;
}

function beginWalk(store: HandStore, reads: ReadCore, rows: Rows, snapshot: LsmSnapshot | undefined): Walk {
  const bounds = [store.key(), store.key()].sort();
  const options: RangeOptions = {
    ...(store.pick(2) === 0 ? {} : { lower: bounds[0] as string }),
    ...(store.pick(2) === 0 ? {} : { upper: bounds[1] as string }),
    ...(snapshot === undefined ? {} : { snapshot }),
    sequential: store.pick(2) === 0,
  };
  const { lower = '', upper = '~' } = options;
  const inside = [...rows].filter(([key]) => key >= lower && key < upper).sort(([a], [b]) => (a < b ? -1 : 1));
  return { iterator: reads.iterator(options), rows: inside, at: -1 };
}

async function step(store: HandStore, walk: Walk): Promise<void> {
  const { iterator, rows } = walk;
  const key = store.key();
  const choice = store.pick(walk.at >= 0 && walk.at < rows.length ? 12 : 4);
  let wait: Wait;
  if (choice === 0) {
    wait = iterator.first();
    walk.at = 0;
  } else if (choice === 1) {
    wait = iterator.last();
    walk.at = rows.length - 1;
  } else if (choice === 2) {
    wait = iterator.seek(key);
    walk.at = rows.findIndex(([one]) => one >= key);
    if (walk.at === -1) walk.at = rows.length;
  } else if (choice === 3) {
    wait = iterator.seekReverse(key);
    walk.at = rows.findLastIndex(([one]) => one <= key);
  } else if (choice < 8) {
    wait = iterator.next();
    walk.at++;
  } else {
    wait = iterator.previous();
    walk.at--;
  }
  if (wait !== undefined) await wait;
  const shown = iterator.valid ? [iterator.key, iterator.value().toString('latin1')] : undefined;
  expect(shown).toEqual(rows[walk.at]);
}

function stage(seed: number) {
  const random = seededRandom(seed);
  const pick = (below: number) => Math.floor(random.fraction() * below);
  let quiet = true;
  const store = new HandStore(pick, () => !quiet && pick(4) === 0);
  const reads = new ReadCore(store, store.snapshots);
  const loudly = async <T>(work: () => Promise<T>): Promise<T> => {
    quiet = seed % 2 === 0;
    try {
      return await work();
    } finally {
      quiet = true;
    }
  };
  return { pick, store, reads, loudly };
}

const seeds = Array.from({ length: 40 }, (_, seed) => seed);

describe('reads', () => {
  it.each(seeds)('see what a sorted map of their moment holds, whatever is moved meanwhile: seed %i', async (seed) => {
    const { pick, store, reads, loudly } = stage(seed);
    const snapshots: { readonly snapshot: LsmSnapshot; readonly rows: Rows }[] = [];
    const walks: Walk[] = [];
    for (let turn = 0; turn < 300; turn++) {
      const choice = pick(20);
      if (choice < 8) store.apply();
      else if (choice === 8) store.rotate();
      else if (choice === 9) store.flush();
      else if (choice === 10) store.sink();
      else if (choice === 11) snapshots.push({ snapshot: reads.snapshot(), rows: new Map(store.rows) });
      else if (choice === 12) snapshots.splice(pick(snapshots.length), 1)[0]?.snapshot[Symbol.dispose]();
      else if (choice === 13) {
        const past = pick(2) === 0 ? snapshots[pick(snapshots.length)] : undefined;
        walks.push(beginWalk(store, reads, past?.rows ?? store.rows, past?.snapshot));
      } else if (choice === 14) walks.splice(pick(walks.length), 1)[0]?.iterator[Symbol.dispose]();
      else {
        const past = pick(2) === 0 ? snapshots[pick(snapshots.length)] : undefined;
        const rows = past?.rows ?? store.rows;
        const key = store.key();
        const keys = Array.from({ length: pick(10) }, () => store.key());
        await loudly(async () => {
          expect((await reads.get(key, past?.snapshot))?.toString('latin1')).toBe(rows.get(key));
          const values = await reads.getMany(keys, past?.snapshot);
          expect(values.map((value) => value?.toString('latin1'))).toEqual(keys.map((one) => rows.get(one)));
          for (const walk of walks) await step(store, walk);
        });
      }
    }
    for (const { iterator } of walks) iterator[Symbol.dispose]();
    for (const { snapshot } of snapshots) snapshot[Symbol.dispose]();
    expect(store.snapshots.count).toBe(0);
    expect(store.readers.size).toBe(store.tables.levels.flat().length);
    expect(store.open.memoryBytes).toBeLessThanOrEqual(400);
    expect(store.tables.levels.flat().map((info) => store.open.handle(info).users)).not.toContain(1);
  });

  it('of a moment are not changed by what is applied and moved while they wait', async () => {
    const { store, reads } = stage(1);
    (store.memtables[0] as Memtable).put('a', 1, Buffer.from('first'));
    (store.memtables[0] as Memtable).put('b', 1, Buffer.from('first'));
    store.newest = 1;
    store.flush();
    const one = reads.get('a');
    const many = reads.getMany(['a', 'b', 'c']);
    (store.memtables[0] as Memtable).put('a', 2, Buffer.from('second'));
    (store.memtables[0] as Memtable).put('c', 2, Buffer.from('second'));
    store.newest = 2;
    store.flush();
    store.sink();
    expect((await one)?.toString('latin1')).toBe('first');
    expect((await many).map((value) => value?.toString('latin1'))).toEqual(['first', 'first', undefined]);
    expect((await reads.get('a'))?.toString('latin1')).toBe('second');
    expect(store.readers.size).toBe(store.tables.levels.flat().length);
  });

  it('reject where a table cannot be read, and let go of everything', async () => {
    const { store, reads } = stage(1);
    for (let entry = 0; entry < 30; entry++) store.apply();
    const keys = [...store.rows.keys()];
    store.flush();
    store.failing = true;
    await expect(reads.get(keys[0] as string)).rejects.toThrow('torn');
    await expect(reads.getMany(keys)).rejects.toThrow('torn');
    store.failing = false;
    expect((await reads.getMany(keys)).map((value) => value?.toString('latin1'))).toEqual([...store.rows.values()]);
    store.sets.install([[]]);
    expect(store.gone).toBe(1);
  });

  it('are refused with a released snapshot, by a released iterator, and after the end', async () => {
    const { reads } = stage(1);
    const snapshot = reads.snapshot();
    snapshot[Symbol.dispose]();
    expect(() => reads.get('a', snapshot)).toThrow('released');
    await expect(reads.getMany(['a'], snapshot)).rejects.toThrow('released');
    expect(() => reads.iterator({ snapshot })).toThrow('released');
    const iterator = reads.iterator();
    iterator[Symbol.dispose]();
    iterator[Symbol.dispose]();
    expect(() => iterator.first()).toThrow('released');
    reads.end(new EngineError('shutting-down', 'over'));
    expect(() => reads.get('a')).toThrow('over');
    expect(() => reads.snapshot()).toThrow('over');
    await expect(reads.getMany(['a'])).rejects.toThrow('over');
  });
});
