// The story of a call that goes wrong: tried again, given up, or settled by reading back.

import { describe, expect, it } from 'vitest';
import { EngineError } from '../../../src/engine/base/errors.ts';
import { silentLogger } from '../../../src/engine/base/logger.ts';
import { seededRandom } from '../../../src/engine/base/random.ts';
import { VirtualClock } from '../../../src/engine/base/virtual-clock.ts';
import { type Fault, type FaultPlan, scriptedFaults } from '../../../src/engine/store/fault-plan.ts';
import { FaultyStore } from '../../../src/engine/store/faulty-store.ts';
import { MemoryStore } from '../../../src/engine/store/memory-store.ts';
import type { StoreOperation } from '../../../src/engine/store/metered-store.ts';
import type { ObjectStore } from '../../../src/engine/store/object-store.ts';
import { backoffMs, defaultRetryPolicy } from '../../../src/engine/store/retry-policy.ts';
import { RetryingStore } from '../../../src/engine/store/retrying-store.ts';

const text = (value: string) => [Buffer.from(value.slice(0, 2)), Buffer.from(value.slice(2))];
const mebibyte = 1024 * 1024;

function setUp(plan: FaultPlan = { next: () => undefined }, inner?: (memory: MemoryStore) => ObjectStore) {
  const clock = new VirtualClock();
  const memory = new MemoryStore({ clock, partBytesMin: 4 });
  const faulty = inner?.(memory) ?? new FaultyStore(memory, plan, clock);
  const policy = { ...defaultRetryPolicy, deadlineMs: 10_000, tryTimeoutMs: 2_000 };
  const store = new RetryingStore(faulty, { clock, random: seededRandom(1), logger: silentLogger, policy });
  /** Runs virtual time until the call has settled. */
  const settle = async <T>(call: Promise<T>): Promise<T> => {
    let done = false;
    call.then(
      () => (done = true),
      () => (done = true),
    );
    for (let step = 0; step < 200 && !done; step++) await clock.advance(200);
    return await call;
  };
  return { clock, memory, store, settle };
}

const faults = (operation: StoreOperation, ...kinds: (Fault['kind'] | undefined)[]) =>
  scriptedFaults(
    operation,
    kinds.map((kind) => (kind === undefined ? undefined : { kind, latencyMs: 100 })),
  );

