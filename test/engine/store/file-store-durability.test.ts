// Power failures: a put that resolved is there afterwards, whole; one that did not is there whole or not at all. On a file
// system that drops whatever was not flushed (and on one that keeps some of it by chance), at every step of a put.

import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/engine/base/clock.ts';
import { silentLogger } from '../../../src/engine/base/logger.ts';
import { seededRandom } from '../../../src/engine/base/random.ts';
import { VirtualClock } from '../../../src/engine/base/virtual-clock.ts';
import { openFileStore } from '../../../src/engine/store/file-store.ts';
import type { FileSystem } from '../../../src/engine/store/file-system.ts';
import type { ObjectStore } from '../../../src/engine/store/object-store.ts';
import { UnflushedFileSystem } from '../../../src/engine/store/unflushed-file-system.ts';

const text = (value: string) => [Buffer.from(value)];
const keysOf = async (store: ObjectStore) => (await Array.fromAsync(store.list({ prefix: '' }))).map(({ key }) => key);

function open(fileSystem: FileSystem, seed = 1): Promise<ObjectStore> {
  const deps = { clock: systemClock, random: seededRandom(seed), logger: silentLogger, partBytesMin: 1 };
  return openFileStore({ ...deps, directory: '/data/bucket', fileSystem });
}

/** A file system that stops the world before its n-th operation; `after` is what the disk then holds. */
function crashing(at: number, keep?: () => boolean) {
  let count = 0;
  const state: { after: UnflushedFileSystem | undefined; operations: number; armed: boolean } = {
    after: undefined,
    operations: 0,
    armed: false,
  };
  const fileSystem = new UnflushedFileSystem({
    clock: systemClock,
    beforeOperation: () => {
      if (!state.armed || state.after !== undefined) return;
      state.operations = ++count;
      if (count === at) state.after = fileSystem.crash(keep);
    },
  });
  return { fileSystem, state };
}

const stories: Record<string, (store: ObjectStore) => Promise<unknown>> = {
  'a put under new directories': (store) => store.put('new/deep/key', text('new')),
  'a create-only put': (store) => store.put('old/created', text('new'), { createOnly: true }),
  'a put that replaces': (store) => store.put('old/key', text('new')),
  'an if-match put': async (store) => {
    const { etag } = (await store.head('old/key')) ?? { etag: '' };
    return await store.put('old/key', text('new'), { ifMatch: etag });
  },
  'a multipart upload': async (store) => {
    const upload = await store.multipart('old/multi');
    await Promise.all([upload.part(text('ne')), upload.part(text('w'))]);
    return await upload.complete();
  },
  'puts side by side into one directory': (store) =>
    Promise.all(Array.from({ length: 5 }, (_, index) => store.put(`side/${index}`, text('new')))),
  'a delete of the last object of a directory': (store) => store.deleteMany(['old/key']),
  'a put beside a delete that empties its directory': (store) =>
    Promise.all([store.deleteMany(['old/key']), store.put('old/other', text('new'))]),
};

describe.each(Object.entries(stories))('power fails during %s', (_, story) => {
  it.each([
    ['nothing unflushed survives', undefined],
    ['some of it does', seededRandom(11)],
  ])('%s', async (_name, random) => {
    const keep = random === undefined ? undefined : () => random.fraction() < 0.5;
    let crashes = 0;
    for (let at = 1; at < 400; at++) {
      const { fileSystem, state } = crashing(at, keep);
      const store = await open(fileSystem);
      await store.put('old/key', text('old'));
      state.armed = true;
      let resolved = true;
      await story(store).catch(() => {
        resolved = false;
      });
      if (resolved) {
        // The machine fails right after the answer.
        const after = await open(state.after ?? fileSystem.crash(keep), 2);
        const before = await keysOf(store).catch(() => undefined);
        if (before !== undefined) expect(await keysOf(after)).toEqual(before);
        for (const key of await keysOf(after)) {
          expect(['old', 'new']).toContain((await after.get(key)).bytes.toString());
          if (before !== undefined) expect(await after.head(key)).toEqual(await store.head(key).catch(() => undefined));
        }
      }
      if (state.after === undefined) {
        expect(crashes).toBeGreaterThan(3);
        return;
      }
      crashes++;
      const after = await open(state.after, 2);
      for (const key of await keysOf(after)) {
        expect(['old', 'new']).toContain((await after.get(key)).bytes.toString());
      }
      await after.put('works/again', text('new'));
    }
    expect.unreachable('the story has no end');
  });
});

