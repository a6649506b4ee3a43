// The control state: rules of topics, what is visible when, and that the rows always say what readers see.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EngineError } from '../../../src/engine/base/errors.ts';
import { silentLogger } from '../../../src/engine/base/logger.ts';
import { seededRandom } from '../../../src/engine/base/random.ts';
import { VirtualClock } from '../../../src/engine/base/virtual-clock.ts';
import { BrokerConfig } from '../../../src/engine/cluster/broker-config.ts';
import { ClusterEpochLoop } from '../../../src/engine/cluster/cluster-epoch-loop.ts';
import { waitingBytesMax } from '../../../src/engine/cluster/control-queue.ts';
import {
  type ControlChange,
  ControlState,
  type NewTopic,
  type Topic,
} from '../../../src/engine/cluster/control-state.ts';
import { MapDomain } from './map-domain.ts';

const topic = (name: string, more: Partial<NewTopic> = {}): NewTopic => ({
  name,
  partitions: 1,
  replicationFactor: 1,
  configs: new Map(),
  ...more,
});

async function open(domain = new MapDomain(), settings: Record<string, string> = {}) {
  const config = new BrokerConfig(settings);
  const clock = new VirtualClock();
  const options = { domain, config, clock, random: seededRandom(1), logger: silentLogger };
  const control = await ControlState.open(options);
  const changes: ControlChange[] = [];
  control.onChange((change) => void changes.push(change));
  return { control, config, domain, changes, clock };
}

