// What every engine of the replicated log must do; each engine's own test file runs it.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Term, term } from '../../../src/engine/base/ids.ts';
import {
  type AppendOutcome,
  logEntryBytesMax,
  type OpenedGroup,
  type ReplicatedLog,
} from '../../../src/engine/replicated-log/replicated-log.ts';

export interface LogFixture {
  open(): Promise<ReplicatedLog>;
  /** Closes and opens again what is on the disk. */
  reopen(log: ReplicatedLog): Promise<ReplicatedLog>;
  dispose(): Promise<void>;
}

export const text = (...values: string[]): Buffer[] => values.map((value) => Buffer.from(value));

export async function openOne(log: ReplicatedLog, group: string, atLeast?: Term): Promise<OpenedGroup> {
  const [opened] = await log.open([group], atLeast);
  return opened as OpenedGroup;
}

export async function appendOne(
  log: ReplicatedLog,
  at: { readonly group: string; readonly term: Term; readonly end: number },
  entries: readonly Uint8Array[],
): Promise<AppendOutcome> {
  const [outcome] = await log.append([{ group: at.group, term: at.term, expectedEnd: at.end, entries }]);
  return outcome as AppendOutcome;
}

export async function contents(log: ReplicatedLog, group: string, from = 1): Promise<string[]> {
  return (await log.read(group, from, 1 << 30)).map((entry) => `${entry.index}@${entry.term}:${entry.bytes}`);
}

