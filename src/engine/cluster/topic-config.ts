// The topic configurations: what clients may set, what it means here, and the typed values the engine works with.
//
// Keys that only make sense for files on a broker's disk (segment.bytes, flush.ms …) are accepted and shown, because tools
// set them as a matter of course; nothing acts on them. A value that would silently break a promise is refused instead.

import { EngineError } from '../base/errors.ts';
import type { BrokerConfig, BrokerConfigName } from './broker-config.ts';
import { type ConfigDefinition, checkConfigValue, configNumber, listElements } from './config-definition.ts';

export interface TopicConfigDefinition extends ConfigDefinition {
  /** The broker configuration that gives the default of every topic. */
  readonly brokerDefault?: BrokerConfigName;
}

const longMax = '9223372036854775807';
const intMax = 2 ** 31 - 1;

const inert = (
  name: string,
  type: ConfigDefinition['type'],
  defaultValue: string,
  doc: string,
): TopicConfigDefinition => ({
  name,
  type,
  defaultValue,
  doc: `${doc} Accepted and shown, without effect: records live in the object store, not in segment files.`,
  withoutEffect: true,
  ...(type === 'int' || type === 'long' ? { min: -1 } : {}),
});

const definitions: readonly TopicConfigDefinition[] = [
  {
    name: 'cleanup.policy',
    type: 'list',
    defaultValue: 'delete',
    oneOf: ['delete', 'compact'],
    brokerDefault: 'log.cleanup.policy',
    check: (value) => (value === '' ? 'expected delete, compact, or both' : undefined),
    doc: 'What happens to old records: delete, compact, or both. Records of a compacted topic must have keys.',
  },
  {
    name: 'retention.ms',
    type: 'long',
    defaultValue: '604800000',
    min: -1,
    brokerDefault: 'log.retention.ms',
    doc: 'How long records are kept; −1 for ever.',
  },
  {
    name: 'retention.bytes',
    type: 'long',
    defaultValue: '-1',
    min: -1,
    brokerDefault: 'log.retention.bytes',
    doc: 'How many bytes of a partition are kept; −1 for all.',
  },
  {
    name: 'max.message.bytes',
    type: 'int',
    defaultValue: '1048588',
    min: 0,
    brokerDefault: 'message.max.bytes',
    doc: 'The largest record batch that is accepted, as it is sent (after compression).',
  },
  {
    name: 'message.timestamp.type',
    type: 'string',
    defaultValue: 'CreateTime',
    oneOf: ['CreateTime', 'LogAppendTime'],
    brokerDefault: 'log.message.timestamp.type',
    doc: 'Whether records keep the time of their producer or get that of the broker.',
  },
  {
    name: 'message.timestamp.before.max.ms',
    type: 'long',
    defaultValue: longMax,
    min: 0,
    brokerDefault: 'log.message.timestamp.before.max.ms',
    doc: 'How far a record’s CreateTime may lie before the broker’s time.',
  },
  {
    name: 'message.timestamp.after.max.ms',
    type: 'long',
    defaultValue: '3600000',
    min: 0,
    brokerDefault: 'log.message.timestamp.after.max.ms',
    doc: 'How far a record’s CreateTime may lie after the broker’s time.',
  },
  {
    name: 'compression.type',
    type: 'string',
    defaultValue: 'producer',
    check: (value) =>
      value === 'producer'
        ? undefined
        : 'batches are stored as their producer sent them; only "producer" is supported, set compression in the producer',
    doc: 'Batches are stored as their producer sent them, so only "producer" is accepted.',
  },
  {
    name: 'min.insync.replicas',
    type: 'int',
    defaultValue: '1',
    min: 1,
    doc: 'Accepted and shown, without effect: an acknowledged record is in the object store, whatever acks says.',
    withoutEffect: true,
  },
  {
    name: 'delete.retention.ms',
    type: 'long',
    defaultValue: '86400000',
    min: 0,
    brokerDefault: 'log.cleaner.delete.retention.ms',
    doc: 'How long tombstones are kept in a compacted topic.',
  },
  {
    name: 'min.cleanable.dirty.ratio',
    type: 'double',
    defaultValue: '0.5',
    min: 0,
    max: 1,
    brokerDefault: 'log.cleaner.min.cleanable.ratio',
    doc: 'How large the uncompacted share grows before a compacted topic is compacted.',
  },
  {
    name: 'min.compaction.lag.ms',
    type: 'long',
    defaultValue: '0',
    min: 0,
    brokerDefault: 'log.cleaner.min.compaction.lag.ms',
    doc: 'How long a record stays out of compaction at least.',
  },
  {
    name: 'max.compaction.lag.ms',
    type: 'long',
    defaultValue: longMax,
    min: 1,
    brokerDefault: 'log.cleaner.max.compaction.lag.ms',
    doc: 'How long a record stays out of compaction at most.',
  },
  {
    name: 'storage.mode',
    type: 'string',
    defaultValue: 'cloud',
    check: (value) => {
      if (value === 'cloud') return undefined;
      return value === 'tiered_cloud' ? 'tiered_cloud is not supported yet; use cloud' : 'expected cloud';
    },
    doc: 'Where acknowledged records are: cloud (in the object store).',
  },
  inert('segment.bytes', 'int', '1073741824', 'The size of a log segment.'),
  inert('segment.ms', 'long', '604800000', 'How long a log segment is filled.'),
  inert('segment.jitter.ms', 'long', '0', 'Spreads the rolling of log segments.'),
  inert('segment.index.bytes', 'int', '10485760', 'The size of a segment’s offset index.'),
  inert('index.interval.bytes', 'int', '4096', 'How densely a segment’s offset index is filled.'),
  inert('flush.messages', 'long', longMax, 'After how many records a log is flushed.'),
  inert('flush.ms', 'long', longMax, 'After what time a log is flushed.'),
  inert('file.delete.delay.ms', 'long', '60000', 'How long a deleted segment file stays.'),
  inert('preallocate', 'boolean', 'false', 'Whether segment files are allocated ahead.'),
  inert('unclean.leader.election.enable', 'boolean', 'false', 'Whether a replica that is behind may lead.'),
  inert('leader.replication.throttled.replicas', 'list', '', 'Replicas whose replication is throttled at the leader.'),
  inert(
    'follower.replication.throttled.replicas',
    'list',
    '',
    'Replicas whose replication is throttled at the follower.',
  ),
  inert('message.downconversion.enable', 'boolean', 'true', 'Whether batches are converted for old consumers.'),
  {
    name: 'remote.storage.enable',
    type: 'boolean',
    defaultValue: 'false',
    check: (value) => (value === 'true' ? 'topics are in object storage already; leave this false' : undefined),
    doc: 'Kafka’s tiered storage. Only false is accepted: topics are in object storage already.',
  },
];

