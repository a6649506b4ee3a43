// Views of real tables in a store that refuses every write: built with small blocks, so that a hundred rows are many of them.

import { describe, expect, it } from 'vitest';
import { incarnation, term } from '../../../../src/engine/base/ids.ts';
import { silentLogger } from '../../../../src/engine/base/logger.ts';
import { seededRandom } from '../../../../src/engine/base/random.ts';
import { VirtualClock } from '../../../../src/engine/base/virtual-clock.ts';
import { defaultLsmRules } from '../../../../src/engine/lsm/core/lsm-rules.ts';
import type { Version } from '../../../../src/engine/lsm/core/row.ts';
import { tableKey } from '../../../../src/engine/lsm/core/table-name.ts';
import { openLsmView } from '../../../../src/engine/lsm/db/lsm-view.ts';
import { BlockCache } from '../../../../src/engine/lsm/io/block-cache.ts';
import type { Manifest } from '../../../../src/engine/lsm/manifest/manifest.ts';
import { TableBuilder } from '../../../../src/engine/lsm/sst/table-builder.ts';
import type { TableInfo } from '../../../../src/engine/lsm/sst/table-info.ts';
import { MemoryStore } from '../../../../src/engine/store/memory-store.ts';
import { ReadOnlyStore } from '../../../../src/engine/store/read-only-store.ts';
import { compareVersions } from './listed-versions.ts';

const prefix = 'cluster/domain/metastore/0/';
const rules = { ...defaultLsmRules, blockBytes: 128 };

/** A bucket whose levels hold 600 versions of 100 keys, and what is live at every sequence. */
async function writeStore(seed: number) {
  const random = seededRandom(seed);
  const pick = (below: number) => Math.floor(random.fraction() * below);
  const store = new MemoryStore({ clock: new VirtualClock() });
  const versions: Version[] = Array.from({ length: 600 }, (_, at) => ({
    key: `key/${pick(100).toString().padStart(3, '0')}`,
    sequence: at + 1,
    value: pick(4) === 0 ? undefined : Buffer.from(`value ${at + 1}`),
  }));
  let number = 0;
  const write = async (some: readonly Version[]): Promise<TableInfo> => {
    const builder = new TableBuilder(rules);
    for (const { key, sequence, value } of some) builder.add(key, sequence, value);
    const { parts, facts } = builder.finish();
    const name = { incarnation: incarnation(1), term: term(1), number: ++number };
    await store.put(tableKey(prefix, name), parts, { createOnly: true });
    return { name, ...facts };
  };
  const level = async (from: number, to: number, tables: number): Promise<TableInfo[]> => {
    const own = versions.slice(from, to).sort(compareVersions);
    const cuts = Array.from(
      { length: tables },
      (_, at) =>
        `key/${Math.floor((100 / tables) * at)
          .toString()
          .padStart(3, '0')}`,
    );
    const inside = cuts.map((cut, at) => own.filter(({ key }) => key >= cut && key < (cuts[at + 1] ?? '~')));
    return Promise.all(inside.filter((some) => some.length > 0).map(write));
  };
  const level0 = [await level(550, 600, 1), await level(500, 550, 1), await level(450, 500, 1)].flat();
  const manifest: Manifest = {
    name: { incarnation: incarnation(1), term: term(1), number: 1 },
    prefix,
    createdMs: 1,
    coveredIndex: 600,
    nextTableNumber: 1000,
    settledTableNumber: 1000,
    levels: [level0, await level(250, 450, 3), [], await level(0, 250, 5)],
  };
  const rows = new Map<string, string>();
  for (const { key, value } of versions) {
    if (value === undefined) rows.delete(key);
    else rows.set(key, value.toString());
  }
  return { pick, store, manifest, rows };
}

const caches = (bytesMax = 1 << 20) => ({ blocks: new BlockCache(bytesMax), disk: undefined });

describe('a view of a store', () => {
  it.each([1, 2, 3, 4])('reads what was written, from a bucket that it may not write to: seed %i', async (seed) => {
    const { pick, store, manifest, rows } = await writeStore(seed);
    const view = await openLsmView({
      store: new ReadOnlyStore(store),
      prefix,
      manifest,
      // The smaller ones hold a few blocks or tables at a time only.
      caches: caches(seed % 2 === 0 ? 1 << 20 : 1000),
      logger: silentLogger,
      ...(seed > 2 ? { openTableBytesMax: 500 } : {}),
    });
    const sorted = [...rows].sort(([a], [b]) => (a < b ? -1 : 1));
    for (const sequential of [false, true]) {
      using iterator = view.iterator({ sequential });
      const up: [string, string][] = [];
      for (await iterator.first(); iterator.valid; await iterator.next()) {
        up.push([iterator.key, iterator.value().toString()]);
      }
      expect(up).toEqual(sorted);
      const down: [string, string][] = [];
      for (await iterator.last(); iterator.valid; await iterator.previous()) {
        down.push([iterator.key, iterator.value().toString()]);
      }
      expect(down.reverse()).toEqual(sorted);
    }
    const keys = Array.from({ length: 110 }, () => `key/${pick(110).toString().padStart(3, '0')}`);
    const many = await view.getMany(keys);
    expect(many.map((value) => value?.toString())).toEqual(keys.map((key) => rows.get(key)));
    for (const key of keys) expect((await view.get(key))?.toString()).toBe(rows.get(key));
    await view[Symbol.asyncDispose]();
    expect(() => view.get('key/000')).toThrow('closed');
  });

  it('answers at once what is in memory', async () => {
    const { store, manifest, rows } = await writeStore(5);
    await using view = await openLsmView({ store, prefix, manifest, caches: caches(), logger: silentLogger });
    using warming = view.iterator();
    for (await warming.first(); warming.valid; ) await warming.next();
    for (const [key, value] of rows) expect((view.get(key) as Buffer).toString()).toBe(value);
    using iterator = view.iterator();
    let count = 0;
    for (await iterator.first(); iterator.valid; count++) expect(iterator.next()).toBeUndefined();
    expect(count).toBe(rows.size);
  });

  it('names a table that is not there', async () => {
    const { store, manifest, rows } = await writeStore(6);
    const table = manifest.levels[3]?.[0] as TableInfo;
    await store.deleteMany([tableKey(prefix, table.name)]);
    await using view = await openLsmView({ store, prefix, manifest, caches: caches(), logger: silentLogger });
    const read = async () => {
      using iterator = view.iterator();
      for (await iterator.first(); iterator.valid; ) await iterator.next();
    };
    await expect(read()).rejects.toMatchObject({
      code: expect.stringMatching(/object-not-found|corrupt-object/),
      context: { key: tableKey(prefix, table.name) },
    });
    // Whether a row exists that no level above has, only this table could say.
    const looked = view.getMany([...rows.keys(), `${table.smallest}x`]);
    await expect(looked).rejects.toMatchObject({ context: { key: tableKey(prefix, table.name) } });
  });

  it('refuses a manifest of another store', async () => {
    const { store, manifest } = await writeStore(7);
    const opening = openLsmView({ store, prefix: 'other/', manifest, caches: caches(), logger: silentLogger });
    await expect(opening).rejects.toMatchObject({ code: 'corrupt-object' });
  });
});
