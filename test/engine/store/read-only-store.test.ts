import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/engine/base/clock.ts';
import { silentLogger } from '../../../src/engine/base/logger.ts';
import { systemRandom } from '../../../src/engine/base/random.ts';
import { openStore } from '../../../src/engine/store/store.ts';

const deps = { clock: systemClock, random: systemRandom, logger: silentLogger };
const readOnly = { ...deps, options: { readOnly: true } };
const denied = expect.objectContaining({ code: 'store-denied' });

describe('a store that is opened to be read only', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'cloudtopics-read-only-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  it('gives what is there and takes nothing', async () => {
    const url = pathToFileURL(directory).href;
    await using writer = await openStore(url, deps);
    await writer.put('a/b', [Buffer.from('bytes')]);
    await using reader = await openStore(url, readOnly);
    expect((await reader.get('a/b')).bytes.toString()).toBe('bytes');
    expect((await reader.head('a/b'))?.sizeBytes).toBe(5);
    expect((await Array.fromAsync(reader.list({ prefix: '' }))).map(({ key }) => key)).toEqual(['a/b']);
    await expect(reader.put('a/c', [Buffer.from('x')])).rejects.toEqual(denied);
    await expect(reader.deleteMany(['a/b'])).rejects.toEqual(denied);
    await expect(reader.multipart('a/c')).rejects.toEqual(denied);
  });

  it('makes nothing in its directory, and does not make the directory', async () => {
    await using empty = await openStore(pathToFileURL(directory).href, readOnly);
    expect(await Array.fromAsync(empty.list({ prefix: '' }))).toEqual([]);
    expect(await readdir(directory)).toEqual([]);
    const missing = pathToFileURL(join(directory, 'typo')).href;
    await expect(openStore(missing, readOnly)).rejects.toMatchObject({ code: 'object-not-found' });
    expect(await readdir(directory)).toEqual([]);
  });
});
