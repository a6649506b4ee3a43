// What every object store must do, whatever is behind it. Run over all adapters and decorated ones here, and over a real S3
// server in test/interop/s3-conformance.test.ts. Every test works under a prefix of its own, so a shared bucket is fine.

import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasCode } from '../../../src/engine/base/errors.ts';
import { compareKeys } from '../../../src/engine/store/object-key.ts';
import type { ListOptions, ObjectInfo, ObjectStore } from '../../../src/engine/store/object-store.ts';

export interface ConformanceSubject {
  readonly store: ObjectStore;
  close(): Promise<void>;
}

export interface ConformanceOptions {
  /** Runs of the property tests; a remote store gets fewer. */
  readonly propertyRuns?: number;
  /** Objects in the paging test; above 1000 the server has to page. */
  readonly manyObjects?: number;
  /** False for servers that let more than one of several simultaneous conditional writers win. */
  readonly atomicConditions?: boolean;
  /** False for file systems behind a server that cannot hold both `a` and `a/b`, or names over 255 bytes. */
  readonly anyKey?: boolean;
}

const megabyte = 1024 * 1024;
const text = (value: string) => [Buffer.from(value)];

export function describeObjectStore(
  name: string,
  open: () => Promise<ConformanceSubject>,
  options: ConformanceOptions = {},
): void {
  const { propertyRuns = 30, manyObjects = 1205, atomicConditions = true, anyKey = true } = options;

  describe(`object store: ${name}`, () => {
    let subject: ConformanceSubject;
    let store: ObjectStore;
    beforeAll(async () => {
      subject = await open();
      store = subject.store;
    });
    afterAll(async () => {
      await subject?.close();
    });
    const fresh = () => `conformance-${randomBytes(6).toString('hex')}`;
    const listed = async (list: ListOptions): Promise<ObjectInfo[]> => await Array.fromAsync(store.list(list));
    const listedKeys = async (list: ListOptions) => (await listed(list)).map((info) => info.key);

    describe('put and get', () => {
      it('gives back what was put, in parts, backed by shared memory', async () => {
        const key = `${fresh()}/object`;
        const shared = Buffer.from(new SharedArrayBuffer(100_000));
        randomBytes(100_000).copy(shared);
        const body = [Buffer.from('head'), shared.subarray(10, 70_000), Buffer.alloc(0), shared.subarray(500, 900)];
        const info = await store.put(key, body);
        const expected = Buffer.concat(body);
        expect(info).toMatchObject({ key, sizeBytes: expected.length });
        const found = await store.get(key);
        expect(found.bytes.equals(expected)).toBe(true);
        expect(found.info).toMatchObject({ key, sizeBytes: expected.length, etag: info.etag });
        expect(Math.abs(found.info.modifiedMs - info.modifiedMs)).toBeLessThanOrEqual(5_000);
      });

      it('holds empty objects', async () => {
        const key = `${fresh()}/empty`;
        await store.put(key, []);
        expect((await store.get(key)).bytes.length).toBe(0);
        expect(await store.head(key)).toMatchObject({ sizeBytes: 0 });
      });

      it('holds many small parts, more than one gathered write takes', async () => {
        const key = `${fresh()}/parts`;
        const body = Array.from({ length: 3000 }, (_, index) => Buffer.from(`part ${index};`));
        await store.put(key, body);
        expect((await store.get(key)).bytes.equals(Buffer.concat(body))).toBe(true);
      });

      it('holds objects of several MiB', async () => {
        const key = `${fresh()}/big`;
        const body = [randomBytes(3 * megabyte), randomBytes(5 * megabyte + 7)];
        await store.put(key, body);
        expect((await store.get(key)).bytes.equals(Buffer.concat(body))).toBe(true);
      });

      it('replaces an object, and its etag', async () => {
        const key = `${fresh()}/replaced`;
        const first = await store.put(key, text('one'));
        const second = await store.put(key, text('two'));
        expect(second.etag).not.toBe(first.etag);
        expect((await store.get(key)).bytes.toString()).toBe('two');
        expect((await store.head(key))?.etag).toBe(second.etag);
      });

      it('says when an object is not there', async () => {
        const key = `${fresh()}/absent`;
        await expect(store.get(key)).rejects.toMatchObject({ code: 'object-not-found' });
        expect(await store.head(key)).toBeUndefined();
      });

      it('does nothing for a caller that has given up', async () => {
        const key = `${fresh()}/cancelled`;
        const signal = AbortSignal.abort();
        await expect(store.put(key, text('x'), { signal })).rejects.toMatchObject({ code: 'cancelled' });
        await expect(store.get(key, { signal })).rejects.toMatchObject({ code: 'cancelled' });
        await expect(listed({ prefix: key, signal })).rejects.toMatchObject({ code: 'cancelled' });
        expect(await store.head(key)).toBeUndefined();
      });
    });

    describe('ranges', () => {
      const content = Buffer.from('0123456789');
      let key: string;
      beforeAll(async () => {
        key = `${fresh()}/ranged`;
        await store.put(key, [content]);
      });

      it.each([
        [{ start: 0, end: 10 }, '0123456789'],
        [{ start: 0 }, '0123456789'],
        [{ start: 3, end: 5 }, '34'],
        [{ start: 9, end: 10 }, '9'],
        [{ start: 4 }, '456789'],
        [{ start: 8, end: 1000 }, '89'],
        [{ start: 1, end: Number.MAX_SAFE_INTEGER }, '123456789'],
      ])('reads %j', async (range, expected) => {
        const found = await store.get(key, { range });
        expect(found.bytes.toString()).toBe(expected);
        expect(found.info.sizeBytes).toBe(10);
      });

      it.each([
        { start: 10 },
        { start: 10, end: 12 },
        { start: Number.MAX_SAFE_INTEGER },
        { start: 5, end: 5 },
        { start: 5, end: 2 },
        { start: -1 },
        { start: 0.5 },
      ])('refuses %j', async (range) => {
        await expect(store.get(key, { range })).rejects.toMatchObject({ code: 'usage' });
      });

      it('says when the object of a ranged read is not there', async () => {
        await expect(store.get(`${key}-absent`, { range: { start: 0, end: 4 } })).rejects.toMatchObject({
          code: 'object-not-found',
        });
      });
    });

    describe('keys', () => {
      const bad = ['', '/a', 'a/', 'a//b', '.', 'a/./b', '../a', 'a/..', 'a\nb', 'a\u0000', '\u007f', 'x'.repeat(1025)];
      const named = [...bad, 'é'.repeat(513), 'a\ud800b'].map((key) => ({
        key,
        shown: JSON.stringify(key.slice(0, 12)),
      }));
      it.each(named)('refuses $shown', async ({ key }) => {
        const calls: (() => Promise<unknown>)[] = [
          () => store.put(key, text('x')),
          () => store.get(key),
          () => store.head(key),
          () => store.deleteMany([key]),
          () => store.multipart(key),
        ];
        for (const call of calls) {
          await expect(call()).rejects.toMatchObject({ code: 'usage' });
        }
      });

      it.skipIf(!anyKey)('keeps apart keys that differ in anything', async () => {
        const prefix = fresh();
        const keys = [
          ...[
            'a',
            'a/b',
            'a/b/c',
            'a.object',
            'a.object/b',
            'a.object.object',
            'a.more/x',
            '.hidden',
            '.cloudtopics-store/lock',
          ],
          ...[
            '%41',
            'A',
            '%',
            '%2E',
            'with space',
            'a+b',
            'ä',
            'a\u0308',
            '日本',
            '😀',
            '...',
            'a&b=c?d#e',
            'quote\'"<>',
            'a\\b',
            '*',
          ],
          ...[
            'l'.repeat(239),
            'l'.repeat(240),
            'l'.repeat(241),
            'l'.repeat(700),
            `${'l'.repeat(240)}/x`,
            `${'l'.repeat(240)}.${'m'.repeat(300)}`,
          ],
          ...['日'.repeat(300), `${'é/'.repeat(200)}x`],
        ].map((key) => `${prefix}/${key}`);
        await Promise.all(keys.map((key) => store.put(key, text(`content of ${key}`))));
        expect(await listedKeys({ prefix: `${prefix}/` })).toEqual(keys.toSorted(compareKeys));
        for (const key of keys) expect((await store.get(key)).bytes.toString()).toBe(`content of ${key}`);
        expect(await store.deleteMany(keys)).toEqual([]);
        expect(await listedKeys({ prefix: `${prefix}/` })).toEqual([]);
      });
    });

    describe('conditional writes', () => {
      it('create-only succeeds once', async () => {
        const key = `${fresh()}/once`;
        await store.put(key, text('first'), { createOnly: true });
        await expect(store.put(key, text('second'), { createOnly: true })).rejects.toMatchObject({
          code: 'precondition-failed',
        });
        expect((await store.get(key)).bytes.toString()).toBe('first');
        await store.deleteMany([key]);
        await store.put(key, text('third'), { createOnly: true });
      });

      it('if-match succeeds only on the version it names', async () => {
        const key = `${fresh()}/matched`;
        const first = await store.put(key, text('one'));
        const second = await store.put(key, text('two'), { ifMatch: first.etag });
        await expect(store.put(key, text('three'), { ifMatch: first.etag })).rejects.toMatchObject({
          code: 'precondition-failed',
        });
        expect((await store.get(key)).bytes.toString()).toBe('two');
        await store.deleteMany([key]);
        await expect(store.put(key, text('four'), { ifMatch: second.etag })).rejects.toMatchObject({
          code: 'precondition-failed',
        });
        expect(await store.head(key)).toBeUndefined();
      });

      it('accepts the etag that get, head and list give', async () => {
        const key = `${fresh()}/etags`;
        await store.put(key, text('0'));
        await store.put(key, text('1'), { ifMatch: (await store.get(key)).info.etag });
        await store.put(key, text('2'), { ifMatch: (await store.head(key))?.etag ?? '' });
        await store.put(key, text('3'), { ifMatch: (await listed({ prefix: key }))[0]?.etag ?? '' });
        expect((await store.get(key)).bytes.toString()).toBe('3');
      });

      it('refuses both conditions at once', async () => {
        const both = { createOnly: true, ifMatch: 'x' };
        await expect(store.put(`${fresh()}/both`, text('x'), both)).rejects.toMatchObject({ code: 'usage' });
      });

      it.skipIf(!atomicConditions)('lets exactly one of many simultaneous creators win', async () => {
        const key = `${fresh()}/race`;
        const contents = Array.from({ length: 12 }, (_, index) => `creator ${index}`);
        const results = await Promise.allSettled(
          contents.map((content) => retryConflicts(() => store.put(key, text(content), { createOnly: true }))),
        );
        const winners = contents.filter((_, index) => results[index]?.status === 'fulfilled');
        expect(winners).toHaveLength(1);
        expect((await store.get(key)).bytes.toString()).toBe(winners[0]);
        for (const result of results) {
          if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'precondition-failed' });
        }
      });

      it.skipIf(!atomicConditions)('loses no update of many writers that compare and swap', async () => {
        const key = `${fresh()}/counter`;
        await store.put(key, text('0'));
        const increment = async () => {
          for (;;) {
            const { info, bytes } = await store.get(key);
            try {
              await retryConflicts(() =>
                store.put(key, text(String(Number(bytes.toString()) + 1)), { ifMatch: info.etag }),
              );
              return;
            } catch (error) {
              if (!hasCode(error, 'precondition-failed')) throw error;
            }
          }
        };
        await Promise.all(
          Array.from({ length: 6 }, async () => {
            for (let round = 0; round < 4; round++) await increment();
          }),
        );
        expect((await store.get(key)).bytes.toString()).toBe('24');
      });
    });

    describe('list', () => {
      it('is in the order of the whole key, with facts', async () => {
        const prefix = fresh();
        const names = ['a0', 'a/b', 'a-b', 'b', 'a/b-c', 'a/b0', 'a/c/d', 'a!'];
        const infos = new Map<string, ObjectInfo>();
        for (const name of names) infos.set(`${prefix}/${name}`, await store.put(`${prefix}/${name}`, text(name)));
        const found = await listed({ prefix: `${prefix}/` });
        expect(found.map((info) => info.key.slice(prefix.length + 1))).toEqual([
          ...['a!', 'a-b', 'a/b', 'a/b-c', 'a/b0', 'a/c/d', 'a0', 'b'],
        ]);
        for (const info of found) {
          const put = infos.get(info.key) as ObjectInfo;
          expect(info).toMatchObject({ sizeBytes: put.sizeBytes, etag: put.etag });
        }
      });

      it('keeps to a prefix that ends anywhere, and starts after any key', async () => {
        const prefix = fresh();
        const names = ['a/1', 'a/10', 'a/2', 'ab/1', 'b/1', 'b/2'];
        for (const name of names) await store.put(`${prefix}/${name}`, text(name));
        const keys = async (rest: string, startAfter?: string) =>
          (
            await listedKeys({
              prefix: `${prefix}${rest}`,
              ...(startAfter === undefined ? {} : { startAfter: `${prefix}${startAfter}` }),
            })
          ).map((key) => key.slice(prefix.length + 1));
        expect(await keys('/a')).toEqual(['a/1', 'a/10', 'a/2', 'ab/1']);
        expect(await keys('/a/1')).toEqual(['a/1', 'a/10']);
        expect(await keys('/a/1', '/a/1')).toEqual(['a/10']);
        expect(await keys('/', '/a/2')).toEqual(['ab/1', 'b/1', 'b/2']);
        expect(await keys('/', '/a')).toEqual(names);
        expect(await keys('/', '/a/')).toEqual(names);
        expect(await keys('/', '/a/15')).toEqual(['a/2', 'ab/1', 'b/1', 'b/2']);
        expect(await keys('/', '/b/2')).toEqual([]);
        expect(await keys('/b', '/a/1')).toEqual(['b/1', 'b/2']);
        expect(await keys('/nothing')).toEqual([]);
      });

      it('pages through many objects, and deletes them all', async () => {
        const prefix = fresh();
        const keys = Array.from({ length: manyObjects }, (_, index) => `${prefix}/${String(index).padStart(5, '0')}`);
        for (let start = 0; start < keys.length; start += 50) {
          await Promise.all(keys.slice(start, start + 50).map((key) => store.put(key, text(key))));
        }
        expect(await listedKeys({ prefix })).toEqual(keys);
        expect(await listedKeys({ prefix, startAfter: keys[manyObjects - 3] as string })).toEqual(keys.slice(-2));
        expect(await store.deleteMany([...keys, `${prefix}/absent`])).toEqual([]);
        expect(await listedKeys({ prefix })).toEqual([]);
      });

      it('may be left early', async () => {
        const prefix = fresh();
        for (let index = 0; index < 40; index++) await store.put(`${prefix}/${index}`, text('x'));
        for await (const info of store.list({ prefix })) {
          expect(info.key).toBe(`${prefix}/0`);
          break;
        }
      });

      it('agrees with a sorted set of keys, whatever the keys', async () => {
        const segment = fc.oneof(
          fc.constantFrom('a', 'b', '-', '0', 'a-b', 'a0', 'é', '\uffee', '😀', 'z~', '!'),
          fc.string({
            unit: fc.constantFrom('a', '-', '0', '.', '%', 'é', '\uffee', '😀'),
            minLength: 1,
            maxLength: 4,
          }),
        );
        const arbitraryKey = fc
          .array(segment, { minLength: 1, maxLength: 3 })
          .map((segments) => segments.join('/'))
          .filter((key) => !key.split('/').some((part) => part === '.' || part === '..'));
        await fc.assert(
          fc.asyncProperty(
            fc.uniqueArray(arbitraryKey, { minLength: 1, maxLength: 8 }),
            fc.oneof(arbitraryKey, fc.constant('')),
            fc.oneof(arbitraryKey, fc.constant('')),
            async (names, prefixName, afterName) => {
              const root = fresh();
              const keys = (anyKey ? names : withoutNesting(names)).map((name) => `${root}/${name}`);
              await Promise.all(keys.map((key) => store.put(key, text(key))));
              const prefix = `${root}/${prefixName}`;
              const startAfter = `${root}/${afterName}`;
              const order = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
              const expected = order.filter(
                (key) => key.startsWith(prefix) && Buffer.compare(Buffer.from(key), Buffer.from(startAfter)) > 0,
              );
              expect(await listedKeys({ prefix, startAfter })).toEqual(expected);
              expect(await store.deleteMany(keys)).toEqual([]);
            },
          ),
          { numRuns: propertyRuns },
        );
      });
    });

    describe('delete', () => {
      it('takes away what is there, and does not mind what is not', async () => {
        const prefix = fresh();
        await store.put(`${prefix}/a/b`, text('x'));
        const other = `${prefix}/${anyKey ? 'a' : 'other'}`;
        await store.put(other, text('y'));
        expect(await store.deleteMany([`${prefix}/a/b`, `${prefix}/absent`])).toEqual([]);
        expect(await listedKeys({ prefix })).toEqual([other]);
        expect(await store.deleteMany([])).toEqual([]);
        await store.put(`${prefix}/a/b`, text('again'));
        expect((await store.get(`${prefix}/a/b`)).bytes.toString()).toBe('again');
      });
    });

    describe('multipart', () => {
      it('joins parts in the order of the calls, not of their arrival', async () => {
        const key = `${fresh()}/joined`;
        const bodies = [randomBytes(5 * megabyte), randomBytes(6 * megabyte), randomBytes(1000)];
        const upload = await store.multipart(key);
        await Promise.all(bodies.map((body) => upload.part([body.subarray(0, 100), body.subarray(100)])));
        expect(await store.head(key)).toBeUndefined();
        const info = await upload.complete();
        const expected = Buffer.concat(bodies);
        expect(info).toMatchObject({ key, sizeBytes: expected.length });
        const found = await store.get(key);
        expect(found.bytes.equals(expected)).toBe(true);
        expect(found.info.etag).toBe(info.etag);
        await upload.abort();
        expect((await store.head(key))?.etag).toBe(info.etag);
      });

      it('takes a part again under its number', async () => {
        const key = `${fresh()}/again`;
        const upload = await store.multipart(key);
        await upload.part([Buffer.alloc(5 * megabyte, 'a')]);
        await upload.part(text('end'));
        await upload.part([Buffer.alloc(5 * megabyte, 'b')], { place: { number: 1, start: 0 } });
        await upload.complete();
        const { bytes } = await store.get(key, { range: { start: 5 * megabyte - 2 } });
        expect(bytes.toString()).toBe('bbend');
      });

      it('leaves nothing behind when aborted', async () => {
        const key = `${fresh()}/aborted`;
        const upload = await store.multipart(key);
        await upload.part(text('x'));
        await upload.abort();
        await upload.abort();
        expect(await store.head(key)).toBeUndefined();
        await expect(upload.part(text('y'))).rejects.toMatchObject({ code: 'usage' });
        await expect(upload.complete()).rejects.toMatchObject({ code: 'usage' });
      });

      it('refuses to complete what is not complete', async () => {
        const empty = await store.multipart(`${fresh()}/none`);
        await expect(empty.complete()).rejects.toMatchObject({ code: 'usage' });
        await empty.abort();
        const short = await store.multipart(`${fresh()}/short`);
        await short.part(text('too short to be followed'));
        await short.part(text('by another'));
        await expect(short.complete()).rejects.toMatchObject({ code: 'usage' });
        await short.abort();
      });

      it('obeys conditions', async () => {
        const key = `${fresh()}/conditional`;
        const loser = await store.multipart(key);
        await loser.part(text('loser'));
        const before = await store.put(key, text('before'), { createOnly: true });
        await expect(loser.complete({ createOnly: true })).rejects.toMatchObject({ code: 'precondition-failed' });
        await loser.abort();
        const winner = await store.multipart(key);
        await winner.part(text('winner'));
        await winner.complete({ ifMatch: before.etag });
        expect((await store.get(key)).bytes.toString()).toBe('winner');
      });
    });

    it('has a label and knows whether it is remote', () => {
      expect(store.label).toMatch(/^(file|memory|s3):/);
      expect(typeof store.remote).toBe('boolean');
    });
  });
}

/** Conditional writers on S3 may be told to try again (409); everything else is an answer. */
async function retryConflicts<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!hasCode(error, 'store-conflict')) throw error;
    }
  }
}

/** Drops keys that are another key's directory. */
function withoutNesting(keys: readonly string[]): string[] {
  return keys.filter((key) => !keys.some((other) => other.startsWith(`${key}/`)));
}
