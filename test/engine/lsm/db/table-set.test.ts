import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../src/engine/base/random.ts';
import { newestSequence, type Version } from '../../../../src/engine/lsm/core/row.ts';
import { LevelCursor } from '../../../../src/engine/lsm/db/level-cursor.ts';
import { OpenTables } from '../../../../src/engine/lsm/db/open-tables.ts';
import { TableSets } from '../../../../src/engine/lsm/db/table-set.ts';
import type { TableReader } from '../../../../src/engine/lsm/sst/table-reader.ts';
import { compareVersions, ListedCursor, listedTable, type Waits, walkTogether } from './listed-versions.ts';

const keys = Array.from({ length: 30 }, (_, at) => `k${at.toString().padStart(2, '0')}`);

function openTables(readers: readonly TableReader[], memoryBytesMax = 10_000) {
  const opened: string[] = [];
  const open = new OpenTables({
    open: async (info) => {
      opened.push(info.smallest);
      return readers.find((reader) => reader.info === info) as TableReader;
    },
    onClose: () => {},
    memoryBytesMax,
  });
  return { open, opened };
}

/** Three levels: two overlapping tables of new versions, and two sorted levels below, cut between keys. */
function levelled(pick: (below: number) => number, waits: Waits) {
  const versions: Version[] = [];
  const tables = (first: number, last: number, cut: number): TableReader[] => {
    const own: Version[] = [];
    for (let sequence = first; sequence <= last; sequence++) {
      const value = pick(4) === 0 ? undefined : Buffer.from(`v${sequence}`);
      own.push({ key: keys[pick(keys.length)] as string, sequence, value });
    }
    versions.push(...own);
    own.sort(compareVersions);
    const readers: TableReader[] = [];
    while (own.length > 0) {
      let end = cut;
      while (end < own.length && (own[end] as Version).key === (own[end - 1] as Version).key) end++;
      readers.push(listedTable(own.splice(0, end), waits));
    }
    return readers;
  };
  const bottom = tables(1, 15, 3);
  const middle = tables(16, 25, 4);
  const newest = [...tables(26, 32, 100), ...tables(33, 40, 100)].reverse();
  const readers = [newest, middle, bottom];
  return { versions, readers: readers.flat(), levels: readers.map((level) => level.map(({ info }) => info)) };
}

describe('a table set', () => {
  it.each(Array.from({ length: 30 }, (_, seed) => seed))(
    'finds what a list of all versions has: seed %i',
    async (seed) => {
      const random = seededRandom(seed);
      const pick = (below: number) => Math.floor(random.fraction() * below);
      const { versions, readers, levels } = levelled(pick, seed % 2 === 0 ? () => false : () => pick(2) === 0);
      const { open } = openTables(readers, seed % 3 === 0 ? 300 : 10_000);
      const { current } = new TableSets(levels, open);
      for (let look = 0; look < 100; look++) {
        const key = `k${pick(32).toString().padStart(2, '0')}`;
        const sequence = pick(3) === 0 ? newestSequence : pick(42);
        const expected = versions.findLast((version) => version.key === key && version.sequence <= sequence);
        const found = await current.find(key, sequence);
        expect([found?.sequence, found?.value]).toEqual([expected?.sequence, expected?.value]);
      }
    },
  );

  it('finds at once what is open and in memory', async () => {
    const reader = listedTable([{ key: 'a', sequence: 1, value: Buffer.from('x') }]);
    const { open } = openTables([reader]);
    const { current } = new TableSets([[], [reader.info]], open);
    await open.openAll([reader.info], 1);
    expect(current.find('a', 1)).toEqual({ key: 'a', sequence: 1, value: Buffer.from('x') });
    expect(current.find('b', 1)).toBeUndefined();
  });

  it('refuses levels that would hide rows', () => {
    const of = (first: string, last: string) =>
      listedTable([first, last].map((key, at) => ({ key, sequence: at + 1, value: undefined }))).info;
    const { open } = openTables([]);
    expect(() => new TableSets([[], [of('a', 'c'), of('c', 'd')]], open)).toThrow('overlap');
    expect(() => new TableSets([[], [of('e', 'f'), of('a', 'b')]], open)).toThrow('not sorted');
    expect(() => new TableSets([[of('e', 'f'), of('a', 'f')]], open)).not.toThrow();
  });

  it('offers cursors only over tables that can have keys in the bounds', async () => {
    const readers = ['a', 'c', 'e'].map((key) => listedTable([{ key, sequence: 1, value: Buffer.from(key) }]));
    const { open, opened } = openTables(readers);
    const { current } = new TableSets([[], readers.map(({ info }) => info)], open);
    const [cursor] = current.cursors('b', 'e');
    await cursor?.first();
    expect(cursor?.key).toBe('c');
    await cursor?.next();
    expect([cursor?.valid, opened]).toEqual([false, ['c']]);
    expect(current.cursors('f', undefined)).toEqual([]);
    expect(current.cursors(undefined, 'a')).toEqual([]);
  });
});

