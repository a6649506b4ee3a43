// Tables in the bucket with local copies: what is asked of the store for which reads, and what goes wrong under which name.

import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/engine/base/clock.ts';
import { incarnation, term } from '../../../../src/engine/base/ids.ts';
import { silentLogger } from '../../../../src/engine/base/logger.ts';
import { seededRandom } from '../../../../src/engine/base/random.ts';
import { VirtualClock } from '../../../../src/engine/base/virtual-clock.ts';
import { cacheId, DiskCache } from '../../../../src/engine/disk-cache/disk-cache.ts';
import { tableKey } from '../../../../src/engine/lsm/core/table-name.ts';
import { BucketTables } from '../../../../src/engine/lsm/io/bucket-tables.ts';
import { type FetchLimits, FetchMemory } from '../../../../src/engine/lsm/io/fetch-memory.ts';
import { randomFaults, scriptedFaults } from '../../../../src/engine/store/fault-plan.ts';
import { FaultyStore } from '../../../../src/engine/store/faulty-store.ts';
import { MemoryStore } from '../../../../src/engine/store/memory-store.ts';
import type { GetOptions, ObjectStore } from '../../../../src/engine/store/object-store.ts';
import { decorate } from '../../../../src/engine/store/store.ts';

const mebibyte = 1024 * 1024;
const prefix = 'cluster/domain/control/';
const name = { incarnation: incarnation(1), term: term(3), number: 9 };
const key = tableKey(prefix, name);
const content = seededRandom(5).bytes(64 * 1024);
const deps = { clock: systemClock, random: seededRandom(7), logger: silentLogger };

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'bucket-tables-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** On its clock every call is prompt, however busy the machine is: what is local is read at once. */
const openDisk = (bytesMax = 64 * mebibyte) =>
  DiskCache.open({ directory, bytesMax, clock: new VirtualClock(), logger: silentLogger });

/** Different at every place, and quickly made. */
function tableBytes(length: number): Buffer {
  const bytes = Buffer.alloc(length, content);
  for (let at = 0; at + 4 <= length; at += 4096) bytes.writeUInt32BE(at, at);
  return bytes;
}

interface Ask {
  readonly start: number;
  readonly length: number;
}

/** Says what was asked for, and can hold its answers back. */
class WatchedStore {
  readonly memory = new MemoryStore(deps);
  readonly asked: Ask[] = [];
  readonly store: ObjectStore;
  underWay = 0;
  bytesUnderWay = 0;
  bytesUnderWayMost = 0;
  #gate: Promise<void> | undefined;
  #open: () => void = () => {};

  constructor() {
    const get = async (objectKey: string, options?: GetOptions) => {
      const start = options?.range?.start ?? 0;
      const length = (options?.range?.end ?? 0) - start;
      this.asked.push({ start, length });
      this.underWay++;
      this.bytesUnderWay += length;
      this.bytesUnderWayMost = Math.max(this.bytesUnderWayMost, this.bytesUnderWay);
      try {
        await this.#gate;
        return await this.memory.get(objectKey, options);
      } finally {
        this.underWay--;
        this.bytesUnderWay -= length;
      }
    };
    this.store = Object.assign(Object.create(this.memory) as ObjectStore, {
      get,
      put: this.memory.put.bind(this.memory),
      head: this.memory.head.bind(this.memory),
      label: this.memory.label,
    });
  }

  hold(): void {
    const gate = Promise.withResolvers<void>();
    this.#gate = gate.promise;
    this.#open = gate.resolve;
  }

  letGo(): void {
    this.#gate = undefined;
    this.#open();
  }
}

interface Stage {
  readonly watched: WatchedStore;
  readonly tables: BucketTables;
  readonly memory: FetchMemory;
  readonly bytes: Buffer;
}

/** A table that is in the bucket and nowhere else. */
async function coldTable(length: number, disk?: DiskCache, limits: Partial<FetchLimits> = {}): Promise<Stage> {
  const watched = new WatchedStore();
  const memory = new FetchMemory(limits);
  const tables = new BucketTables({
    store: watched.store,
    prefix,
    caches: { disk, fetches: memory },
    logger: silentLogger,
  });
  const bytes = tableBytes(length);
  await watched.memory.put(key, [bytes]);
  return { watched, tables, memory, bytes };
}

const turns = async (count = 20) => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
};

