// Local copies of tables: bounded, kept over restarts, and never the reason that a read fails.

import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LogFields } from '../../../src/engine/base/logger.ts';
import { silentLogger } from '../../../src/engine/base/logger.ts';
import { VirtualClock } from '../../../src/engine/base/virtual-clock.ts';
import { type ChunkFileSystem, nodeChunkFileSystem } from '../../../src/engine/disk-cache/chunk-file-system.ts';
import { cacheId, DiskCache, type DiskCacheOptions } from '../../../src/engine/disk-cache/disk-cache.ts';

const table = cacheId('memory:', 'c/domain/control/sst/1');
const other = cacheId('memory:', 'c/domain/control/sst/2');
const bytes = (fill: number, length = 1000) => Buffer.alloc(length, fill);

let directory: string;
let clock: VirtualClock;
let warnings: LogFields[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'disk-cache-'));
  clock = new VirtualClock();
  warnings = [];
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

function open(options: Partial<DiskCacheOptions> = {}): Promise<DiskCache> {
  const logger = { ...silentLogger, warn: (fields: LogFields) => void warnings.push(fields) };
  return DiskCache.open({ directory, bytesMax: 1_000_000, clock, logger, ...options });
}

function failing(calls: Partial<ChunkFileSystem>): ChunkFileSystem {
  return { ...nodeChunkFileSystem, ...calls };
}

const failure = (code: string) => Object.assign(new Error(code), { code });
const refuse = (code: string) => async () => Promise.reject(failure(code));

