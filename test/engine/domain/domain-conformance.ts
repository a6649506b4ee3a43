// What every domain promises, whatever it stands on: rows, batches, order, and what becomes of writes whose outcome the log did not
// tell. Run over the domain on the LSM store, flushing at once and now and then, and over the simple one.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { term } from '../../../src/engine/base/ids.ts';
import type { DomainChange, ScanOptions } from '../../../src/engine/domain/domain.ts';
import { type LogFault, MemoryLog } from '../../../src/engine/replicated-log/memory-log.ts';
import { DomainStage, rowsOf, set, type TestedDomain, turn, unset } from './domain-stage.ts';

export type OpenTested = (at: DomainStage, termAtLeast?: ReturnType<typeof term>) => Promise<TestedDomain>;

export function domainConformance(name: string, open: OpenTested): void {
  describe(`${name}: rows`, () => {
    it('shows a write when it has resolved, not before', async () => {
      const at = new DomainStage();
      at.log = new MemoryLog({ flush: 'manual' });
      const opening = open(at);
      while (at.log.unflushed === 0) await turn();
      await at.log.flush();
      const domain = await opening;
      let resolved = false;
      const writing = domain.write([set('a', '1')]).then(() => {
        resolved = true;
      });
      await turn();
      expect(await domain.get('a')).toBeUndefined();
      while (!resolved) {
        await at.log.flush();
        await turn();
      }
      await writing;
      expect((await domain.get('a'))?.toString()).toBe('1');
      expect(await domain.get('never')).toBeUndefined();
    });

    it('applies a batch in order: the last change of a key counts', async () => {
      const domain = await open(new DomainStage());
      await domain.write([set('a', '1'), set('b', '1'), unset('a'), set('b', '2'), unset('never')]);
      expect(await rowsOf(domain)).toEqual(['b=2']);
    });

    it('sorts keys by their UTF-8 bytes', async () => {
      const domain = await open(new DomainStage());
      const keys = ['z', 'a/b', 'a-b', 'a0', 'a', '\u{1f600}', '\uffee', 'é', 'a/', 'A'];
      await domain.write(keys.map((key) => set(key, 'x')));
      const sorted = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      expect((await domain.scan({})).map((row) => row.key)).toEqual(sorted);
      expect((await domain.scan({ reverse: true })).map((row) => row.key)).toEqual(sorted.toReversed());
    });

    it('scans a prefix, between keys, forth and back, up to a limit', async () => {
      const domain = await open(new DomainStage());
      await domain.write(['a', 'p/1', 'p/2', 'p/3', 'p0', 'q'].map((key) => set(key, 'x')));
      const keys = async (options: ScanOptions) => (await domain.scan(options)).map((row) => row.key);
      expect(await keys({ prefix: 'p/' })).toEqual(['p/1', 'p/2', 'p/3']);
      expect(await keys({ prefix: 'p/', after: 'p/1' })).toEqual(['p/2', 'p/3']);
      expect(await keys({ prefix: 'p/', after: 'a' })).toEqual(['p/1', 'p/2', 'p/3']);
      expect(await keys({ prefix: 'p/', after: 'p/9' })).toEqual([]);
      expect(await keys({ after: 'p/15', limit: 2 })).toEqual(['p/2', 'p/3']);
      expect(await keys({ limit: 0 })).toEqual([]);
      expect(await keys({ from: 'p/2', before: 'q' })).toEqual(['p/2', 'p/3', 'p0']);
      expect(await keys({ prefix: 'p/', from: 'p/1', after: 'p/1', before: 'p/3' })).toEqual(['p/2']);
      expect(await keys({ prefix: 'p/', reverse: true, limit: 2 })).toEqual(['p/3', 'p/2']);
      expect(await keys({ from: 'q', before: 'a' })).toEqual([]);
      expect(await keys({ before: '' })).toEqual([]);
    });

    it('gives each of many batches an outcome of its own', async () => {
      const domain = await open(new DomainStage());
      const outcomes = await domain.writeAll?.([[set('a', '1')], [], [set('', 'x')], [set('a', '2'), set('b', '1')]]);
      expect(outcomes?.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
      expect(await rowsOf(domain)).toEqual(['a=2', 'b=1']);
    });

    it('keeps what was written even when the caller uses its buffer again', async () => {
      const domain = await open(new DomainStage());
      const value = Buffer.from('before');
      const writing = domain.write([{ key: 'a', value }]);
      value.fill('x');
      await writing;
      expect(await rowsOf(domain)).toEqual(['a=before']);
    });

    it('refuses keys it could not order, and writes over 1 MiB, without harm to others', async () => {
      const domain = await open(new DomainStage());
      await expect(domain.write([set('', 'x')])).rejects.toMatchObject({ code: 'usage' });
      await expect(domain.write([set('\ud800', 'x')])).rejects.toMatchObject({ code: 'usage' });
      const huge = { key: 'huge', value: Buffer.alloc(1024 * 1024) };
      await expect(domain.write([set('a', '1'), huge])).rejects.toMatchObject({ code: 'entry-too-large' });
      await domain.write([{ key: 'large', value: Buffer.alloc(1024 * 1024 - 64) }]);
      expect((await domain.scan({})).map((row) => row.key)).toEqual(['large']);
    });
  });

  describe(`${name}: the log underneath`, () => {
    it('comes back after a restart with a higher term', async () => {
      const at = new DomainStage();
      const first = await open(at);
      await first.write([set('a', '1'), set('b', '2')]);
      await first.write([unset('a')]);
      await first[Symbol.asyncDispose]();
      const second = await open(at);
      expect(await rowsOf(second)).toEqual(['b=2']);
      expect(second.term).toBeGreaterThan(first.term);
      expect((await open(at, term(77))).term).toBe(77);
    });

    it('shares one append among the writes that wait', async () => {
      const at = new DomainStage();
      const domain = await open(at);
      let appends = 0;
      at.onLog((operation) => {
        if (operation === 'append') appends++;
        return undefined;
      });
      await Promise.all(Array.from({ length: 100 }, (_, n) => domain.write([set(`${n}`, 'x')])));
      expect(appends).toBe(1);
      expect((await domain.scan({})).length).toBe(100);
    });

    it('finishes the writes that wait when it is closed, and refuses later ones', async () => {
      const at = new DomainStage();
      const domain = await open(at);
      const writing = domain.write([set('a', '1')]);
      await domain[Symbol.asyncDispose]();
      await writing;
      await expect(domain.write([set('b', '1')])).rejects.toMatchObject({ code: 'shutting-down' });
      await expect(domain.get('a')).rejects.toMatchObject({ code: 'shutting-down' });
      expect(await rowsOf(await open(at))).toEqual(['a=1']);
    });

    it('rejects a refused write and keeps its term', async () => {
      const at = new DomainStage();
      const domain = await open(at);
      at.onLog((operation) => (operation === 'append' ? { kind: 'refused' } : undefined));
      await expect(domain.write([set('a', '1')])).rejects.toMatchObject({ code: 'disk-full' });
      at.onLog(undefined);
      await domain.write([set('b', '1')]);
      expect(domain.term).toBe(1);
      expect(await rowsOf(domain)).toEqual(['b=1']);
    });

    it('closes for good when another leader has taken it', async () => {
      const at = new DomainStage();
      const old = await open(at);
      await old.write([set('a', 'old')]);
      const now = await open(at);
      const writes = [old.write([set('a', 'zombie')]), old.write([set('b', 'zombie')])];
      for (const write of writes) await expect(write).rejects.toMatchObject({ code: 'fenced-term' });
      await expect(old.get('a')).rejects.toMatchObject({ code: 'fenced-term' });
      await expect(old.write([])).rejects.toMatchObject({ code: 'fenced-term' });
      expect(await rowsOf(now)).toEqual(['a=old']);
      await now.write([set('a', 'now')]);
      expect(await rowsOf(now)).toEqual(['a=now']);
    });
  });

  describe(`${name}: unknown outcomes`, () => {
    const unknownAndUnreadable = (operation: string): LogFault | undefined => {
      if (operation === 'append') return { kind: 'unknown', effect: true };
      return operation === 'open' ? { kind: 'refused' } : undefined;
    };

    it('resolves a write that happened, under a new term', async () => {
      const at = new DomainStage();
      const domain = await open(at);
      at.onceOnLog('append', { kind: 'unknown', effect: true });
      await domain.write([set('a', '1')]);
      expect(domain.term).toBe(2);
      expect(await rowsOf(domain)).toEqual(['a=1']);
      await domain.write([set('b', '2')]);
      expect(await rowsOf(await open(at))).toEqual(['a=1', 'b=2']);
    });

    it('rejects a write that did not happen, and says that it did not', async () => {
      const at = new DomainStage();
      const domain = await open(at);
      at.onceOnLog('append', { kind: 'unknown', effect: false });
      await expect(domain.write([set('a', '1')])).rejects.toMatchObject({ code: 'log-unavailable' });
      expect(await rowsOf(domain)).toEqual([]);
      await domain.write([set('b', '2')]);
      expect(await rowsOf(await open(at))).toEqual(['b=2']);
    });

    it('says outcome-unknown only when it cannot read back, and reads back before the next write', async () => {
      const at = new DomainStage();
      const domain = await open(at);
      at.onLog(unknownAndUnreadable);
      await expect(domain.write([set('a', '1')])).rejects.toMatchObject({ code: 'outcome-unknown' });
      await expect(domain.write([set('b', '1')])).rejects.toMatchObject({ code: 'outcome-unknown' });
      at.onLog(undefined);
      await domain.write([set('c', '1')]);
      expect(await rowsOf(domain)).toEqual(['a=1', 'c=1']);
    });

    it('shows nothing after an unknown outcome until it has read back: a row may have changed', async () => {
      const at = new DomainStage();
      const domain = await open(at);
      await domain.write([set('a', 'old')]);
      at.onLog(unknownAndUnreadable);
      await expect(domain.write([set('a', 'new')])).rejects.toMatchObject({ code: 'outcome-unknown' });
      await expect(domain.get('a')).rejects.toMatchObject({ code: 'outcome-unknown', retryable: true });
      await expect(domain.scan({})).rejects.toMatchObject({ code: 'outcome-unknown' });
      let opens = 0;
      at.onLog((operation) => {
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
      const at = new DomainStage();
      const domain = await open(at);
      await domain.write([set('a', 'old')]);
      const gate = Promise.withResolvers<void>();
      const opening = Promise.withResolvers<void>();
      at.onLog((operation) => {
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
  });

  describe(`${name}: against a sorted map`, () => {
    const key = fc.constantFrom('a', 'a/b', 'b', 'é', '\u{1f600}', '\uffee', 'z');
    const change = fc.record({ key, value: fc.option(fc.string({ maxLength: 20 }), { nil: undefined }) });
    const changes = fc.array(change, { maxLength: 4 });
    const scan = fc.record(
      { prefix: key, after: key, from: key, before: key, reverse: fc.boolean(), limit: fc.nat({ max: 4 }) },
      { requiredKeys: [] },
    );
    const step = fc.oneof(
      { weight: 8, arbitrary: fc.record({ kind: fc.constant('write' as const), changes }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('scan' as const), scan }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('flush' as const) }) },
      {
        weight: 3,
        arbitrary: fc.record({ kind: fc.constantFrom('unknown+' as const, 'unknown-' as const, 'refused' as const) }),
      },
    );
    const faults: Record<string, LogFault> = {
      'unknown+': { kind: 'unknown', effect: true },
      'unknown-': { kind: 'unknown', effect: false },
      refused: { kind: 'refused' },
    };

    it('agrees on every history with refusals, unknown outcomes and restarts', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
          const at = new DomainStage();
          let domain = await open(at);
          const model = new Map<string, string>();
          const expected = (options: ScanOptions): string[] => scanModel(model, options);
          for (const one of steps) {
            if (one.kind === 'write') {
              const batch = one.changes.map(
                ({ key: of, value }): DomainChange => (value === undefined ? unset(of) : set(of, value)),
              );
              const written = await domain.write(batch).then(
                () => true,
                (error) => {
                  expect(['log-unavailable', 'disk-full']).toContain(error.code);
                  return false;
                },
              );
              for (const { key: of, value } of written ? one.changes : []) {
                if (value === undefined) model.delete(of);
                else model.set(of, value);
              }
            } else if (one.kind === 'scan') {
              const options = one.scan as ScanOptions;
              const rows = await domain.scan(options);
              expect(rows.map(({ key: of, value }) => `${of}=${value}`)).toEqual(expected(options));
            } else if (one.kind === 'restart') {
              await domain[Symbol.asyncDispose]();
              domain = await open(at);
            } else if (one.kind === 'flush') {
              await domain.flush();
            } else {
              at.onceOnLog('append', faults[one.kind] as LogFault);
              continue;
            }
            expect(await rowsOf(domain)).toEqual(expected({}));
          }
          await domain[Symbol.asyncDispose]();
          await using reopened = await open(at);
          expect(await rowsOf(reopened)).toEqual(expected({}));
        }),
        { numRuns: 60 },
      );
    });
  });
}

const bytes = (text: string): Buffer => Buffer.from(text);

function scanModel(model: ReadonlyMap<string, string>, options: ScanOptions): string[] {
  const { prefix = '', after, from, before, reverse = false, limit = Number.POSITIVE_INFINITY } = options;
  const rows = [...model]
    .filter(([key]) => key.startsWith(prefix))
    .filter(([key]) => after === undefined || Buffer.compare(bytes(key), bytes(after)) > 0)
    .filter(([key]) => from === undefined || Buffer.compare(bytes(key), bytes(from)) >= 0)
    .filter(([key]) => before === undefined || Buffer.compare(bytes(key), bytes(before)) < 0)
    .sort(([a], [b]) => Buffer.compare(bytes(a), bytes(b)))
    .map(([key, value]) => `${key}=${value}`);
  return (reverse ? rows.reverse() : rows).slice(0, limit);
}
