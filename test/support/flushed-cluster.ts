// A whole cluster in a bucket that is a directory, made without a broker by the domains themselves: a topic of three partitions, a
// group with an offset, and a metastore of two domains whose extents lie in L1 objects that are there. Tests damage it as they like.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { systemClock } from '../../src/engine/base/clock.ts';
import { clusterEpoch, incarnation, offset, term, topicId } from '../../src/engine/base/ids.ts';
import { silentLogger } from '../../src/engine/base/logger.ts';
import { seededRandom, systemRandom } from '../../src/engine/base/random.ts';
import { clusterNameKey, ownerKey } from '../../src/engine/cluster/cluster-directory.ts';
import {
  clusterEpochKey,
  encodeCounterRow,
  encodeTopicRow,
  groupsDomainsKey,
  metastoreDomainsKey,
  topicKey,
} from '../../src/engine/cluster/control-format.ts';
import { encodeClusterName, encodeOwner } from '../../src/engine/cluster/owner-format.ts';
import { offsetKey } from '../../src/engine/coordinator/group-key-format.ts';
import { encodeOffsetRow } from '../../src/engine/coordinator/offset-row-format.ts';
import { type DomainChange, type LsmDomain, openLsmDomain } from '../../src/engine/domain/domain.ts';
import { type L1BuiltObject, L1ObjectBuilder } from '../../src/engine/l1/l1.ts';
import { BlockCache, defaultLsmRules } from '../../src/engine/lsm/lsm.ts';
import { openMetastore } from '../../src/engine/metastore/metastore.ts';
import { domainOfPartition } from '../../src/engine/metastore/metastore-key-format.ts';
import { batchHeaderBytes, patchPlace } from '../../src/engine/records/record-batch-format.ts';
import { MemoryLog } from '../../src/engine/replicated-log/memory-log.ts';
import type { ObjectStore } from '../../src/engine/store/object-store.ts';
import { openStore } from '../../src/engine/store/store.ts';
import { makeBatch } from './record-batches.ts';

export const clusterId = '3188e253-0000-4000-8000-000000000001';
export const orders = topicId('6f1c2a34-5b6d-4e7f-8a9b-0c1d2e3f4a5b');
const names = ['control', 'groups/0', 'metastore/0', 'metastore/1'];
/** Each of ten records. */
const batchBytes = 100;

export class FlushedCluster implements AsyncDisposable {
  readonly directory: string;
  readonly storeUrl: string;
  readonly store: ObjectStore;
  readonly domains: ReadonlyMap<string, LsmDomain>;
  /** Of the L1 objects, in the order in which they were made. */
  readonly objectIds: string[] = [];

  private constructor(directory: string, storeUrl: string, store: ObjectStore, domains: Map<string, LsmDomain>) {
    this.directory = directory;
    this.storeUrl = storeUrl;
    this.store = store;
    this.domains = domains;
  }

  /** Everything in it is flushed. */
  static async make(): Promise<FlushedCluster> {
    const directory = await mkdtemp(join(tmpdir(), 'cloudtopics-flushed-'));
    const storeUrl = pathToFileURL(join(directory, 'bucket')).href;
    const store = await openStore(storeUrl, { clock: systemClock, random: systemRandom, logger: silentLogger });
    await putOwner(store);
    const log = new MemoryLog();
    const domains = new Map<string, LsmDomain>();
    for (const name of names) domains.set(name, await openDomain(name, log, store));
    const cluster = new FlushedCluster(directory, storeUrl, store, domains);
    await cluster.#fillControl();
    await cluster.#fillMetastore();
    await cluster.flush();
    return cluster;
  }

  domain(name: string): LsmDomain {
    return this.domains.get(name) as LsmDomain;
  }

  domainOf(partition: number): LsmDomain {
    return this.domain(`metastore/${domainOfPartition({ topicId: orders, partition }, 2)}`);
  }

  async flush(): Promise<void> {
    for (const domain of this.domains.values()) await domain.flush();
  }

  /** Writes rows past the metastore's rules, and flushes them. */
  async writeRows(domain: LsmDomain, changes: readonly DomainChange[]): Promise<void> {
    await domain.write(changes);
    await domain.flush();
  }

  /** Changes one byte of an object in the bucket. */
  async damage(key: string, at: number): Promise<void> {
    const bytes = Buffer.from((await this.store.get(key)).bytes);
    bytes[at < 0 ? bytes.length + at : at]! ^= 0xff;
    await this.store.put(key, [bytes]);
  }

