// The story behind a golden bucket: a small cluster with something of everything that this version writes, told to the real domains,
// the real control state, coordinator, metastore and L0 writer, on virtual time and seeded chance. The same code gives the same bytes,
// as far as Node's zstd does.
//
// - two terms of every domain, with flushes, merges down several levels, and a last flush that leaves tombstones in level 0
// - tables with and without compression; rows of every kind
// - L1 objects have rows and no bytes: nothing writes such objects yet, and a stand-in would only mislead who reads them one day

import {
  clusterEpoch,
  incarnation,
  noStamp,
  offset,
  type Stamp,
  term,
  timestampMs,
} from '../../src/engine/base/ids.ts';
import { silentLogger } from '../../src/engine/base/logger.ts';
import { seededRandom } from '../../src/engine/base/random.ts';
import { SlabPool } from '../../src/engine/base/slab-pool.ts';
import { VirtualClock } from '../../src/engine/base/virtual-clock.ts';
import { BrokerConfig } from '../../src/engine/cluster/broker-config.ts';
import { clusterNameKey, ownerKey } from '../../src/engine/cluster/cluster-directory.ts';
import { ControlState, type NewTopic, type Topic } from '../../src/engine/cluster/control-state.ts';
import { encodeClusterName, encodeOwner } from '../../src/engine/cluster/owner-format.ts';
import { type Coordinator, defaultGroupConfig, openCoordinator } from '../../src/engine/coordinator/coordinator.ts';
import { type LsmDomain, openLsmDomain } from '../../src/engine/domain/domain.ts';
import { type L0Source, L0Writer } from '../../src/engine/l0/l0.ts';
import { BlockCache, defaultLsmRules, type LsmRules } from '../../src/engine/lsm/lsm.ts';
import { type Metastore, openMetastore } from '../../src/engine/metastore/metastore.ts';
import { encodeBatch } from '../../src/engine/records/build-batch-format.ts';
import { codecs } from '../../src/engine/records/compression.ts';
import { readBatchFacts } from '../../src/engine/records/record-batch-format.ts';
import { MemoryLog } from '../../src/engine/replicated-log/memory-log.ts';
import { MemoryStore } from '../../src/engine/store/memory-store.ts';
import type { AcknowledgedRecord } from './bucket-salvage.ts';
import { GoldenMetastoreStory } from './golden-metastore-story.ts';

const clusterName = 'golden';
const clusterId = '60de0000-0000-4000-8000-000000000001';
const beganAt = '2026-11-21T05:00:00.000Z';
const minuteMs = 60_000;

const compressions: Readonly<Record<string, LsmRules['compression']>> = {
  control: 'none',
  'groups/0': 'zstd',
  'groups/1': 'none',
  'metastore/0': 'zstd',
  'metastore/1': 'none',
};

/** Small tables, so that a few hundred rows fill several levels. */
const rulesOf = (domain: string): LsmRules => ({
  ...defaultLsmRules,
  blockBytes: 1024,
  restartInterval: 4,
  tableBytes: 3000,
  level0Trigger: 3,
  level1Bytes: 4096,
  levelRatio: 2,
  levels: 5,
  compression: compressions[domain] as LsmRules['compression'],
});

export interface ToldStory {
  readonly store: MemoryStore;
  readonly cluster: string;
  readonly clusterId: string;
  /** The topic whose records are in L0 objects, and what it has. */
  readonly topicId: string;
  readonly records: readonly AcknowledgedRecord[];
}

export async function tellGoldenStory(): Promise<ToldStory> {
  const story = new GoldenStory();
  await story.start(1);
  await story.firstTerm();
  await story.stop();
  await story.start(2);
  await story.secondTerm();
  await story.stop();
  const { store, records } = story;
  return { store, cluster: clusterName, clusterId, topicId: story.idOf('orders'), records };
}

