// A change of a domain that flushes at once is invisible to everyone until it is flushed; and what could not be flushed is never
// guessed at.

import { describe, expect, it } from 'vitest';
import { defaultLsmRules } from '../../../src/engine/lsm/lsm.ts';
import { DomainStage, rowsOf, set, turn } from './domain-stage.ts';

const flush = 'at-once';

/** Manifests that are written from now on take a second. */
function slowManifests(at: DomainStage): { done: () => Promise<void>; arrived: Promise<void> } {
  const arrived = Promise.withResolvers<void>();
  at.onStore((operation, key) => {
    if (operation !== 'put' || !key.includes('/manifest/')) return undefined;
    arrived.resolve();
    return { latencyMs: 1000 };
  });
  return { done: () => at.clock.advance(3000), arrived: arrived.promise };
}

describe('visibility', () => {
  it('shows a write to nobody before its manifest is recorded', async () => {
    const at = new DomainStage();
    const domain = await at.open({ flush });
    await domain.write([set('a', 'old'), set('b', 'old')]);
    const slow = slowManifests(at);
    let resolved = false;
    const writing = domain.write([set('a', 'new'), set('c', 'new')]).then(() => {
      resolved = true;
    });
    await slow.arrived;
    for (let n = 0; n < 5; n++) await turn();
    expect(resolved).toBe(false);
    expect((await domain.get('a'))?.toString()).toBe('old');
    expect(await rowsOf(domain)).toEqual(['a=old', 'b=old']);
    await slow.done();
    await writing;
    expect(await rowsOf(domain)).toEqual(['a=new', 'b=old', 'c=new']);
  });

  it('shows as of a flush what it holds, not what came while it was under way', async () => {
    const at = new DomainStage();
    const domain = await at.open({ flush });
    const slow = slowManifests(at);
    const first = domain.write([set('a', '1')]);
    await slow.arrived;
    const second = domain.write([set('a', '2'), set('b', '2')]);
    while (domain.stats().lsm.appliedIndex < 2) await turn();
    await at.clock.advance(1000);
    await first;
    expect(await rowsOf(domain)).toEqual(['a=1']);
    await slow.done();
    await second;
    expect(await rowsOf(domain)).toEqual(['a=2', 'b=2']);
  });

  it('has everything that was answered in the bucket', async () => {
    const at = new DomainStage();
    const domain = await at.open({ flush });
    for (let n = 0; n < 10; n++) {
      await domain.write([set(`${n % 4}`, `${n}`)]);
      const view = await at.view();
      expect(view === undefined ? [] : await rowsOf(view)).toEqual(await rowsOf(domain));
    }
  });

  it('shares flushes among the writes that wait: one under way, the next collects', async () => {
    const at = new DomainStage();
    const domain = await at.open({ flush, rules: defaultLsmRules });
    await domain.write([set('first', 'x')]);
    const flushes = () => domain.stats().lsm.counters.flushes;
    const first = flushes();
    await Promise.all(Array.from({ length: 50 }, (_, n) => domain.write([set(`${n}`, 'x')])));
    expect(flushes() - first).toBe(1);

    const slow = slowManifests(at);
    const writes = [domain.write([set('under way', 'x')])];
    await slow.arrived;
    for (let n = 0; n < 50; n++) {
      writes.push(domain.write([set(`later ${n}`, 'x')]));
      await turn();
    }
    const second = flushes();
    await slow.done();
    await Promise.all(writes);
    expect(flushes() - second).toBe(2);
  });
});

describe('opening', () => {
  it('flushes what the log holds before it serves, so that nothing appears later', async () => {
    const at = new DomainStage();
    const domain = await at.open({ flush });
    await domain.write([set('a', '1')]);
    at.cutOff();
    await expect(domain.write([set('b', '1')])).rejects.toMatchObject({ code: 'outcome-unknown' });
    await expect(at.open({ flush })).rejects.toMatchObject({ code: 'store-unavailable' });
    at.onStore(undefined);
    const again = await at.open({ flush });
    expect(await rowsOf(again)).toEqual(['a=1', 'b=1']);
    const view = await at.view();
    expect(view && (await rowsOf(view))).toEqual(['a=1', 'b=1']);
    expect(again.stats().log).toMatchObject({ tailEntries: 0, tailBytes: 0 });
  });

  it('writes nothing to the bucket where there is nothing to flush', async () => {
    const at = new DomainStage();
    await using first = await at.open({ flush });
    await first.write([set('a', '1')]);
    const before = await at.manifestKeys();
    await using again = await at.open({ flush });
    expect(await rowsOf(again)).toEqual(['a=1']);
    expect(await at.manifestKeys()).toEqual(before);
  });
});

