// A stale owner acknowledges nothing: what control and the groups write counts only once ownership was confirmed behind it.

import { describe, expect, it } from 'vitest';
import { EngineError } from '../../../src/engine/base/errors.ts';
import { silentLogger } from '../../../src/engine/base/logger.ts';
import { BrokerConfig } from '../../../src/engine/cluster/broker-config.ts';
import { ControlState } from '../../../src/engine/cluster/control-state.ts';
import { OwnedDomain } from '../../../src/engine/cluster/owned-domain.ts';
import type { DomainChange } from '../../../src/engine/domain/domain.ts';
import { MemoryLog } from '../../../src/engine/replicated-log/memory-log.ts';
import { openSimpleDomain } from '../domain/simple-domain.ts';
import { MapDomain } from './map-domain.ts';
import { OwnershipFixture } from './ownership-fixture.ts';

const set = (key: string, value = 'x') => [{ key, value: Buffer.from(value) }];
const cutOff = () => Promise.reject(new EngineError('store-unavailable', 'cut off'));
const leaseMs = 15_000;

async function owned(options: { strict?: boolean } = {}) {
  const at = new OwnershipFixture();
  const log = at.newLog();
  const ownership = await at.take(log, options);
  const inner = new MapDomain();
  at.calls.length = 0;
  /** Another process takes the cluster with a copy of the directory. */
  const takeAway = () => at.take(new MemoryLog({ disk: log.disk.copy() })).finally(() => (at.calls.length = 0));
  return { at, ownership, inner, domain: new OwnedDomain(inner, ownership), takeAway };
}

/** Holds writes back until the lease has run out, then lets them through to a store that does not answer. */
async function confirmationMissed(strict = false) {
  const stage = await owned({ strict });
  const gate = Promise.withResolvers<void>();
  stage.inner.gate = gate.promise;
  const writing = stage.domain.write(set('a'));
  await stage.at.clock.advance(leaseMs);
  stage.at.intercept('get', cutOff);
  gate.resolve();
  stage.inner.gate = undefined;
  return { ...stage, writing };
}

describe('within the lease', () => {
  it('writes and reads without a call to the store', async () => {
    const { at, domain } = await owned();
    await at.clock.advance(leaseMs - 1);
    await domain.write(set('a'));
    expect((await domain.get('a'))?.toString()).toBe('x');
    expect((await domain.scan({})).map(({ key }) => key)).toEqual(['a']);
    expect(at.calls).toEqual([]);
  });

  it('reads OWNER behind every write in strict mode', async () => {
    const { at, domain, inner } = await owned({ strict: true });
    const gate = Promise.withResolvers<void>();
    inner.gate = gate.promise;
    const writing = domain.write(set('a'));
    await at.clock.advance(0);
    expect(at.ownerReads()).toBe(0);
    gate.resolve();
    await writing;
    expect(at.ownerReads()).toBe(1);
  });
});

describe('cut off from the store', () => {
  it('writes nothing once the lease has run out, says why, and goes on when the store is back', async () => {
    const { at, domain, inner } = await owned();
    await domain.write(set('before'));
    at.intercept('get', cutOff);
    await at.clock.advance(leaseMs);
    await expect(domain.write(set('a'))).rejects.toMatchObject({ code: 'store-unavailable', retryable: true });
    expect([...inner.rows.keys()]).toEqual(['before']);
    expect(await domain.get('before')).toBeDefined();
    at.intercept('get', undefined);
    await domain.write(set('a'));
    expect((await domain.scan({})).map(({ key }) => key)).toEqual(['a', 'before']);
  });

  it('does not acknowledge a write that became durable meanwhile: its outcome is unknown', async () => {
    const { at, domain, inner, writing } = await confirmationMissed();
    await expect(writing).rejects.toMatchObject({
      code: 'outcome-unknown',
      retryable: true,
      message: expect.stringContaining('cut off'),
      context: { confirmation: 'store-unavailable' },
    });
    expect([...inner.rows.keys()]).toEqual(['a']);
    // Nor does it show it before ownership was confirmed.
    await expect(domain.get('a')).rejects.toMatchObject({ code: 'store-unavailable' });
    await expect(domain.scan({})).rejects.toMatchObject({ code: 'store-unavailable' });
    at.intercept('get', undefined);
    expect(await domain.get('a')).toBeDefined();
    const reads = at.ownerReads();
    expect((await domain.scan({})).map(({ key }) => key)).toEqual(['a']);
    expect(at.ownerReads()).toBe(reads);
  });

  it('does not show a durable write while its confirmation is under way', async () => {
    const { at, domain } = await owned({ strict: true });
    const held: (() => void)[] = [];
    at.intercept('get', async (_, real) => {
      await new Promise<void>((resolve) => held.push(resolve));
      return real();
    });
    const order: string[] = [];
    const writing = domain.write(set('a')).then(() => order.push('acknowledged'));
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    await turn();
    const reading = domain.get('a').then((row) => order.push(`read ${row}`));
    await turn();
    expect(order).toEqual([]);
    held[0]?.();
    await writing;
    expect(order).toEqual(['acknowledged']);
    await turn();
    held[1]?.();
    await reading;
    expect(order).toEqual(['acknowledged', 'read x']);
  });
});

