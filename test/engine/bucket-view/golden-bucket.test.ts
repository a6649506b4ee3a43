// Buckets that earlier versions wrote are read by this one: every row of every domain at every manifest, every record; nothing in
// them is found to be wrong; and the domains go on from where the older version stopped.

import { describe, expect, it } from 'vitest';
import { type CheckFinding, checkMetadata } from '../../../src/engine/audit/audit.ts';
import { incarnation, offset, term, timestampMs } from '../../../src/engine/base/ids.ts';
import { silentLogger } from '../../../src/engine/base/logger.ts';
import { seededRandom } from '../../../src/engine/base/random.ts';
import { VirtualClock } from '../../../src/engine/base/virtual-clock.ts';
import { type BucketView, openBucketView } from '../../../src/engine/bucket-view/bucket-view.ts';
import { readControlRows } from '../../../src/engine/cluster/control-rows.ts';
import { type DomainReads, type LsmDomain, openLsmDomain } from '../../../src/engine/domain/domain.ts';
import { encodeRecordedManifest } from '../../../src/engine/domain/recorded-manifest-format.ts';
import { BlockCache, defaultLsmRules, inspectBlocks, type TableInfo, tableKey } from '../../../src/engine/lsm/lsm.ts';
import { openMetastore, validateObjects, validatePartition } from '../../../src/engine/metastore/metastore.ts';
import { MemoryLog } from '../../../src/engine/replicated-log/memory-log.ts';
import type { ObjectStore } from '../../../src/engine/store/object-store.ts';
import { salvageL0 } from '../../support/bucket-salvage.ts';
import {
  type GoldenRow,
  goldenBucketNames,
  manifestsOf,
  readGoldenBucket,
  shownRows,
  storeOf,
} from '../../support/golden-bucket.ts';
import { tellGoldenStory } from '../../support/golden-bucket-story.ts';

const clock = new VirtualClock();
const names = await goldenBucketNames();

const open = (store: ObjectStore, cluster: string): Promise<BucketView> =>
  openBucketView({ store, cluster, clock, logger: silentLogger });

/** "groups/0 committed-offset", … sorted. */
const kindsOf = (rows: readonly GoldenRow[]): string[] =>
  [...new Set(rows.map(({ domain, row }) => `${domain} ${row.kind}`))].sort();

const rawRows = async (reads: DomainReads): Promise<string[]> =>
  (await reads.scan({})).map(({ key, value }) => `${key} ${value.toString('hex')}`);

async function findingsIn(view: BucketView): Promise<CheckFinding[]> {
  const domains = [];
  for (const name of await view.domainNames()) {
    const reads = await view.domain(name);
    if (reads === undefined) throw new Error(`${name} was never flushed`);
    const source = (table: TableInfo) => view.tableSource(name, table.name, table.sizeBytes);
    domains.push({ name, reads, tables: { manifest: reads.manifest, source } });
  }
  const metastore = domains.filter(({ name }) => name.startsWith('metastore/')).map(({ reads }) => reads);
  const options = { topicId: undefined, checkObjects: true, storage: undefined, live: false, nowMs: clock.nowMs() };
  const findings: CheckFinding[] = [];
  for await (const step of checkMetadata({ ...options, domains, metastore })) findings.push(...step.findings);
  return findings;
}

/** Opens a domain for writing on a log that names its newest manifest, as the log of the broker that wrote it did. */
async function goOn(view: BucketView, store: ObjectStore, name: string, log: MemoryLog): Promise<LsmDomain> {
  const shown = await view.domain(name);
  if (shown === undefined) throw new Error(`${name} was never flushed`);
  const { coveredIndex } = shown.manifest;
  const group = `domain/${name}`;
  const [opened] = await log.open([group], shown.manifest.name.term);
  const filled = Array.from({ length: coveredIndex }, () => Buffer.from('covered'));
  const writer = opened?.term ?? term(0);
  await log.append([{ group, term: writer, expectedEnd: 0, entries: filled }]);
  const bytes = encodeRecordedManifest({ ref: shown.ref, prefix: shown.prefix });
  expect(await log.saveSnapshot(group, writer, { index: coveredIndex, bytes })).toMatchObject({ status: 'committed' });
  expect(await log.trim(group, writer, coveredIndex + 1)).toMatchObject({ status: 'committed' });
  return openLsmDomain({
    name,
    log,
    store,
    clusterId: view.cluster.clusterId,
    incarnation: incarnation(1),
    caches: { blocks: new BlockCache(1_000_000), disk: undefined },
    rules: { ...defaultLsmRules, level0Trigger: 2 },
    clock,
    random: seededRandom(1),
    logger: silentLogger,
    flush: { everyMs: () => 3_600_000 },
    confirmOwnership: async () => {},
    pause: () => new Promise((resolve) => setImmediate(resolve)),
  });
}

