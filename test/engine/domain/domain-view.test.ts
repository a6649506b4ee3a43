// A domain as a stranger's process sees it: from the bucket alone, at its newest manifest or at a named one.

import { expect, it } from 'vitest';
import { incarnation } from '../../../src/engine/base/ids.ts';
import { openDomainView } from '../../../src/engine/domain/domain.ts';
import { BlockCache, type ManifestName } from '../../../src/engine/lsm/lsm.ts';
import { clusterId, DomainStage, prefix, rowsOf, set, unset } from './domain-stage.ts';

const viewOf = (
  at: DomainStage,
  more: { manifest?: ManifestName; incarnation?: ReturnType<typeof incarnation> } = {},
) =>
  openDomainView({
    store: at.newStore(),
    clusterId,
    name: 'test',
    caches: { blocks: new BlockCache(100_000), disk: undefined },
    logger: at.logger,
    ...more,
  });

it('is undefined where the domain was never flushed', async () => {
  const at = new DomainStage();
  await (await at.open()).write([set('a', '1')]);
  expect(await viewOf(at)).toBeUndefined();
});

it('equals the rows as of every flush, whatever is written meanwhile and later', async () => {
  const at = new DomainStage();
  const domain = await at.open();
  const pictures: { name: ManifestName; rows: string[] }[] = [];
  for (let round = 0; round < 8; round++) {
    for (let n = 0; n < 12; n++) {
      const key = `key ${(n * 7 + round) % 20}`;
      await domain.write([n % 5 === 0 ? unset(key) : set(key, `${round}/${n}`)]);
    }
    await domain.flush();
    const view = await viewOf(at);
    if (view === undefined) throw new Error('there is no manifest');
    expect(await rowsOf(view)).toEqual(await rowsOf(domain));
    expect(view.manifest.coveredIndex).toBe(domain.stats().log.end);
    pictures.push({ name: view.manifest.name, rows: await rowsOf(view) });
    await domain.write([set('key 3', 'not flushed')]);
  }
  for (const { name, rows } of pictures) {
    const view = await viewOf(at, { manifest: name });
    expect(view && (await rowsOf(view))).toEqual(rows);
  }
});

it('reads single rows, and in both directions', async () => {
  const at = new DomainStage();
  const domain = await at.open({ flush: 'at-once' });
  await domain.write(['a', 'b', 'b/1', 'b/2', 'c'].map((key) => set(key, `of ${key}`)));
  const view = await viewOf(at);
  if (view === undefined) throw new Error('there is no manifest');
  expect(view).toMatchObject({ name: 'test', prefix });
  expect((await view.get('b/1'))?.toString()).toBe('of b/1');
  expect(await view.get('b/3')).toBeUndefined();
  expect((await view.scan({ prefix: 'b', reverse: true, limit: 2 })).map(({ key }) => key)).toEqual(['b/2', 'b/1']);
  await view[Symbol.asyncDispose]();
  await expect(view.get('a')).rejects.toMatchObject({ code: 'shutting-down' });
});

it('does not look at manifests of owners that have not taken over', async () => {
  const at = new DomainStage();
  const domain = await at.open({ flush: 'at-once' });
  await domain.write([set('a', '1')]);
  expect(await viewOf(at, { incarnation: incarnation(0) })).toBeUndefined();
  expect(await viewOf(at, { incarnation: incarnation(1) })).toBeDefined();
});

it('names a manifest that is missing or torn, and never shows an older state for it', async () => {
  const at = new DomainStage();
  const domain = await at.open({ flush: 'at-once' });
  await domain.write([set('a', '1')]);
  await domain.write([set('a', '2')]);
  const newest = (await at.manifestKeys()).at(-1) as string;
  const name = domain.manifest?.name as ManifestName;
  const { bytes } = await at.bucket.get(newest);
  await at.bucket.put(newest, [bytes.subarray(0, 30)]);
  await expect(viewOf(at)).rejects.toMatchObject({ code: 'corrupt-object', context: { key: newest } });
  await at.bucket.deleteMany([newest]);
  await expect(viewOf(at, { manifest: name })).rejects.toMatchObject({
    code: 'object-not-found',
    context: { key: newest },
  });
});
