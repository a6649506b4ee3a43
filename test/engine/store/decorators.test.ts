// The concurrency limit, the metrics and the faults; and that a decorated store is still a store.

import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/engine/base/clock.ts';
import { silentLogger } from '../../../src/engine/base/logger.ts';
import { seededRandom } from '../../../src/engine/base/random.ts';
import { VirtualClock } from '../../../src/engine/base/virtual-clock.ts';
import { randomFaults, scriptedFaults } from '../../../src/engine/store/fault-plan.ts';
import { FaultyStore } from '../../../src/engine/store/faulty-store.ts';
import { LimitedStore } from '../../../src/engine/store/limited-store.ts';
import { MemoryStore } from '../../../src/engine/store/memory-store.ts';
import { MeteredStore, type StoreMetrics } from '../../../src/engine/store/metered-store.ts';
import type { ObjectStore } from '../../../src/engine/store/object-store.ts';
import { decorate, openStore } from '../../../src/engine/store/store.ts';
import { describeObjectStore } from './object-store-conformance.ts';

const text = (value: string) => [Buffer.from(value)];
const deps = { clock: systemClock, random: seededRandom(7), logger: silentLogger };
const nothing = async () => {};

describeObjectStore('memory by URL, decorated', async () => {
  const metrics: StoreMetrics = { observe: () => {} };
  return { store: await openStore('memory:', { ...deps, metrics }), close: nothing };
});

describeObjectStore(
  'memory with faults beneath the retries',
  async () => {
    // No faults that leave the outcome open: under if-match such a call may end as unknown, which the suite does not expect.
    const rates = { kinds: { conflict: 0.2, 'torn-read': 0.1, 'late-list': 0.1 } };
    const faulty = new FaultyStore(new MemoryStore(deps), randomFaults(seededRandom(3), rates), systemClock);
    return {
      store: decorate(faulty, { ...deps, options: { retry: { backoffMsMin: 0.1, backoffMsMax: 1 } } }),
      close: nothing,
    };
  },
  { manyObjects: 300, propertyRuns: 10 },
);

/** A store whose heads wait until they are let go. */
function gated() {
  const waiting: (() => void)[] = [];
  const memory = new MemoryStore(deps);
  const head: ObjectStore['head'] = async () => {
    await new Promise<void>((resolve) => waiting.push(resolve));
    return undefined;
  };
  return { waiting, store: Object.assign(memory, { head }) as ObjectStore };
}

const turns = async () => {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
};

describe('limited store', () => {
  it('lets so many calls run, and the rest in turn', async () => {
    const { waiting, store } = gated();
    const limited = new LimitedStore(store, { concurrencyMax: 2, urgentMax: 1, waitingMax: 10 });
    const ended: number[] = [];
    const calls = [1, 2, 3, 4].map((number) => limited.head('key').then(() => ended.push(number)));
    await turns();
    expect(waiting.length).toBe(2);
    waiting[0]?.();
    await turns();
    expect(waiting.length).toBe(3);
    expect(ended).toEqual([1]);
    for (let index = 1; index < 4; index++) {
      waiting[index]?.();
      await turns();
    }
    await Promise.all(calls);
    expect(ended).toEqual([1, 2, 3, 4]);
  });

  it('refuses when too many wait', async () => {
    const { waiting, store } = gated();
    const limited = new LimitedStore(store, { concurrencyMax: 1, urgentMax: 1, waitingMax: 1 });
    const calls = [limited.head('a'), limited.head('b')];
    await expect(limited.head('c')).rejects.toMatchObject({ code: 'store-unavailable' });
    waiting[0]?.();
    await turns();
    waiting[1]?.();
    await Promise.all(calls);
  });

  it('keeps places for urgent calls, which others never take', async () => {
    const { waiting, store } = gated();
    const limited = new LimitedStore(store, { concurrencyMax: 1, urgentMax: 1, waitingMax: 5 });
    await limited.put('key', text('x'));
    const calls = [limited.head('a'), limited.head('b')];
    await turns();
    expect((await limited.get('key', { urgent: true })).bytes.toString()).toBe('x');
    const urgent = [limited.head('c', { urgent: true }), limited.head('d', { urgent: true })];
    await turns();
    expect(waiting.length).toBe(2); // one of either kind
    for (let index = 0; index < 4; index++) {
      waiting[index]?.();
      await turns();
    }
    await Promise.all([...calls, ...urgent]);
  });

  it('hands an urgent get on through the retries', async () => {
    const { waiting, store } = gated();
    const decorated = decorate(store, { ...deps, options: { limits: { concurrencyMax: 1 } } });
    await decorated.put('key', text('x'));
    const hanging = decorated.head('a');
    await turns();
    const plain = decorated.get('key');
    expect((await decorated.get('key', { urgent: true })).bytes.toString()).toBe('x');
    waiting[0]?.();
    await Promise.all([hanging, plain]);
  });

  it('forgets a waiting call that is cancelled', async () => {
    const { waiting, store } = gated();
    const limited = new LimitedStore(store, { concurrencyMax: 1, urgentMax: 1, waitingMax: 5 });
    const abort = new AbortController();
    const first = limited.head('a');
    const second = limited.head('b', { signal: abort.signal });
    const third = limited.head('c');
    await turns();
    abort.abort();
    await expect(second).rejects.toMatchObject({ code: 'cancelled' });
    waiting[0]?.();
    await first;
    await turns();
    expect(waiting.length).toBe(2);
    waiting[1]?.();
    await third;
  });

  it('gives its place back after an error', async () => {
    const limited = new LimitedStore(new MemoryStore(deps), { concurrencyMax: 1, urgentMax: 1, waitingMax: 0 });
    await expect(limited.get('absent')).rejects.toMatchObject({ code: 'object-not-found' });
    await limited.put('key', text('x'));
  });

  it('lets the reader of a listing call the store', async () => {
    const limited = new LimitedStore(new MemoryStore(deps), { concurrencyMax: 1, urgentMax: 1, waitingMax: 0 });
    for (const key of ['a', 'b']) await limited.put(key, text(key));
    const seen: string[] = [];
    for await (const { key } of limited.list({ prefix: '' })) seen.push((await limited.get(key)).bytes.toString());
    expect(seen).toEqual(['a', 'b']);
  });
});