describe.each(names)('the golden bucket %s', (name) => {
  it('shows every row of every domain as it did, at every manifest', async () => {
    const { bucket, rows } = await readGoldenBucket(name);
    const shown = await shownRows(await storeOf(bucket, clock), bucket.cluster, clock);
    expect(shown.length).toBeGreaterThan(100);
    expect(shown).toEqual(rows);
  });

  it('shows the newest manifest where none is named', async () => {
    const { bucket } = await readGoldenBucket(name);
    const store = await storeOf(bucket, clock);
    await using view = await open(store, bucket.cluster);
    for (const domain of await view.domainNames()) {
      const manifests = await manifestsOf(store, view.prefixOf(domain));
      const newest = await view.domain(domain);
      expect(newest?.manifest.name, domain).toEqual(manifests.at(-1));
      const named = await view.domain(domain, manifests.at(-1));
      expect(await rawRows(newest!)).toEqual(await rawRows(named!));
      // There is something older to tell apart.
      expect(manifests.length).toBeGreaterThan(2);
    }
  });

  it('has nothing that verification finds wrong', async () => {
    const { bucket } = await readGoldenBucket(name);
    const store = await storeOf(bucket, clock);
    await using view = await open(store, bucket.cluster);
    expect(await findingsIn(view)).toEqual([]);
    // The check does look: one byte of one table is enough.
    const table = (await view.domain('metastore/0'))!.manifest.levels.flat()[0]!;
    const key = tableKey(view.prefixOf('metastore/0'), table.name);
    const bytes = Buffer.from(bucket.objects[key] as string, 'base64');
    bytes[10]! ^= 1;
    await store.put(key, [bytes]);
    await using again = await open(store, bucket.cluster);
    expect((await findingsIn(again)).map((finding) => finding.name)).toContain('table_damaged');
  });

  it('gives its records back', async () => {
    const { bucket } = await readGoldenBucket(name);
    // Of L0 alone: the extents that its metastore tells of are made up, there are no objects behind them.
    const salvaged = await salvageL0(await storeOf(bucket, clock), bucket.clusterId);
    expect(bucket.records.length).toBeGreaterThan(0);
    expect(await salvaged.missing(bucket.topicId, bucket.records)).toEqual([]);
    const found = await Promise.all(salvaged.partitions.map((partition) => partition.records()));
    expect(found.flat().length).toBe(bucket.records.length);
  });

  it('is gone on with by domains of this version, and stays readable as it was', async () => {
    const { bucket, rows } = await readGoldenBucket(name);
    const store = await storeOf(bucket, clock);
    const log = new MemoryLog();
    await using view = await open(store, bucket.cluster);
    for (const domainName of await view.domainNames()) {
      await using domain = await goOn(view, store, domainName, log);
      const before = await rawRows((await view.domain(domainName))!);
      expect(await rawRows(domain), domainName).toEqual(before);
      await domain.write([{ key: 'zzz/written-later', value: Buffer.from([1]) }]);
      await domain.flush();
      await domain.compact();
      const after = [...before, 'zzz/written-later 01'];
      expect(await rawRows(domain), domainName).toEqual(after);
      await using later = await open(store, bucket.cluster);
      expect(await rawRows((await later.domain(domainName))!), domainName).toEqual(after);
      await domain.write([{ key: 'zzz/written-later', value: undefined }]);
      await domain.flush();
    }
    // What the older manifests show has not changed.
    const highest = new Map<string, number>();
    for (const { domain, manifests } of rows) {
      highest.set(domain, Math.max(highest.get(domain) ?? 0, ...manifests));
    }
    const shown = (await shownRows(store, bucket.cluster, clock)).flatMap((one) => {
      const manifests = one.manifests.filter((number) => number <= (highest.get(one.domain) ?? 0));
      return manifests.length === 0 ? [] : [{ ...one, manifests }];
    });
    expect(shown).toEqual(rows);
  });

  it('is gone on with by the metastore: partitions grow from their next offsets', async () => {
    const { bucket } = await readGoldenBucket(name);
    const store = await storeOf(bucket, clock);
    const log = new MemoryLog();
    await using view = await open(store, bucket.cluster);
    await using stack = new AsyncDisposableStack();
    const domains: LsmDomain[] = [];
    for (const domainName of (await view.domainNames()).filter((one) => one.startsWith('metastore/'))) {
      domains.push(stack.use(await goOn(view, store, domainName, log)));
    }
    const metastore = stack.use(openMetastore({ domains, clock, random: seededRandom(2) }));
    const partitions = await metastore.partitions({ limit: 100 });
    const { topics } = await readControlRows((await view.domain('control'))!);
    expect(partitions.length).toBeGreaterThan(5);
    for (const { topicId, partition, nextOffset, lastStamp } of partitions) {
      expect(topics.map(({ id }) => id)).toContain(topicId);
      const of = { topicId, partition };
      const [objectId] = (await metastore.preregister(metastore.domainOf(of), 1)) as [string];
      const tile = { baseOffset: nextOffset, lastOffset: offset(nextOffset + 9) };
      const extent = { ...tile, maxTimestamp: timestampMs(1), objectId, position: 0, length: 10 };
      const stamp = { ...lastStamp, term: term(lastStamp.term + 1) };
      const terms = [{ term: stamp.term, startOffset: nextOffset }];
      const more = { emptyRanges: [], terms, lastStamp: stamp, producers: [], forgottenProducers: [] };
      const answer = await metastore.addObjects({
        objects: [{ objectId, sizeBytes: 100, footerPosition: 90 }],
        partitions: [{ ...of, extents: [extent], ...more }],
      });
      expect(answer).toEqual({ corrections: [], removedTopics: [] });
      expect(await metastore.partition(of)).toMatchObject({ nextOffset: nextOffset + 10 });
      const reads = domains[metastore.domainOf(of)] as LsmDomain;
      expect((await validatePartition(reads, of, { rowsMax: 10_000 })).anomalies).toEqual([]);
    }
    for (const domain of domains) {
      expect((await validateObjects(domain, { objectsMax: 10_000 })).anomalies).toEqual([]);
    }
  });
});