export function describeLogConformance(name: string, makeFixture: () => Promise<LogFixture>): void {
  describe(`${name}: conformance`, () => {
    let fixture: LogFixture;
    let log: ReplicatedLog;
    beforeEach(async () => {
      fixture = await makeFixture();
      log = await fixture.open();
    });
    afterEach(async () => {
      await log[Symbol.asyncDispose]();
      await fixture.dispose();
    });
    const restart = async () => {
      log = await fixture.reopen(log);
    };

    it('keeps its identity over restarts', async () => {
      const { identity } = log;
      expect(identity).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-/);
      await restart();
      expect(log.identity).toBe(identity);
    });

    it('opens a new group empty, at term 1', async () => {
      expect(await openOne(log, 'g')).toEqual({ group: 'g', term: 1, first: 1, end: 0, snapshot: undefined });
      expect(await log.read('g', 1, 100)).toEqual([]);
    });

    it('raises the term with every opening, also after a restart, and as far as asked', async () => {
      expect((await openOne(log, 'g')).term).toBe(1);
      expect((await openOne(log, 'g')).term).toBe(2);
      await restart();
      expect((await openOne(log, 'g')).term).toBe(3);
      expect((await openOne(log, 'g', term(100))).term).toBe(100);
      await restart();
      expect((await openOne(log, 'g', term(50))).term).toBe(101);
    });

    it('opens many groups in one call, in the order asked for', async () => {
      const names = Array.from({ length: 300 }, (_, n) => `many/${n}`);
      const opened = await log.open(names);
      expect(opened.map((group) => group.group)).toEqual(names);
      await restart();
      expect((await log.open(names)).every((group) => group.term === 2)).toBe(true);
    });

    it('gives entries indexes without gaps and gives them back, with their terms, after a restart', async () => {
      const first = await openOne(log, 'g');
      expect(await appendOne(log, first, text('a', 'b'))).toEqual({ status: 'committed', end: 2 });
      const second = await openOne(log, 'g');
      expect(second.end).toBe(2);
      expect(await appendOne(log, second, text('c'))).toEqual({ status: 'committed', end: 3 });
      expect(await contents(log, 'g')).toEqual(['1@1:a', '2@1:b', '3@2:c']);
      await restart();
      expect(await contents(log, 'g')).toEqual(['1@1:a', '2@1:b', '3@2:c']);
      expect((await openOne(log, 'g')).end).toBe(3);
    });

    it('keeps what was appended even when the caller uses its buffer again', async () => {
      const buffer = Buffer.from('before');
      await appendOne(log, await openOne(log, 'g'), [buffer]);
      buffer.fill('x');
      expect(await contents(log, 'g')).toEqual(['1@1:before']);
    });

    it('fences an older term, and writes nothing for it', async () => {
      const old = await openOne(log, 'g');
      const now = await openOne(log, 'g');
      expect(await appendOne(log, old, text('old'))).toEqual({ status: 'fenced' });
      expect(await appendOne(log, now, text('new'))).toEqual({ status: 'committed', end: 1 });
      expect(await contents(log, 'g')).toEqual(['1@2:new']);
    });

    it('fences a term that does not exist yet, and groups that were never opened', async () => {
      const opened = await openOne(log, 'g');
      expect(await appendOne(log, { ...opened, term: term(9) }, text('x'))).toEqual({ status: 'fenced' });
      expect(await appendOne(log, { ...opened, group: 'other' }, text('x'))).toEqual({ status: 'fenced' });
    });

    it('fences an append whose expected end is not the end', async () => {
      const opened = await openOne(log, 'g');
      await appendOne(log, opened, text('a'));
      expect(await appendOne(log, opened, text('b'))).toEqual({ status: 'fenced' });
      expect(await appendOne(log, { ...opened, end: 2 }, text('b'))).toEqual({ status: 'fenced' });
      expect(await appendOne(log, { ...opened, end: 1 }, text('b'))).toEqual({ status: 'committed', end: 2 });
    });

    it('orders appends of one group that were issued without waiting', async () => {
      const opened = await openOne(log, 'g');
      const outcomes = await Promise.all(
        [0, 1, 2, 3].map((end) => appendOne(log, { ...opened, end }, text(`${end + 1}`))),
      );
      expect(outcomes.map((outcome) => outcome.status)).toEqual(Array(4).fill('committed'));
      expect(await contents(log, 'g')).toEqual(['1@1:1', '2@1:2', '3@1:3', '4@1:4']);
    });

    it('answers each group of a call for itself, in order', async () => {
      const groups = await log.open(['a', 'b', 'c']);
      await openOne(log, 'b');
      const outcomes = await log.append(
        groups.map((group) => ({ group: group.group, term: group.term, expectedEnd: 0, entries: text(group.group) })),
      );
      expect(outcomes.map((outcome) => outcome.status)).toEqual(['committed', 'fenced', 'committed']);
      await restart();
      expect(await contents(log, 'a')).toEqual(['1@1:a']);
      expect(await contents(log, 'b')).toEqual([]);
      expect(await contents(log, 'c')).toEqual(['1@1:c']);
    });

    it('takes an entry of 1 MiB and refuses a larger one', async () => {
      const opened = await openOne(log, 'g');
      const largest = Buffer.alloc(logEntryBytesMax, 'x');
      expect((await appendOne(log, opened, [largest])).status).toBe('committed');
      const outcome = await appendOne(log, { ...opened, end: 1 }, [Buffer.alloc(logEntryBytesMax + 1)]);
      expect(outcome).toMatchObject({ status: 'refused', error: { code: 'entry-too-large' } });
      const [entry] = await log.read('g', 1, 10);
      expect(entry?.bytes.equals(largest)).toBe(true);
    });

    it('takes an empty entry, an empty append and an empty call', async () => {
      const opened = await openOne(log, 'g');
      expect(await appendOne(log, opened, [Buffer.alloc(0)])).toEqual({ status: 'committed', end: 1 });
      expect(await appendOne(log, { ...opened, end: 1 }, [])).toEqual({ status: 'committed', end: 1 });
      expect(await log.append([])).toEqual([]);
      expect(await contents(log, 'g')).toEqual(['1@1:']);
    });

    it('reads from an index on, up to about the bytes asked for, at least one entry', async () => {
      await appendOne(log, await openOne(log, 'g'), text('aaaa', 'bbbb', 'cccc'));
      const indexes = async (from: number, bytesMax: number) =>
        (await log.read('g', from, bytesMax)).map((entry) => entry.index);
      expect(await indexes(1, 0)).toEqual([1]);
      expect(await indexes(1, 7)).toEqual([1]);
      expect(await indexes(1, 8)).toEqual([1, 2]);
      expect(await indexes(3, 100)).toEqual([3]);
      expect(await indexes(4, 100)).toEqual([]);
      expect(await log.read('nobody', 1, 100)).toEqual([]);
    });

    it('refuses names it could not store', async () => {
      await expect(log.open([''])).rejects.toMatchObject({ code: 'usage' });
      await expect(log.open(['x'.repeat(401)])).rejects.toMatchObject({ code: 'usage' });
      await expect(log.open(['ok', 'nul\0'])).rejects.toMatchObject({ code: 'usage' });
      expect(await log.groups('')).toEqual([]);
    });

    describe('snapshots and trimming', () => {
      const filled = async (): Promise<OpenedGroup> => {
        const opened = await openOne(log, 'g');
        await appendOne(log, opened, text('a', 'b', 'c', 'd'));
        return { ...opened, end: 4 };
      };

      it('keeps the last snapshot, large or small, over restarts', async () => {
        const { term: now } = await filled();
        for (const size of [3, 1_000_000, 70_000, 0]) {
          const bytes = Buffer.alloc(size, `${size}`);
          expect(await log.saveSnapshot('g', now, { index: 3, bytes })).toEqual({ status: 'committed', end: 4 });
        }
        const large = Buffer.alloc(900_001, 'large');
        await log.saveSnapshot('g', now, { index: 4, bytes: large });
        await restart();
        const { snapshot } = await openOne(log, 'g');
        expect(snapshot?.index).toBe(4);
        expect(snapshot?.bytes.equals(large)).toBe(true);
      });

      it('drops entries below the first one kept, and goes on behind them', async () => {
        const opened = await filled();
        await log.saveSnapshot('g', opened.term, { index: 3, bytes: Buffer.from('abc') });
        expect(await log.trim('g', opened.term, 3)).toEqual({ status: 'committed', end: 4 });
        expect(await contents(log, 'g', 3)).toEqual(['3@1:c', '4@1:d']);
        await expect(log.read('g', 2, 100)).rejects.toThrow('begins at 3');
        await restart();
        expect(await openOne(log, 'g')).toMatchObject({ first: 3, end: 4, snapshot: { index: 3 } });
      });

      it('keeps the end when everything is trimmed', async () => {
        const opened = await filled();
        await log.saveSnapshot('g', opened.term, { index: 4, bytes: Buffer.from('abcd') });
        await log.trim('g', opened.term, 5);
        await restart();
        const again = await openOne(log, 'g');
        expect(again).toMatchObject({ first: 5, end: 4 });
        expect(await appendOne(log, again, text('e'))).toEqual({ status: 'committed', end: 5 });
        expect(await contents(log, 'g', 5)).toEqual(['5@2:e']);
      });

      it('never trims what no snapshot holds, never forgets a snapshot for an older one', async () => {
        const opened = await filled();
        expect(await log.trim('g', opened.term, 2)).toMatchObject({ status: 'refused' });
        await log.saveSnapshot('g', opened.term, { index: 2, bytes: Buffer.from('ab') });
        expect(await log.trim('g', opened.term, 4)).toMatchObject({ status: 'refused' });
        expect(await log.trim('g', opened.term, 3)).toMatchObject({ status: 'committed' });
        expect(await log.trim('g', opened.term, 1)).toMatchObject({ status: 'committed' });
        for (const index of [1, 5]) {
          const outcome = await log.saveSnapshot('g', opened.term, { index, bytes: Buffer.alloc(1) });
          expect(outcome).toMatchObject({ status: 'refused' });
        }
        expect(await openOne(log, 'g')).toMatchObject({ first: 3, end: 4, snapshot: { index: 2 } });
      });

      it('fences snapshots and trimming like appends', async () => {
        const old = await filled();
        await openOne(log, 'g');
        const snapshot = { index: 4, bytes: Buffer.from('zombie') };
        expect(await log.saveSnapshot('g', old.term, snapshot)).toEqual({ status: 'fenced' });
        expect(await log.trim('g', old.term, 2)).toEqual({ status: 'fenced' });
        expect(await log.saveSnapshot('nobody', old.term, snapshot)).toEqual({ status: 'fenced' });
      });

      it('trims thousands of entries', async () => {
        const opened = await openOne(log, 'long');
        const entries = Array.from({ length: 5000 }, (_, n) => Buffer.from(`${n}`));
        await appendOne(log, opened, entries);
        await log.saveSnapshot('long', opened.term, { index: 4999, bytes: Buffer.from('s') });
        expect(await log.trim('long', opened.term, 5000)).toEqual({ status: 'committed', end: 5000 });
        await restart();
        expect(await contents(log, 'long', 5000)).toEqual(['5000@1:4999']);
      });
    });

    describe('removal', () => {
      it('removes groups with everything in them; a later namesake begins empty, above the old terms', async () => {
        const opened = await openOne(log, 'g', term(7));
        await appendOne(log, opened, text('a'));
        await log.saveSnapshot('g', opened.term, { index: 1, bytes: Buffer.from('s') });
        await log.remove(['g', 'nobody']);
        expect(await log.groups('')).toEqual([]);
        expect(await log.read('g', 1, 100)).toEqual([]);
        expect(await appendOne(log, { ...opened, end: 1 }, text('b'))).toEqual({ status: 'fenced' });
        await restart();
        expect(await log.groups('')).toEqual([]);
        expect(await openOne(log, 'g')).toEqual({ group: 'g', term: 8, first: 1, end: 0, snapshot: undefined });
        expect(await appendOne(log, { ...opened, end: 0 }, text('zombie'))).toEqual({ status: 'fenced' });
      });

      it('leaves the other groups alone', async () => {
        const [a, b] = (await log.open(['a', 'b'])) as [OpenedGroup, OpenedGroup];
        await log.append([a, b].map((g) => ({ group: g.group, term: g.term, expectedEnd: 0, entries: text('x') })));
        await log.remove(['a']);
        expect(await contents(log, 'b')).toEqual(['1@1:x']);
      });
    });

    it('lists groups by prefix, sorted by their bytes', async () => {
      await log.open(['partition/b/1', 'partition/a/10', 'partition/a/1', 'domain/control', 'partition/ä/0']);
      expect(await log.groups('partition/')).toEqual([
        'partition/a/1',
        'partition/a/10',
        'partition/b/1',
        'partition/ä/0',
      ]);
      await restart();
      expect(await log.groups('domain/')).toEqual(['domain/control']);
    });

    it('keeps settings of its own', async () => {
      expect(await log.readMeta('owner')).toBeUndefined();
      await log.writeMeta('owner', 'first');
      await log.writeMeta('owner', 'second ü');
      await log.writeMeta('other', 'x');
      await log.writeMeta('other', undefined);
      await restart();
      expect(await log.readMeta('owner')).toBe('second ü');
      expect(await log.readMeta('other')).toBeUndefined();
    });

    it('says so when it is closed', async () => {
      const opened = await openOne(log, 'g');
      await log[Symbol.asyncDispose]();
      await expect(log.open(['g'])).rejects.toMatchObject({ code: 'log-unavailable' });
      await expect(log.read('g', 1, 1)).rejects.toMatchObject({ code: 'log-unavailable' });
      const outcome = await appendOne(log, opened, text('late'));
      expect(outcome).toMatchObject({ status: 'refused', error: { code: 'log-unavailable' } });
    });
  });
}