describe('a flush that fails for now', () => {
  it('leaves the write in doubt, and tells readers the truth or nothing', async () => {
    const at = new DomainStage();
    const domain = await at.open({ flush });
    await domain.write([set('a', 'old')]);
    at.cutOff();
    await expect(domain.write([set('a', 'new')])).rejects.toMatchObject({
      code: 'outcome-unknown',
      retryable: true,
      context: { flush: 'store-unavailable' },
    });
    await expect(domain.get('a')).rejects.toMatchObject({ code: 'outcome-unknown' });
    await expect(domain.scan({})).rejects.toMatchObject({ code: 'outcome-unknown' });
    await expect(domain.flush()).rejects.toMatchObject({ code: 'outcome-unknown' });
    at.onStore(undefined);
    expect((await domain.get('a'))?.toString()).toBe('new');
    expect(domain.term).toBe(1);
    await domain.write([set('b', '1')]);
    expect(await rowsOf(domain)).toEqual(['a=new', 'b=1']);
  });

  it('is tried again in the background, whether or not anybody asks', async () => {
    const at = new DomainStage();
    const domain = await at.open({ flush });
    at.cutOff();
    await expect(domain.write([set('a', '1')])).rejects.toMatchObject({ code: 'outcome-unknown' });
    await at.clock.advance(120_000);
    expect(at.warnings.some(({ code }) => code === 'outcome-unknown')).toBe(true);
    at.onStore(undefined);
    await at.clock.advance(60_000);
    const view = await at.view();
    expect(view && (await rowsOf(view))).toEqual(['a=1']);
    at.cutOff();
    expect((await domain.get('a'))?.toString()).toBe('1');
  });

  it('lets readers share one flush', async () => {
    const at = new DomainStage();
    const domain = await at.open({ flush });
    at.cutOff();
    await expect(domain.write([set('a', '1')])).rejects.toMatchObject({ code: 'outcome-unknown' });
    at.onStore(undefined);
    const before = (await at.manifestKeys()).length;
    const reads = await Promise.all(Array.from({ length: 20 }, () => domain.get('a')));
    expect(reads.map(String)).toEqual(Array(20).fill('1'));
    expect((await at.manifestKeys()).length - before).toBe(1);
  });

  it('is no reason to wait for ever when the domain is closed', async () => {
    const at = new DomainStage();
    const domain = await at.open({ flush });
    at.cutOff();
    const writing = domain.write([set('a', '1')]);
    const closing = domain[Symbol.asyncDispose]();
    await expect(writing).rejects.toMatchObject({ code: 'outcome-unknown' });
    await closing;
    at.onStore(undefined);
    expect(await rowsOf(await at.open({ flush }))).toEqual(['a=1']);
  });

  it('may be a refusal of the log: the write is in doubt, the term goes on', async () => {
    const at = new DomainStage();
    const domain = await at.open({ flush });
    at.onLog((operation) => (operation === 'snapshot' ? { kind: 'refused' } : undefined));
    await expect(domain.write([set('a', '1')])).rejects.toMatchObject({
      code: 'outcome-unknown',
      context: { flush: 'disk-full' },
    });
    await expect(domain.get('a')).rejects.toMatchObject({ code: 'outcome-unknown' });
    at.onLog(undefined);
    expect((await domain.get('a'))?.toString()).toBe('1');
    expect(domain.term).toBe(1);
  });
});

describe('a term that ends under a flush', () => {
  it.each([
    ['snapshot', true],
    ['snapshot', false],
    ['trim', true],
    ['trim', false],
  ] as const)(
    'resolves the writes once the next term has flushed them (%s unknown, effect %s)',
    async (operation, effect) => {
      const at = new DomainStage();
      const domain = await at.open({ flush });
      await domain.write([set('a', 'old')]);
      at.onceOnLog(operation, { kind: 'unknown', effect });
      await Promise.all([domain.write([set('a', 'new')]), domain.write([set('b', '1')])]);
      expect(domain.term).toBe(2);
      expect(domain.stats().reopenings).toBe(1);
      expect(await rowsOf(domain)).toEqual(['a=new', 'b=1']);
      await domain.write([set('c', '1')]);
      const view = await at.view();
      expect(view && (await rowsOf(view))).toEqual(['a=new', 'b=1', 'c=1']);
    },
  );

  it('leaves the writes in doubt when the next term cannot be opened, and brings them later', async () => {
    const at = new DomainStage();
    const domain = await at.open({ flush });
    at.onLog((operation) => {
      if (operation === 'snapshot') return { kind: 'unknown', effect: false };
      return operation === 'open' ? { kind: 'refused' } : undefined;
    });
    const writing = domain.write([set('a', '1')]);
    const told = expect(writing).rejects.toMatchObject({ code: 'outcome-unknown' });
    await at.clock.advance(1000);
    await told;
    await expect(domain.get('a')).rejects.toMatchObject({ code: 'outcome-unknown' });
    at.onLog(undefined);
    expect((await domain.get('a'))?.toString()).toBe('1');
  });

  it('stays in doubt when the next term can be opened and not flushed', async () => {
    const at = new DomainStage();
    const domain = await at.open({ flush });
    await domain.write([set('a', 'old')]);
    at.onLog((operation) => {
      if (operation !== 'append') return undefined;
      at.onStore((called) => (called === 'put' ? { kind: 'unavailable' } : undefined));
      return { kind: 'unknown', effect: true };
    });
    await expect(domain.write([set('a', 'new')])).rejects.toMatchObject({ code: 'outcome-unknown' });
    expect(domain.term).toBe(2);
    await expect(domain.get('a')).rejects.toMatchObject({ code: 'outcome-unknown' });
    at.onStore(undefined);
    at.onLog(undefined);
    expect((await domain.get('a'))?.toString()).toBe('new');
    expect(domain.term).toBe(2);
  });
});

describe('another leader', () => {
  it('ends the domain when it shows while a flush is recorded', async () => {
    const at = new DomainStage();
    const domain = await at.open({ flush });
    at.onceOnLog('snapshot', { kind: 'fenced' });
    await expect(domain.write([set('a', '1')])).rejects.toMatchObject({ code: 'fenced-term' });
    await expect(domain.get('a')).rejects.toMatchObject({ code: 'fenced-term' });
    await expect(domain.flush()).rejects.toMatchObject({ code: 'fenced-term' });
    // It was in the log when the other leader came, who therefore has it.
    expect(await rowsOf(await at.open({ flush }))).toEqual(['a=1']);
  });
});
