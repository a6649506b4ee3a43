import { describe, expect, it } from 'vitest';
import { MemoryLog } from '../../../src/engine/replicated-log/memory-log.ts';
import { appendOne, contents, describeLogConformance, openOne, text } from './log-conformance.ts';

describeLogConformance('memory', async () => ({
  open: async () => new MemoryLog(),
  reopen: async (log) => {
    await log[Symbol.asyncDispose]();
    return new MemoryLog({ disk: (log as MemoryLog).disk });
  },
  dispose: async () => {},
}));

describe('memory: crashes', () => {
  it('drops what was not flushed, and tells nobody that it was', async () => {
    const log = new MemoryLog();
    const opened = await openOne(log, 'g');
    await appendOne(log, opened, text('flushed'));
    const lost = appendOne(log, { ...opened, end: 1 }, text('lost'));
    const disk = log.crash();
    expect(await lost).toMatchObject({ status: 'unknown' });
    expect(await contents(new MemoryLog({ disk }), 'g')).toEqual(['1@1:flushed']);
    await expect(log.open(['g'])).rejects.toMatchObject({ code: 'log-unavailable' });
  });

  it('can keep some of what was not acknowledged, in order', async () => {
    const log = new MemoryLog({ flush: 'manual' });
    const opening = openOne(log, 'g');
    await log.flush();
    const opened = await opening;
    const calls = [0, 1, 2].map((end) => appendOne(log, { ...opened, end }, text(`${end + 1}`)));
    const disk = log.crash(2);
    for (const outcome of await Promise.all(calls)) expect(outcome.status).toBe('unknown');
    expect(await contents(new MemoryLog({ disk }), 'g')).toEqual(['1@1:1', '2@1:2']);
  });

  it('shares one flush among the calls of a turn', async () => {
    const log = new MemoryLog();
    const opened = await log.open(['a', 'b', 'c']);
    const before = log.flushes;
    await Promise.all(opened.map((group) => appendOne(log, group, text('x'))));
    expect(log.flushes - before).toBe(1);
  });

  it('fences two processes on one disk against each other', async () => {
    const left = new MemoryLog();
    const right = new MemoryLog({ disk: left.disk });
    const old = await openOne(left, 'g');
    const now = await openOne(right, 'g');
    expect(await appendOne(left, old, text('zombie'))).toEqual({ status: 'fenced' });
    expect(await appendOne(right, now, text('leader'))).toMatchObject({ status: 'committed' });
  });
});

describe('memory: faults on order', () => {
  it('refuses, and goes on when the trouble is over', async () => {
    const log = new MemoryLog();
    const opened = await openOne(log, 'g');
    log.setFaults(() => ({ kind: 'refused' }));
    expect(await appendOne(log, opened, text('x'))).toMatchObject({ status: 'refused', error: { code: 'disk-full' } });
    await expect(log.open(['g'])).rejects.toMatchObject({ code: 'log-unavailable' });
    log.setFaults(undefined);
    expect(await appendOne(log, opened, text('x'))).toMatchObject({ status: 'committed' });
  });

  it.each([true, false])('leaves the outcome unknown, with effect: %s', async (effect) => {
    const log = new MemoryLog();
    const opened = await openOne(log, 'g');
    log.setFaults((operation) => (operation === 'append' ? { kind: 'unknown', effect } : undefined));
    expect(await appendOne(log, opened, text('x'))).toMatchObject({ status: 'unknown' });
    expect((await openOne(log, 'g')).end).toBe(effect ? 1 : 0);
  });

  it('fences for real: the term is gone afterwards', async () => {
    const log = new MemoryLog();
    const opened = await openOne(log, 'g');
    let armed = true;
    log.setFaults(() => {
      if (!armed) return undefined;
      armed = false;
      return { kind: 'fenced' };
    });
    expect(await appendOne(log, opened, text('x'))).toEqual({ status: 'fenced' });
    expect(await appendOne(log, opened, text('x'))).toEqual({ status: 'fenced' });
  });

  it('holds up everything behind a slow call', async () => {
    const log = new MemoryLog();
    const opened = await openOne(log, 'g');
    const { promise, resolve } = Promise.withResolvers<void>();
    let first = true;
    log.setFaults(() => {
      if (!first) return undefined;
      first = false;
      return { kind: 'slow', until: promise };
    });
    const order: string[] = [];
    const slow = appendOne(log, opened, text('a')).then(() => order.push('a'));
    const behind = appendOne(log, { ...opened, end: 1 }, text('b')).then(() => order.push('b'));
    await new Promise((turn) => setImmediate(turn));
    expect(order).toEqual([]);
    resolve();
    await Promise.all([slow, behind]);
    expect(order).toEqual(['a', 'b']);
  });
});