function filesOnDisk(): string[] {
  const names = readdirSync(directory, { recursive: true, withFileTypes: true });
  return names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

const bytesOnDisk = () => filesOnDisk().reduce((sum, path) => sum + statSync(path).size, 0);

describe('a disk cache', () => {
  it('fills memory that it is lent, and says when it needs the bytes it was given no more', async () => {
    await using cache = await open();
    const given = Buffer.from('hello world');
    let written = 0;
    const keep = () => cache.keep(table, 0, [given], () => void written++);
    expect(keep()).toBe(true);
    const into = Buffer.alloc(5);
    expect(cache.read(table, 0, 6, 5, into)).toBe(into);
    expect(into.toString()).toBe('world');
    expect(written).toBe(0);
    await cache.settled();
    expect(written).toBe(1);
    given.fill(0);
    into.fill(0);
    expect(cache.read(table, 0, 6, 5, into)).toBe(into);
    expect(into.toString()).toBe('world');
    // What is there already is not needed at all.
    expect(keep()).toBe(true);
    expect(written).toBe(2);
  });

  it('says that it needs bytes no more when they could not be written either', async () => {
    await using cache = await open({ fileSystem: failing({ write: refuse('ENOSPC') }) });
    let written = 0;
    expect(cache.keep(table, 0, [bytes(1)], () => void written++)).toBe(true);
    await cache.settled();
    expect(written).toBe(1);
    expect(cache.keep(table, 1, [bytes(1)], () => void written++)).toBe(false);
    expect(written).toBe(1);
  });

  it('gives back what it was given, in memory first and then from the disk', async () => {
    await using cache = await open();
    expect(cache.read(table, 0, 0, 10)).toBeUndefined();
    expect(cache.keep(table, 0, [Buffer.from('hello '), Buffer.from('world')])).toBe(true);
    expect(filesOnDisk()).toEqual([]);
    expect(cache.read(table, 0, 3, 6)?.toString()).toBe('lo wor');
    await cache.settled();
    expect(cache.stats()).toMatchObject({ bytes: 11, chunks: 1, pendingBytes: 0, hits: 1, misses: 1 });
    expect(bytesOnDisk()).toBe(11);
    expect(cache.read(table, 0, 3, 6)).toEqual(Buffer.from('lo wor'));
    expect(cache.read(table, 1, 0, 1)).toBeUndefined();
    expect(cache.read(other, 0, 0, 1)).toBeUndefined();
  });

  it('writes chunks of many small parts whole', async () => {
    await using cache = await open();
    const parts = Array.from({ length: 3000 }, (_, at) => Buffer.from([at % 256, at >> 8]));
    cache.keep(table, 0, [...parts, Buffer.alloc(0)]);
    await cache.settled();
    expect(cache.read(table, 0, 0, 6000)).toEqual(Buffer.concat(parts));
  });

  it('tells tables of two buckets with the same key apart', () => {
    expect(cacheId('s3://a', 'key')).not.toBe(cacheId('s3://b', 'key'));
  });

  it('has everything after a restart but what was left half written, which it clears away', async () => {
    {
      await using before = await open();
      before.keep(table, 0, [bytes(1)]);
      before.keep(table, 7, [bytes(2, 500)]);
    }
    writeFileSync(join(directory, 'v1', table, 'new-3'), 'half');
    mkdirSync(join(directory, 'v1', other));
    writeFileSync(join(directory, 'v1', other, 'new-1'), 'half');
    await using cache = await open();
    expect(cache.stats()).toMatchObject({ bytes: 1500, chunks: 2 });
    expect(cache.read(table, 7, 100, 3)).toEqual(bytes(2, 3));
    await cache.settled();
    expect(filesOnDisk().length).toBe(2);
    expect(readdirSync(join(directory, 'v1'))).toEqual([table]);
    expect(warnings).toEqual([]);
  });

  it('keeps to its limit at every moment, also when it was lowered', async () => {
    const limit = 10_000;
    let highest = 0;
    const watching = failing({
      write: async (path, parts) => {
        await nodeChunkFileSystem.write(path, parts);
        highest = Math.max(highest, bytesOnDisk());
      },
    });
    {
      await using cache = await open({ bytesMax: limit, fileSystem: watching });
      for (let index = 0; index < 40; index++) {
        cache.keep(table, index, [bytes(index, 900)]);
        expect(cache.stats().bytes).toBeLessThanOrEqual(limit);
      }
      expect(cache.keep(table, 99, [bytes(1, limit + 1)])).toBe(false);
    }
    expect(highest).toBeGreaterThan(limit - 1000);
    expect(highest).toBeLessThanOrEqual(limit);
    await using smaller = await open({ bytesMax: 2000 });
    await smaller.settled();
    expect(bytesOnDisk()).toBeLessThanOrEqual(2000);
    expect(smaller.stats().chunks).toBe(2);
  });

  it('evicts what was not read before what was', async () => {
    await using cache = await open({ bytesMax: 3000 });
    for (const index of [0, 1, 2]) cache.keep(table, index, [bytes(index)]);
    cache.read(table, 0, 0, 1);
    cache.keep(table, 3, [bytes(3)]);
    expect([0, 1, 2, 3].map((index) => cache.has(table, index))).toEqual([true, false, true, true]);
    await cache.settled();
    expect(bytesOnDisk()).toBe(3000);
  });

  it('declines chunks when too many wait to be written, and takes them again later', async () => {
    await using cache = await open({ pendingBytesMax: 2500 });
    expect([0, 1, 2].map((index) => cache.keep(table, index, [bytes(index)]))).toEqual([true, true, false]);
    expect(cache.stats().pendingBytes).toBe(2000);
    await cache.settled();
    expect(cache.keep(table, 2, [bytes(2)])).toBe(true);
  });

  it('forgets a table with its directory, also while it is being written', async () => {
    await using cache = await open();
    cache.keep(other, 0, [bytes(9)]);
    for (const index of [0, 1, 2]) cache.keep(table, index, [bytes(index)]);
    cache.drop(table);
    expect(cache.read(table, 1, 0, 1)).toBeUndefined();
    await cache.settled();
    cache.keep(table, 5, [bytes(5)]);
    cache.keep(table, 6, [bytes(6)]);
    await cache.settled();
    cache.read(table, 5, 0, 1);
    cache.drop(table, [5]);
    await cache.settled();
    expect(filesOnDisk().length).toBe(2);
    cache.drop(table);
    await cache.settled();
    expect(readdirSync(join(directory, 'v1'))).toEqual([other]);
    expect(warnings).toEqual([]);
  });

  it('keeps a bounded number of files open', async () => {
    const descriptors = new Set<number>();
    let most = 0;
    const counting = failing({
      openNow: (path) => {
        const descriptor = nodeChunkFileSystem.openNow(path);
        descriptors.add(descriptor);
        most = Math.max(most, descriptors.size);
        return descriptor;
      },
      close: (descriptor) => {
        descriptors.delete(descriptor);
        nodeChunkFileSystem.close(descriptor);
      },
    });
    {
      await using cache = await open({ openFilesMax: 4, fileSystem: counting });
      for (let index = 0; index < 20; index++) cache.keep(table, index, [bytes(index)]);
      await cache.settled();
      for (let round = 0; round < 3; round++) {
        for (let index = 0; index < 20; index++) expect(cache.read(table, index, 0, 5)).toEqual(bytes(index, 5));
      }
    }
    expect(most).toBe(5);
    expect(descriptors.size).toBe(0);
  });
});

describe('a disk cache on a disk that fails', () => {
  it('misses, says so, and writes nothing for a while when the disk is full', async () => {
    let writes = 0;
    const full = failing({
      write: async (path, parts) => {
        writes++;
        await nodeChunkFileSystem.write(path, [(parts[0] as Buffer).subarray(0, 10)]);
        throw failure('ENOSPC');
      },
    });
    await using cache = await open({ fileSystem: full });
    expect(cache.keep(table, 0, [bytes(0)])).toBe(true);
    await cache.settled();
    expect(cache.read(table, 0, 0, 1)).toBeUndefined();
    expect(cache.stats()).toMatchObject({ bytes: 0, chunks: 0, pendingBytes: 0, failures: 1 });
    expect(warnings).toEqual([expect.objectContaining({ error: 'ENOSPC' })]);
    expect(filesOnDisk()).toEqual([]);
    expect(cache.keep(table, 0, [bytes(0)])).toBe(false);
    await clock.advance(10_000);
    expect(cache.keep(table, 0, [bytes(0)])).toBe(true);
    await cache.settled();
    expect(writes).toBe(2);
  });

  it('misses when a file was cut short, and is rid of it', async () => {
    await using cache = await open();
    cache.keep(table, 0, [bytes(0)]);
    await cache.settled();
    truncateSync(filesOnDisk()[0] as string, 400);
    expect(cache.read(table, 0, 0, 400)).toEqual(bytes(0, 400));
    expect(cache.read(table, 0, 300, 200)).toBeUndefined();
    expect(cache.has(table, 0)).toBe(false);
    await cache.settled();
    expect(filesOnDisk()).toEqual([]);
    expect(warnings.length).toBe(1);
  });

  it('misses when a file has vanished', async () => {
    await using cache = await open();
    cache.keep(table, 0, [bytes(0)]);
    await cache.settled();
    rmSync(directory, { recursive: true });
    expect(cache.read(table, 0, 0, 10)).toBeUndefined();
    expect(cache.keep(table, 0, [bytes(0)])).toBe(true);
    await cache.settled();
    expect(cache.read(table, 0, 0, 10)).toEqual(bytes(0, 10));
  });

  it.each([
    ['EIO', false],
    ['EMFILE', true],
  ])('after %s still holds the chunk: %s', async (code, kept) => {
    let broken = true;
    const fileSystem = failing({
      openNow: (path) => {
        if (broken) throw failure(code);
        return nodeChunkFileSystem.openNow(path);
      },
    });
    await using cache = await open({ fileSystem });
    cache.keep(table, 0, [bytes(0)]);
    await cache.settled();
    expect(cache.read(table, 0, 0, 10)).toBeUndefined();
    broken = false;
    expect(cache.read(table, 0, 0, 10)).toEqual(kept ? bytes(0, 10) : undefined);
  });

  it('always misses where its directory cannot be used', async () => {
    writeFileSync(join(directory, 'file'), '');
    await using cache = await open({ directory: join(directory, 'file') });
    cache.keep(table, 0, [bytes(0)]);
    await cache.settled();
    expect(cache.read(table, 0, 0, 10)).toBeUndefined();
    expect(cache.stats()).toMatchObject({ chunks: 0, pendingBytes: 0 });
    expect(warnings.length).toBeGreaterThan(1);
  });

  it('goes on when a file cannot be removed', async () => {
    await using cache = await open({ bytesMax: 1000, fileSystem: failing({ remove: refuse('EACCES') }) });
    cache.keep(table, 0, [bytes(0)]);
    cache.keep(table, 1, [bytes(1)]);
    await cache.settled();
    expect(cache.read(table, 1, 0, 10)).toEqual(bytes(1, 10));
  });

  it('reads through the thread pool after a slow read, and directly again later', async () => {
    let slow = true;
    let nowMs = 0;
    const monotonicMs = () => {
      nowMs += slow ? 5 : 0;
      return nowMs;
    };
    const steps = { nowMs: () => 0, after: clock.after.bind(clock), monotonicMs };
    await using cache = await open({ clock: steps });
    cache.keep(table, 0, [bytes(3)]);
    await cache.settled();
    expect(cache.read(table, 0, 0, 10)).toEqual(bytes(3, 10));
    slow = false;
    for (let read = 0; read < 256; read++) {
      const answer = cache.read(table, 0, read, 10);
      expect(answer).toBeInstanceOf(Promise);
      expect(await answer).toEqual(bytes(3, 10));
    }
    expect(cache.read(table, 0, 0, 10)).toEqual(bytes(3, 10));
  });

  it('misses when a read through the thread pool fails', async () => {
    const fileSystem = failing({ read: refuse('EIO') });
    await using cache = await open({ fileSystem });
    cache.keep(table, 0, [bytes(0, 400_000)]);
    await cache.settled();
    const answer = cache.read(table, 0, 0, 300_000);
    expect(answer).toBeInstanceOf(Promise);
    expect(await answer).toBeUndefined();
    expect(cache.has(table, 0)).toBe(false);
  });
});