export const topicConfigDefinitions: ReadonlyMap<string, TopicConfigDefinition> = new Map(
  definitions.map((definition) => [definition.name, definition]),
);

/** The checked configs, trimmed; throws `invalid-config` for an unknown key or a value that is not accepted. */
export function checkTopicConfigs(configs: ReadonlyMap<string, string>): Map<string, string> {
  const checked = new Map<string, string>();
  for (const [name, value] of configs) {
    const definition = topicConfigDefinitions.get(name);
    if (definition === undefined) {
      throw new EngineError('invalid-config', `Unknown topic config name: ${name.slice(0, 100)}`);
    }
    if (value.length > configValueLengthMax) {
      throw new EngineError('invalid-config', `Value of ${name} is longer than ${configValueLengthMax} characters`);
    }
    checked.set(name, checkConfigValue(definition, value));
  }
  const lagMin = configNumber(checked.get('min.compaction.lag.ms') ?? '0');
  const lagMax = configNumber(checked.get('max.compaction.lag.ms') ?? longMax);
  if (lagMin > lagMax) {
    throw new EngineError('invalid-config', `min.compaction.lag.ms ${lagMin} is above max.compaction.lag.ms ${lagMax}`);
  }
  return checked;
}

export const configValueLengthMax = 32_000;

/** A topic's settings as the engine uses them. */
export interface TopicConfig {
  readonly compacted: boolean;
  readonly deleted: boolean;
  /** −1 for no limit. */
  readonly retentionMs: number;
  readonly retentionBytes: number;
  readonly maxMessageBytes: number;
  readonly timestampType: 'CreateTime' | 'LogAppendTime';
  readonly timestampBeforeMaxMs: number;
  readonly timestampAfterMaxMs: number;
  readonly deleteRetentionMs: number;
  readonly minCleanableDirtyRatio: number;
  readonly minCompactionLagMs: number;
  readonly maxCompactionLagMs: number;
  readonly storageMode: 'cloud';
}

/** A topic's value of one key: its own, else the broker's, else the default. */
export function topicConfigValue(configs: ReadonlyMap<string, string>, broker: BrokerConfig, name: string): string {
  const own = configs.get(name);
  if (own !== undefined) return own;
  const definition = topicConfigDefinitions.get(name);
  if (definition === undefined) throw new EngineError('bug', `no topic config is named ${name}`);
  return definition.brokerDefault === undefined ? definition.defaultValue : broker.text(definition.brokerDefault);
}

export function resolveTopicConfig(configs: ReadonlyMap<string, string>, broker: BrokerConfig): TopicConfig {
  const text = (name: string) => topicConfigValue(configs, broker, name);
  const number = (name: string) => configNumber(text(name));
  const policy = listElements(text('cleanup.policy'));
  return {
    compacted: policy.includes('compact'),
    deleted: policy.includes('delete'),
    retentionMs: number('retention.ms'),
    retentionBytes: number('retention.bytes'),
    maxMessageBytes: Math.min(number('max.message.bytes'), intMax),
    timestampType: text('message.timestamp.type') === 'LogAppendTime' ? 'LogAppendTime' : 'CreateTime',
    timestampBeforeMaxMs: number('message.timestamp.before.max.ms'),
    timestampAfterMaxMs: number('message.timestamp.after.max.ms'),
    deleteRetentionMs: number('delete.retention.ms'),
    minCleanableDirtyRatio: number('min.cleanable.dirty.ratio'),
    minCompactionLagMs: number('min.compaction.lag.ms'),
    maxCompactionLagMs: number('max.compaction.lag.ms'),
    storageMode: 'cloud',
  };
}
