import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { term } from '../../../src/engine/base/ids.ts';
import { silentLogger } from '../../../src/engine/base/logger.ts';
import { seededRandom } from '../../../src/engine/base/random.ts';
import type { DomainChange } from '../../../src/engine/domain/domain.ts';
import { openSimpleDomain, type SimpleDomain } from '../../../src/engine/domain/simple-domain.ts';
import { type LogFault, MemoryLog } from '../../../src/engine/replicated-log/memory-log.ts';

const random = seededRandom(1);
const openOn = (log: MemoryLog, snapshotAfterBytes = 1_000_000): Promise<SimpleDomain> =>
  openSimpleDomain({ name: 'test', log, logger: silentLogger, random, snapshotAfterBytes });
const set = (key: string, value: string): DomainChange => ({ key, value: Buffer.from(value) });
const unset = (key: string): DomainChange => ({ key, value: undefined });
const rowsOf = async (domain: SimpleDomain): Promise<string[]> =>
  (await domain.scan({})).map((row) => `${row.key}=${row.value}`);

describe('rows', () => {
  it('shows a write when it has resolved, not before', async () => {
    const log = new MemoryLog({ flush: 'manual' });
    const opening = openOn(log);
    await log.flush();
    const domain = await opening;
    const writing = domain.write([set('a', '1')]);
    await new Promise((turn) => setImmediate(turn));
    expect(await domain.get('a')).toBeUndefined();
    await log.flush();
    await writing;
    expect((await domain.get('a'))?.toString()).toBe('1');
  });

  it('applies a batch in order: the last change of a key counts', async () => {
    const domain = await openOn(new MemoryLog());
    await domain.write([set('a', '1'), set('b', '1'), unset('a'), set('b', '2'), unset('never')]);
    expect(await rowsOf(domain)).toEqual(['b=2']);
  });

  it('sorts keys by their UTF-8 bytes', async () => {
    const domain = await openOn(new MemoryLog());
    const keys = ['z', 'a/b', 'a-b', 'a0', 'a', '\u{1f600}', '\uffee', 'é', 'a/', 'A'];
    await domain.write(keys.map((key) => set(key, 'x')));
    const sorted = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect((await domain.scan({})).map((row) => row.key)).toEqual(sorted);
  });

  it('scans a prefix, behind a key, up to a limit', async () => {
    const domain = await openOn(new MemoryLog());
    await domain.write(['a', 'p/1', 'p/2', 'p/3', 'p0', 'q'].map((key) => set(key, 'x')));
    const keys = async (options: Parameters<SimpleDomain['scan']>[0]) =>
      (await domain.scan(options)).map((row) => row.key);
    expect(await keys({ prefix: 'p/' })).toEqual(['p/1', 'p/2', 'p/3']);
    expect(await keys({ prefix: 'p/', after: 'p/1' })).toEqual(['p/2', 'p/3']);
    expect(await keys({ prefix: 'p/', after: 'a' })).toEqual(['p/1', 'p/2', 'p/3']);
    expect(await keys({ prefix: 'p/', after: 'p/9' })).toEqual([]);
    expect(await keys({ after: 'p/15', limit: 2 })).toEqual(['p/2', 'p/3']);
    expect(await keys({ limit: 0 })).toEqual([]);
  });

  it('keeps what was written even when the caller uses its buffer again', async () => {
    const domain = await openOn(new MemoryLog());
    const value = Buffer.from('before');
    const writing = domain.write([{ key: 'a', value }]);
    value.fill('x');
    await writing;
    expect(await rowsOf(domain)).toEqual(['a=before']);
  });

  it('refuses keys it could not order, and writes over 1 MiB, without harm to others', async () => {
    const domain = await openOn(new MemoryLog());
    await expect(domain.write([set('', 'x')])).rejects.toMatchObject({ code: 'usage' });
    await expect(domain.write([set('\ud800', 'x')])).rejects.toMatchObject({ code: 'usage' });
    const huge = { key: 'huge', value: Buffer.alloc(1024 * 1024) };
    await expect(domain.write([set('a', '1'), huge])).rejects.toMatchObject({ code: 'entry-too-large', kind: 'limit' });
    await domain.write([{ key: 'large', value: Buffer.alloc(1024 * 1024 - 64) }]);
    expect((await domain.scan({})).map((row) => row.key)).toEqual(['large']);
  });
});