/** Holds writes back until it is called. */
function gated(domain: MapDomain): () => void {
  const gate = Promise.withResolvers<void>();
  domain.gate = gate.promise;
  return () => {
    domain.gate = undefined;
    gate.resolve();
  };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

async function createOne(control: ControlState, wanted: NewTopic): Promise<Topic> {
  const { results } = await control.createTopics([wanted]);
  const [result] = results;
  if (result === undefined || result instanceof EngineError) throw result;
  return result;
}

async function codeOf(control: ControlState, wanted: NewTopic): Promise<string> {
  const { results } = await control.createTopics([wanted]);
  return results[0] instanceof EngineError ? results[0].code : 'created';
}

describe('creating topics', () => {
  test.each<[string, NewTopic, string]>([
    ['a plain topic', topic('orders'), 'created'],
    ['all legal characters', topic('A-z_0.9'), 'created'],
    ['249 characters', topic('x'.repeat(249)), 'created'],
    ['250 characters', topic('x'.repeat(250)), 'invalid-topic-name'],
    ['no name', topic(''), 'invalid-topic-name'],
    ['a dot', topic('.'), 'invalid-topic-name'],
    ['two dots', topic('..'), 'invalid-topic-name'],
    ['a slash', topic('a/b'), 'invalid-topic-name'],
    ['a letter beyond ASCII', topic('größe'), 'invalid-topic-name'],
    ['default partitions', topic('t', { partitions: -1 }), 'created'],
    ['no partitions', topic('t', { partitions: 0 }), 'invalid-partitions'],
    ['partitions beyond the limit', topic('t', { partitions: 10_001 }), 'invalid-partitions'],
    ['default factor', topic('t', { replicationFactor: -1 }), 'created'],
    ['factor 3, kept as 1', topic('t', { replicationFactor: 3 }), 'created'],
    ['factor 0', topic('t', { replicationFactor: 0 }), 'invalid-replication-factor'],
    ['factor −2', topic('t', { replicationFactor: -2 }), 'invalid-replication-factor'],
    ['an unknown config', topic('t', { configs: new Map([['no.such', '1']]) }), 'invalid-config'],
    ['a config out of range', topic('t', { configs: new Map([['retention.ms', '-2']]) }), 'invalid-config'],
    ['recompression', topic('t', { configs: new Map([['compression.type', 'zstd']]) }), 'invalid-config'],
    ['an unbuilt storage mode', topic('t', { configs: new Map([['storage.mode', 'tiered_cloud']]) }), 'invalid-config'],
    ['an inert config', topic('t', { configs: new Map([['segment.bytes', '1000000']]) }), 'created'],
  ])('%s', async (_what, wanted, expected) => {
    const { control } = await open();
    expect(await codeOf(control, wanted)).toBe(expected);
  });

  const assigned = (...assignments: [number, number[]][]) =>
    topic('t', {
      partitions: -1,
      replicationFactor: -1,
      assignments: assignments.map(([partition, brokers]) => ({ partition, brokers })),
    });
  test.each<[string, NewTopic, string]>([
    ['two partitions on the one broker', assigned([0, [1]], [1, [1]]), 'created'],
    ['in another order', assigned([1, [1]], [0, [1]]), 'created'],
    ['a gap', assigned([0, [1]], [2, [1]]), 'invalid-replica-assignment'],
    ['a partition twice', assigned([0, [1]], [0, [1]]), 'invalid-replica-assignment'],
    ['a stranger', assigned([0, [2]]), 'invalid-replica-assignment'],
    ['a broker twice', assigned([0, [1, 1]]), 'invalid-replica-assignment'],
    ['nobody', assigned([0, []]), 'invalid-replica-assignment'],
    ['with a count as well', { ...assigned([0, [1]]), partitions: 1 }, 'invalid-request'],
  ])('assigned: %s', async (_what, wanted, expected) => {
    const { control } = await open();
    expect(await codeOf(control, wanted)).toBe(expected);
  });

  test('names that differ in "." and "_" stand beside each other; the same name does not', async () => {
    const { control } = await open();
    const { results } = await control.createTopics([topic('a.b'), topic('a_b'), topic('a.b')]);
    expect(results.map((one) => (one instanceof EngineError ? one.code : one.name))).toEqual([
      'a.b',
      'a_b',
      'topic-exists',
    ]);
    expect(await codeOf(control, topic('a_b'))).toBe('topic-exists');
  });

  test('a request of many topics is one write', async () => {
    const { control, domain } = await open();
    const before = domain.writes;
    await control.createTopics(Array.from({ length: 50 }, (_, at) => topic(`t${at}`)));
    expect(domain.writes - before).toBe(1);
  });

  test('a request of very many topics is several writes, of which each may fail', async () => {
    const { control, domain } = await open();
    const many = Array.from({ length: 2_500 }, (_, at) => topic(`t${at}`.padEnd(240, '.')));
    domain.fault = 'refuse';
    const { results } = await control.createTopics(many);
    const refused = results.filter((one) => one instanceof EngineError).length;
    expect([results.length, refused]).toEqual([2_500, 1_000]);
    expect(control.topics.size).toBe(1_500);
    const before = domain.writes;
    const deleted = await control.deleteTopics(many.map(({ name }) => ({ name })));
    expect(deleted.results.filter((one) => one instanceof EngineError)).toHaveLength(1_000);
    expect([control.topics.size, domain.writes - before]).toEqual([0, 2]);
  });

  test('the partitions of the whole cluster are limited, within one request too', async () => {
    const { control } = await open(undefined, { 'cloudtopics.cluster.partitions.max': '5' });
    const { results } = await control.createTopics([topic('a', { partitions: 3 }), topic('b', { partitions: 3 })]);
    expect(results.map((one) => one instanceof EngineError)).toEqual([false, true]);
    expect((await control.createPartitions([{ name: 'a', count: 6 }])).results[0]).toMatchObject({
      code: 'invalid-partitions',
    });
    expect((await control.createPartitions([{ name: 'a', count: 5 }])).results[0]).toMatchObject({ name: 'a' });
  });

  test('validating changes nothing', async () => {
    const { control, domain, changes } = await open();
    const before = domain.writes;
    const { results } = await control.createTopics([topic('t')], true);
    expect(results[0]).toMatchObject({ name: 't' });
    expect([control.byName('t'), domain.writes - before, changes]).toEqual([undefined, 0, []]);
  });
});

describe('visibility', () => {
  test('a topic can be seen only when it is durable', async () => {
    const { control, domain, changes } = await open();
    let release = () => {};
    domain.gate = new Promise((resolve) => {
      release = resolve;
    });
    const creating = control.createTopics([topic('t')]);
    await turn();
    expect([control.byName('t'), changes.length]).toEqual([undefined, 0]);
    release();
    await creating;
    expect(control.byName('t')).toBeDefined();
    expect(changes).toMatchObject([{ kind: 'partitions-created', partitions: [{ index: 0 }] }]);
  });

  test('a refused write leaves no trace', async () => {
    const { control, domain, changes } = await open();
    domain.fault = 'refuse';
    await expect(control.createTopics([topic('t')])).rejects.toThrow('refused');
    expect(await codeOf(control, topic('other'))).toBe('created');
    expect(control.list().map(({ name }) => name)).toEqual(['other']);
    expect(changes).toHaveLength(1);
  });

  test('a write whose outcome was unknown is read back before anything else is decided', async () => {
    const { control, domain, changes } = await open();
    domain.fault = 'apply, then fail';
    await expect(control.createTopics([topic('t')])).rejects.toThrow('nobody knows');
    expect(await codeOf(control, topic('t'))).toBe('topic-exists');
    expect(control.byName('t')).toBeDefined();
    expect(changes).toMatchObject([{ kind: 'partitions-created' }]);
  });

  test('whoever creates can wait until listeners are done; one that fails harms nobody', async () => {
    const { control } = await open();
    let opened = false;
    control.onChange(() => Promise.reject(new Error('cannot open')));
    control.onChange(async () => {
      await new Promise((resolve) => setImmediate(resolve));
      opened = true;
    });
    const { settled } = await control.createTopics([topic('t')]);
    expect(opened).toBe(false);
    await settled;
    expect(opened).toBe(true);
  });
});

describe('changes that come while a write is under way', () => {
  test('share the next one, and each is judged against those before it', async () => {
    const { control, domain } = await open();
    const release = gated(domain);
    const first = createOne(control, topic('first'));
    await turn();
    const before = domain.writes;
    const many = Promise.all(Array.from({ length: 100 }, (_, at) => codeOf(control, topic(`t${at % 50}`))));
    const grown = control.createPartitions([{ name: 't7', count: 4 }]);
    const raised = control.raiseClusterEpoch();
    const configured = control.alterTopicConfigs([{ name: 't7', edit: () => new Map([['retention.ms', '5']]) }]);
    const deleted = control.deleteTopics([{ name: 't8' }]);
    const again = codeOf(control, topic('t8'));
    release();
    await first;
    const codes = await many;
    expect(codes.filter((code) => code === 'created')).toHaveLength(50);
    expect(codes.filter((code) => code === 'topic-exists')).toHaveLength(50);
    await Promise.all([grown, configured, deleted]);
    expect(await raised).toBe(2);
    expect(await again).toBe('created');
    expect(domain.writes - before).toBe(1);
    expect(control.byName('t7')).toMatchObject({
      partitions: [{}, {}, {}, {}],
      configs: new Map([['retention.ms', '5']]),
    });
    const restarted = await open(domain);
    expect(restarted.control.list()).toEqual(control.list());
  });

  test('all fail with it, and leave no trace', async () => {
    const { control, domain, changes } = await open();
    const release = gated(domain);
    const first = createOne(control, topic('first'));
    await turn();
    const behind = ['a', 'a', 'b'].map((name) => codeOf(control, topic(name)).catch(() => 'failed'));
    domain.fault = 'refuse';
    release();
    await first;
    expect(await Promise.all(behind)).toEqual(['failed', 'failed', 'failed']);
    expect(control.list().map(({ name }) => name)).toEqual(['first']);
    expect(changes).toHaveLength(1);
  });

  test('are refused, to be tried again, when too much waits already', async () => {
    const { control, domain } = await open();
    const release = gated(domain);
    const first = createOne(control, topic('first'));
    await turn();
    const configs = new Map([['leader.replication.throttled.replicas', 'x'.repeat(30_000)]]);
    const codes: Promise<string>[] = [];
    for (let bytes = 0; bytes < waitingBytesMax + 100_000; bytes += 30_000) {
      codes.push(codeOf(control, topic(`t${codes.length}`, { configs })).catch(({ code }) => code));
    }
    release();
    await first;
    const told = await Promise.all(codes);
    const taken = told.indexOf('log-unavailable');
    expect(taken).toBeGreaterThan(2_000);
    expect(new Set(told.slice(0, taken))).toEqual(new Set(['created']));
    expect(new Set(told.slice(taken))).toEqual(new Set(['log-unavailable']));
    expect(await codeOf(control, topic('afterwards'))).toBe('created');
  });

  test('are spread over several writes when they are large', async () => {
    const { control, domain } = await open();
    const release = gated(domain);
    const first = createOne(control, topic('first'));
    await turn();
    const before = domain.writes;
    const configs = new Map([['leader.replication.throttled.replicas', 'x'.repeat(30_000)]]);
    const many = Promise.all(Array.from({ length: 20 }, (_, at) => createOne(control, topic(`t${at}`, { configs }))));
    release();
    await first;
    await many;
    expect(domain.writes - before).toBe(3);
  });
});

describe('after a write of unknown outcome', () => {
  test('readers see it before long, without anybody asking for a change', async () => {
    const { control, domain, clock, changes } = await open();
    domain.fault = 'apply, then fail';
    await expect(control.createTopics([topic('t')])).rejects.toThrow('nobody knows');
    expect(control.byName('t')).toBeUndefined();
    await clock.advance(1_000);
    expect(control.byName('t')).toBeDefined();
    expect(changes).toMatchObject([{ kind: 'partitions-created' }]);
  });

  test('reading back is tried again until the rows can be read', async () => {
    const { control, domain, clock } = await open();
    domain.fault = 'apply, then fail';
    await control.createTopics([topic('t')]).catch(() => undefined);
    const scan = domain.scan.bind(domain);
    domain.scan = () => Promise.reject(new EngineError('store-unavailable', 'away'));
    await clock.advance(5_000);
    await expect(control.createTopics([topic('t')])).rejects.toMatchObject({ code: 'store-unavailable' });
    domain.scan = scan;
    await clock.advance(1_000);
    expect(control.byName('t')).toBeDefined();
  });
});

describe('the numbers of domains', () => {
  test('are fixed when the cluster is created, in the write that creates it', async () => {
    const settings = { 'cloudtopics.metastore.domains': '5', 'cloudtopics.groups.domains': '2' };
    const { control, domain } = await open(undefined, settings);
    expect(control.domainCounts).toEqual({ metastore: 5, groups: 2 });
    expect(domain.writes).toBe(1);
    const again = await open(domain, { 'cloudtopics.metastore.domains': '7' });
    expect(again.control.domainCounts).toEqual({ metastore: 5, groups: 2 });
    expect(domain.writes).toBe(1);
  });

  test('that are damaged are refused, not guessed', async () => {
    const { domain } = await open();
    domain.rows.delete('setting/metastore-domains');
    await expect(open(domain)).rejects.toMatchObject({ code: 'corrupt-object' });
  });
});

describe('changing and deleting topics', () => {
  test('a topic made again under its old name has another id', async () => {
    const { control, changes } = await open();
    const first = await createOne(control, topic('t', { partitions: 2 }));
    await control.deleteTopics([{ name: 't' }]);
    expect([control.byName('t'), control.byId(first.id), control.topics.partitions]).toEqual([undefined, undefined, 0]);
    const second = await createOne(control, topic('t'));
    expect(second.id).not.toBe(first.id);
    expect(changes.map(({ kind }) => kind)).toEqual(['partitions-created', 'partitions-removed', 'partitions-created']);
  });

  test('a deleted topic leaves a mark, in the write that deletes it, until nothing is left of it', async () => {
    const { control, domain } = await open();
    const { id } = await createOne(control, topic('t'));
    const before = domain.writes;
    await control.deleteTopics([{ name: 't' }]);
    expect(domain.writes - before).toBe(1);
    const { deletedTopics } = (await open(domain)).control;
    expect(deletedTopics).toMatchObject([{ id, name: 't' }]);
    expect(control.deletedTopics).toEqual(deletedTopics);
    await control.forgetDeleted([id]);
    expect(control.deletedTopics).toEqual([]);
    expect((await open(domain)).control.deletedTopics).toEqual([]);
  });

  test('deleting what is not there says so, by name and by id', async () => {
    const { control } = await open();
    const { results } = await control.deleteTopics([{ name: 'no' }, { id: '00000000-0000-4000-8000-000000000000' }]);
    expect(results).toMatchObject([{ code: 'unknown-topic-or-partition' }, { code: 'unknown-topic-id' }]);
  });

  test('each partition has the cluster epoch of its own creation, also after a restart', async () => {
    const { control, domain } = await open();
    await createOne(control, topic('t', { partitions: 2 }));
    await control.raiseClusterEpoch();
    await control.createPartitions([{ name: 't', count: 3 }]);
    const expected = [1, 1, 2];
    expect(control.byName('t')?.partitions.map(({ creationEpoch }) => creationEpoch)).toEqual(expected);
    const again = await open(domain);
    expect(again.control.byName('t')?.partitions.map(({ creationEpoch }) => creationEpoch)).toEqual(expected);
    expect(again.control.clusterEpoch).toBe(2);
  });

  test('partitions only grow, within the limit', async () => {
    const { control } = await open();
    await createOne(control, topic('t', { partitions: 3 }));
    const grow = async (count: number) => (await control.createPartitions([{ name: 't', count }])).results[0];
    expect(await grow(3)).toMatchObject({ code: 'invalid-partitions' });
    expect(await grow(2)).toMatchObject({ code: 'invalid-partitions' });
    expect(await grow(10_001)).toMatchObject({ code: 'invalid-partitions' });
    expect(await grow(4)).toMatchObject({ partitions: [{}, {}, {}, { index: 3 }] });
  });

  test('configs are edited against what is there, and listeners hear of it', async () => {
    const { control, changes } = await open();
    await createOne(control, topic('t', { configs: new Map([['retention.ms', '1000']]) }));
    const set = (key: string, value: string) =>
      control.alterTopicConfigs([{ name: 't', edit: (present) => new Map([...present, [key, value]]) }]);
    await Promise.all([set('max.message.bytes', '2000'), set('cleanup.policy', 'compact')]);
    expect(Object.fromEntries(control.byName('t')?.configs ?? [])).toEqual({
      'retention.ms': '1000',
      'max.message.bytes': '2000',
      'cleanup.policy': 'compact',
    });
    expect(changes.map(({ kind }) => kind)).toEqual([
      'partitions-created',
      'topic-config-changed',
      'topic-config-changed',
    ]);
  });
});

describe('broker settings', () => {
  test('what may be altered while running wins over the file, and comes back after a restart', async () => {
    const { control, config, domain, changes } = await open(undefined, { 'num.partitions': '3' });
    expect(config.number('num.partitions')).toBe(3);
    await control.alterBrokerConfigs(() => new Map([['num.partitions', '7']]));
    expect(config.number('num.partitions')).toBe(7);
    expect(changes).toMatchObject([{ kind: 'broker-config-changed' }]);
    const again = await open(domain, { 'num.partitions': '3' });
    expect(again.config.number('num.partitions')).toBe(7);
    await again.control.alterBrokerConfigs(() => new Map());
    expect(again.config.number('num.partitions')).toBe(3);
  });

  test('what is fixed at the start is refused', async () => {
    const { control } = await open();
    const alter = control.alterBrokerConfigs(() => new Map([['cloudtopics.l0.shards', '2']]));
    await expect(alter).rejects.toMatchObject({ code: 'invalid-config' });
  });

  test('a wrong setting in the file is refused by name', () => {
    expect(() => new BrokerConfig({ 'num.partitions': 'many' })).toThrow(/num.partitions/);
    expect(() => new BrokerConfig({ 'no.such.setting': '1' })).toThrow(/no.such.setting/);
    expect(new BrokerConfig().numberOrWord('cloudtopics.seal.interval.ms')).toBeUndefined();
    expect(
      new BrokerConfig({ 'cloudtopics.seal.interval.ms': '40' }).numberOrWord('cloudtopics.seal.interval.ms'),
    ).toBe(40);
  });
});

describe('counters', () => {
  test('producer ids come in durable blocks, never twice, not even after an unknown outcome or a restart', async () => {
    const { control, domain } = await open();
    const before = domain.writes;
    const ids = await Promise.all(Array.from({ length: 1_500 }, () => control.producerIds.next()));
    expect(domain.writes - before).toBe(2);
    const again = await open(domain);
    domain.fault = 'apply, then fail';
    await expect(again.control.producerIds.next()).rejects.toThrow();
    ids.push(await again.control.producerIds.next(), await again.control.producerIds.next());
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('the cluster epoch begins at 1 and is raised by the loop, also after a failure', async () => {
    const { control, domain } = await open();
    const clock = new VirtualClock();
    const loop = new ClusterEpochLoop({ control, intervalMs: 1_000, clock, logger: silentLogger });
    expect(control.clusterEpoch).toBe(1);
    await clock.advance(1_000);
    expect(control.clusterEpoch).toBe(2);
    domain.fault = 'refuse';
    await clock.advance(1_000);
    expect(control.clusterEpoch).toBe(2);
    await clock.advance(1_000);
    expect(control.clusterEpoch).toBe(3);
    await loop[Symbol.asyncDispose]();
    await clock.advance(10_000);
    expect(control.clusterEpoch).toBe(3);
  });
});

test('after any history, with failures of both kinds, a restart sees what readers saw and listeners were told', async () => {
  const name = fc.constantFrom('a', 'b', 'c');
  const step = fc.record({
    does: fc.constantFrom('create', 'delete', 'grow', 'configure', 'epoch'),
    name,
    count: fc.integer({ min: 1, max: 6 }),
    fault: fc.option(fc.constantFrom<'refuse' | 'apply, then fail'>('refuse', 'apply, then fail'), {
      nil: undefined,
      freq: 4,
    }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const { control, domain } = await open();
      const told = new Map<string, number>();
      control.onChange((change) => {
        if (change.kind === 'partitions-created') told.set(change.topic.id, change.topic.partitions.length);
        if (change.kind === 'partitions-removed') told.delete(change.topic.id);
      });
      for (const { does, name: which, count, fault } of steps) {
        domain.fault = fault;
        const doing: Record<string, () => Promise<unknown>> = {
          create: () => control.createTopics([topic(which, { partitions: count })]),
          delete: () => control.deleteTopics([{ name: which }]),
          grow: () => control.createPartitions([{ name: which, count }]),
          configure: () =>
            control.alterTopicConfigs([{ name: which, edit: () => new Map([['retention.ms', `${count}`]]) }]),
          epoch: () => control.raiseClusterEpoch(),
        };
        await doing[does]?.().catch(() => undefined);
        domain.fault = undefined;
      }
      await control.raiseClusterEpoch(); // settles what was unknown
      const again = await open(domain);
      expect(again.control.list()).toEqual(control.list());
      expect(again.control.clusterEpoch).toBe(control.clusterEpoch);
      expect([...told].sort()).toEqual(
        control
          .list()
          .map(({ id, partitions }) => [id, partitions.length] as [string, number])
          .sort(),
      );
    }),
    { numRuns: 100 },
  );
});
