// Building an object: what is uploaded, in which pieces, with how much memory, and what is left when it goes wrong.

import { describe, expect, it } from 'vitest';
import { crc32c } from '../../../src/engine/base/checksum.ts';
import { EngineError } from '../../../src/engine/base/errors.ts';
import { offset, timestampMs } from '../../../src/engine/base/ids.ts';
import { VirtualClock } from '../../../src/engine/base/virtual-clock.ts';
import { type L1BuilderOptions, L1ObjectBuilder } from '../../../src/engine/l1/l1.ts';
import { decodeL1Footer } from '../../../src/engine/l1/l1-object-format.ts';
import { type Fault, scriptedFaults } from '../../../src/engine/store/fault-plan.ts';
import { FaultyStore } from '../../../src/engine/store/faulty-store.ts';
import { MemoryStore } from '../../../src/engine/store/memory-store.ts';
import type { Body, MultipartUpload, ObjectStore, PutOptions } from '../../../src/engine/store/object-store.ts';
import { batchesFrom, batchOf, clusterId, keyOf, objectIdOf, topic } from './l1-stage.ts';

const partBytes = 10_000;

interface Call {
  readonly name: string;
  readonly bytes: number;
}

const sizeOf = (body: Body) => body.reduce((sum, part) => sum + part.length, 0);

/** A store that notes the calls of an upload, and can hold up its parts. */
class WatchedStore {
  readonly inner = new MemoryStore({ clock: new VirtualClock(), partBytesMin: 1 });
  readonly calls: Call[] = [];
  /** Parts wait for these, where there are any. */
  readonly gates: (() => void)[] = [];
  /** Discarding does not end. */
  hangs = false;
  held = false;

  get store(): ObjectStore {
    return Object.assign(Object.create(this.inner) as MemoryStore, {
      put: (key: string, body: Body, options?: PutOptions) => {
        this.calls.push({ name: 'put', bytes: sizeOf(body) });
        return this.inner.put(key, body, options);
      },
      multipart: async (key: string) => {
        this.calls.push({ name: 'multipart', bytes: 0 });
        const upload = await this.inner.multipart(key);
        return this.#watched(upload);
      },
    });
  }

  #watched(upload: MultipartUpload): MultipartUpload {
    return {
      part: async (body, options) => {
        this.calls.push({ name: 'part', bytes: sizeOf(body) });
        if (this.held) await new Promise<void>((open) => this.gates.push(open));
        await upload.part(body, options);
      },
      complete: (options) => {
        this.calls.push({ name: 'complete', bytes: 0 });
        return upload.complete(options);
      },
      abort: () => {
        this.calls.push({ name: 'abort', bytes: 0 });
        return this.hangs ? new Promise(() => {}) : upload.abort();
      },
    };
  }
}

function builder(store: ObjectStore, options: Partial<L1BuilderOptions> = {}): L1ObjectBuilder {
  const facts = { clusterId, topicId: topic, objectId: objectIdOf(1), kind: 'reconciled', createdMs: 5 } as const;
  return new L1ObjectBuilder({ store, ...facts, partBytes, indexBytes: 1000, ...options });
}

async function addAll(to: L1ObjectBuilder, batches: readonly Buffer[]): Promise<void> {
  to.beginSection(0, offset(0));
  for (const batch of batches) await to.add(batch);
  to.endSection(offset(1_000_000));
}

async function stored(store: MemoryStore): Promise<Buffer> {
  return (await store.get(keyOf(1))).bytes;
}