describe('the log underneath', () => {
  it('comes back after a restart with a higher term', async () => {
    const log = new MemoryLog();
    const first = await openOn(log);
    await first.write([set('a', '1'), set('b', '2')]);
    await first.write([unset('a')]);
    await first[Symbol.asyncDispose]();
    const second = await openOn(log);
    expect(await rowsOf(second)).toEqual(['b=2']);
    expect(second.term).toBeGreaterThan(first.term);
  });

  it('shares one append among the writes that wait', async () => {
    const log = new MemoryLog();
    const domain = await openOn(log);
    const before = log.flushes;
    await Promise.all(Array.from({ length: 100 }, (_, n) => domain.write([set(`${n}`, 'x')])));
    expect(log.flushes - before).toBe(1);
    expect((await domain.scan({})).length).toBe(100);
  });

  it('takes snapshots and trims, so that the log stays small', async () => {
    const log = new MemoryLog();
    const domain = await openOn(log, 2000);
    for (let n = 0; n < 200; n++) await domain.write([set(`key-${n % 10}`, `value-${n}`)]);
    const group = log.disk.groups.get('domain/test');
    expect(group?.entries.length).toBeLessThan(60);
    expect(group?.snapshot).toBeDefined();
    const again = await openOn(log);
    expect(await rowsOf(again)).toEqual(await rowsOf(domain));
    await again.write([set('key-0', 'last')]);
    expect((await (await openOn(log)).get('key-0'))?.toString()).toBe('last');
  });

  it('goes on when a snapshot is refused, and tries again later', async () => {
    const log = new MemoryLog();
    const domain = await openOn(log, 500);
    log.setFaults((operation) => (operation === 'snapshot' ? { kind: 'refused' } : undefined));
    for (let n = 0; n < 50; n++) await domain.write([set('k', `${n}`)]);
    expect(log.disk.groups.get('domain/test')?.snapshot).toBeUndefined();
    log.setFaults(undefined);
    for (let n = 0; n < 50; n++) await domain.write([set('k', `${n}`)]);
    expect(log.disk.groups.get('domain/test')?.snapshot).toBeDefined();
  });

  it('rejects a refused write and keeps its term', async () => {
    const log = new MemoryLog();
    const domain = await openOn(log);
    log.setFaults(() => ({ kind: 'refused' }));
    await expect(domain.write([set('a', '1')])).rejects.toMatchObject({ code: 'disk-full' });
    log.setFaults(undefined);
    await domain.write([set('b', '1')]);
    expect(domain.term).toBe(1);
    expect(await rowsOf(domain)).toEqual(['b=1']);
  });

  it('closes for good when another leader has taken it', async () => {
    const log = new MemoryLog();
    const old = await openOn(log);
    await old.write([set('a', 'old')]);
    const now = await openOn(log);
    const writes = [old.write([set('a', 'zombie')]), old.write([set('b', 'zombie')])];
    for (const write of writes) await expect(write).rejects.toMatchObject({ code: 'fenced-term' });
    await expect(old.get('a')).rejects.toMatchObject({ code: 'fenced-term' });
    await expect(old.write([])).rejects.toMatchObject({ code: 'fenced-term' });
    expect(await rowsOf(now)).toEqual(['a=old']);
  });
});