describe('table sets', () => {
  const table = (key: string) => listedTable([{ key, sequence: 1, value: Buffer.from(key) }]);

  it('say that a table is gone when no set that is read has it any more', async () => {
    const [a, b, c] = [table('a'), table('b'), table('c')];
    const gone: string[] = [];
    const { open } = openTables([a, b, c]);
    const sets = new TableSets([[], [a.info, b.info]], open, ({ smallest }) => gone.push(smallest));
    const reading = sets.current;
    await reading.find('a', 1);
    reading.hold();
    sets.install([[], [b.info, c.info]]);
    expect([gone, open.openCount]).toEqual([[], 1]);
    sets.install([[], [c.info]]);
    expect(gone).toEqual([]);
    reading.release();
    expect([gone, open.openCount]).toEqual([['a', 'b'], 0]);
    sets.close();
    expect(gone).toEqual(['a', 'b']);
  });

  it('keep a set for as long as a look-up in it waits', async () => {
    const reader = listedTable([{ key: 'a', sequence: 1, value: Buffer.from('x') }], () => true);
    const gone: string[] = [];
    const { open } = openTables([reader]);
    const sets = new TableSets([[reader.info]], open, ({ smallest }) => gone.push(smallest));
    const looking = sets.current.find('a', 1);
    sets.install([]);
    expect(gone).toEqual([]);
    expect((await looking)?.value).toEqual(Buffer.from('x'));
    expect(gone).toEqual(['a']);
  });

  it('know a table by its name, also when a manifest was decoded anew', async () => {
    const reader = table('a');
    const gone: string[] = [];
    const { open, opened } = openTables([reader]);
    const sets = new TableSets([[reader.info]], open, ({ smallest }) => gone.push(smallest));
    await sets.current.find('a', 1);
    sets.install([[], [{ ...reader.info }]]);
    await sets.current.find('a', 1);
    expect([gone, opened]).toEqual([[], ['a']]);
  });
});

describe('a level cursor', () => {
  it.each(Array.from({ length: 30 }, (_, seed) => seed))('walks tables as if they were one: seed %i', async (seed) => {
    const random = seededRandom(seed);
    const pick = (below: number) => Math.floor(random.fraction() * below);
    const { readers, levels } = levelled(pick, seed % 2 === 0 ? () => false : () => pick(2) === 0);
    const { open } = openTables(readers, 100);
    const level = levels[2] ?? [];
    const versions: Version[] = [];
    for (const reader of readers.filter(({ info }) => level.includes(info))) {
      const own = reader.cursor();
      for (await own.first(); own.valid; await own.next()) {
        versions.push({ key: own.key, sequence: own.sequence, value: own.deleted ? undefined : own.value() });
      }
    }
    const cursor = new LevelCursor(
      open,
      level.map((info) => open.handle(info)),
    );
    expect(await walkTogether(cursor, new ListedCursor(versions), pick, keys, 150)).toEqual([]);
    cursor.release();
    expect(open.openCount).toBeLessThanOrEqual(1);
    expect(level.map((info) => open.handle(info).users)).toEqual(level.map(() => 0));
  });

  it('opens only the table it stands in, and the one behind it when all will be read', async () => {
    const readers = ['a', 'b', 'c', 'd'].map((key) => listedTable([{ key, sequence: 1, value: Buffer.from(key) }]));
    for (const { scan, expected } of [
      { scan: false, expected: ['b'] },
      { scan: true, expected: ['b', 'c'] },
    ]) {
      const { open, opened } = openTables(readers);
      const cursor = new LevelCursor(
        open,
        readers.map(({ info }) => open.handle(info)),
        { scan },
      );
      await cursor.seek('b', 1);
      expect([cursor.key, opened]).toEqual(['b', expected]);
      cursor.release();
    }
  });

  it('may be released while it waits', async () => {
    const reader = listedTable([{ key: 'a', sequence: 1, value: Buffer.from('a') }]);
    const { open } = openTables([reader]);
    const handle = open.handle(reader.info);
    const cursor = new LevelCursor(open, [handle]);
    const waiting = cursor.first();
    cursor.release();
    await waiting;
    expect([cursor.valid, handle.users]).toEqual([false, 0]);
  });
});
