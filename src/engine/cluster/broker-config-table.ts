// The table of broker settings: name, type, default, bounds, meaning. docs/operating/limits.md is written from it. Those of the work on
// history are in a table of their own.

import type { ConfigDefinition } from './config-definition.ts';
import { dynamic, type Entry, int, intMax, long, mebibytes } from './config-entry.ts';
import { historyConfigs } from './history-config-table.ts';

const table = {
  // topics
  'auto.create.topics.enable': {
    type: 'boolean',
    defaultValue: 'true',
    doc: 'Whether a topic is created when a client asks for it by name.',
    dynamic: true,
  },
  'num.partitions': int(1, 1, 10_000, 'Partitions of a topic that is created without a number of them.', dynamic),
  'default.replication.factor': int(
    1,
    1,
    32_767,
    'Accepted; every topic is reported with factor 1, durability is the store’s.',
    {
      withoutEffect: true,
    },
  ),
  'cloudtopics.topic.partitions.max': int(
    10_000,
    1,
    1_000_000,
    'The most partitions that one topic may have.',
    dynamic,
  ),
  'cloudtopics.cluster.partitions.max': int(
    100_000,
    1,
    10_000_000,
    'The most partitions that all topics may have together.',
    dynamic,
  ),
  'message.max.bytes': int(1_048_588, 0, intMax, 'Default of max.message.bytes of every topic.', dynamic),
  'log.cleanup.policy': {
    type: 'list',
    defaultValue: 'delete',
    oneOf: ['delete', 'compact'],
    check: (value) => (value === '' ? 'expected delete, compact, or both' : undefined),
    doc: 'Default of cleanup.policy of every topic.',
    dynamic: true,
  },
  'log.retention.ms': long(604_800_000, -1, 'Default of retention.ms of every topic.', dynamic),
  'log.retention.bytes': long(-1, -1, 'Default of retention.bytes of every topic.', dynamic),
  'log.retention.check.interval.ms': long(
    300_000,
    1,
    'How often records that are past retention are looked for.',
    dynamic,
  ),
  'log.cleaner.delete.retention.ms': long(86_400_000, 0, 'Default of delete.retention.ms of every topic.', dynamic),
  'log.cleaner.min.cleanable.ratio': {
    type: 'double',
    defaultValue: '0.5',
    min: 0,
    max: 1,
    doc: 'Default of min.cleanable.dirty.ratio of every topic.',
    dynamic: true,
  },
  'log.cleaner.min.compaction.lag.ms': long(0, 0, 'Default of min.compaction.lag.ms of every topic.', dynamic),
  'log.cleaner.max.compaction.lag.ms': long(
    '9223372036854775807',
    1,
    'Default of max.compaction.lag.ms of every topic.',
    dynamic,
  ),
  'log.message.timestamp.type': {
    type: 'string',
    defaultValue: 'CreateTime',
    oneOf: ['CreateTime', 'LogAppendTime'],
    doc: 'Default of message.timestamp.type of every topic.',
    dynamic: true,
  },
  'log.message.timestamp.before.max.ms': long(
    '9223372036854775807',
    0,
    'Default of message.timestamp.before.max.ms of every topic.',
    dynamic,
  ),
  'log.message.timestamp.after.max.ms': long(
    3_600_000,
    0,
    'Default of message.timestamp.after.max.ms of every topic.',
    dynamic,
  ),
  'producer.id.expiration.ms': int(
    86_400_000,
    1,
    intMax,
    'How long the broker remembers an idempotent producer that is silent.',
    dynamic,
  ),

  // groups
  'offsets.retention.minutes': int(
    10_080,
    1,
    intMax,
    'How long committed offsets of an empty group are kept.',
    dynamic,
  ),
  'offsets.retention.check.interval.ms': long(600_000, 1, 'How often expired committed offsets are looked for.'),
  'offset.metadata.max.bytes': int(4_096, 0, intMax, 'The longest metadata text of a committed offset.', dynamic),
  'group.initial.rebalance.delay.ms': int(
    0,
    0,
    intMax,
    'How long the first rebalance of a new group waits for more members.',
    dynamic,
  ),
  'group.min.session.timeout.ms': int(6_000, 1, intMax, 'The shortest session timeout a member may ask for.', dynamic),
  'group.max.session.timeout.ms': int(
    1_800_000,
    1,
    intMax,
    'The longest session timeout a member may ask for.',
    dynamic,
  ),
  'group.max.size': int(10_000, 1, intMax, 'The most members of one group.', dynamic),

  // connections and requests
  'max.connections': int(
    10_000,
    1,
    intMax,
    'The most connections at a time; further ones are closed at once.',
    dynamic,
  ),
  'max.connections.per.ip': int(intMax, 0, intMax, 'The most connections of one address at a time.', dynamic),
  'connections.max.idle.ms': long(
    600_000,
    1,
    'A connection without traffic or requests in work is closed after this.',
    dynamic,
  ),
  'cloudtopics.connection.stall.ms': long(
    60_000,
    1,
    'A connection whose request stops in the middle, or that does not read its answers, is closed after this; so is one that moves less than 16 KB/s for longer.',
    dynamic,
  ),
  'socket.request.max.bytes': int(
    mebibytes(100),
    1_024,
    intMax,
    'The largest request that is read; a longer one closes the connection.',
  ),
  'cloudtopics.connection.requests.max': int(
    256,
    1,
    100_000,
    'Requests of one connection in work at a time; then it is not read.',
    dynamic,
  ),
  'cloudtopics.connection.request.bytes.max': int(
    mebibytes(64),
    1,
    intMax,
    'Bytes of requests of one connection in work at a time; then it is not read. One request may be larger.',
    dynamic,
  ),
  'cloudtopics.connection.response.bytes.max': int(
    mebibytes(8),
    1,
    intMax,
    'Bytes of answers waiting for a slow client; then its requests are not read.',
    dynamic,
  ),
  'queued.max.request.bytes': long(
    mebibytes(128),
    1_048_576,
    'Memory for requests in work of all connections, Produce excepted.',
  ),

  // memory
  'cloudtopics.memory.slabs.bytes': long(
    mebibytes(256),
    8_388_608,
    'Memory for produced batches, which is also the batch cache.',
  ),
  'cloudtopics.memory.slab.bytes': int(mebibytes(4), 65_536, intMax, 'The size of one slab of it.'),
  'cloudtopics.memory.fetch.bytes': long(
    mebibytes(128),
    1_048_576,
    'Memory for fetch answers in work of all connections.',
    dynamic,
  ),
  'cloudtopics.memory.objects.bytes': long(mebibytes(128), 1_048_576, 'Memory for objects read from the store.'),
  'fetch.max.bytes': int(
    mebibytes(55),
    1_024,
    intMax,
    'The most bytes of one fetch answer; a single batch may be larger.',
    dynamic,
  ),
  'max.incremental.fetch.session.cache.slots': int(1_000, 0, 1_000_000, 'Fetch sessions kept at a time.'),
  'min.incremental.fetch.session.eviction.ms': int(
    120_000,
    0,
    intMax,
    'A fetch session that was used within this time is not evicted for another.',
  ),

  'cloudtopics.log.bytes.max': long(
    String(8 * 1024 ** 3),
    1_048_576,
    'The most that the replicated log in the data directory may hold; then produce is refused until there is room.',
  ),

  // domains: control, groups and metastore
  'cloudtopics.metastore.domains': int(
    3,
    1,
    1_000,
    'Domains that partitions are spread over in the metastore; used when the cluster is created, fixed from then on.',
  ),
  'cloudtopics.groups.domains': int(
    4,
    1,
    1_000,
    'Domains that consumer groups are spread over; used when the cluster is created, fixed from then on.',
  ),
  'cloudtopics.metastore.flush.interval.ms': long(
    600_000,
    100,
    'How long changes of the metastore may wait until they are written to the bucket.',
    dynamic,
  ),
  'cloudtopics.groups.flush.interval.ms': long(
    10_000,
    100,
    'How long committed offsets may wait until they are written to the bucket: what is lost of them when the broker’s disk is.',
    dynamic,
  ),
  'cloudtopics.domain.memtable.bytes': int(
    mebibytes(16),
    65_536,
    1024 ** 3,
    'Changes of a domain that are kept in memory before they are written to the bucket; at most twice as much while that goes on.',
  ),
  'cloudtopics.domain.cache.bytes': long(
    mebibytes(64),
    1_048_576,
    'Memory for blocks of tables, shared by all domains.',
  ),
  'cloudtopics.domain.disk.cache.bytes': long(
    mebibytes(1024),
    0,
    'Disk space for copies of tables in cache/ of the data directory, shared by all domains; 0 for none.',
  ),
  'cloudtopics.stop.flush.ms': long(
    10_000,
    0,
    'How long a broker that stops waits until all domains are in the bucket; what is not by then is in its log.',
    dynamic,
  ),
  'cloudtopics.domain.compression': {
    type: 'string',
    defaultValue: 'none',
    oneOf: ['none', 'zstd'],
    doc: 'How blocks of new tables are compressed; tables of either kind are read. zstd saves two fifths of their bytes.',
  },

  // the write path
  'cloudtopics.seal.bytes': int(mebibytes(4), 1_024, intMax, 'An L0 object is sealed when it has this many bytes.'),
  'cloudtopics.seal.interval.ms': int(
    'auto',
    0,
    3_600_000,
    'An L0 object is sealed this long after its first batch; auto: as soon as no upload is in flight on a directory, and 250 ms behind a slow one or where a PUT costs money.',
    {
      also: ['auto'],
    },
  ),
  'cloudtopics.seal.partitions': int(
    1_000,
    1,
    100_000,
    'An L0 object is sealed when it has batches of this many partitions.',
  ),
  'cloudtopics.l0.shards': int(1, 1, 1_000, 'Key prefixes that L0 objects are spread over.'),
  'cloudtopics.epoch.interval.ms': long(600_000, 1_000, 'How often the cluster epoch is raised.'),
  'cloudtopics.lease.ms': long(
    15_000,
    1_000,
    'How old the last confirmation of ownership may be when a batch is committed.',
  ),
  'cloudtopics.lease.strict': {
    type: 'boolean',
    defaultValue: 'false',
    doc: 'Whether ownership is read from the bucket for every upload, which needs no clock and costs a GET each.',
  },
  ...historyConfigs,
} as const satisfies Record<string, Entry>;

export type BrokerConfigName = keyof typeof table;

export const brokerConfigTable: Readonly<Record<BrokerConfigName, ConfigDefinition>> = Object.fromEntries(
  Object.entries(table).map(([name, entry]) => [name, { name, ...entry }]),
) as Record<BrokerConfigName, ConfigDefinition>;

export const brokerConfigDefinitions: ReadonlyMap<string, ConfigDefinition> = new Map(
  Object.entries(brokerConfigTable),
);
