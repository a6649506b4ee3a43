// The keys of metastore rows, as text. Page: docs/formats/metastore.md.
//
// Readable ASCII; numbers are decimal with leading zeros, so that the order of the keys is the order of what they mean. A key that
// does not parse is damage (`corrupt-object`), never skipped.

import { crc32c } from '../base/checksum.ts';
import { EngineError } from '../base/errors.ts';
import type { Offset, Term, TopicId } from '../base/ids.ts';

/** One partition of one topic. */
export interface TopicPartition {
  readonly topicId: TopicId;
  readonly partition: number;
}

/** Lower-case UUID text with dashes: the name of an L1 object under level_one/. */
export type ObjectId = string;

export type MetastoreKey =
  | (TopicPartition & { readonly kind: 'partition' })
  | (TopicPartition & { readonly kind: 'compaction' })
  | (TopicPartition & { readonly kind: 'extent'; readonly baseOffset: Offset })
  | (TopicPartition & { readonly kind: 'empty'; readonly baseOffset: Offset })
  | (TopicPartition & { readonly kind: 'index'; readonly level: number; readonly baseOffset: Offset })
  | (TopicPartition & { readonly kind: 'term'; readonly term: Term })
  | (TopicPartition & { readonly kind: 'producer'; readonly producerId: number })
  | { readonly kind: 'object'; readonly objectId: ObjectId }
  | { readonly kind: 'removed'; readonly topicId: TopicId };

export const partitionIndexMax = 0x7fff_ffff;

const digits = (value: number, width: number): string => String(value).padStart(width, '0');
const place = ({ topicId, partition }: TopicPartition): string => `${topicId}/${digits(partition, 10)}`;

export const partitionKeyPrefix = 'partition/';
export const extentKeyPrefix = 'extent/';
export const objectKeyPrefix = 'object/';

/** Every partition row of a topic. */
export const topicPartitionsPrefix = (topicId: TopicId): string => `${partitionKeyPrefix}${topicId}/`;
export const partitionKey = (of: TopicPartition): string => `${partitionKeyPrefix}${place(of)}`;
export const extentsPrefix = (of: TopicPartition): string => `${extentKeyPrefix}${place(of)}/`;
export const extentKey = (of: TopicPartition, baseOffset: number): string =>
  `${extentsPrefix(of)}${digits(baseOffset, 20)}`;
export const emptyRangesPrefix = (of: TopicPartition): string => `empty/${place(of)}/`;
export const emptyRangeKey = (of: TopicPartition, baseOffset: number): string =>
  `${emptyRangesPrefix(of)}${digits(baseOffset, 20)}`;
export const termsPrefix = (of: TopicPartition): string => `term/${place(of)}/`;
export const termKey = (of: TopicPartition, term: number): string => `${termsPrefix(of)}${digits(term, 10)}`;
export const compactionKey = (of: TopicPartition): string => `compaction/${place(of)}`;
export const producersPrefix = (of: TopicPartition): string => `producer/${place(of)}/`;
export const producerKey = (of: TopicPartition, producerId: number): string =>
  `${producersPrefix(of)}${digits(producerId, 20)}`;
/** Every summary of a partition, all levels. */
export const indexPrefix = (of: TopicPartition): string => `index/${place(of)}/`;
export const summariesPrefix = (of: TopicPartition, level: number): string => `${indexPrefix(of)}${level}/`;
export const summaryKey = (of: TopicPartition, level: number, baseOffset: number): string =>
  `${summariesPrefix(of, level)}${digits(baseOffset, 20)}`;
export const objectKey = (id: ObjectId): string => `${objectKeyPrefix}${id}`;
export const removedTopicKey = (id: TopicId): string => `removed/${id}`;

/** Part of the format: which of `count` metastore domains holds a partition. CRC32C of the topic id's 16 bytes and the index, u32. */
export function domainOfPartition({ topicId, partition }: TopicPartition, count: number): number {
  const bytes = Buffer.alloc(20);
  bytes.write(topicId.replaceAll('-', ''), 'hex');
  bytes.writeUInt32BE(partition, 16);
  return crc32c(bytes) % count;
}

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export const isUuid = (text: string): boolean => uuidPattern.test(text);

export function parseMetastoreKey(key: string): MetastoreKey {
  const parts = key.split('/');
  const [kind, id = ''] = parts;
  if (!isUuid(id)) throw damagedKey(key);
  const topicId = id as TopicId;
  if (kind === 'object' && parts.length === 2) return { kind, objectId: id };
  if (kind === 'removed' && parts.length === 2) return { kind, topicId };
  const partition = numberIn(key, parts[2], 10, partitionIndexMax);
  switch (`${kind} ${parts.length}`) {
    case 'partition 3':
    case 'compaction 3':
      return { kind, topicId, partition } as MetastoreKey;
    case 'extent 4':
    case 'empty 4':
      return { kind, topicId, partition, baseOffset: numberIn(key, parts[3], 20) } as MetastoreKey;
    case 'term 4':
      return { kind: 'term', topicId, partition, term: numberIn(key, parts[3], 10, 0x7fff_ffff) as Term };
    case 'producer 4':
      return { kind: 'producer', topicId, partition, producerId: numberIn(key, parts[3], 20) };
    case 'index 5': {
      const level = numberIn(key, parts[3], 1);
      return { kind: 'index', topicId, partition, level, baseOffset: numberIn(key, parts[4], 20) as Offset };
    }
    default:
      throw damagedKey(key);
  }
}

/** Exactly `width` digits. Every row that is read comes through here, so it goes character by character: half the time of a pattern. */
function numberIn(key: string, text: string | undefined, width: number, max = Number.MAX_SAFE_INTEGER): number {
  if (text?.length !== width) throw damagedKey(key);
  let value = 0;
  for (let at = 0; at < width; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) throw damagedKey(key);
    value = value * 10 + digit;
  }
  if (value > max) throw damagedKey(key);
  return value;
}

function damagedKey(key: string): EngineError {
  return new EngineError('corrupt-object', `not the key of a metastore row: ${JSON.stringify(key)}`, {
    context: { key },
  });
}
