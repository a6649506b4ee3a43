// A row of any domain as a plain object that can be printed: `kind` first, then its fields. Times are RFC 3339, numbers whole.
//
// Inspection hides nothing and never fails: a row that does not decode is shown as bytes with the reason, and so is a row of a
// domain or a kind that this program does not know.

import { toEngineError } from '../base/errors.ts';
import {
  brokerConfigKeyPrefix,
  clusterEpochKey,
  decodeBrokerConfigRow,
  decodeCounterRow,
  decodeDeletedTopicRow,
  decodeTopicRow,
  deletedTopicKeyPrefix,
  producerIdKey,
  type TopicRow,
  topicKeyPrefix,
} from '../cluster/control-format.ts';
import { groupIdOfKey, groupKeyPrefix, offsetKeyPrefix, topicPartitionOfKey } from '../coordinator/group-key-format.ts';
import { decodeGroupRow } from '../coordinator/group-row-format.ts';
import { decodeOffsetRow } from '../coordinator/offset-row-format.ts';
import { describeMetastoreRow } from '../metastore/row-view-format.ts';

export interface RowView {
  readonly kind: string;
  readonly [field: string]: unknown;
}

/** A row that does not decode has this kind. */
export const undecodedKind = 'undecoded';

export function describeRow(domain: string, key: string, value: Buffer): RowView {
  try {
    return describe(domain, key, value);
  } catch (error) {
    return undecoded(value, toEngineError(error).message);
  }
}

function describe(domain: string, key: string, value: Buffer): RowView {
  if (domain === 'control') return controlRow(key, value);
  if (domain.startsWith('metastore/')) return describeMetastoreRow(key, value);
  if (domain.startsWith('groups/')) return groupsRow(key, value);
  return undecoded(value, `nothing is known about rows of the domain ${domain}`);
}

function controlRow(key: string, value: Buffer): RowView {
  if (key.startsWith(topicKeyPrefix)) return topicRow(decodeTopicRow(key, value));
  if (key.startsWith(deletedTopicKeyPrefix)) {
    const { id, name, deletedMs } = decodeDeletedTopicRow(key, value);
    return { kind: 'deleted-topic', topicId: id, name, deleted: instant(deletedMs) };
  }
  if (key.startsWith(brokerConfigKeyPrefix)) {
    const name = key.slice(brokerConfigKeyPrefix.length);
    return { kind: 'broker-config', name, value: decodeBrokerConfigRow(key, value) };
  }
  if (key === clusterEpochKey || key === producerIdKey) {
    return { kind: 'counter', name: key.slice(key.indexOf('/') + 1), value: decodeCounterRow(key, value) };
  }
  if (key.startsWith('setting/')) {
    return { kind: 'setting', name: key.slice('setting/'.length), value: decodeCounterRow(key, value) };
  }
  return undecoded(value, 'not the key of a control row that is known');
}

function topicRow({ id, name, createdMs, configs, creationEpochs }: TopicRow): RowView {
  const epochs = creationEpochs.reduce<{ partitions: number; epoch: number }[]>((runs, epoch) => {
    const last = runs.at(-1);
    if (last?.epoch === epoch) last.partitions++;
    else runs.push({ partitions: 1, epoch });
    return runs;
  }, []);
  return {
    kind: 'topic',
    topicId: id,
    name,
    created: instant(createdMs),
    partitions: creationEpochs.length,
    configs: Object.fromEntries(configs),
    creationEpochs: epochs,
  };
}

function groupsRow(key: string, value: Buffer): RowView {
  if (key.startsWith(groupKeyPrefix)) {
    const { stateSinceMs, members, ...row } = decodeGroupRow(value, key);
    return {
      kind: 'group',
      group: groupIdOfKey(key),
      ...row,
      stateSince: instant(stateSinceMs),
      members: members.map(({ metadata, assignment, ...member }) => ({
        ...member,
        metadata: metadata.toString('hex'),
        assignment: assignment.toString('hex'),
      })),
    };
  }
  if (key.startsWith(offsetKeyPrefix)) {
    const { committedOffset, leaderEpoch, metadata, committedAtMs, expiresAtMs } = decodeOffsetRow(value, key);
    const group = groupIdOfKey(
      groupKeyPrefix + key.slice(offsetKeyPrefix.length, key.indexOf('/', offsetKeyPrefix.length)),
    );
    return {
      kind: 'committed-offset',
      group,
      ...topicPartitionOfKey(key),
      committedOffset,
      leaderEpoch,
      metadata,
      committed: instant(committedAtMs),
      expires: expiresAtMs < 0 ? null : instant(expiresAtMs),
    };
  }
  return undecoded(value, 'not the key of a groups row that is known');
}

const undecoded = (value: Buffer, reason: string): RowView => ({
  kind: undecodedKind,
  reason,
  bytes: value.length,
  hex: value.toString('hex'),
});

/** RFC 3339; a time that no calendar has stays a number, because damage is shown as it is. */
function instant(ms: number): string | number {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : ms;
}