describe('what a crash leaves behind', () => {
  it('keeps the temp files of others until they are old', async () => {
    const clock = new VirtualClock();
    const fileSystem = new UnflushedFileSystem({ clock });
    const deps = {
      clock,
      logger: silentLogger,
      directory: '/data/bucket',
      fileSystem,
      orphanAgeMs: 1000,
      partBytesMin: 1,
    };
    const store = await openFileStore({ ...deps, random: seededRandom(1) });
    const upload = await store.multipart('key');
    await upload.part(text('x'));
    const temps = () => fileSystem.names('/data/bucket/.cloudtopics-store/temp');
    await clock.advance(900);
    await openFileStore({ ...deps, random: seededRandom(2) });
    expect(await temps()).toHaveLength(1);
    await clock.advance(200);
    await openFileStore({ ...deps, random: seededRandom(3) });
    expect(await temps()).toHaveLength(0);
  });

  it('leaves no temp file after any put', async () => {
    const fileSystem = new UnflushedFileSystem({ clock: systemClock });
    const store = await open(fileSystem);
    await store.put('a', text('1'));
    await store.put('a', text('2'));
    await expect(store.put('a', text('3'), { createOnly: true })).rejects.toThrow();
    await expect(store.put('a', text('4'), { ifMatch: 'other' })).rejects.toThrow();
    await (await store.multipart('b')).abort();
    expect(await fileSystem.names('/data/bucket/.cloudtopics-store/temp')).toEqual([]);
  });

  it('removes directories that have become empty', async () => {
    const fileSystem = new UnflushedFileSystem({ clock: systemClock });
    const store = await open(fileSystem);
    await store.put('a/b/c', text('x'));
    await store.put('a/d', text('x'));
    await store.deleteMany(['a/b/c']);
    expect(await fileSystem.names('/data/bucket/a')).toEqual(['d.object']);
    await store.deleteMany(['a/d']);
    expect(await fileSystem.names('/data/bucket')).toEqual(['.cloudtopics-store']);
  });
});

describe('file store in trouble', () => {
  it.each([
    ['ENOSPC', 'disk-full'],
    ['EACCES', 'store-denied'],
    ['EIO', 'store-unavailable'],
  ])('%s is %s', async (fileCode, code) => {
    let failing = false;
    const fileSystem = new UnflushedFileSystem({
      clock: systemClock,
      beforeOperation: (name) => {
        if (failing && name === 'write') throw Object.assign(new Error(fileCode), { code: fileCode });
      },
    });
    const store = await open(fileSystem);
    failing = true;
    await expect(store.put('key', text('x'))).rejects.toMatchObject({ code });
    failing = false;
    expect(await store.head('key')).toBeUndefined();
    await store.put('key', text('x'));
  });

  it('makes nothing durable any more once a directory could not be flushed', async () => {
    let failing = false;
    const fileSystem = new UnflushedFileSystem({
      clock: systemClock,
      beforeOperation: (name) => {
        if (failing && name === 'flush') throw Object.assign(new Error('EIO'), { code: 'EIO' });
      },
    });
    const store = await open(fileSystem);
    failing = true;
    await expect(store.put('key', text('x'))).rejects.toMatchObject({ code: 'store-timeout' });
    failing = false;
    await expect(store.put('other', text('x'))).rejects.toMatchObject({ code: 'store-timeout' });
  });

  it('reads the specimen of docs/formats/file-store.md', async () => {
    const fileSystem = new UnflushedFileSystem({ clock: systemClock });
    const store = await open(fileSystem);
    const file = await fileSystem.create('/data/bucket/specimen.object');
    await file.write([Buffer.from('686943544f019f1c2055e107a34b90d86e12', 'hex')], 0);
    const { info, bytes } = await store.get('specimen');
    expect(bytes.toString()).toBe('hi');
    expect(info).toMatchObject({ sizeBytes: 2, etag: '9f1c2055e107a34b90d86e12' });
    const newer = await fileSystem.create('/data/bucket/newer.object');
    await newer.write([Buffer.from('43544f029f1c2055e107a34b90d86e12', 'hex')], 0);
    await expect(store.head('newer')).rejects.toMatchObject({ code: 'unsupported-format' });
  });

  it('names a file that is cut short', async () => {
    const fileSystem = new UnflushedFileSystem({ clock: systemClock });
    const store = await open(fileSystem);
    const file = await fileSystem.create('/data/bucket/torn.object');
    await file.write([Buffer.from('half an obj')], 0);
    await expect(store.get('torn')).rejects.toMatchObject({ code: 'corrupt-object' });
    const other = await fileSystem.create('/data/bucket/other.object');
    await other.write([Buffer.from('content without any trailer behind it')], 0);
    await expect(store.head('other')).rejects.toMatchObject({ code: 'corrupt-object' });
  });
});