describe('a golden bucket', () => {
  it('is kept, and has something of everything', async () => {
    expect(names).toContain('bucket-v1');
    const { bucket, rows } = await readGoldenBucket('bucket-v1');
    expect([...new Set(rows.map(({ row }) => row.kind))].sort()).toEqual([
      'broker-config',
      'committed-offset',
      'compaction',
      'counter',
      'deleted-topic',
      'empty',
      'extent',
      'group',
      'index',
      'object',
      'partition',
      'producer',
      'removed',
      'setting',
      'term',
      'topic',
    ]);
    const states = rows.flatMap(({ row }) => (row.kind === 'object' ? [row['state']] : []));
    expect([...new Set(states)].sort()).toEqual(['complete', 'partial', 'preregistered']);

    await using view = await open(await storeOf(bucket, clock), bucket.cluster);
    const compressions = new Set<string | undefined>();
    let levels = 0;
    let tombstones = 0;
    for (const name of await view.domainNames()) {
      const { manifest } = (await view.domain(name))!;
      expect(manifest.name.term, name).toBe(2);
      levels = Math.max(levels, manifest.levels.length);
      for (const table of manifest.levels.flat()) {
        tombstones += table.tombstones;
        const source = view.tableSource(name, table.name, table.sizeBytes);
        for await (const block of inspectBlocks(source)) compressions.add(block.compression);
      }
    }
    expect([...compressions].sort()).toEqual(['none', 'zstd']);
    expect(levels).toBeGreaterThan(2);
    expect(tombstones).toBeGreaterThan(5);
  });

  it('can still be written: the story runs, and has at least the kinds of rows that the first one had', async () => {
    const { store, cluster } = await tellGoldenStory();
    const told = kindsOf(await shownRows(store, cluster, clock));
    expect(told).toEqual(expect.arrayContaining(kindsOf((await readGoldenBucket('bucket-v1')).rows)));
    await using view = await open(store, cluster);
    expect(await findingsIn(view)).toEqual([]);
  });
});