describe('writing a table', () => {
  it('puts it under its name, and reads it locally from then on', async () => {
    await using disk = await openDisk();
    const { watched, memory } = await coldTable(1, disk);
    const tables = new BucketTables({
      store: watched.store,
      prefix,
      caches: { disk, fetches: memory },
      logger: silentLogger,
    });
    const second = { ...name, number: 10 };
    const bytes = tableBytes(2.5 * mebibyte);
    const parts = [bytes.subarray(0, 10), bytes.subarray(10, 1_500_000), bytes.subarray(1_500_000)];
    await tables.write(second, parts);
    const source = tables.source(second, bytes.length);
    expect(source.key).toBe('cluster/domain/control/sst/0000000001-0000000003-0000000000000010');
    const atOnce = source.read(mebibyte - 100, 200);
    await disk.settled();
    const fromDisk = source.read(mebibyte - 100, 200);
    for (const read of [atOnce, fromDisk]) expect(read).toEqual(bytes.subarray(mebibyte - 100, mebibyte + 100));
    expect(source.read(bytes.length - 5, 5)).toEqual(bytes.subarray(bytes.length - 5));
    expect(watched.asked).toEqual([]);
    expect((await watched.memory.get(source.key)).bytes.equals(bytes)).toBe(true);
  });

  it('leaves no local copy when the put failed', async () => {
    await using disk = await openDisk();
    const faulty = new FaultyStore(
      new MemoryStore(deps),
      scriptedFaults('put', [{ kind: 'unavailable' }]),
      systemClock,
    );
    const tables = new BucketTables({ store: faulty, prefix, caches: { disk }, logger: silentLogger });
    await expect(tables.write(name, [content])).rejects.toMatchObject({ code: 'store-unavailable' });
    expect(disk.stats().chunks).toBe(0);
    await tables.write(name, [content]);
    expect(disk.stats().chunks).toBe(1);
  });

  it('may be repeated when nobody knows whether it happened', async () => {
    const faulty = new FaultyStore(
      new MemoryStore(deps),
      scriptedFaults('put', [{ kind: 'timeout-after' }]),
      systemClock,
    );
    const tables = new BucketTables({ store: faulty, prefix, caches: { disk: undefined }, logger: silentLogger });
    const bytes = tableBytes(1.5 * mebibyte);
    await expect(tables.write(name, [bytes])).rejects.toMatchObject({ code: 'store-timeout' });
    await tables.write(name, [bytes.subarray(0, 100), bytes.subarray(100)]);
    expect(await tables.source(name, bytes.length).read(0, bytes.length)).toEqual(bytes);
  });

  it.each([
    ['of another size', tableBytes(1000)],
    ['of the same size', Buffer.alloc(2 * mebibyte)],
  ])('never replaces nor accepts a table with other content %s', async (_, there) => {
    await using disk = await openDisk();
    const { tables, watched } = await coldTable(1, disk);
    const taken = { ...name, number: 10 };
    await watched.memory.put(tableKey(prefix, taken), [there]);
    await expect(tables.write(taken, [tableBytes(2 * mebibyte)])).rejects.toMatchObject({
      code: 'precondition-failed',
      context: { key: tableKey(prefix, taken) },
    });
    expect(disk.stats().chunks).toBe(0);
    expect((await watched.memory.get(tableKey(prefix, taken))).bytes.equals(there)).toBe(true);
  });
});

