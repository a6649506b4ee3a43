// The purge loop on a real metastore and its domains: what a deleted topic leaves, whatever comes in between.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { offset, type TopicId } from '../../src/engine/base/ids.ts';
import { silentLogger } from '../../src/engine/base/logger.ts';
import { seededRandom } from '../../src/engine/base/random.ts';
import { VirtualClock } from '../../src/engine/base/virtual-clock.ts';
import { BrokerConfig } from '../../src/engine/cluster/broker-config.ts';
import { ControlState } from '../../src/engine/cluster/control-state.ts';
import type { LsmDomain } from '../../src/engine/domain/domain.ts';
import { defaultLsmRules } from '../../src/engine/lsm/lsm.ts';
import { type Metastore, openMetastore, validateObjects } from '../../src/engine/metastore/metastore.ts';
import { MetastorePurgeLoop, removalFrom } from '../../src/engine/metastore-purge-loop.ts';
import type { OpenDomain } from '../../src/engine/open-domains.ts';
import { MapDomain } from './cluster/map-domain.ts';
import { DomainStage } from './domain/domain-stage.ts';
import { addition, extent, object } from './metastore/metastore-requests.ts';

let clock: VirtualClock;
let stages: DomainStage[];
let domains: LsmDomain[];
let controlRows: MapDomain;
let control: ControlState;
let metastore: Metastore;
let loop: MetastorePurgeLoop;

async function start(): Promise<void> {
  domains = await Promise.all(stages.map((stage) => stage.open({ rules: defaultLsmRules })));
  const services = { clock, random: seededRandom(3), logger: silentLogger };
  control = await ControlState.open({ domain: controlRows, config: new BrokerConfig(), ...services });
  metastore = openMetastore({ ...services, domains });
  const open = domains.map((inner) => ({ inner, owned: inner }) as unknown as OpenDomain);
  loop = new MetastorePurgeLoop({ control, ...removalFrom(metastore, open), ...services });
}

async function stop(): Promise<void> {
  await loop[Symbol.asyncDispose]();
  await metastore[Symbol.asyncDispose]();
  for (const domain of domains) await domain[Symbol.asyncDispose]();
}

beforeEach(async () => {
  clock = new VirtualClock();
  stages = [new DomainStage(), new DomainStage()];
  controlRows = new MapDomain();
  await start();
});

afterEach(() => stop());

/** The loop works between real turns of the event loop too: its domains read and write. */
async function advance(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 20) {
    await clock.advance(Math.min(20, left));
    for (let tick = 0; tick < 20; tick++) await new Promise((resolve) => setImmediate(resolve));
  }
}

const flush = () => Promise.all(domains.map((domain) => domain.flush()));

async function create(name: string): Promise<TopicId> {
  await control.createTopics([{ name, partitions: 4, replicationFactor: 1, configs: new Map() }]);
  return (control.byName(name) as { id: TopicId }).id;
}

/** One extent in each of four partitions. */
async function add(topicId: TopicId, base: number) {
  const answers = [0, 1, 2, 3].map(async (partition) => {
    const of = { topicId, partition };
    const [objectId = ''] = await metastore.preregister(metastore.domainOf(of), 1);
    const one = addition([extent(base, base + 9, 1, { objectId })], of);
    return metastore.addObjects({ objects: [{ ...object(1), objectId }], partitions: [one] });
  });
  return Promise.all(answers);
}

async function leftOf(topicId: TopicId): Promise<string[]> {
  const rows = await Promise.all(domains.map((domain) => domain.scan({})));
  return rows.flatMap((all) => all.map(({ key }) => key)).filter((key) => key.includes(topicId));
}

async function expectAllCollectable(): Promise<void> {
  for (const domain of domains) {
    const { anomalies, collectable, position } = await validateObjects(domain, { objectsMax: 100 });
    expect([anomalies, position]).toEqual([[], undefined]);
    expect(collectable).toHaveLength((await domain.scan({ prefix: 'object/' })).length);
  }
}

describe('a topic that is deleted', () => {
  it('while objects are added: nothing of it stays but the mark that it is gone, in every domain', async () => {
    const id = await create('t');
    await add(id, 0);
    const adds = [add(id, 10), control.deleteTopics([{ name: 't' }]), add(id, 20)] as const;
    await Promise.all(adds);
    await advance(200);
    const late = await add(id, 30);
    expect(late.every(({ removedTopics }) => removedTopics[0] === id)).toBe(true);
    expect(await leftOf(id)).toEqual([`removed/${id}`, `removed/${id}`]);
    await expectAllCollectable();
  });

  it('is forgotten when its removal is in the bucket, not before', async () => {
    const id = await create('t');
    await add(id, 0);
    await control.deleteTopics([{ name: 't' }]);
    await advance(100);
    expect(await leftOf(id)).toHaveLength(2);
    await domains[0]?.flush();
    await clock.advance(60_000);
    expect(control.deletedTopics).toHaveLength(1);
    await flush();
    await advance(15_100);
    expect(control.deletedTopics).toEqual([]);
  });

  it('is removed after a kill between the deletion and the first step', async () => {
    const id = await create('t');
    await add(id, 0);
    await loop[Symbol.asyncDispose]();
    await control.deleteTopics([{ name: 't' }]);
    for (const stage of stages) stage.crash();
    await start();
    await advance(100);
    await flush();
    await advance(15_100);
    expect([control.deletedTopics, await leftOf(id)]).toEqual([[], [`removed/${id}`, `removed/${id}`]]);
    await expectAllCollectable();
  });

  it('and made again under the same name: the new one keeps what it has', async () => {
    const old = await create('t');
    await add(old, 0);
    await control.deleteTopics([{ name: 't' }]);
    const fresh = await create('t');
    await add(fresh, 0);
    await advance(200);
    expect((await leftOf(old)).every((key) => key.startsWith('removed/'))).toBe(true);
    for (let partition = 0; partition < 4; partition++) {
      const row = await metastore.partition({ topicId: fresh, partition });
      expect(row).toMatchObject({ startOffset: offset(0), nextOffset: 10, extentCount: 1 });
    }
  });

  it('while the bucket is away: it is removed when it is back', async () => {
    const id = await create('t');
    await add(id, 0);
    await flush();
    for (const stage of stages) stage.cutOff();
    await control.deleteTopics([{ name: 't' }]);
    await advance(2_000);
    expect(control.deletedTopics).toHaveLength(1);
    expect(stages.some(({ calls }) => calls.some((call) => call.startsWith('get')))).toBe(true);
    for (const stage of stages) stage.onStore(undefined);
    await advance(3_000);
    await flush();
    await advance(15_100);
    expect([control.deletedTopics, await leftOf(id)]).toEqual([[], [`removed/${id}`, `removed/${id}`]]);
  });
});
