// The rows of the control domain, as bytes; docs/formats/control.md has the grammar and a worked example. Checksums are the
// domain's matter. A row of a newer version is refused by name.

import { ByteReader } from '../base/byte-reader.ts';
import { ByteWriter } from '../base/byte-writer.ts';
import { EngineError } from '../base/errors.ts';
import { type ClusterEpoch, clusterEpoch, type TopicId, topicId } from '../base/ids.ts';

export const controlFormatVersion = 1;

export const topicKeyPrefix = 'topic/';
export const deletedTopicKeyPrefix = 'deleted-topic/';
export const brokerConfigKeyPrefix = 'broker-config/';
export const clusterEpochKey = 'counter/cluster-epoch';
export const producerIdKey = 'counter/producer-id';
/** Chosen when the cluster was created: how many domains things are hashed over. */
export const metastoreDomainsKey = 'setting/metastore-domains';
export const groupsDomainsKey = 'setting/groups-domains';

export const topicKey = (id: TopicId): string => `${topicKeyPrefix}${id}`;
export const deletedTopicKey = (id: TopicId): string => `${deletedTopicKeyPrefix}${id}`;
export const brokerConfigKey = (name: string): string => `${brokerConfigKeyPrefix}${name}`;

/** No topic has more; a count above it in a row is damage. */
const partitionsMax = 10_000_000;

export interface TopicRow {
  readonly id: TopicId;
  readonly name: string;
  readonly createdMs: number;
  readonly configs: ReadonlyMap<string, string>;
  /** Creation epoch of each partition, by index. */
  readonly creationEpochs: readonly ClusterEpoch[];
}

export function encodeTopicRow(row: TopicRow): Buffer {
  const writer = new ByteWriter(128).u8(controlFormatVersion);
  text(writer, row.name);
  writer.i64(row.createdMs).uvarint(row.configs.size);
  for (const [name, value] of [...row.configs].sort(([a], [b]) => (a < b ? -1 : 1))) {
    text(writer, name);
    text(writer, value);
  }
  const runs = runsOf(row.creationEpochs);
  writer.uvarint(runs.length);
  for (const { count, epoch } of runs) writer.uvarint(count).i64(epoch);
  return writer.bytes();
}

export function decodeTopicRow(key: string, bytes: Uint8Array): TopicRow {
  const reader = open(key, bytes);
  const id = topicId(key.slice(topicKeyPrefix.length));
  const name = readText(reader);
  const createdMs = reader.i64();
  const configs = new Map<string, string>();
  for (let left = reader.uvarint(); left > 0; left--) configs.set(readText(reader), readText(reader));
  const creationEpochs: ClusterEpoch[] = [];
  for (let left = reader.uvarint(); left > 0; left--) {
    const count = reader.uvarint();
    const epoch = clusterEpoch(reader.i64());
    if (creationEpochs.length + count > partitionsMax) throw reader.corrupt('more partitions than a topic can have');
    for (let index = 0; index < count; index++) creationEpochs.push(epoch);
  }
  close(reader);
  return { id, name, createdMs, configs, creationEpochs };
}

/** A topic that was deleted, and of which the metastore may still have rows. */
export interface DeletedTopic {
  readonly id: TopicId;
  /** For people. */
  readonly name: string;
  readonly deletedMs: number;
}

export function encodeDeletedTopicRow({ name, deletedMs }: DeletedTopic): Buffer {
  const writer = new ByteWriter(64).u8(controlFormatVersion);
  text(writer, name);
  return writer.i64(deletedMs).bytes();
}

export function decodeDeletedTopicRow(key: string, bytes: Uint8Array): DeletedTopic {
  const reader = open(key, bytes);
  const id = topicId(key.slice(deletedTopicKeyPrefix.length));
  const name = readText(reader);
  const deletedMs = reader.i64();
  close(reader);
  return { id, name, deletedMs };
}

/** Of counters and of settings. */
export function encodeCounterRow(value: number): Buffer {
  return new ByteWriter(16).u8(controlFormatVersion).i64(value).bytes();
}

export function decodeCounterRow(key: string, bytes: Uint8Array): number {
  const reader = open(key, bytes);
  const value = reader.i64();
  close(reader);
  return value;
}

export function encodeBrokerConfigRow(value: string): Buffer {
  const writer = new ByteWriter(64).u8(controlFormatVersion);
  text(writer, value);
  return writer.bytes();
}

export function decodeBrokerConfigRow(key: string, bytes: Uint8Array): string {
  const reader = open(key, bytes);
  const value = readText(reader);
  close(reader);
  return value;
}

function open(key: string, bytes: Uint8Array): ByteReader {
  const reader = new ByteReader(bytes, `control row ${key}`);
  const version = reader.u8();
  if (version !== controlFormatVersion) {
    throw new EngineError(
      'unsupported-format',
      `control row ${key} has format version ${version}, not ${controlFormatVersion}`,
    );
  }
  return reader;
}

function close(reader: ByteReader): void {
  if (reader.remaining > 0) throw reader.corrupt(`${reader.remaining} bytes behind the end`);
}

function text(writer: ByteWriter, value: string): void {
  writer.uvarint(Buffer.byteLength(value)).text(value);
}

function readText(reader: ByteReader): string {
  return reader.text(reader.uvarint());
}

/** Partitions created together share an epoch, so a topic of any size is a few bytes. */
function runsOf(epochs: readonly ClusterEpoch[]): { count: number; epoch: ClusterEpoch }[] {
  const runs: { count: number; epoch: ClusterEpoch }[] = [];
  for (const epoch of epochs) {
    const last = runs.at(-1);
    if (last?.epoch === epoch) last.count++;
    else runs.push({ count: 1, epoch });
  }
  return runs;
}
