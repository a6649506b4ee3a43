import { describe, expect, it } from 'vitest';
import { clusterEpoch } from '../../../src/engine/base/ids.ts';
import { VirtualClock } from '../../../src/engine/base/virtual-clock.ts';
import { L0Reader } from '../../../src/engine/l0/l0.ts';
import { formatL0Key } from '../../../src/engine/l0/l0-key-format.ts';
import { MemoryStore } from '../../../src/engine/store/memory-store.ts';
import type { GetOptions } from '../../../src/engine/store/object-store.ts';

const clusterId = '11111111-1111-4111-8111-111111111111';
const sizeBytes = 1000;

class CountingStore extends MemoryStore {
  readonly gets: string[] = [];

  override async get(key: string, options?: GetOptions) {
    this.gets.push(options?.range === undefined ? 'whole' : `${options.range.start}-${options.range.end}`);
    return super.get(key, options);
  }
}

const object = (number: number) => ({
  id: { shard: 0, epoch: clusterEpoch(1), name: `018bcfe5-6800-7000-8000-${String(number).padStart(12, '0')}` },
  sizeBytes,
});

async function setUp(cacheBytesMax = 2500) {
  const store = new CountingStore({ clock: new VirtualClock() });
  for (let number = 0; number < 6; number++) {
    await store.put(formatL0Key(clusterId, object(number).id), [Buffer.alloc(sizeBytes, number)]);
  }
  return { store, reader: new L0Reader({ store, clusterId, cacheBytesMax, inFlightBytesMax: 5000 }) };
}

describe('reading L0 objects', () => {
  it('fetches a small first want by its range, and the whole object when another want comes', async () => {
    const { store, reader } = await setUp();
    await reader.read(object(1), { start: 0, end: 10 });
    await reader.read(object(1), { start: 500, end: 510 });
    await reader.read(object(1), { start: 900, end: 1000 });
    expect(store.gets).toEqual(['0-10', 'whole']);
  });

  it('fetches the whole object at once when much of it is wanted', async () => {
    const { store, reader } = await setUp();
    const { bytes } = await reader.read(object(2), { start: 100, end: 600 });
    expect(bytes.equals(Buffer.alloc(500, 2))).toBe(true);
    expect(store.gets).toEqual(['whole']);
  });

  it('shares one GET among concurrent wants', async () => {
    const { store, reader } = await setUp();
    await Promise.all(
      Array.from({ length: 20 }, (_, at) => reader.read(object(3), { start: at * 10, end: at * 10 + 400 })),
    );
    expect(store.gets).toEqual(['whole']);
  });

  it('keeps its cache within its limit, and reads again what had to go', async () => {
    const { store, reader } = await setUp(2500);
    for (let number = 0; number < 6; number++) {
      using held = await reader.read(object(number), { start: 0, end: 1000 });
      expect(held.bytes[999]).toBe(number);
    }
    expect(reader.cacheBytes).toBeLessThanOrEqual(2500);
    using last = await reader.read(object(5), { start: 0, end: 1000 });
    expect(last.bytes[0]).toBe(5);
    expect(store.gets).toHaveLength(6);
    using first = await reader.read(object(0), { start: 0, end: 1000 });
    expect(first.bytes[0]).toBe(0);
    expect(store.gets).toHaveLength(7);
  });

  it('serves ranges from plain memory while the whole cache is held', async () => {
    const { store, reader } = await setUp(2500);
    const held = [];
    for (let number = 0; number < 4; number++) held.push(await reader.read(object(number), { start: 0, end: 900 }));
    expect(store.gets.slice(2)).toEqual(['0-900', '0-900']);
    for (const [number, one] of held.entries()) expect(one.bytes.equals(Buffer.alloc(900, number))).toBe(true);
    for (const one of held) one[Symbol.dispose]();
    await reader.read(object(4), { start: 0, end: 900 });
    expect(store.gets.at(-1)).toBe('whole');
  });

  it('lets a caller go when its signal says so, while the GET goes on for others', async () => {
    const { reader } = await setUp();
    const gone = new AbortController();
    const leaving = reader.read(object(1), { start: 0, end: 800 }, gone.signal);
    const staying = reader.read(object(1), { start: 0, end: 800 });
    gone.abort();
    await expect(leaving).rejects.toMatchObject({ code: 'cancelled' });
    expect((await staying).bytes.length).toBe(800);
  });

  it('names the object when it is gone, or shorter than its placeholder says', async () => {
    const { store, reader } = await setUp();
    await store.deleteMany([formatL0Key(clusterId, object(1).id)]);
    await expect(reader.read(object(1), { start: 0, end: 800 })).rejects.toMatchObject({ code: 'object-not-found' });
    await expect(reader.read({ ...object(2), sizeBytes: 1200 }, { start: 0, end: 800 })).rejects.toMatchObject({
      code: 'corrupt-object',
    });
  });
});
