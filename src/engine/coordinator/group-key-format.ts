// The keys of the rows in a `groups/…` domain (docs/formats/groups.md).
//
//   group/<group>                                    one group-row-format row
//   offset/<group>/<topic id>/<partition:010>        one offset-row-format row
//
// <group> is the group id, percent-encoded so that it holds no "/": the rows of one group are exactly those of one prefix.

import { crc32c } from '../base/checksum.ts';
import { EngineError } from '../base/errors.ts';
import { type TopicId, topicId } from '../base/ids.ts';

export const groupKeyPrefix = 'group/';
export const offsetKeyPrefix = 'offset/';

export function groupKey(groupId: string): string {
  return groupKeyPrefix + encodeURIComponent(groupId.toWellFormed());
}

export function groupIdOfKey(key: string): string {
  if (!key.startsWith(groupKeyPrefix)) throw new EngineError('corrupt-log', `not the key of a group: ${key}`);
  try {
    return decodeURIComponent(key.slice(groupKeyPrefix.length));
  } catch (cause) {
    throw new EngineError('corrupt-log', `the key of a group is not percent-encoded: ${key}`, { cause });
  }
}

/** All offsets of a group, or those of one topic. */
export function offsetsPrefix(groupId: string, topic?: TopicId): string {
  const group = `${offsetKeyPrefix}${encodeURIComponent(groupId.toWellFormed())}/`;
  return topic === undefined ? group : `${group}${topic}/`;
}

export function offsetKey(groupId: string, topic: TopicId, partition: number): string {
  return offsetsPrefix(groupId, topic) + String(partition).padStart(10, '0');
}

export function topicPartitionOfKey(key: string): { readonly topicId: TopicId; readonly partition: number } {
  const parts = key.split('/');
  if (parts.length !== 4 || parts[0] !== 'offset' || !/^[0-9]{10}$/.test(parts[3] as string)) {
    throw new EngineError('corrupt-log', `not the key of a committed offset: ${key}`);
  }
  return { topicId: topicId(parts[2] as string), partition: Number(parts[3]) };
}

/** Which of `domains` domains holds the group. Part of the format: it never changes. */
export function domainOfGroup(groupId: string, domains: number): number {
  return crc32c(Buffer.from(groupId)) % domains;
}
