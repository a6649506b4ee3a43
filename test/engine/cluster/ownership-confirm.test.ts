import { describe, expect, it } from 'vitest';
import { EngineError } from '../../../src/engine/base/errors.ts';
import { type LogFields, type Logger, silentLogger } from '../../../src/engine/base/logger.ts';
import { ownerKey } from '../../../src/engine/cluster/cluster-directory.ts';
import type { Ownership } from '../../../src/engine/cluster/ownership.ts';
import { OwnershipLoop } from '../../../src/engine/cluster/ownership-loop.ts';
import { MemoryLog } from '../../../src/engine/replicated-log/memory-log.ts';
import { decorate } from '../../../src/engine/store/store.ts';
import { OwnershipFixture } from './ownership-fixture.ts';

const unavailable = () => new EngineError('store-unavailable', 'down');

async function owned(options: { strict?: boolean } = {}) {
  const at = new OwnershipFixture();
  const log = at.newLog();
  const ownership = await at.take(log, options);
  at.calls.length = 0;
  /** Another process takes the cluster with a copy of the directory. */
  const takeAway = () => at.take(new MemoryLog({ disk: log.disk.copy() })).finally(() => (at.calls.length = 0));
  return { at, ownership, takeAway };
}

/** A get that stays open until told. */
function holdReads(at: OwnershipFixture) {
  const held: (() => void)[] = [];
  at.intercept('get', async (_, real) => {
    await new Promise<void>((resolve) => held.push(resolve));
    return real();
  });
  return held;
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const outcomeOf = (promise: Promise<void>) =>
  promise.then(
    () => 'confirmed',
    (error: EngineError) => error.code,
  );

describe('confirm', () => {
  it('asks nobody while the last confirmation is younger than the lease, and reads OWNER then', async () => {
    const { at, ownership } = await owned();
    await at.clock.advance(14_999);
    await ownership.confirm();
    expect(at.ownerReads()).toBe(0);
    await at.clock.advance(1);
    await ownership.confirm();
    expect(at.ownerReads()).toBe(1);
    await ownership.confirm();
    expect(at.ownerReads()).toBe(1);
  });

  it('shares one read among all that wait', async () => {
    const { at, ownership } = await owned();
    await at.clock.advance(20_000);
    const held = holdReads(at);
    const waiting = Promise.all(Array.from({ length: 10 }, () => ownership.confirm()));
    await turn();
    expect(held.length).toBe(1);
    held[0]?.();
    await waiting;
    expect(at.ownerReads()).toBe(1);
  });

  it('gives up a read that hangs, in time for another within the lease', async () => {
    const { at, ownership } = await owned();
    await at.clock.advance(20_000);
    const held = holdReads(at);
    const waiting = outcomeOf(ownership.confirm());
    await at.clock.advance(4_999);
    expect(held.length).toBe(2);
    held[1]?.();
    expect(await waiting).toBe('confirmed');
    // It counts from the start of the try that was answered.
    expect(ownership.ageMs()).toBe(1_249);
  });

  it('says store-timeout when no try of a whole lease was answered; what comes later confirms nothing', async () => {
    const { at, ownership } = await owned();
    await at.clock.advance(20_000);
    const held = holdReads(at);
    const waiting = outcomeOf(ownership.confirm());
    await at.clock.advance(14_999);
    expect(await Promise.race([waiting, turn()])).toBeUndefined();
    await at.clock.advance(1);
    expect(await waiting).toBe('store-timeout');
    expect(held.length).toBe(4);
    for (const answer of held) answer();
    await turn();
    expect(ownership.fresh).toBe(false);
    at.intercept('get', undefined);
    await ownership.confirm();
    expect(ownership.fresh).toBe(true);
  });

  it('does not queue behind uploads that hang', async () => {
    const at = new OwnershipFixture();
    const deps = { clock: at.clock, random: at.random, logger: silentLogger };
    const store = decorate(at.store, deps);
    const ownership = await at.take(at.newLog(), { store });
    at.intercept('put', () => new Promise(() => {}));
    for (let n = 0; n < 100; n++) store.put(`upload/${n}`, [Buffer.from('x')]).catch(() => {});
    await at.clock.advance(15_000);
    const waiting = outcomeOf(ownership.confirm());
    await at.clock.advance(0);
    expect(await Promise.race([waiting, turn()])).toBe('confirmed');
  });

  it('believes the clock that says more time has passed', async () => {
    const { at, ownership } = await owned();
    const wall = at.clock.nowMs.bind(at.clock);
    at.clock.nowMs = () => wall() + 60_000; // the machine slept: its monotonic clock stood still
    await ownership.confirm();
    expect(at.ownerReads()).toBe(1);
    at.clock.nowMs = () => wall() - 3_600_000; // the wall clock was set back
    await at.clock.advance(15_000);
    await ownership.confirm();
    expect(at.ownerReads()).toBe(2);
  });

  it('reads every time in strict mode, with a request that began after the call', async () => {
    const { at, ownership, takeAway } = await owned({ strict: true });
    await ownership.confirm();
    await ownership.confirm();
    expect(at.ownerReads()).toBe(2);

    const held = holdReads(at);
    const early = outcomeOf(ownership.confirm());
    await turn();
    const late = [outcomeOf(ownership.confirm()), outcomeOf(ownership.confirm())];
    held[0]?.();
    expect(await early).toBe('confirmed');
    await turn();
    expect(held.length).toBe(2);
    at.intercept('get', undefined);
    await takeAway();
    held[1]?.();
    expect(await Promise.all(late)).toEqual(['fenced-owner', 'fenced-owner']);
  });

  it('passes on what the store says, and confirms again when it is back', async () => {
    const { at, ownership } = await owned();
    await at.clock.advance(15_000);
    at.intercept('get', () => Promise.reject(unavailable()));
    await expect(ownership.confirm()).rejects.toMatchObject({ code: 'store-unavailable', retryable: true });
    at.intercept('get', undefined);
    await ownership.confirm();
    expect(ownership.lost).toBeUndefined();
  });

  it('can be given up by its caller', async () => {
    const { at, ownership } = await owned();
    await at.clock.advance(15_000);
    const held = holdReads(at);
    const reason = new EngineError('cancelled', 'enough');
    const abort = new AbortController();
    const waiting = outcomeOf(ownership.confirm(abort.signal));
    abort.abort(reason);
    expect(await waiting).toBe('cancelled');
    expect(await outcomeOf(ownership.confirm(abort.signal))).toBe('cancelled');
    held[0]?.();
    await ownership.confirm();
  });
});

describe('losing the cluster', () => {
  const told = (ownership: Ownership) => {
    const reasons: string[] = [];
    ownership.onLost((error) => reasons.push(error.code));
    return reasons;
  };

  it('is noticed at the next read, told once, and for good', async () => {
    const { at, ownership, takeAway } = await owned();
    const reasons = told(ownership);
    const untold: string[] = [];
    ownership.onLost(() => untold.push('x'))();
    await takeAway();
    await ownership.confirm(); // inside the lease: the new owner has to wait for its end
    await at.clock.advance(15_000);
    await expect(ownership.confirm()).rejects.toMatchObject({
      code: 'fenced-owner',
      retryable: false,
      context: { startCounter: 1, ownerStartCounter: 2 },
    });
    const reads = at.ownerReads();
    for (let n = 0; n < 3; n++) await expect(ownership.confirm()).rejects.toMatchObject({ code: 'fenced-owner' });
    await expect(ownership.refresh()).rejects.toMatchObject({ code: 'fenced-owner' });
    expect(at.ownerReads()).toBe(reads);
    expect(reasons).toEqual(['fenced-owner']);
    expect(untold).toEqual([]);
    expect(told(ownership)).toEqual(['fenced-owner']);
  });

  it('includes an OWNER object that is gone', async () => {
    const { at, ownership } = await owned();
    const reasons = told(ownership);
    await at.store.deleteMany([ownerKey(ownership.clusterId)]);
    await expect(ownership.refresh()).rejects.toMatchObject({ code: 'fenced-owner' });
    expect(reasons).toEqual(['fenced-owner']);
  });

  it('does not include an OWNER object that cannot be read', async () => {
    const { at, ownership } = await owned();
    await at.store.put(ownerKey(ownership.clusterId), [Buffer.from('rubbish')]);
    await expect(ownership.refresh()).rejects.toMatchObject({ code: 'corrupt-object' });
    expect(ownership.lost).toBeUndefined();
  });
});

describe('the loop', () => {
  function collecting(): { logger: Logger; lines: string[] } {
    const lines: string[] = [];
    const at = (level: string) => (_: LogFields, message: string) => void lines.push(`${level}: ${message}`);
    return { lines, logger: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') } };
  }

  it('reads three times per lease, so that confirm never has to', async () => {
    const { at, ownership } = await owned();
    const { logger, lines } = collecting();
    await using _ = new OwnershipLoop({ ownership, clock: at.clock, logger });
    for (let second = 0; second < 60; second++) {
      await at.clock.advance(1000);
      const before = at.ownerReads();
      await ownership.confirm();
      expect(at.ownerReads()).toBe(before);
    }
    expect(at.ownerReads()).toBe(12);
    expect(lines).toEqual([]);
  });

  it('goes on through errors, and says them', async () => {
    const { at, ownership } = await owned();
    const { logger, lines } = collecting();
    await using _ = new OwnershipLoop({ ownership, clock: at.clock, logger });
    at.intercept('get', () => Promise.reject(unavailable()));
    await at.clock.advance(10_000);
    expect(lines).toEqual(Array(2).fill('warn: OWNER could not be read'));
    at.intercept('get', undefined);
    await at.clock.advance(5_000);
    expect(ownership.ageMs()).toBe(0);
  });

  it('ends when the cluster is lost', async () => {
    const { at, ownership, takeAway } = await owned();
    const { logger, lines } = collecting();
    await using _ = new OwnershipLoop({ ownership, clock: at.clock, logger });
    await takeAway();
    await at.clock.advance(5_000);
    expect(ownership.lost).toMatchObject({ code: 'fenced-owner' });
    expect(lines.length).toBe(1);
    const reads = at.ownerReads();
    await at.clock.advance(60_000);
    expect(at.ownerReads()).toBe(reads);
  });

  it('stops when it is closed', async () => {
    const { at, ownership } = await owned();
    const loop = new OwnershipLoop({ ownership, clock: at.clock, logger: collecting().logger });
    await loop[Symbol.asyncDispose]();
    await at.clock.advance(60_000);
    expect(at.ownerReads()).toBe(0);
  });
});