describe('retrying store', () => {
  it('tries again after 503, 409 and time-outs', async () => {
    const { store, memory, settle } = setUp(
      faults('put', 'unavailable', 'conflict', 'timeout-before', 'timeout-after'),
    );
    await settle(store.put('key', text('value')));
    expect((await memory.get('key')).bytes.toString()).toBe('value');
  });

  it('takes 412 and "not there" as answers', async () => {
    const { store, memory, settle } = setUp();
    await memory.put('key', text('other'));
    await expect(settle(store.put('key', text('value'), { createOnly: true }))).rejects.toMatchObject({
      code: 'precondition-failed',
    });
    await expect(settle(store.get('absent'))).rejects.toMatchObject({ code: 'object-not-found' });
  });

  it('gives up at the deadline with the last error, and says how often it tried', async () => {
    const { store, settle, clock } = setUp({ next: () => ({ kind: 'unavailable' }) });
    const start = clock.monotonicMs();
    await expect(settle(store.head('key'))).rejects.toMatchObject({
      code: 'store-unavailable',
      context: { tries: expect.any(Number) },
    });
    expect(clock.monotonicMs() - start).toBeLessThanOrEqual(10_400);
  });

  it('gives up a try that hangs, and tries again', async () => {
    let calls = 0;
    const { store, settle } = setUp(undefined, (memory) => {
      const head: ObjectStore['head'] = (key) => (calls++ === 0 ? new Promise(() => {}) : memory.head(key));
      return Object.assign(Object.create(memory), { head });
    });
    expect(await settle(store.head('key'))).toBeUndefined();
    expect(calls).toBe(2);
  });

  it('stops when the caller gives up', async () => {
    const abort = new AbortController();
    const { store, settle, clock } = setUp({ next: () => ({ kind: 'unavailable' }) });
    const call = store.put('key', text('value'), { signal: abort.signal });
    call.catch(() => {});
    await clock.advance(500);
    abort.abort();
    await expect(settle(call)).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('does not wait for disk space', async () => {
    const { store, settle } = setUp(undefined, (memory) => {
      const put: ObjectStore['put'] = () => Promise.reject(new EngineError('disk-full', 'full'));
      return Object.assign(Object.create(memory), { put });
    });
    await expect(settle(store.put('key', text('value')))).rejects.toMatchObject({ code: 'disk-full' });
  });

  it('reads again what came torn', async () => {
    const { store, memory, settle } = setUp(faults('get', 'torn-read', 'torn-read'));
    await memory.put('key', text('0123456789'));
    expect((await settle(store.get('key'))).bytes.toString()).toBe('0123456789');
    const torn = setUp(faults('get', 'torn-read'));
    await torn.memory.put('key', text('0123456789'));
    expect((await torn.settle(torn.store.get('key', { range: { start: 2, end: 50 } }))).bytes.toString()).toBe(
      '23456789',
    );
  });

  it('goes on with a listing behind the last key', async () => {
    const { store, memory, settle } = setUp(faults('list', 'timeout-after', 'unavailable', 'timeout-after'));
    for (const key of ['a', 'b', 'c', 'd']) await memory.put(key, text(key));
    const infos = await settle(Array.fromAsync(store.list({ prefix: '' })));
    expect(infos.map((info) => info.key)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('deletes again only what may work another time', async () => {
    const asked: (readonly string[])[] = [];
    const { store, settle } = setUp(undefined, (memory) => {
      const deleteMany: ObjectStore['deleteMany'] = async (keys) => {
        asked.push(keys);
        const failures = [{ key: 'a', message: 'SlowDown', retryable: true }];
        return asked.length > 1 ? [] : [...failures, { key: 'b', message: 'AccessDenied', retryable: false }];
      };
      return Object.assign(Object.create(memory), { deleteMany });
    });
    expect(await settle(store.deleteMany(['a', 'b', 'c']))).toEqual([
      { key: 'b', message: 'AccessDenied', retryable: false },
    ]);
    expect(asked).toEqual([['a', 'b', 'c'], ['a']]);
  });
});

describe('a conditional put whose earlier try got no answer', () => {
  it('succeeds when the object holds what was put', async () => {
    const { store, memory, settle } = setUp(faults('put', 'timeout-after'));
    const info = await settle(store.put('key', text('ours'), { createOnly: true }));
    expect(info.etag).toBe((await memory.head('key'))?.etag);
  });

  it('also when it got through late, after the next try had begun', async () => {
    const { store, memory, settle } = setUp(faults('put', 'timeout-late', 'timeout-before'));
    await settle(store.put('key', text('ours'), { createOnly: true }));
    expect((await memory.get('key')).bytes.toString()).toBe('ours');
  });

  it('fails when somebody else was first', async () => {
    const { store, memory, settle } = setUp(faults('put', 'timeout-before'));
    const call = store.put('key', text('ours'), { createOnly: true });
    await memory.put('key', text('theirs'));
    await expect(settle(call)).rejects.toMatchObject({ code: 'precondition-failed' });
  });

  it('is refused without a look when every earlier try said that it did nothing', async () => {
    const { store, memory, settle } = setUp(faults('put', 'conflict'));
    const call = store.put('key', text('same'), { createOnly: true });
    await memory.put('key', text('same'));
    await expect(settle(call)).rejects.toMatchObject({ code: 'precondition-failed' });
  });

  it('under if-match, succeeds when the object holds what was put', async () => {
    const { store, memory, settle } = setUp(faults('put', 'timeout-after'));
    const before = await memory.put('key', text('before'));
    const info = await settle(store.put('key', text('ours'), { ifMatch: before.etag }));
    expect(info.etag).toBe((await memory.head('key'))?.etag);
  });

  it('under if-match, stays unknown when a third version is there: ours may have lain between', async () => {
    const { store, memory, settle } = setUp(scriptedFaults('put', [{ kind: 'timeout-after' }]));
    const before = await memory.put('key', text('before'));
    const call = store.put('key', text('ours'), { ifMatch: before.etag });
    call.catch(() => {});
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    await memory.put('key', text('third'));
    await expect(settle(call)).rejects.toMatchObject({ code: 'store-timeout' });
  });
});

describe('a multipart upload with trouble', () => {
  const parts = ['part one', 'part two', 'end'];

  it('sends parts again under their number', async () => {
    const { store, memory, settle } = setUp(faults('multipart-part', 'timeout-after', 'unavailable', 'timeout-before'));
    const upload = await settle(store.multipart('key'));
    await settle(Promise.all(parts.map((part) => upload.part(text(part)))));
    await settle(upload.complete());
    expect((await memory.get('key')).bytes.toString()).toBe(parts.join(''));
  });

  it('settles a completion without an answer by reading the parts back', async () => {
    const { store, memory, settle } = setUp(faults('multipart-complete', 'timeout-after'));
    const upload = await settle(store.multipart('key'));
    for (const part of parts) await settle(upload.part(text(part)));
    const info = await settle(upload.complete({ createOnly: true }));
    expect(info).toEqual(await memory.head('key'));
  });

  it('does not take another object for its own', async () => {
    const { store, memory, settle } = setUp(faults('multipart-complete', 'timeout-before'));
    const upload = await settle(store.multipart('key'));
    await settle(upload.part(text('ours')));
    const call = upload.complete({ createOnly: true });
    await memory.put('key', text('thei'));
    await expect(settle(call)).rejects.toMatchObject({ code: 'precondition-failed' });
  });
});

describe('backoff', () => {
  it('doubles from 50 ms to 5 s, with half of it by chance', () => {
    for (const [tries, ceiling] of [
      [1, 50],
      [2, 100],
      [5, 800],
      [8, 5_000],
      [50, 5_000],
    ] as const) {
      const pauses = Array.from({ length: 200 }, (_, seed) => backoffMs(defaultRetryPolicy, seededRandom(seed), tries));
      expect(Math.min(...pauses)).toBeGreaterThanOrEqual(ceiling / 2);
      expect(Math.max(...pauses)).toBeLessThanOrEqual(ceiling);
      expect(new Set(pauses.map(Math.round)).size).toBeGreaterThan(10);
    }
  });

  it('gives a big body the time it needs', async () => {
    let signalled = false;
    const { store, settle, clock } = setUp(undefined, (memory) => {
      const put: ObjectStore['put'] = async (key, body, options) => {
        options?.signal?.addEventListener('abort', () => (signalled = true));
        await new Promise<void>((resolve) => void clock.after(9_000, resolve));
        return await memory.put(key, body);
      };
      return Object.assign(Object.create(memory), { put });
    });
    await settle(store.put('key', [Buffer.alloc(8 * mebibyte)]));
    expect(signalled).toBe(false);
  });
});