describe('the builder of an L1 object', () => {
  it('writes batches as they are, sections with what they hold, and a checksum for every chunk', async () => {
    const { inner, store } = new WatchedStore();
    const made = builder(store);
    const batches = [batchOf(3, 400, 2, 50), batchOf(5, 500, 3, 40), batchOf(10, 400, 1, 60), batchOf(11, 2500, 1, 10)];
    made.beginSection(1, offset(0));
    for (const batch of batches) await made.add(batch);
    const first = made.endSection(offset(20));
    made.beginSection(1, offset(21));
    expect(made.endSection(offset(30))).toBeUndefined();
    made.beginSection(7, offset(100));
    await made.add(batchOf(100, 100, 1, -1));
    const second = made.endSection(offset(100), timestampMs(77));
    const { sizeBytes, footerPosition, sections } = await made.finish();

    expect(first).toEqual({
      partition: 1,
      baseOffset: 0,
      lastOffset: 20,
      maxTimestamp: 60,
      position: 0,
      length: 3800,
      batchCount: 4,
      recordCount: 7,
    });
    expect(second).toMatchObject({ partition: 7, position: 3800, length: 100, maxTimestamp: 77 });
    expect(sections).toEqual([first, second]);
    const bytes = await stored(inner);
    expect(bytes.length).toBe(sizeBytes);
    expect(bytes.subarray(0, 3800)).toEqual(Buffer.concat(batches));
    const footer = decodeL1Footer(bytes.subarray(footerPosition), footerPosition, 'key');
    const chunks = Array.from({ length: footer.chunkCount }, (_, at) => footer.chunk(at));
    expect(chunks.map(({ position, length, baseOffset }) => [position, length, baseOffset])).toEqual([
      [0, 900, 3],
      [900, 400, 10],
      [1300, 2500, 11],
      [3800, 100, 100],
    ]);
    expect(chunks.map(({ maxTimestamp }) => maxTimestamp)).toEqual([50, 60, 10, -1]);
    for (const { position, length, crc } of chunks)
      expect(crc32c(bytes.subarray(position, position + length))).toBe(crc);
  });

  it('sends an object that fits one part by a plain put', async () => {
    const watched = new WatchedStore();
    const made = builder(watched.store);
    await addAll(made, batchesFrom(0, 50));
    const { sizeBytes } = await made.finish();
    expect(watched.calls).toEqual([{ name: 'put', bytes: sizeBytes }]);
  });

  it('sends an object that fills one part to the byte by a plain put, and one byte more in two parts', async () => {
    for (const extra of [0, 1]) {
      const watched = new WatchedStore();
      const probe = builder(new WatchedStore().store);
      await addAll(probe, [batchOf(0, 5000)]);
      const { sizeBytes } = await probe.finish();
      const made = builder(watched.store, { partBytes: sizeBytes - extra });
      await addAll(made, [batchOf(0, 5000)]);
      await made.finish();
      const puts = watched.calls.filter(({ name }) => name !== 'multipart' && name !== 'complete');
      expect(puts.map(({ bytes }) => bytes)).toEqual(extra === 0 ? [sizeBytes] : [sizeBytes - 1, 1]);
    }
  });

  it('sends exact parts, no more than the size asks for', async () => {
    const watched = new WatchedStore();
    const made = builder(watched.store);
    const batches = batchesFrom(0, 333, 317);
    await addAll(made, batches);
    const { sizeBytes, footerPosition } = await made.finish();
    const parts = watched.calls.filter(({ name }) => name === 'part').map(({ bytes }) => bytes);
    expect(parts.slice(0, -1).every((bytes) => bytes === partBytes)).toBe(true);
    expect(parts.length).toBe(Math.ceil(sizeBytes / partBytes));
    expect(watched.calls.filter(({ name }) => name !== 'part').map(({ name }) => name)).toEqual([
      'multipart',
      'complete',
    ]);
    expect((await stored(watched.inner)).subarray(0, footerPosition)).toEqual(Buffer.concat(batches));
  });

  it('copies what it is given at once, and holds two parts and one batch at most', async () => {
    const watched = new WatchedStore();
    watched.held = true;
    const made = builder(watched.store, { partBytes: 1000 });
    const batches = batchesFrom(0, 40, 150);
    made.beginSection(0, offset(0));
    let most = 0;
    for (const batch of batches) {
      const lent = Buffer.from(batch);
      const added = made.add(lent);
      lent.fill(0xff);
      most = Math.max(most, made.memoryBytes);
      let settled = false;
      added.then(() => {
        settled = true;
      });
      for (let turn = 0; turn < 5; turn++) await Promise.resolve();
      while (!settled) {
        // No room: a part must leave first.
        await new Promise((resolve) => setImmediate(resolve));
        watched.gates.shift()?.();
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    made.endSection(offset(100));
    watched.held = false;
    for (const open of watched.gates.splice(0)) open();
    const { footerPosition } = await made.finish();
    expect(most).toBeLessThanOrEqual(3000);
    expect(made.memoryBytes).toBe(0);
    expect((await stored(watched.inner)).subarray(0, footerPosition)).toEqual(Buffer.concat(batches));
  });

  it('takes a batch that is larger than several parts', async () => {
    const watched = new WatchedStore();
    const made = builder(watched.store, { partBytes: 1000 });
    const large = batchOf(1, 5_555);
    await addAll(made, [batchOf(0), large, batchOf(2)]);
    const { footerPosition } = await made.finish();
    expect((await stored(watched.inner)).subarray(0, footerPosition)).toEqual(
      Buffer.concat([batchOf(0), large, batchOf(2)]),
    );
  });

  it('passes its crash points in order', async () => {
    const steps: string[] = [];
    const watched = new WatchedStore();
    const made = builder(watched.store, {
      step: (name) => {
        steps.push(`${name} after ${watched.calls.length} calls`);
      },
    });
    await addAll(made, batchesFrom(0, 250));
    await made.finish();
    expect(steps).toEqual(['part after 0 calls', 'part after 2 calls', 'part after 3 calls', 'complete after 4 calls']);
    steps.length = 0;
    const small = builder(watched.store, { objectId: objectIdOf(2), step: (name) => void steps.push(name) });
    await addAll(small, [batchOf(0)]);
    await small.finish();
    expect(steps).toEqual(['complete']);
  });

  it('never writes over an object that is there', async () => {
    const watched = new WatchedStore();
    for (const batches of [[batchOf(0)], batchesFrom(0, 250)]) {
      await watched.inner.put(keyOf(1), [Buffer.from('there')]);
      const made = builder(watched.store);
      await addAll(made, batches);
      await expect(made.finish()).rejects.toMatchObject({ code: 'precondition-failed' });
      await made.abort();
      expect((await stored(watched.inner)).toString()).toBe('there');
    }
  });

  it.each(['put', 'multipart-create', 'multipart-part', 'multipart-complete'] as const)(
    'rejects when a call fails, and can be aborted then: %s',
    async (operation) => {
      const watched = new WatchedStore();
      const fault: Fault = { kind: 'unavailable' };
      const faulty = new FaultyStore(watched.store, scriptedFaults(operation, [fault]), new VirtualClock());
      const made = builder(faulty);
      const outcome = addAll(made, batchesFrom(0, operation === 'put' ? 10 : 250)).then(() => made.finish());
      await expect(outcome).rejects.toMatchObject({ code: 'store-unavailable' });
      await expect(made.finish()).rejects.toBeInstanceOf(EngineError);
      await made.abort();
      await made.abort();
      expect(await watched.inner.head(keyOf(1))).toBeUndefined();
      const began = watched.calls.some(({ name }) => name === 'multipart');
      expect(watched.calls.filter(({ name }) => name === 'abort').length).toBe(began ? 1 : 0);
    },
  );

  it('lets an abort end what is under way, at any time', async () => {
    const watched = new WatchedStore();
    watched.held = true;
    const made = builder(watched.store);
    made.beginSection(0, offset(0));
    for (const batch of batchesFrom(0, 120)) await made.add(batch);
    const aborted = made.abort();
    await expect(made.add(batchOf(120))).rejects.toMatchObject({ code: 'cancelled' });
    for (const open of watched.gates.splice(0)) open();
    await aborted;
    await made.abort();
    expect(watched.calls.map(({ name }) => name)).toEqual(['multipart', 'part', 'abort']);
    expect(made.memoryBytes).toBe(0);
    await builder(watched.store).abort();
  });

  it('stops when its signal comes', async () => {
    const watched = new WatchedStore();
    const controller = new AbortController();
    const made = builder(watched.store, { signal: controller.signal });
    made.beginSection(0, offset(0));
    await made.add(batchOf(0));
    controller.abort();
    await expect(made.add(batchOf(1))).rejects.toMatchObject({ code: 'cancelled' });
    made.endSection(offset(1));
    await expect(made.finish()).rejects.toMatchObject({ code: 'cancelled' });
    await made.abort();
    expect(watched.calls).toEqual([]);
  });

  it('does not wait for a store that hangs once its signal has come: it is told to discard what it has, and that is that', async () => {
    const watched = new WatchedStore();
    const controller = new AbortController();
    const made = builder(watched.store, { signal: controller.signal });
    made.beginSection(0, offset(0));
    for (const batch of batchesFrom(0, 120)) await made.add(batch);
    watched.hangs = true;
    controller.abort();
    await made.abort();
    expect(watched.calls.at(-1)?.name).toBe('abort');
  });

  it('does nothing when it is aborted after it was finished', async () => {
    const watched = new WatchedStore();
    const made = builder(watched.store);
    await addAll(made, batchesFrom(0, 250));
    await made.finish();
    await made.abort();
    expect(watched.calls.at(-1)?.name).toBe('complete');
    expect(await watched.inner.head(keyOf(1))).toBeDefined();
  });

  it('refuses what is out of order or no whole batch, as a bug', async () => {
    const begun = () => {
      const made = builder(new WatchedStore().store);
      made.beginSection(3, offset(10));
      return made;
    };
    const bug = expect.objectContaining({ code: 'bug' });
    await expect(builder(new WatchedStore().store).add(batchOf(0))).rejects.toEqual(bug);
    await expect(begun().add(batchOf(9))).rejects.toEqual(bug);
    await expect(begun().add(batchOf(10).subarray(1))).rejects.toEqual(bug);
    await expect(begun().add(Buffer.alloc(10))).rejects.toEqual(bug);
    const made = begun();
    await made.add(batchOf(10, 100, 5));
    await expect(made.add(batchOf(14))).rejects.toEqual(bug);
    expect(() => made.endSection(offset(13))).toThrow(bug);
    expect(() => made.beginSection(4, offset(0))).toThrow(bug);
    await expect(made.finish()).rejects.toEqual(bug);
    made.endSection(offset(20));
    expect(() => made.endSection(offset(20))).toThrow(bug);
    expect(() => made.beginSection(3, offset(20))).toThrow(bug);
    expect(() => made.beginSection(2, offset(30))).toThrow(bug);
    made.beginSection(3, offset(21));
    made.endSection(offset(21));
    await made.finish();
    await expect(builder(new WatchedStore().store).finish()).rejects.toEqual(bug);
  });
});