describe('unknown outcomes', () => {
  const once = (fault: LogFault, on = 'append') => {
    let armed = true;
    return (operation: string): LogFault | undefined => {
      if (operation !== on || !armed) return undefined;
      armed = false;
      return fault;
    };
  };

  it('resolves a write that happened, under a new term', async () => {
    const log = new MemoryLog();
    const domain = await openOn(log);
    log.setFaults(once({ kind: 'unknown', effect: true }));
    await domain.write([set('a', '1')]);
    expect(domain.term).toBe(2);
    expect(await rowsOf(domain)).toEqual(['a=1']);
    await domain.write([set('b', '2')]);
    expect(await rowsOf(await openOn(log))).toEqual(['a=1', 'b=2']);
  });

  it('rejects a write that did not happen, and says that it did not', async () => {
    const log = new MemoryLog();
    const domain = await openOn(log);
    log.setFaults(once({ kind: 'unknown', effect: false }));
    await expect(domain.write([set('a', '1')])).rejects.toMatchObject({ code: 'log-unavailable' });
    expect(await rowsOf(domain)).toEqual([]);
    await domain.write([set('b', '2')]);
    expect(await rowsOf(await openOn(log))).toEqual(['b=2']);
  });

  it('says outcome-unknown only when it cannot read back, and reads back before the next write', async () => {
    const log = new MemoryLog();
    const domain = await openOn(log);
    log.setFaults((operation) => {
      if (operation === 'append') return { kind: 'unknown', effect: true };
      return operation === 'open' ? { kind: 'refused' } : undefined;
    });
    await expect(domain.write([set('a', '1')])).rejects.toMatchObject({ code: 'outcome-unknown' });
    await expect(domain.write([set('b', '1')])).rejects.toMatchObject({ code: 'outcome-unknown' });
    log.setFaults(undefined);
    await domain.write([set('c', '1')]);
    expect(await rowsOf(domain)).toEqual(['a=1', 'c=1']);
  });

  it('shows nothing after an unknown outcome until it has read back: a row may have changed', async () => {
    const log = new MemoryLog();
    const domain = await openOn(log);
    await domain.write([set('a', 'old')]);
    log.setFaults((operation) => {
      if (operation === 'append') return { kind: 'unknown', effect: true };
      return operation === 'open' ? { kind: 'refused' } : undefined;
    });
    await expect(domain.write([set('a', 'new')])).rejects.toMatchObject({ code: 'outcome-unknown' });
    await expect(domain.get('a')).rejects.toMatchObject({ code: 'outcome-unknown', retryable: true });
    await expect(domain.scan({})).rejects.toMatchObject({ code: 'outcome-unknown' });
    let opens = 0;
    log.setFaults((operation) => {
      if (operation === 'open') opens++;
      return undefined;
    });
    // Readers and a writer at once share one reading back.
    const reads = [domain.get('a'), domain.get('a').then(() => domain.scan({}))];
    await Promise.all([...reads, domain.write([set('b', '1')])]);
    expect((await domain.get('a'))?.toString()).toBe('new');
    expect(await rowsOf(domain)).toEqual(['a=new', 'b=1']);
    expect(opens).toBe(1);
  });

  it('makes reads wait while it reads back', async () => {
    const log = new MemoryLog();
    const domain = await openOn(log);
    await domain.write([set('a', 'old')]);
    const gate = Promise.withResolvers<void>();
    const opening = Promise.withResolvers<void>();
    log.setFaults((operation) => {
      if (operation === 'append') return { kind: 'unknown', effect: true };
      if (operation !== 'open') return undefined;
      opening.resolve();
      return { kind: 'slow', until: gate.promise };
    });
    const writing = domain.write([set('a', 'new')]);
    await opening.promise;
    const reading = domain.get('a');
    gate.resolve();
    expect((await reading)?.toString()).toBe('new');
    await writing;
  });

  it('settles an unknown snapshot by reading back', async () => {
    const log = new MemoryLog();
    const domain = await openOn(log, 300);
    log.setFaults(once({ kind: 'unknown', effect: true }, 'snapshot'));
    for (let n = 0; n < 30; n++) await domain.write([set(`${n % 3}`, `${n}`)]);
    expect(domain.term).toBe(2);
    expect(await rowsOf(domain)).toEqual(['0=27', '1=28', '2=29']);
    expect(await rowsOf(await openOn(log))).toEqual(['0=27', '1=28', '2=29']);
  });
});

