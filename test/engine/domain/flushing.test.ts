// Flushes of a domain that is flushed now and then: when they come, what fails, and who is told.

import { describe, expect, it } from 'vitest';
import { EngineError } from '../../../src/engine/base/errors.ts';
import { defaultLsmRules } from '../../../src/engine/lsm/lsm.ts';
import { DomainStage, rowsOf, set, turn } from './domain-stage.ts';

const viewed = async (at: DomainStage): Promise<string[] | undefined> => {
  const view = await at.view();
  return view && rowsOf(view);
};

describe('the loop', () => {
  it('flushes at latest the interval after the oldest change that is not flushed', async () => {
    const at = new DomainStage();
    const domain = await at.open({ flush: { everyMs: () => 60_000 } });
    await at.clock.advance(600_000);
    expect(await at.manifestKeys()).toEqual([]);
    await domain.write([set('a', '1')]);
    await at.clock.advance(50_000);
    await domain.write([set('b', '1')]);
    expect(await at.manifestKeys()).toEqual([]);
    await at.clock.advance(10_000);
    expect(await viewed(at)).toEqual(['a=1', 'b=1']);
    await domain.write([set('c', '1')]);
    await at.clock.advance(59_000);
    expect(await viewed(at)).toEqual(['a=1', 'b=1']);
    await at.clock.advance(1_000);
    expect(await viewed(at)).toEqual(['a=1', 'b=1', 'c=1']);
    expect(domain.stats().lsm.counters.flushes).toBe(2);
    expect(domain.stats()).toMatchObject({ lastFlushMs: 0, log: { tailEntries: 0, first: 4, end: 3 } });
  });

  it('flushes what it finds in the log when it is opened', async () => {
    const at = new DomainStage();
    await (await at.open()).write([set('a', '1')]);
    at.crash();
    await using _ = await at.open({ flush: { everyMs: () => 60_000 } });
    await at.clock.advance(60_000);
    expect(await viewed(at)).toEqual(['a=1']);
  });

  it('notices soon that the interval was changed', async () => {
    const at = new DomainStage();
    let everyMs = 600_000;
    const domain = await at.open({ flush: { everyMs: () => everyMs } });
    await domain.write([set('a', '1')]);
    await at.clock.advance(20_000);
    everyMs = 10_000;
    await at.clock.advance(5_000);
    expect(await viewed(at)).toEqual(['a=1']);
  });

  it('tries again what the store refused, with growing pauses, and logs it', async () => {
    const at = new DomainStage();
    const domain = await at.open({ flush: { everyMs: () => 1000 } });
    await domain.write([set('a', '1')]);
    at.cutOff();
    await at.clock.advance(600_000);
    const failures = at.warnings.filter(({ failures: count }) => count !== undefined);
    expect(failures.length).toBeGreaterThan(10);
    expect(failures.length).toBeLessThan(60);
    expect(failures[0]).toMatchObject({ domain: 'test', code: 'store-unavailable', failures: 1 });
    expect((await domain.get('a'))?.toString()).toBe('1');
    await domain.write([set('b', '1')]);
    at.onStore(undefined);
    await at.clock.advance(31_000);
    expect(await viewed(at)).toEqual(['a=1', 'b=1']);
    expect(domain.term).toBe(1);
  });

  it('stops with the domain', async () => {
    const at = new DomainStage();
    const domain = await at.open({ flush: { everyMs: () => 1000 } });
    await domain.write([set('a', '1')]);
    await domain[Symbol.asyncDispose]();
    const calls = at.calls.length;
    await at.clock.advance(600_000);
    expect(at.calls.length).toBe(calls);
  });
});