  async keys(prefix: string): Promise<string[]> {
    return (await Array.fromAsync(this.store.list({ prefix: `${clusterId}/${prefix}` }))).map(({ key }) => key);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const domain of this.domains.values()) await domain[Symbol.asyncDispose]();
    await this.store[Symbol.asyncDispose]();
    await rm(this.directory, { recursive: true });
  }

  async #fillControl(): Promise<void> {
    const topic = {
      id: orders,
      name: 'orders',
      createdMs: 1_795_000_000_000,
      configs: new Map([['retention.ms', '1000']]),
      creationEpochs: [0, 1, 2].map(() => clusterEpoch(1)),
    };
    await this.domain('control').write([
      { key: metastoreDomainsKey, value: encodeCounterRow(2) },
      { key: groupsDomainsKey, value: encodeCounterRow(1) },
      { key: clusterEpochKey, value: encodeCounterRow(7) },
      { key: topicKey(orders), value: encodeTopicRow(topic) },
    ]);
    const committed = { committedOffset: 5, leaderEpoch: 1, metadata: '', committedAtMs: 1, expiresAtMs: -1 };
    await this.domain('groups/0').write([{ key: offsetKey('billing', orders, 0), value: encodeOffsetRow(committed) }]);
  }

  /** Partition 0 has four extents, partition 1 has two, partition 2 nothing. One more object is preregistered. */
  async #fillMetastore(): Promise<void> {
    const domains = [this.domain('metastore/0'), this.domain('metastore/1')];
    const metastore = openMetastore({ domains, clock: systemClock, random: seededRandom(3) });
    for (const [partition, extents] of [4, 2].entries()) {
      const domain = domainOfPartition({ topicId: orders, partition }, 2);
      const [objectId] = (await metastore.preregister(domain, 1)) as [string];
      this.objectIds.push(objectId);
      const { sizeBytes, footerPosition, sections } = await this.#buildObject(objectId, partition, extents);
      await metastore.addObjects({
        objects: [{ objectId, sizeBytes, footerPosition }],
        partitions: [
          {
            topicId: orders,
            partition,
            extents: sections.map(({ baseOffset, lastOffset, maxTimestamp, position, length }) => ({
              baseOffset,
              lastOffset,
              maxTimestamp,
              objectId,
              position,
              length,
            })),
            emptyRanges: [],
            terms: [{ term: term(1), startOffset: offset(0) }],
            lastStamp: { incarnation: incarnation(1), term: term(1), attempt: 0 },
            producers: [],
            forgottenProducers: [],
          },
        ],
      });
    }
    this.objectIds.push(...(await metastore.preregister(0, 1)));
    await metastore[Symbol.asyncDispose]();
  }

  /** One batch per extent. */
  async #buildObject(objectId: string, partition: number, extents: number): Promise<L1BuiltObject> {
    const builder = new L1ObjectBuilder({
      store: this.store,
      clusterId,
      topicId: orders,
      objectId,
      kind: 'reconciled',
      createdMs,
      partBytes: 1 << 20,
      indexBytes: 1 << 20,
    });
    for (let at = 0; at < extents; at++) {
      builder.beginSection(partition, offset(at * 10));
      await builder.add(batchAt(at));
      builder.endSection(offset(at * 10 + 9));
    }
    return builder.finish();
  }
}

const createdMs = 1_795_000_000_000;

function batchAt(at: number): Buffer {
  const payload = `batch ${at}`.padEnd(batchBytes - batchHeaderBytes, '.');
  const batch = makeBatch({ payload, count: 10, timestampMs: createdMs + at });
  patchPlace(batch, at * 10, 1);
  return batch;
}

async function putOwner(store: ObjectStore): Promise<void> {
  const owner = {
    clusterId,
    clusterName: 'default',
    incarnation: incarnation(1),
    logIdentity: '3188e253-0000-4000-8000-000000000002',
    leaseMs: 10_000,
    start: { counter: 1, nonce: '3188e253-0000-4000-8000-000000000003' },
    startedAt: '2026-11-21T05:00:00.000Z',
  };
  await store.put(ownerKey(clusterId), [encodeOwner(owner)]);
  await store.put(clusterNameKey('default'), [encodeClusterName({ name: 'default', clusterId })]);
}

function openDomain(name: string, log: MemoryLog, store: ObjectStore): Promise<LsmDomain> {
  return openLsmDomain({
    name,
    log,
    store,
    clusterId,
    incarnation: incarnation(1),
    caches: { blocks: new BlockCache(1_000_000), disk: undefined },
    rules: defaultLsmRules,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    flush: { everyMs: () => 3_600_000 },
    confirmOwnership: async () => {},
    pause: () => new Promise((resolve) => setImmediate(resolve)),
  });
}