class GoldenStory {
  readonly clock = new VirtualClock(Date.parse(beganAt));
  readonly store = new MemoryStore({ clock: this.clock });
  readonly records: AcknowledgedRecord[] = [];
  readonly #random = seededRandom(20_261_121);
  readonly #log = new MemoryLog({ identity: '60de0000-0000-4000-8000-000000000002' });
  readonly #topics = new Map<string, Topic>();
  readonly #l1 = new GoldenMetastoreStory(this.clock);
  readonly #domains = new Map<string, LsmDomain>();
  #broker: { readonly control: ControlState; readonly groups: Coordinator; readonly metastore: Metastore } | undefined;

  async start(counter: number): Promise<void> {
    await this.#putOwner(counter);
    for (const name of Object.keys(compressions)) this.#domains.set(name, await this.#openDomain(name));
    const parts = { clock: this.clock, random: this.#random, logger: silentLogger };
    const config = new BrokerConfig({ 'cloudtopics.metastore.domains': '2', 'cloudtopics.groups.domains': '2' });
    const control = await ControlState.open({ ...parts, domain: this.#domain('control'), config });
    const groups = await openCoordinator({
      ...parts,
      domains: [this.#domain('groups/0'), this.#domain('groups/1')],
      topics: {
        idOf: (name) => control.byName(name)?.id,
        nameOf: (id) => control.byId(id)?.name,
        partitionCount: (id) => control.byId(id)?.partitions.length,
      },
      config: () => defaultGroupConfig,
    });
    const metastore = openMetastore({
      ...parts,
      domains: [this.#domain('metastore/0'), this.#domain('metastore/1')],
    });
    this.#l1.metastore = metastore;
    this.#broker = { control, groups, metastore };
  }

  /** Everything is in the bucket then. */
  async stop(): Promise<void> {
    const { groups, metastore } = this.#running;
    await this.#flush();
    await groups[Symbol.asyncDispose]();
    await metastore[Symbol.asyncDispose]();
    for (const domain of this.#domains.values()) await domain[Symbol.asyncDispose]();
  }

  idOf(topic: string): Topic['id'] {
    return (this.#topics.get(topic) as Topic).id;
  }

  async firstTerm(): Promise<void> {
    const { control, groups, metastore } = this.#running;
    await this.#createTopics();
    await control.alterBrokerConfigs(() => new Map([['num.partitions', '6']]));
    await control.producerIds.next();
    await control.raiseClusterEpoch();
    await this.#produce();
    await this.#join('dashboard');
    await this.#commit('throw-away', 'audit', 0, 3);
    for (let round = 1; round <= 4; round++) {
      for (const partition of [0, 1, 2]) await this.#l1.add(this.idOf('orders'), partition, 3, round);
      for (const partition of [0, 1, 3]) await this.#l1.add(this.idOf('clicks'), partition, 3, 1);
      await this.#l1.add(this.idOf('audit'), 0, 1, 1);
      await this.#commit('billing', 'orders', 0, 10 * round);
      await this.#commit('größe/100%', 'clicks', 1, 7 * round);
      await this.#commit(`batch-${round}`, 'clicks', 0, round);
      await this.#flush();
    }
    await this.#l1.level(this.idOf('orders'), 0);
    await this.#l1.level(this.idOf('orders'), 1);
    for (const partition of [0, 1]) await this.#l1.compact(this.idOf('clicks'), partition);
    await this.#l1.removeBelow(this.idOf('orders'), 2, 30);
    const given = await metastore.preregister(0, 2);
    await metastore.expirePreregistrations(0, { objectIds: given, lastUpdatedAtMost: timestampMs(this.clock.nowMs()) });
    await this.#flush();
    await groups.expireOffsets();
    for (const name of ['metastore/0', 'metastore/1', 'groups/0']) await this.#domain(name).compact();
  }

  async secondTerm(): Promise<void> {
    const { control, groups, metastore } = this.#running;
    await control.producerIds.next();
    await control.raiseClusterEpoch();
    await control.createPartitions([{ name: 'clicks', count: 6 }]);
    const edit = (present: ReadonlyMap<string, string>) => new Map([...present, ['retention.ms', '3600000']]);
    await control.alterTopicConfigs([{ name: 'orders', edit }]);
    await groups.deleteGroups(['throw-away', 'batch-1', 'batch-2']);
    await groups.offsetDelete('batch-3', [{ name: 'clicks', partitionIndexes: [0] }]);
    await this.#commit('billing', 'orders', 2, 41);
    for (const partition of [0, 1, 2]) await this.#l1.add(this.idOf('orders'), partition, 2, 9);
    await this.#l1.removeBelow(this.idOf('orders'), 1, 40);
    const audit = this.idOf('audit');
    await control.deleteTopics([{ name: 'audit' }]);
    for (const domain of [0, 1]) {
      await metastore.removeTopics(domain, { topicIds: [audit] });
      // An upload that has begun.
      await metastore.preregister(domain, 1);
    }
    // The first of two requests for one object.
    for (const partition of [0, 1, 2, 3]) await this.#l1.add(this.idOf('clicks'), partition, 1, 2, true);
  }

  async #createTopics(): Promise<void> {
    const wanted: NewTopic[] = [
      { name: 'orders', partitions: 3, replicationFactor: 1, configs: new Map([['retention.ms', '604800000']]) },
      {
        name: 'clicks',
        partitions: 4,
        replicationFactor: 1,
        configs: new Map([
          ['cleanup.policy', 'compact'],
          ['max.message.bytes', '2097152'],
        ]),
      },
      { name: 'audit', partitions: 1, replicationFactor: 1, configs: new Map() },
    ];
    const { results } = await this.#running.control.createTopics(wanted);
    for (const topic of results) {
      if (topic instanceof Error) throw topic;
      this.#topics.set(topic.name, topic);
    }
  }

  /** Two L0 objects: both with batches of orders/0, the first with one of orders/1. */
  async #produce(): Promise<void> {
    const slabs = new SlabPool({ slabBytes: 64 * 1024, bytesMax: 64 * 1024 });
    const writer = new L0Writer({
      store: this.store,
      clusterId,
      shards: 2,
      seal: { bytesMax: 1 << 20, partitionsMax: 1000, batchesMax: 8000, interval: 1000, gatherMs: 1 },
      putsMax: 2,
      clock: this.clock,
      random: this.#random,
      logger: silentLogger,
      clusterEpoch: () => this.#running.control.clusterEpoch,
      confirmOwnership: async () => {},
      defer: (run) => queueMicrotask(run),
    });
    const ends = new Map<number, { next: number; stamp: Stamp }>();
    const stage = (index: number, values: readonly string[], codec: number): void => {
      const { next, stamp: link } = ends.get(index) ?? { next: 0, stamp: noStamp };
      const records = values.map((value, at) => ({ key: Buffer.from(`key-${at}`), value: Buffer.from(value) }));
      const batch = encodeBatch(records, { baseOffset: next, leaderEpoch: 1, codec, timestamp: this.clock.nowMs() });
      const slab = slabs.allocate(batch.length);
      if (slab === undefined) throw new Error('the slab is too small for the records of the story');
      slab.bytes.set(batch);
      const { lastOffsetDelta, ...facts } = readBatchFacts(batch);
      const stamp = { incarnation: incarnation(1), term: term(1), attempt: 0 };
      const baseOffset = offset(next);
      const lastOffset = offset(next + lastOffsetDelta);
      const maxTimestamp = timestampMs(facts.maxTimestamp);
      const place = { stamp, link, baseOffset, lastOffset, maxTimestamp };
      writer.stage(this.#l0Source(index, next), { ...facts, ...place, records: slab });
      values.forEach((value, at) => void this.records.push({ partition: index, offset: next + at, value }));
      ends.set(index, { next: lastOffset + 1, stamp });
    };
    stage(0, ['apples', 'pears'], codecs.none);
    stage(1, ['plums', 'plums', 'plums'], codecs.gzip);
    await writer.drain();
    stage(0, ['cherries'], codecs.zstd);
    await writer.drain();
  }

  #l0Source(index: number, end: number): L0Source {
    return {
      topicId: this.idOf('orders'),
      index,
      highWatermark: offset(end),
      logStartOffset: offset(0),
      clusterEpochMin: clusterEpoch(1),
      shareUploaded: () => {},
      shareFailed: (_share, error) => {
        throw error;
      },
    };
  }

  /** A group of one static member, which has its assignment. */
  async #join(groupId: string): Promise<void> {
    const { groups } = this.#running;
    const caller = { apiVersion: 5, clientId: 'dashboard-client', clientHost: '127.0.0.1' };
    const metadata = Buffer.from('subscription of dashboard');
    const joined = await groups.joinGroup(
      {
        groupId,
        sessionTimeoutMs: 1_800_000,
        rebalanceTimeoutMs: 60_000,
        memberId: '',
        groupInstanceId: 'screen-1',
        protocolType: 'consumer',
        protocols: [{ name: 'range', metadata }],
      },
      caller,
    );
    const { memberId, generationId } = joined;
    const assignments = [{ memberId, assignment: Buffer.from('orders 0 1 2') }];
    const member = { groupId, generationId, memberId, groupInstanceId: 'screen-1' };
    const synced = await groups.syncGroup({ ...member, assignments }, caller);
    if (joined.errorCode !== 0 || synced.errorCode !== 0) throw new Error(`${groupId} has no member`);
  }

  async #commit(groupId: string, topic: string, partitionIndex: number, committedOffset: number): Promise<void> {
    const partitions = [{ partitionIndex, committedOffset, committedLeaderEpoch: 1, committedMetadata: `in ${topic}` }];
    const answers = await this.#running.groups.offsetCommit(
      { groupId, generationId: -1, memberId: '', groupInstanceId: null, topics: [{ name: topic, partitions }] },
      { apiVersion: 8, clientId: groupId, clientHost: '127.0.0.1' },
    );
    const refused = answers.flatMap((answer) => answer.partitions).find(({ errorCode }) => errorCode !== 0);
    if (refused !== undefined) throw new Error(`a commit of ${groupId} was answered ${refused.errorCode}`);
  }

  get #running() {
    if (this.#broker === undefined) throw new Error('nothing is started');
    return this.#broker;
  }

  #domain(name: string): LsmDomain {
    return this.#domains.get(name) as LsmDomain;
  }

  /** Flushes all domains, lets the merges that follow from it come to their end, and a minute pass. */
  async #flush(): Promise<void> {
    for (const domain of this.#domains.values()) {
      await domain.flush();
      for (let quiet = 0, seen = domain.manifest; quiet < 20; quiet++) {
        await turn();
        if (domain.manifest !== seen) quiet = 0;
        seen = domain.manifest;
      }
    }
    await this.clock.advance(minuteMs);
  }

  async #putOwner(counter: number): Promise<void> {
    const owner = {
      clusterId,
      clusterName,
      incarnation: incarnation(1),
      logIdentity: this.#log.identity,
      leaseMs: 10_000,
      start: { counter, nonce: `60de0000-0000-4000-8000-00000000001${counter}` },
      startedAt: new Date(this.clock.nowMs()).toISOString(),
    };
    await this.store.put(ownerKey(clusterId), [encodeOwner(owner)]);
    await this.store.put(clusterNameKey(clusterName), [encodeClusterName({ name: clusterName, clusterId })]);
  }

  #openDomain(name: string): Promise<LsmDomain> {
    return openLsmDomain({
      name,
      log: this.#log,
      store: this.store,
      clusterId,
      incarnation: incarnation(1),
      caches: { blocks: new BlockCache(1_000_000), disk: undefined },
      rules: rulesOf(name),
      clock: this.clock,
      random: this.#random,
      logger: silentLogger,
      flush: name === 'control' ? 'at-once' : { everyMs: () => 24 * 60 * minuteMs },
      confirmOwnership: async () => {},
      pause: turn,
    });
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