describe('several batches', () => {
  it('have an outcome each, and go to the inner domain together', async () => {
    const { domain, inner } = await owned();
    const asked: number[] = [];
    const refused = new EngineError('entry-too-large', 'too large');
    const writeAll = async (batches: readonly (readonly DomainChange[])[]): Promise<PromiseSettledResult<void>[]> => {
      asked.push(batches.length);
      await inner.write(batches[0] ?? []);
      return batches.map((_, at) =>
        at === 0 ? { status: 'fulfilled', value: undefined } : { status: 'rejected', reason: refused },
      );
    };
    Object.assign(inner, { writeAll });
    const outcomes = await domain.writeAll([set('a'), set('b')]);
    expect(asked).toEqual([2]);
    expect(outcomes).toMatchObject([{ status: 'fulfilled' }, { status: 'rejected', reason: refused }]);
  });

  it('are not acknowledged, any of them, by an owner that is not sure to be one', async () => {
    const { at, domain, inner } = await owned({ strict: true });
    at.intercept('get', cutOff);
    const outcomes = await domain.writeAll([set('a'), set('b')]);
    expect(outcomes).toMatchObject([
      { status: 'rejected', reason: { code: 'outcome-unknown' } },
      { status: 'rejected', reason: { code: 'outcome-unknown' } },
    ]);
    expect([...inner.rows.keys()]).toEqual(['a', 'b']);
  });

  it('are not written when the lease has run out', async () => {
    const { at, domain, inner } = await owned();
    at.intercept('get', cutOff);
    await at.clock.advance(leaseMs);
    const outcomes = await domain.writeAll([set('a'), set('b')]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(inner.rows.size).toBe(0);
  });
});

describe('a flush', () => {
  it('does not begin when the lease has run out and the store does not answer', async () => {
    const { at, domain, inner } = await owned();
    await domain.flush();
    at.intercept('get', cutOff);
    await at.clock.advance(leaseMs);
    await expect(domain.flush()).rejects.toMatchObject({ code: 'store-unavailable' });
    expect(inner.flushes).toBe(1);
    at.intercept('get', undefined);
    await domain.flush();
    expect(inner.flushes).toBe(2);
  });

  it('of a stale owner is refused for good', async () => {
    const { at, domain, inner, takeAway } = await owned();
    await takeAway();
    await at.clock.advance(leaseMs);
    for (let n = 0; n < 2; n++) await expect(domain.flush()).rejects.toMatchObject({ code: 'fenced-owner' });
    expect(inner.flushes).toBe(0);
  });

  it('during which the cluster was lost is not said to be done', async () => {
    const { domain, inner, takeAway } = await owned({ strict: true });
    await takeAway();
    await expect(domain.flush()).rejects.toMatchObject({ code: 'fenced-owner' });
    expect(inner.flushes).toBe(1);
  });
});

describe('another owner', () => {
  it('ends it for good: nothing more is written, nothing read', async () => {
    const { at, domain, inner, takeAway } = await owned();
    await takeAway();
    await at.clock.advance(leaseMs);
    for (let n = 0; n < 2; n++) {
      await expect(domain.write(set('a'))).rejects.toMatchObject({ code: 'fenced-owner', retryable: false });
      await expect(domain.get('a')).rejects.toMatchObject({ code: 'fenced-owner' });
      await expect(domain.scan({})).rejects.toMatchObject({ code: 'fenced-owner' });
    }
    expect(inner.writes).toBe(0);
  });

  it('is what a write that became durable meanwhile is told', async () => {
    const { domain, takeAway } = await owned({ strict: true });
    await takeAway();
    await expect(domain.write(set('a'))).rejects.toMatchObject({ code: 'fenced-owner', retryable: false });
    await expect(domain.get('a')).rejects.toMatchObject({ code: 'fenced-owner' });
  });
});

describe('the control state on it', () => {
  async function controlled(strict = false) {
    const { at, ownership, takeAway } = await owned({ strict });
    const log = new MemoryLog();
    const deps = { clock: at.clock, random: at.random, logger: silentLogger };
    const domain = new OwnedDomain(await openSimpleDomain({ name: 'control', log, ...deps }), ownership);
    const control = await ControlState.open({ domain, config: new BrokerConfig({}), ...deps });
    const create = async (name: string) => {
      const { results } = await control.createTopics([
        { name, partitions: 1, replicationFactor: 1, configs: new Map() },
      ]);
      if (results[0] instanceof EngineError) throw results[0];
    };
    return { at, control, create, takeAway };
  }

  it('refuses topics, settings, epochs and producer ids while cut off, and takes them again afterwards', async () => {
    const { at, control, create } = await controlled();
    const alter = () => control.alterBrokerConfigs(() => new Map([['log.retention.ms', '1000']]));
    const changes = [() => create('t'), alter, () => control.raiseClusterEpoch(), () => control.producerIds.next()];
    at.intercept('get', cutOff);
    await at.clock.advance(leaseMs);
    for (const change of changes) await expect(change()).rejects.toMatchObject({ code: 'store-unavailable' });
    at.intercept('get', undefined);
    for (const change of changes) await change();
    expect(control.list().map(({ name }) => name)).toEqual(['t']);
  });

  it('shows a topic of unknown outcome only after it could read back as the owner', async () => {
    const { at, control, create } = await controlled(true);
    at.intercept('get', cutOff);
    await expect(create('t')).rejects.toMatchObject({ code: 'outcome-unknown' });
    expect(control.list()).toEqual([]);
    await expect(create('t')).rejects.toMatchObject({ code: 'store-unavailable' });
    expect(control.list()).toEqual([]);
    at.intercept('get', undefined);
    await expect(create('t')).rejects.toMatchObject({ code: 'topic-exists' });
    expect(control.list().map(({ name }) => name)).toEqual(['t']);
    await create('u');
  });

  it('refuses every change for good once the cluster is lost', async () => {
    const { at, create, takeAway } = await controlled();
    await takeAway();
    await at.clock.advance(leaseMs);
    for (let n = 0; n < 2; n++) await expect(create('t')).rejects.toMatchObject({ code: 'fenced-owner' });
  });
});
