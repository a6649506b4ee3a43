import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../src/engine/base/random.ts';
import type { Found } from '../../../../src/engine/lsm/core/cursor.ts';
import { newestSequence, type Version } from '../../../../src/engine/lsm/core/row.ts';
import { BlockCache } from '../../../../src/engine/lsm/io/block-cache.ts';
import { openTable, readTableFacts } from '../../../../src/engine/lsm/sst/open-table.ts';
import { TableBuilder } from '../../../../src/engine/lsm/sst/table-builder.ts';
import {
  buildTable,
  compareVersions,
  currentVersion,
  MemorySource,
  type Rules,
  randomVersions,
  smallRules,
  walk,
} from './table-specimens.ts';

const rulesToTry: readonly Rules[] = [
  smallRules,
  { ...smallRules, compression: 'none' },
  { ...smallRules, blockBytes: 1, restartInterval: 1 },
  { ...smallRules, blockBytes: 100_000, restartInterval: 1000, bloomBitsPerKey: 0 },
];

const rows = (count: number): Version[] =>
  Array.from({ length: count }, (_, at) => ({
    key: `row-${String(at).padStart(6, '0')}`,
    sequence: at + 1,
    value: Buffer.from(`value ${at} `.repeat(3)),
  }));

function oracleFind(versions: readonly Version[], key: string, sequence: number): Found | undefined {
  const version = versions.find((one) => one.key === key && one.sequence <= sequence);
  return version === undefined ? undefined : { sequence: version.sequence, value: version.value };
}