describe('a flush that is asked for', () => {
  it('has everything written before in the bucket when it resolves', async () => {
    const at = new DomainStage();
    const domain = await at.open();
    await domain.flush();
    expect(await at.manifestKeys()).toEqual([]);
    for (let n = 0; n < 60; n++) await domain.write([set(`${n % 20}`, `${n}`)]);
    await domain.flush();
    expect(await viewed(at)).toEqual(await rowsOf(domain));
    await domain.compact();
    expect(await viewed(at)).toEqual(await rowsOf(domain));
    expect(domain.stats().lsm.levels.filter(({ tables }) => tables > 0).length).toBe(1);
  });

  it.each([
    ['snapshot', true],
    ['snapshot', false],
    ['trim', true],
    ['trim', false],
  ] as const)('is settled by reading back when the log does not tell (%s, effect %s)', async (operation, effect) => {
    const at = new DomainStage();
    const domain = await at.open();
    await domain.write([set('a', '1')]);
    at.onceOnLog(operation, { kind: 'unknown', effect });
    await domain.flush();
    expect(domain.term).toBe(2);
    expect(await viewed(at)).toEqual(['a=1']);
    await domain.write([set('b', '1')]);
    expect(await rowsOf(domain)).toEqual(['a=1', 'b=1']);
    await domain.flush();
    expect(await rowsOf(await at.open())).toEqual(['a=1', 'b=1']);
  });

  it('rejects when the log refuses to record it; the term goes on, and it is recorded later', async () => {
    const at = new DomainStage();
    const domain = await at.open({ flush: { everyMs: () => 1e9 } });
    await domain.write([set('a', '1')]);
    at.onLog((operation) => (operation === 'snapshot' ? { kind: 'refused' } : undefined));
    await expect(domain.flush()).rejects.toMatchObject({ code: 'disk-full' });
    await domain.write([set('b', '1')]);
    await expect(domain.flush()).rejects.toMatchObject({ code: 'disk-full' });
    expect(await rowsOf(domain)).toEqual(['a=1', 'b=1']);
    expect(domain.stats().lsm.coveredIndex).toBe(0);
    at.onLog(undefined);
    // The loop does it by itself, however long the interval is: a manifest is in the bucket already.
    await at.clock.advance(31_000);
    expect(domain.stats().lsm.coveredIndex).toBeGreaterThan(0);
    await domain.flush();
    expect(domain.stats().lsm.coveredIndex).toBe(2);
    expect(domain.term).toBe(1);
  });

  it('does not keep a domain from being closed while the log refuses', async () => {
    const at = new DomainStage();
    const domain = await at.open();
    await domain.write([set('a', '1')]);
    at.onLog((operation) => (operation === 'snapshot' ? { kind: 'refused' } : undefined));
    await expect(domain.flush()).rejects.toMatchObject({ code: 'disk-full' });
    await domain[Symbol.asyncDispose]();
    at.onLog(undefined);
    expect(await rowsOf(await at.open())).toEqual(['a=1']);
  });
});

describe('who may not write to the bucket', () => {
  it('leaves nothing there, and is told at once that another owner has the cluster', async () => {
    const at = new DomainStage();
    const lost = new EngineError('fenced-owner', 'another owner has the cluster');
    const domain = await at.open({ confirmOwnership: () => Promise.reject(lost) });
    await domain.write([set('a', '1')]);
    await expect(domain.flush()).rejects.toMatchObject({ code: 'fenced-owner' });
    expect(at.calls.filter((call) => call.startsWith('put'))).toEqual([]);
    await expect(domain.get('a')).rejects.toMatchObject({ code: 'fenced-owner' });
    await expect(domain.write([set('a', '2')])).rejects.toMatchObject({ code: 'fenced-owner' });
  });

  it('waits while it does not know whether it may', async () => {
    const at = new DomainStage();
    let known = false;
    const confirmOwnership = async () => {
      if (!known) throw new EngineError('store-unavailable', 'OWNER could not be read');
    };
    const domain = await at.open({ confirmOwnership, flush: { everyMs: () => 1000 } });
    await domain.write([set('a', '1')]);
    await expect(domain.flush()).rejects.toMatchObject({ code: 'store-unavailable' });
    expect(at.calls.filter((call) => call.startsWith('put'))).toEqual([]);
    known = true;
    await at.clock.advance(60_000);
    expect(await viewed(at)).toEqual(['a=1']);
  });
});

describe('while the store has no room', () => {
  const rules = { ...defaultLsmRules, memtableBytesMax: 2000 };
  const value = 'x'.repeat(1100);

  async function full() {
    const at = new DomainStage();
    const domain = await at.open({ rules });
    at.cutOff();
    for (let n = 0; n < 4; n++) await domain.write([set(`${n}`, value)]);
    let resolved = false;
    const waiting = domain.write([set('waiting', value)]).then(() => {
      resolved = true;
    });
    for (let n = 0; n < 5; n++) await turn();
    expect(resolved).toBe(false);
    expect(domain.stats().log.queuedBytes).toBeGreaterThan(1100);
    return { at, domain, waiting };
  }

  it('makes writes wait, and takes them when there is room again', async () => {
    const { at, domain, waiting } = await full();
    at.onStore(undefined);
    await domain.flush();
    await waiting;
    expect((await domain.scan({})).length).toBe(5);
    expect(domain.stats().log.queuedBytes).toBe(0);
  });

  it('refuses what waits when it is closed', async () => {
    const { domain, waiting } = await full();
    const told = expect(waiting).rejects.toMatchObject({ code: 'shutting-down' });
    await domain[Symbol.asyncDispose]();
    await told;
  });

  it('bounds what waits in bytes', async () => {
    const { at, domain, waiting } = await full();
    const batch = [set('large', 'x'.repeat(1_000_000))];
    const outcomes = domain.writeAll(Array.from({ length: 80 }, () => batch));
    at.onStore(undefined);
    await domain.flush();
    await waiting;
    const settled = await outcomes;
    const taken = settled.findIndex(({ status }) => status === 'rejected');
    expect(taken).toBeGreaterThan(60);
    expect(settled.slice(taken).every(({ status }) => status === 'rejected')).toBe(true);
    expect(settled[taken]).toMatchObject({ reason: { code: 'log-unavailable', retryable: true } });
  });
});
