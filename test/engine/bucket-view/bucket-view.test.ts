import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/engine/base/clock.ts';
import { silentLogger } from '../../../src/engine/base/logger.ts';
import { systemRandom } from '../../../src/engine/base/random.ts';
import { type BucketView, findTopicByName, openBucketView } from '../../../src/engine/bucket-view/bucket-view.ts';
import { topicKey } from '../../../src/engine/cluster/control-format.ts';
import { openStore } from '../../../src/engine/store/store.ts';
import { clusterId, FlushedCluster, orders } from '../../support/flushed-cluster.ts';

describe('the view of a bucket', () => {
  let cluster: FlushedCluster;
  const open = async (name = 'default'): Promise<BucketView> =>
    openBucketView({ store: cluster.store, cluster: name, clock: systemClock, logger: silentLogger });

  beforeEach(async () => {
    cluster = await FlushedCluster.make();
  });
  afterEach(() => cluster[Symbol.asyncDispose]());

  it('finds the cluster by name and by id, and its domains as control says', async () => {
    await using view = await open(clusterId);
    expect(view.cluster).toEqual({
      name: 'default',
      clusterId,
      incarnation: 1,
      startedAt: '2026-11-21T05:00:00.000Z',
    });
    expect(await view.domainNames()).toEqual(['control', 'groups/0', 'metastore/0', 'metastore/1']);
    expect(await view.listedDomainNames()).toEqual(['control', 'groups/0', 'metastore/0', 'metastore/1']);
    await expect(open('nobody')).rejects.toMatchObject({ code: 'cluster-not-found' });
  });

  it('shows what was flushed, and not what came after', async () => {
    await using before = await open();
    const control = await before.domain('control');
    expect(await findTopicByName(control!, 'orders')).toMatchObject({ id: orders });
    const covered = control!.manifest.coveredIndex;
    await cluster.domain('control').write([{ key: topicKey(orders), value: undefined }]);
    expect(await findTopicByName((await before.domain('control'))!, 'orders')).toBeDefined();
    await cluster.flush();
    await using after = await open();
    const changed = await after.domain('control');
    expect(await findTopicByName(changed!, 'orders')).toBeUndefined();
    expect(changed!.manifest.coveredIndex).toBeGreaterThan(covered);
    // The state before is still there, under its name.
    const named = await after.domain('control', control!.manifest.name);
    expect(await findTopicByName(named!, 'orders')).toBeDefined();
  });

  it('tells a domain that was never flushed from one that is damaged', async () => {
    await using view = await open();
    expect(await view.domain('groups/9')).toBeUndefined();
    const [manifest] = (await cluster.keys('domain/groups/0/manifest/')).slice(-1);
    await cluster.damage(manifest!, 40);
    await using again = await open();
    await expect(again.domain('groups/0')).rejects.toMatchObject({
      code: 'corrupt-object',
      context: { key: manifest },
    });
    expect(await again.domain('control')).toBeDefined();
  });

  it('ignores manifests of an owner that did not take over', async () => {
    await using view = await open();
    const before = (await view.domain('groups/0'))!.manifest.name;
    const [key] = (await cluster.keys('domain/groups/0/manifest/')).slice(-1);
    await cluster.store.put(key!.replace('/0000000001-', '/0000000002-'), [Buffer.from('of somebody else')]);
    await using again = await open();
    expect((await again.domain('groups/0'))!.manifest.name).toEqual(before);
  });

  it('needs no right to write', async () => {
    const deps = { clock: systemClock, random: systemRandom, logger: silentLogger, options: { readOnly: true } };
    await using store = await openStore(cluster.storeUrl, deps);
    await using view = await openBucketView({ store, cluster: 'default', clock: systemClock, logger: silentLogger });
    expect((await (await view.domain('metastore/0'))!.scan({})).length).toBeGreaterThan(0);
  });
});