describe('a table', () => {
  it.each(Array.from({ length: 24 }, (_, seed) => seed))('reads back as it was written, seed %i', async (seed) => {
    const random = seededRandom(seed);
    const versions = randomVersions(random, 1 + Math.floor(random.fraction() * 300));
    const { object, info } = buildTable(versions, rulesToTry[seed % rulesToTry.length]);
    const source = new MemorySource(object, seed % 2 === 0 ? 'sync' : 'async');
    const table = await openTable(source, info, new BlockCache(seed % 3 === 0 ? 0 : 1_000_000));
    const scan = seed % 5 === 0;

    expect(await walk(table.cursor({ scan }))).toEqual(versions);
    expect(await walk(table.cursor({ scan }), 'backward')).toEqual(versions.toReversed());

    const cursor = table.cursor({ scan });
    for (let round = 0; round < 200; round++) {
      const near = versions[Math.floor(random.fraction() * versions.length)] as Version;
      const key = [near.key, `${near.key}\x00`, near.key.slice(0, -1) || '\x00', `${near.key}\xff`][
        round % 4
      ] as string;
      const sequence = [near.sequence, near.sequence - 1, newestSequence, 0][
        Math.floor(random.fraction() * 4)
      ] as number;
      expect(await table.find(key, sequence)).toEqual(oracleFind(versions, key, sequence));

      const at = versions.findIndex((one) => compareVersions(one, { key, sequence }) >= 0);
      const end = at < 0 ? versions.length : at;
      await cursor.seek(key, sequence);
      expect(currentVersion(cursor)).toEqual(versions[end]);
      await (random.fraction() < 0.5 ? cursor.next() : undefined);
      await cursor.seekBefore(key, sequence);
      expect(currentVersion(cursor)).toEqual(versions[end - 1]);
      if (!cursor.valid) continue;
      await cursor.next();
      expect(currentVersion(cursor)).toEqual(versions[end]);
      if (!cursor.valid) continue;
      await cursor.previous();
      expect(currentVersion(cursor)).toEqual(versions[end - 1]);
    }
  });

  it('states what is in it', async () => {
    const versions: Version[] = [
      { key: 'a', sequence: 9, value: undefined },
      { key: 'a', sequence: 4, value: Buffer.from('old') },
      { key: 'b\xff', sequence: 7, value: Buffer.alloc(0) },
    ];
    const { object, info } = buildTable(versions);
    const facts = { entries: 3, tombstones: 1, oldest: 4, newest: 9, smallest: 'a', largest: 'b\xff' };
    expect(info).toMatchObject({ ...facts, sizeBytes: object.length });
    expect(await readTableFacts(new MemorySource(object))).toEqual({ ...facts, sizeBytes: object.length });
  });

  it('holds the largest rows there are', async () => {
    const versions = ['\x01', '\x02'].map((letter, at) => ({
      key: letter.repeat(4096),
      sequence: at === 0 ? Number.MAX_SAFE_INTEGER : 0,
      value: seededRandom(at).bytes(1024 * 1024),
    }));
    const { object, info } = buildTable(versions);
    const table = await openTable(new MemorySource(object), info, new BlockCache(0));
    expect(await walk(table.cursor())).toEqual(versions);
    expect(await table.find(versions[1]?.key as string, 5)).toEqual({ sequence: 0, value: versions[1]?.value });
  });

  it('answers at once when its source does, and from the cache without its source', async () => {
    const { object, info } = buildTable(rows(500));
    const atOnce = await openTable(new MemorySource(object), info, new BlockCache(0));
    expect(atOnce.find('row-000123', 124)).toEqual({ sequence: 124, value: rows(124)[123]?.value });

    const source = new MemorySource(object, 'async');
    const cache = new BlockCache(1_000_000);
    const table = await openTable(source, info, cache);
    const [first, second] = [table.find('row-000123', 124), table.find('row-000123', 124)];
    expect(first).toBeInstanceOf(Promise);
    expect(await first).toEqual(await second);
    // One read for the tail, one for the block that both asked for.
    expect(source.reads).toBe(2);
    expect(table.find('row-000123', 124)).toEqual(await first);
    const cursor = table.cursor();
    expect(cursor.seek('row-000123', 124)).toBeUndefined();
    cache.forget(table);
    expect(cache.bytes).toBe(0);
    expect(table.find('row-000123', 124)).toBeInstanceOf(Promise);
  });

  it('is opened with one read, and with two when its tail is longer than guessed', async () => {
    const large = buildTable(rows(80_000), { ...smallRules, compression: 'none', bloomBitsPerKey: 40 });
    const source = new MemorySource(large.object, 'async');
    await readTableFacts(source);
    expect(source.reads).toBe(2);
    const small = new MemorySource(buildTable(rows(500)).object, 'async');
    await readTableFacts(small);
    expect(small.reads).toBe(1);
  });

  it('scans ahead in steps without filling the cache', async () => {
    const random = seededRandom(1);
    const versions = rows(1500).map((row) => ({ ...row, value: random.bytes(16_000) }));
    const { object, info } = buildTable(versions, { ...smallRules, compression: 'none' });
    const source = new MemorySource(object, 'async');
    const cache = new BlockCache(100_000_000);
    const table = await openTable(source, info, cache);
    expect(await walk(table.cursor({ scan: true }))).toHaveLength(1500);
    expect(cache.bytes).toBe(0);
    expect(source.prefetched.length).toBeGreaterThan(3);
    expect(source.prefetched.length).toBeLessThan(10);
    // Back to back, from the first block to the last.
    expect(source.prefetched[0]?.[0]).toBe(0);
    source.prefetched.forEach(([start], at) => {
      if (at > 0) expect(start).toBe(source.prefetched[at - 1]?.[1]);
    });
    expect(source.prefetched.at(-1)?.[1]).toBeGreaterThan(24_000_000);
  });

  it.each(['forward', 'backward'] as const)(
    'scans with few reads, and reads nothing that is cached, %s',
    async (direction) => {
      const rules = { ...smallRules, compression: 'none' } as const;
      const versions = rows(5000);
      const { object, info } = buildTable(versions, rules);
      const source = new MemorySource(object, 'async');
      const cache = new BlockCache(100_000_000);
      const table = await openTable(source, info, cache);
      const opened = source.reads;
      await walk(table.cursor({ scan: true }), direction);
      const scanned = source.reads - opened;
      expect(scanned).toBeGreaterThanOrEqual(info.sizeBytes / 2 ** 16 - 1);
      expect(scanned).toBeLessThan(info.sizeBytes / 2 ** 16 + 2);
      // Some rows in the middle, each in a block of its own.
      for (const { key, sequence } of versions.slice(2000, 2100)) await table.find(key, sequence);
      const cached = source.reads - opened - scanned;
      const expected = direction === 'forward' ? versions : versions.toReversed();
      expect(await walk(table.cursor({ scan: true }), direction)).toEqual(expected);
      expect(source.reads - opened - scanned - cached).toBeLessThan(scanned + 2);
      await walk(table.cursor());
      const all = source.reads;
      await walk(table.cursor({ scan: true }), direction);
      expect(source.reads).toBe(all);
    },
  );

  it('says while it is built about how large it becomes', () => {
    const random = seededRandom(2);
    const builder = new TableBuilder({ ...smallRules, blockBytes: 4096, compression: 'none' });
    for (const { key, sequence } of rows(5000)) builder.add(key, sequence, random.bytes(100));
    const stated = builder.sizeBytes;
    const { sizeBytes } = builder.finish().facts;
    expect(Math.abs(stated - sizeBytes) / sizeBytes).toBeLessThan(0.01);
    expect(builder.entries).toBe(5000);
  });

  it('refuses entries out of order, of impossible sizes, and none at all', () => {
    const row = (key: string, sequence: number, value: Buffer | undefined = Buffer.alloc(1)) => ({
      key,
      sequence,
      value,
    });
    const bug = expect.objectContaining({ code: 'bug' });
    expect(() => buildTable([])).toThrow(bug);
    expect(() => buildTable([row('b', 1), row('a', 1)])).toThrow(bug);
    expect(() => buildTable([row('b', 1), row('b', 1)])).toThrow(bug);
    expect(() => buildTable([row('b', 1), row('b', 2)])).toThrow(bug);
    expect(() => buildTable([row('bb', 1), row('b', 0)])).toThrow(bug);
    expect(() => buildTable([row('', 1)])).toThrow(bug);
    expect(() => buildTable([row('x'.repeat(4097), 1)])).toThrow(bug);
    expect(() => buildTable([row('x', -1)])).toThrow(bug);
    expect(() => buildTable([row('x', 2 ** 53)])).toThrow(bug);
    expect(() => buildTable([row('x', 1, Buffer.alloc(1024 * 1024 + 1))])).toThrow(bug);
    // Also where a block ends between the two.
    const tiny = { ...smallRules, blockBytes: 1 };
    expect(() => buildTable([row('b', 1), row('a', 1)], tiny)).toThrow(bug);
    expect(() => buildTable([row('b', 1), row('b', 1)], tiny)).toThrow(bug);
  });
});
