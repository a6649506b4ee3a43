// The caches of a process, opened and closed together, and shared by all its stores.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/engine/base/clock.ts';
import { incarnation, term } from '../../../../src/engine/base/ids.ts';
import { silentLogger } from '../../../../src/engine/base/logger.ts';
import { BucketTables } from '../../../../src/engine/lsm/io/bucket-tables.ts';
import { openLsmCaches } from '../../../../src/engine/lsm/io/lsm-caches.ts';
import { MemoryStore } from '../../../../src/engine/store/memory-store.ts';

const deps = { clock: systemClock, logger: silentLogger };
const name = { incarnation: incarnation(1), term: term(1), number: 1 };

describe('the caches of a process', () => {
  it('have their limits, and do without a disk', async () => {
    await using caches = await openLsmCaches({ ...deps, blockBytesMax: 1000, fetches: { heldBytesMax: 5 } });
    expect(caches.blocks.bytesMax).toBe(1000);
    expect(caches.disk).toBeUndefined();
    expect(caches.fetches.limits).toMatchObject({ heldBytesMax: 5, aheadBytesMax: 8 * 1024 * 1024 });
  });

  it('serve several stores, tell their tables apart, and have written everything when they are closed', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'lsm-caches-'));
    const disk = { directory, bytesMax: 10_000 };
    const store = new MemoryStore(deps);
    try {
      {
        await using caches = await openLsmCaches({ ...deps, blockBytesMax: 0, disk });
        for (const prefix of ['c/domain/a/', 'c/domain/b/']) {
          await new BucketTables({ store, prefix, caches, logger: silentLogger }).write(name, [Buffer.from(prefix)]);
        }
      }
      await store.deleteMany((await Array.fromAsync(store.list({ prefix: '' }))).map(({ key }) => key));
      await using caches = await openLsmCaches({ ...deps, blockBytesMax: 0, disk });
      for (const prefix of ['c/domain/a/', 'c/domain/b/']) {
        const tables = new BucketTables({ store, prefix, caches, logger: silentLogger });
        expect(await tables.source(name, prefix.length).read(0, prefix.length)).toEqual(Buffer.from(prefix));
      }
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
