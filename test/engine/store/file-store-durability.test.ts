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

/** A delete that reports failures has not deleted. */
async function deleteAll(store: ObjectStore, keys: readonly string[]): Promise<void> {
  if ((await store.deleteMany(keys)).length > 0) throw new Error('not deleted');
}

async function contentsOf(store: ObjectStore): Promise<Record<string, string>> {
  const contents: Record<string, string> = {};
  for (const key of await keysOf(store)) contents[key] = (await store.get(key)).bytes.toString();
  return contents;
}

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
  'a delete of the last object of a directory': (store) => deleteAll(store, ['old/key']),
  'a put beside a delete that empties its directory': (store) =>
    Promise.all([deleteAll(store, ['old/key']), store.put('old/other', text('new'))]),
};

describe.each(Object.entries(stories))('power fails during %s', (_, story) => {
  it.each([
    ['nothing unflushed survives', undefined],
    ['some of it does', seededRandom(11)],
  ])('%s', async (_name, random) => {
    const keep = random === undefined ? undefined : () => random.fraction() < 0.5;
    const undisturbed = await open(new UnflushedFileSystem({ clock: systemClock }));
    await undisturbed.put('old/key', text('old'));
    await story(undisturbed);
    const final = await contentsOf(undisturbed);
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
      state.armed = false;
      // An answer was given: whenever the machine fails after it, all of it is there.
      if (resolved) expect(await contentsOf(await open(state.after ?? fileSystem.crash(keep), 2))).toEqual(final);
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

describe('power fails during a put that is so large that it is flushed as it is written', () => {
  it('and it is there whole or not at all', async () => {
    const large = Buffer.alloc(9 * 1024 * 1024, 'large');
    let missing = 0;
    let whole = 0;
    for (let at = 1; whole < 3; at++) {
      const { fileSystem, state } = crashing(at);
      const store = await open(fileSystem);
      state.armed = true;
      await store.put('large', [large]).catch(() => {});
      const after = await open(state.after ?? fileSystem.crash(), 2);
      if ((await keysOf(after)).length === 0) missing++;
      else {
        whole++;
        expect((await after.get('large')).bytes.equals(large)).toBe(true);
      }
    }
    // Nine pieces, each written and flushed, before it gets its name.
    expect(missing).toBeGreaterThan(18);
  });
});

describe('a directory that another process removes and makes again', () => {
  it('is made durable by whoever gives an answer first', async () => {
    for (let lead = -150; lead <= 150; lead++) {
      const fileSystem = new UnflushedFileSystem({ clock: systemClock });
      const [ours, theirs] = [await open(fileSystem, 1), await open(fileSystem, 2)];
      await ours.put('a/b/key', text('x'));
      await theirs.deleteMany(['a/b/key']);
      const putTheirs = () => void theirs.put('a/b/theirs', text('x')).catch(() => {});
      if (lead < 0) putTheirs();
      for (let turn = 0; turn < -lead; turn++) await Promise.resolve();
      const put = ours.put('a/b/ours', text('x')).then(() => fileSystem.crash());
      for (let turn = 0; turn < lead; turn++) await Promise.resolve();
      if (lead >= 0) putTheirs();
      expect(await keysOf(await open(await put, 3))).toContain('a/b/ours');
    }
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