describe('reading a cold table', () => {
  it('asks for a first small piece alone, for the chunk with the second, and then no more', async () => {
    await using disk = await openDisk();
    const { watched, tables, bytes } = await coldTable(3 * mebibyte, disk);
    const source = tables.source(name, bytes.length);
    expect(await source.read(mebibyte + 5000, 8000)).toEqual(bytes.subarray(mebibyte + 5000, mebibyte + 13_000));
    expect(watched.asked).toEqual([{ start: mebibyte + 5000, length: 8000 }]);
    await disk.settled();
    expect(disk.stats().chunks).toBe(0);
    expect(await source.read(mebibyte + 13_000, 8000)).toEqual(bytes.subarray(mebibyte + 13_000, mebibyte + 21_000));
    expect(watched.asked[1]).toEqual({ start: mebibyte, length: mebibyte });
    await disk.settled();
    expect(source.read(mebibyte, 10)).toEqual(bytes.subarray(mebibyte, mebibyte + 10));
    expect(watched.asked.length).toBe(2);
  });

  it('does the same without a disk, as far as memory goes', async () => {
    const { watched, tables, bytes, memory } = await coldTable(8 * mebibyte, undefined, { heldBytesMax: 3 * mebibyte });
    const source = tables.source(name, bytes.length);
    for (let at = 0; at < bytes.length; at += 8192)
      expect((await source.read(at, 8192)).readUInt32BE(4096)).toBe(at + 4096);
    expect(watched.asked.length).toBe(16);
    expect(memory.heldBytes).toBe(3 * mebibyte);
  });

  it('asks once for what many want at the same time', async () => {
    const { watched, tables, bytes } = await coldTable(2 * mebibyte);
    const source = tables.source(name, bytes.length);
    watched.hold();
    const small = [1, 2, 3].map(() => tables.source(name, bytes.length).read(100, 50));
    await turns();
    // The first asks for its piece, the second for the chunk, which serves the third.
    expect(watched.asked.map(({ length }) => length)).toEqual([50, mebibyte]);
    const large = [source.read(mebibyte, mebibyte), source.read(mebibyte + 5, 10)];
    await turns();
    watched.letGo();
    for (const read of small) expect(await read).toEqual(bytes.subarray(100, 150));
    expect(await large[0]).toEqual(bytes.subarray(mebibyte));
    expect(await large[1]).toEqual(bytes.subarray(mebibyte + 5, mebibyte + 15));
    expect(watched.asked.length).toBe(3);
  });

  it('gives small pieces memory of their own, so that keeping one does not keep its chunk', async () => {
    const { tables, bytes } = await coldTable(mebibyte);
    const source = tables.source(name, bytes.length);
    await source.read(0, mebibyte / 2);
    expect((await source.read(8192, 4096)).buffer.byteLength).toBeLessThan(mebibyte);
  });

  it('keeps to its memory, however many ask', async () => {
    const { watched, tables, bytes, memory } = await coldTable(40 * mebibyte, undefined, {
      inFlightBytesMax: 3 * mebibyte,
      aheadBytesMax: 2 * mebibyte,
      heldBytesMax: 4 * mebibyte,
    });
    watched.hold();
    const reads = Array.from({ length: 40 }, (_, index) =>
      tables.source(name, bytes.length).read(index * mebibyte, mebibyte),
    );
    tables.source(name, bytes.length).prefetch(0, bytes.length);
    await turns();
    expect(watched.bytesUnderWay).toBe(3 * mebibyte);
    watched.letGo();
    let highest = 0;
    for (const [index, read] of reads.entries()) {
      expect((await read).equals(bytes.subarray(index * mebibyte, (index + 1) * mebibyte))).toBe(true);
      highest = Math.max(highest, memory.heldBytes);
    }
    expect(watched.bytesUnderWayMost).toBeLessThanOrEqual(5 * mebibyte);
    expect(highest).toBeLessThanOrEqual(4 * mebibyte);
    expect(memory.inFlight.usedBytes).toBe(0);
  });
});

