// Manifests in a bucket: what is read is what was asked for, or an error with a name.

import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/engine/base/clock.ts';
import { incarnation } from '../../../../src/engine/base/ids.ts';
import { silentLogger } from '../../../../src/engine/base/logger.ts';
import { seededRandom } from '../../../../src/engine/base/random.ts';
import { manifestKey, nameText } from '../../../../src/engine/lsm/core/table-name.ts';
import type { Manifest } from '../../../../src/engine/lsm/manifest/manifest.ts';
import { encodeManifest } from '../../../../src/engine/lsm/manifest/manifest-format.ts';
import {
  listManifests,
  newestManifest,
  readManifest,
  writeManifest,
} from '../../../../src/engine/lsm/manifest/manifest-objects.ts';
import { type FaultKind, randomFaults, scriptedFaults } from '../../../../src/engine/store/fault-plan.ts';
import { FaultyStore } from '../../../../src/engine/store/faulty-store.ts';
import { MemoryStore } from '../../../../src/engine/store/memory-store.ts';
import { decorate } from '../../../../src/engine/store/store.ts';
import { manifestOf, manifestSpecimen, type NameParts, nameOf, specimenPrefix } from './manifest-specimen.ts';

const deps = { clock: systemClock, random: seededRandom(7), logger: silentLogger };
const specimenKey = `${specimenPrefix}manifest/0000000001-0000000003-0000000000000012`;

const bucket = () => new MemoryStore(deps);

function faultyBucket(operation: 'put' | 'get', ...kinds: FaultKind[]) {
  const memory = bucket();
  const plan = scriptedFaults(
    operation,
    kinds.map((kind) => ({ kind })),
  );
  return { memory, store: new FaultyStore(memory, plan, systemClock) };
}

const withBytes = (change: (bytes: Buffer) => Buffer): Buffer => change(encodeManifest(manifestSpecimen));

describe('writing a manifest', () => {
  it('creates its object and gives what the log keeps of it', async () => {
    const store = bucket();
    const ref = await writeManifest(store, manifestSpecimen);
    const { bytes } = await store.get(specimenKey);
    expect(bytes.equals(encodeManifest(manifestSpecimen))).toBe(true);
    expect(ref).toMatchObject({ name: manifestSpecimen.name, sizeBytes: bytes.length });
    expect(await readManifest(store, specimenPrefix, ref)).toEqual({ manifest: manifestSpecimen, ref });
    expect((await readManifest(store, specimenPrefix, manifestSpecimen.name)).manifest).toEqual(manifestSpecimen);
  });

  it('never replaces another of the same name', async () => {
    const store = bucket();
    await writeManifest(store, manifestSpecimen);
    const other = { ...manifestSpecimen, createdMs: 5 };
    await expect(writeManifest(store, other)).rejects.toMatchObject({
      code: 'precondition-failed',
      context: { key: specimenKey },
    });
    expect((await readManifest(store, specimenPrefix, manifestSpecimen.name)).manifest).toEqual(manifestSpecimen);
  });

  it.each(['timeout-after', 'timeout-before', 'unavailable', 'conflict'] as const)(
    'may be repeated after %s',
    async (kind) => {
      const { store } = faultyBucket('put', kind);
      await expect(writeManifest(store, manifestSpecimen)).rejects.toMatchObject({ code: /^store-/ });
      const ref = await writeManifest(store, manifestSpecimen);
      expect((await readManifest(store, specimenPrefix, ref)).manifest).toEqual(manifestSpecimen);
    },
  );

  it('through faults of every kind under the retries, is there as a whole', async () => {
    const kinds = { unavailable: 0.15, conflict: 0.1, 'timeout-before': 0.1, 'timeout-after': 0.2, 'torn-read': 0.15 };
    const faulty = new FaultyStore(bucket(), randomFaults(seededRandom(21), { kinds }), systemClock);
    const store = decorate(faulty, { ...deps, options: { retry: { backoffMsMin: 0.1, backoffMsMax: 1 } } });
    for (let number = 0; number < 100; number++) {
      const manifest = { ...manifestSpecimen, name: nameOf([1, 3, number]) };
      const ref = await writeManifest(store, manifest);
      expect((await readManifest(store, specimenPrefix, ref)).manifest).toEqual(manifest);
    }
    expect((await newestManifest(store, specimenPrefix))?.manifest.name.number).toBe(99);
  });
});