describe('against a sorted map', () => {
  const key = fc.constantFrom('a', 'a/b', 'b', 'é', '\u{1f600}', '\uffee', 'z');
  const change = fc.record({ key, value: fc.option(fc.string({ maxLength: 20 }), { nil: undefined }) });
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.record({ kind: fc.constant('write'), changes: fc.array(change, { maxLength: 4 }) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('unknown+', 'unknown-', 'refused', 'restart') }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('crash'), keep: fc.nat({ max: 3 }) }) },
  );
  type Step = { kind: string; changes?: { key: string; value: string | undefined }[]; keep?: number };

  it('agrees on every history with crashes, refusals and unknown outcomes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps: Step[]) => {
        let log = new MemoryLog();
        let domain = await openOn(log, 200);
        /** What every read must show; and the writes of a crash, whose outcome nobody was told. */
        let model = new Map<string, string>();
        const apply = (to: Map<string, string>, changes: NonNullable<Step['changes']>) => {
          const next = new Map(to);
          for (const { key, value } of changes) value === undefined ? next.delete(key) : next.set(key, value);
          return next;
        };
        const asBytes = (changes: NonNullable<Step['changes']>): DomainChange[] =>
          changes.map(({ key, value }) => ({ key, value: value === undefined ? undefined : Buffer.from(value) }));
        const shown = async () => (await domain.scan({})).map((row) => [row.key, row.value.toString()] as const);
        const sorted = (rows: Map<string, string>) =>
          [...rows].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        let armed: LogFault | undefined;
        log.setFaults(() => undefined);

        for (const [at, { kind, changes = [], keep = 0 }] of steps.entries()) {
          if (kind === 'unknown+') armed = { kind: 'unknown', effect: true };
          if (kind === 'unknown-') armed = { kind: 'unknown', effect: false };
          if (kind === 'refused') armed = { kind: 'refused' };
          if (kind === 'restart') {
            await domain[Symbol.asyncDispose]();
            domain = await openOn(log, 200);
          }
          if (kind === 'write') {
            log.setFaults((operation) => {
              const fault = operation === 'open' ? undefined : armed;
              if (operation !== 'open') armed = undefined;
              return fault;
            });
            await domain.write(asBytes(changes)).then(
              () => {
                model = apply(model, changes);
              },
              (error) => expect(['log-unavailable', 'disk-full']).toContain(error.code),
            );
          }
          if (kind === 'crash') {
            const lost = [set('a', `crash ${at}`), set('z', `crash ${at}`)];
            const writing = domain.write(lost).catch(() => {});
            await Promise.resolve();
            await Promise.resolve();
            const disk = log.crash(keep);
            await writing;
            log = new MemoryLog({ disk });
            domain = await openOn(log, 200);
            const happened = apply(model, [
              { key: 'a', value: `crash ${at}` },
              { key: 'z', value: `crash ${at}` },
            ]);
            const rows = await shown();
            expect([sorted(model), sorted(happened)]).toContainEqual(rows);
            model = new Map(rows);
          }
          expect(await shown()).toEqual(sorted(model));
        }
        await using reopened = await openOn(log, 200);
        expect((await reopened.scan({})).map((row) => [row.key, row.value.toString()])).toEqual(sorted(model));
      }),
      { numRuns: 150 },
    );
  });

  it('opens at least at the term asked for', async () => {
    const log = new MemoryLog();
    const domain = await openSimpleDomain({ name: 'x', log, logger: silentLogger, random, termAtLeast: term(77) });
    expect(domain.term).toBe(77);
  });
});