describe('fetching ahead', () => {
  it('has several chunks on their way at once, and the next when one was read, without a disk too', async () => {
    const { watched, tables, bytes, memory } = await coldTable(6 * mebibyte, undefined, {
      aheadBytesMax: 3 * mebibyte,
    });
    const source = tables.source(name, bytes.length);
    source.prefetch(0, bytes.length);
    await turns();
    expect(watched.asked.map(({ start }) => start / mebibyte)).toEqual([0, 1, 2]);
    expect(memory.ahead.bytes).toBe(3 * mebibyte);
    for (let at = 0; at < bytes.length; at += 8192) {
      const read = source.read(at, 8192);
      expect((await read).equals(bytes.subarray(at, at + 8192))).toBe(true);
    }
    expect(watched.asked.length).toBe(6);
    expect(watched.asked.every(({ length }) => length === mebibyte)).toBe(true);
    expect(memory.ahead.bytes).toBe(0);
  });

  it('counts a chunk no longer once its reader is where it said that it will stop', async () => {
    const { watched, tables, bytes, memory } = await coldTable(4 * mebibyte);
    const source = tables.source(name, bytes.length);
    source.prefetch(0, mebibyte);
    source.prefetch(mebibyte, 1.25 * mebibyte);
    source.prefetch(1.25 * mebibyte, 1.5 * mebibyte);
    expect(memory.ahead.bytes).toBe(2 * mebibyte);
    for (let at = 0; at < 1.5 * mebibyte; at += 8192) await source.read(at, 8192);
    expect(watched.asked.length).toBe(2);
    expect(memory.ahead.bytes).toBe(0);
  });

  it('goes on by itself where the disk keeps what came', async () => {
    await using disk = await openDisk();
    const { watched, tables, bytes, memory } = await coldTable(6.5 * mebibyte, disk, { aheadBytesMax: 2 * mebibyte });
    const source = tables.source(name, bytes.length);
    source.prefetch(mebibyte + 1, bytes.length + 5);
    while (disk.stats().chunks < 6) await turns(1);
    await disk.settled();
    expect(memory.ahead.bytes).toBe(0);
    expect(source.read(6 * mebibyte - 10, 20)).toEqual(bytes.subarray(6 * mebibyte - 10, 6 * mebibyte + 10));
    source.prefetch(0, bytes.length);
    await turns();
    expect(watched.asked.map(({ start }) => start / mebibyte).sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  it('joins a reader that came first, and a reader joins it', async () => {
    const { watched, tables, bytes } = await coldTable(2 * mebibyte);
    const source = tables.source(name, bytes.length);
    watched.hold();
    const first = source.read(0, mebibyte);
    source.prefetch(0, bytes.length);
    const second = source.read(mebibyte, 100);
    await turns();
    watched.letGo();
    expect(await first).toEqual(bytes.subarray(0, mebibyte));
    expect(await second).toEqual(bytes.subarray(mebibyte, mebibyte + 100));
    expect(watched.asked.length).toBe(2);
  });

  it('shares the limit among readers, and frees what a reader left unread when room is needed', async () => {
    const { watched, tables, bytes, memory } = await coldTable(20 * mebibyte, undefined, {
      aheadBytesMax: 4 * mebibyte,
      heldBytesMax: 4 * mebibyte,
    });
    const left = tables.source(name, bytes.length);
    left.prefetch(0, 10 * mebibyte);
    await turns();
    expect(memory.ahead.bytes).toBe(4 * mebibyte);
    const going = tables.source(name, bytes.length);
    going.prefetch(10 * mebibyte, bytes.length);
    for (let at = 10 * mebibyte; at < bytes.length; at += 65_536) await going.read(at, 65_536);
    expect(watched.asked.filter(({ start }) => start >= 10 * mebibyte).length).toBe(10);
    // The one that left had four chunks, and no more were fetched for it.
    expect(watched.asked.filter(({ start }) => start < 10 * mebibyte).length).toBe(4);
  });

  it('fails silently; the read of the same bytes asks again', async () => {
    const memory = new MemoryStore(deps);
    const faulty = new FaultyStore(memory, scriptedFaults('get', [{ kind: 'unavailable' }]), systemClock);
    const tables = new BucketTables({ store: faulty, prefix, caches: { disk: undefined }, logger: silentLogger });
    await memory.put(key, [content]);
    const source = tables.source(name, content.length);
    source.prefetch(0, content.length);
    await turns();
    expect(await source.read(10, 10)).toEqual(content.subarray(10, 20));
  });
});

describe('what goes wrong with a table', () => {
  it('a missing one is named, for pieces, chunks and reads behind a chunk', async () => {
    const { tables } = await coldTable(10);
    const source = tables.source({ ...name, number: 11 }, 3 * mebibyte);
    for (const [start, length] of [
      [0, 10],
      [0, mebibyte],
      [2 * mebibyte, 100],
    ] as const) {
      await expect(source.read(start, length)).rejects.toMatchObject({
        code: 'object-not-found',
        message: expect.stringContaining(`table ${source.key}`),
        context: { key: source.key },
      });
    }
  });

  it.each([
    ['shorter, where the read is inside', 1000, 10],
    ['shorter, where the read ends behind it', 1000, 995],
    ['shorter, where the read begins behind it', 1000, 1500],
    ['longer', 3000, 10],
  ])('one that is %s is damage, with both sizes', async (_, actual, start) => {
    const { tables } = await coldTable(actual);
    await expect(tables.source(name, 2000).read(start, 20)).rejects.toMatchObject({
      code: 'corrupt-object',
      context: { key, expected: 2000, actual },
    });
  });

  it('a read outside the table is refused', async () => {
    const { tables, watched } = await coldTable(1000);
    const source = tables.source(name, 1000);
    await expect(source.read(990, 20)).rejects.toMatchObject({ code: 'corrupt-object', context: { key, end: 1010 } });
    await expect(source.readAgain(-1, 20)).rejects.toMatchObject({ code: 'corrupt-object' });
    expect(source.read(5, 0)).toEqual(Buffer.alloc(0));
    expect(watched.asked).toEqual([]);
  });

  it('an answer that was torn on its way may come whole next time', async () => {
    const memory = new MemoryStore(deps);
    const faulty = new FaultyStore(memory, scriptedFaults('get', [{ kind: 'torn-read' }]), systemClock);
    const tables = new BucketTables({ store: faulty, prefix, caches: { disk: undefined }, logger: silentLogger });
    await memory.put(key, [content]);
    const source = tables.source(name, content.length);
    await expect(source.read(0, 100)).rejects.toMatchObject({ code: 'store-unavailable', context: { key } });
    expect(await source.read(0, 100)).toEqual(content.subarray(0, 100));
  });

  it('a damaged local copy is read again from the bucket, thrown away and replaced', async () => {
    await using disk = await openDisk();
    const { watched, tables, bytes } = await coldTable(1, disk);
    const second = { ...name, number: 10 };
    await tables.write(second, [bytes]);
    await disk.settled();
    const [file] = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const path = join(file?.parentPath ?? '', file?.name ?? '');
    writeFileSync(path, Buffer.alloc(statSync(path).size, 0xee));
    const source = tables.source(second, bytes.length);
    expect(source.read(0, bytes.length)).not.toEqual(bytes);
    expect(await source.readAgain(0, bytes.length)).toEqual(bytes);
    expect(watched.asked.length).toBe(1);
    expect(await source.read(0, bytes.length)).toEqual(bytes);
    await disk.settled();
    expect(source.read(0, bytes.length)).toEqual(bytes);
  });

  it('a local copy of which one chunk is refused is thrown away whole', async () => {
    await using disk = await openDisk();
    const { tables, bytes } = await coldTable(3 * mebibyte, disk);
    const stale = Buffer.alloc(mebibyte, 0xee);
    for (const index of [0, 1, 2]) disk.keep(cacheId('memory:', key), index, [stale]);
    const source = tables.source(name, bytes.length);
    expect(source.read(0, 100)).toEqual(stale.subarray(0, 100));
    expect(await source.readAgain(2 * mebibyte, 100)).toEqual(bytes.subarray(2 * mebibyte, 2 * mebibyte + 100));
    expect(await source.read(0, 100)).toEqual(bytes.subarray(0, 100));
  });

  it('a table that is written replaces what the disk had under its name', async () => {
    await using disk = await openDisk();
    const { tables, bytes } = await coldTable(1000, disk);
    const second = { ...name, number: 10 };
    disk.keep(cacheId('memory:', tableKey(prefix, second)), 0, [Buffer.alloc(1000, 0xee)]);
    await disk.settled();
    await tables.write(second, [bytes]);
    expect(tables.source(second, 1000).read(0, 1000)).toEqual(bytes);
    await disk.settled();
    expect(tables.source(second, 1000).read(0, 1000)).toEqual(bytes);
  });

  it('a forgotten table is near no more', async () => {
    await using disk = await openDisk();
    const { watched, tables, bytes, memory } = await coldTable(2 * mebibyte, disk);
    await tables.write({ ...name, number: 10 }, [bytes]);
    tables.forget({ ...name, number: 10 });
    expect(disk.stats()).toMatchObject({ chunks: 0, bytes: 0 });
    const diskless = new BucketTables({
      store: watched.store,
      prefix,
      caches: { disk: undefined, fetches: memory },
      logger: silentLogger,
    });
    await diskless.source(name, bytes.length).read(0, mebibyte);
    expect(memory.heldBytes).toBe(mebibyte);
    diskless.forget(name);
    expect(memory.heldBytes).toBe(0);
  });

  it.each([true, false])(
    'through faults of every kind under the retries, all reads are right (disk: %s)',
    async (withDisk) => {
      await using disk = await openDisk(3 * mebibyte);
      const kinds = { unavailable: 0.1, conflict: 0.1, 'timeout-before': 0.1, 'timeout-after': 0.1, 'torn-read': 0.1 };
      const faulty = new FaultyStore(new MemoryStore(deps), randomFaults(seededRandom(11), { kinds }), systemClock);
      const store = decorate(faulty, { ...deps, options: { retry: { backoffMsMin: 0.1, backoffMsMax: 1 } } });
      const tables = new BucketTables({
        store,
        prefix,
        caches: { disk: withDisk ? disk : undefined },
        logger: silentLogger,
      });
      const random = seededRandom(12);
      const bytes = tableBytes(5 * mebibyte + 77);
      await tables.write(name, [bytes]);
      const source = tables.source(name, bytes.length);
      for (let round = 0; round < 60; round++) {
        const start = Math.floor(random.fraction() * bytes.length);
        const length = Math.min(bytes.length - start, 1 + Math.floor(random.fraction() ** 4 * 2 * mebibyte));
        const again = random.fraction() < 0.1;
        if (random.fraction() < 0.1) source.prefetch(start, bytes.length);
        const read = await (again ? source.readAgain(start, length) : source.read(start, length));
        expect(read.equals(bytes.subarray(start, start + length))).toBe(true);
      }
    },
  );
});