describe('reading a manifest', () => {
  it('says which one is missing', async () => {
    const missing = { code: 'object-not-found', message: expect.stringContaining(specimenKey) };
    await expect(readManifest(bucket(), specimenPrefix, manifestSpecimen.name)).rejects.toMatchObject(missing);
  });

  it('notices another one than the log has recorded', async () => {
    const store = bucket();
    const ref = await writeManifest(store, manifestSpecimen);
    const wrong = { code: 'corrupt-object', context: { key: specimenKey } };
    await expect(readManifest(store, specimenPrefix, { ...ref, crc: ref.crc ^ 1 })).rejects.toMatchObject(wrong);
    await expect(readManifest(store, specimenPrefix, { ...ref, sizeBytes: ref.sizeBytes + 1 })).rejects.toMatchObject(
      wrong,
    );
  });

  it('notices one that was renamed, and one that was copied from another store', async () => {
    const store = bucket();
    const bytes = encodeManifest(manifestSpecimen);
    const renamed = nameOf([1, 3, 13]);
    await store.put(manifestKey(specimenPrefix, renamed), [bytes]);
    await expect(readManifest(store, specimenPrefix, renamed)).rejects.toMatchObject({
      code: 'corrupt-object',
      context: { key: manifestKey(specimenPrefix, renamed), inside: specimenKey },
    });
    await store.put(manifestKey('other/domain/control/', manifestSpecimen.name), [bytes]);
    await expect(readManifest(store, 'other/domain/control/', manifestSpecimen.name)).rejects.toMatchObject({
      code: 'corrupt-object',
      context: { inside: specimenKey },
    });
  });

  it('names the key of one that is damaged in any byte, or cut short anywhere', async () => {
    const store = bucket();
    const damaged = { code: 'corrupt-object', message: expect.stringContaining(specimenKey) };
    const { length } = encodeManifest(manifestSpecimen);
    for (let at = 0; at < length; at++) {
      const flipped = withBytes((bytes) => {
        bytes[at] = (bytes[at] as number) ^ 0x10;
        return bytes;
      });
      for (const bytes of [flipped, withBytes((whole) => whole.subarray(0, at))]) {
        await store.put(specimenKey, [bytes]);
        await expect(readManifest(store, specimenPrefix, manifestSpecimen.name)).rejects.toMatchObject(damaged);
      }
    }
  });

  it('does not take a torn answer for a torn object', async () => {
    const { memory, store } = faultyBucket('get', 'torn-read');
    await writeManifest(memory, manifestSpecimen);
    await expect(readManifest(store, specimenPrefix, manifestSpecimen.name)).rejects.toMatchObject({
      code: 'store-unavailable',
    });
    expect((await readManifest(store, specimenPrefix, manifestSpecimen.name)).manifest).toEqual(manifestSpecimen);
  });
});

describe('finding manifests', () => {
  const names: NameParts[] = [
    [1, 2, 30],
    [1, 9, 8],
    [1, 10, 9],
    [2, 1, 9],
    [2, 1, 10],
  ];

  async function filled(): Promise<MemoryStore> {
    const store = bucket();
    for (const name of [...names].reverse()) await writeManifest(store, manifestOf(name, []));
    await store.put('other/domain/control/manifest/x', [Buffer.from('x')]);
    return store;
  }

  const numbers = (manifest: Manifest | undefined) =>
    manifest === undefined ? undefined : [manifest.name.incarnation, manifest.name.term, manifest.name.number];

  it('lists them from the oldest to the newest, and names what is none', async () => {
    const store = await filled();
    await store.put(`${specimenPrefix}manifest/notes.txt`, [Buffer.from('x')]);
    await store.put(`${specimenPrefix}manifest/0000000001-0000000003-000000000000001`, [Buffer.from('x')]);
    const { manifests, foreign } = await listManifests(store, specimenPrefix);
    expect(manifests.map(({ name }) => nameText(name))).toEqual(names.map((name) => nameText(nameOf(name))));
    expect(foreign).toEqual([
      `${specimenPrefix}manifest/0000000001-0000000003-000000000000001`,
      `${specimenPrefix}manifest/notes.txt`,
    ]);
    expect(numbers((await newestManifest(store, specimenPrefix))?.manifest)).toEqual([2, 1, 10]);
  });

  it.each([
    ['the newest of all', {}, [2, 1, 10]],
    ['the newest of incarnations that count', { atMost: incarnation(1) }, [1, 10, 9]],
    ['one by number, of the newest writer that has it', { number: 9 }, [2, 1, 9]],
    ['one by number, of an incarnation that counts', { number: 9, atMost: incarnation(1) }, [1, 10, 9]],
    ['an older one by number', { number: 30 }, [1, 2, 30]],
    ['none, where no incarnation counts', { atMost: incarnation(0) }, undefined],
  ])('finds %s', async (_, options, found) => {
    expect(numbers((await newestManifest(await filled(), specimenPrefix, options))?.manifest)).toEqual(found);
  });

  it('a number that is not there is an error, an empty bucket is none', async () => {
    await expect(newestManifest(await filled(), specimenPrefix, { number: 11 })).rejects.toMatchObject({
      code: 'object-not-found',
      message: expect.stringMatching(/number 11.*5 are there.*0000000002-0000000001-0000000000000010/),
    });
    await expect(newestManifest(bucket(), specimenPrefix, { number: 1 })).rejects.toMatchObject({
      code: 'object-not-found',
    });
    expect(await newestManifest(bucket(), specimenPrefix)).toBeUndefined();
  });

  it('never gives an older state in place of a damaged newest one; only when asked for it', async () => {
    const store = await filled();
    const key = manifestKey(specimenPrefix, nameOf([2, 1, 10]));
    const { bytes } = await store.get(key);
    await store.put(key, [bytes.subarray(0, bytes.length - 1)]);
    await expect(newestManifest(store, specimenPrefix)).rejects.toMatchObject({
      code: 'corrupt-object',
      message: expect.stringContaining(key),
    });
    expect(numbers((await newestManifest(store, specimenPrefix, { number: 9 }))?.manifest)).toEqual([2, 1, 9]);
  });
});