describe('metered store', () => {
  it('tells operation, outcome, time and bytes', async () => {
    const clock = new VirtualClock();
    const observed: unknown[] = [];
    const metrics: StoreMetrics = { observe: (...observation) => observed.push(observation) };
    const slow = new FaultyStore(new MemoryStore({ clock }), scriptedFaults('put', [{ latencyMs: 250 }]), clock);
    const store = new MeteredStore(slow, metrics, clock);
    const put = store.put('key', text('12345'));
    await clock.advance(250);
    await put;
    await store.get('key', { range: { start: 1, end: 3 } });
    await expect(store.get('absent')).rejects.toThrow();
    await Array.fromAsync(store.list({ prefix: '' }));
    await store.deleteMany(['key']);
    expect(observed).toEqual([
      ['put', 'ok', 0.25, 5],
      ['get', 'ok', 0, 2],
      ['get', 'object-not-found', 0, 0],
      ['list', 'ok', 0, 0],
      ['delete', 'ok', 0, 0],
    ]);
  });
});

describe('faulty store', () => {
  it('does late what it said it did not know of', async () => {
    const clock = new VirtualClock();
    const memory = new MemoryStore({ clock });
    const store = new FaultyStore(memory, scriptedFaults('put', [{ kind: 'timeout-late', latencyMs: 100 }]), clock);
    const body = text('late');
    await expect(store.put('key', body)).rejects.toMatchObject({ code: 'store-timeout' });
    // Whoever was told of the time-out may use the memory again.
    body[0]?.fill('?');
    expect(await memory.head('key')).toBeUndefined();
    await clock.advance(100);
    expect((await memory.get('key')).bytes.toString()).toBe('late');
  });

  it('lists what was there when the listing began', async () => {
    const memory = new MemoryStore(deps);
    for (const key of ['a', 'b']) await memory.put(key, text(key));
    const store = new FaultyStore(memory, scriptedFaults('list', [{ kind: 'late-list' }]), systemClock);
    const seen: string[] = [];
    for await (const { key } of store.list({ prefix: '' })) {
      seen.push(key);
      await memory.deleteMany(['b']);
    }
    expect(seen).toEqual(['a', 'b']);
  });

  it('once cut, lets nothing through', async () => {
    const clock = new VirtualClock();
    const memory = new MemoryStore({ clock });
    const plan = scriptedFaults('put', [{ latencyMs: 100 }, { kind: 'timeout-late', latencyMs: 100 }]);
    const store = new FaultyStore(memory, plan, clock);
    const calls = [store.put('slow', text('x')), store.put('late', text('x'))];
    const results = Promise.allSettled(calls);
    store.cut();
    await clock.advance(200);
    expect((await results).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await Array.fromAsync(memory.list({ prefix: '' }))).toEqual([]);
  });
});

describe('memory store with unflushed writes', () => {
  it('loses at a crash what had not resolved, and nothing else', async () => {
    const clock = new VirtualClock();
    const store = new MemoryStore({ clock, flushDelayMs: 10 });
    const first = store.put('key', text('durable'));
    await clock.advance(10);
    await first;
    const pending = [store.put('key', text('lost')), store.put('new', text('lost'))];
    const results = Promise.allSettled(pending);
    expect((await store.get('key')).bytes.toString()).toBe('lost');
    const after = store.reopen();
    await clock.advance(20);
    expect((await results).every(({ status }) => status === 'rejected')).toBe(true);
    expect((await after.get('key')).bytes.toString()).toBe('durable');
    expect(await after.head('new')).toBeUndefined();
    await expect(store.head('key')).rejects.toMatchObject({ code: 'store-unavailable' });
  });
});
