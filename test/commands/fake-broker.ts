// A broker in a few lines, for the commands' tests: it keeps batches in memory, speaks the real wire protocol over a real
// socket, and can be told to misbehave. What it says is decided here and not by the engine, so the two check each other.

import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import { patchPlace, readBatchFacts } from '../../src/engine/records/record-batch-format.ts';
import {
  advertisedVersions,
  apiVersions,
  createPartitions,
  createTopics,
  deleteTopics,
  describeConfigs,
  encodeResponse,
  fetch,
  findCoordinator,
  incrementalAlterConfigs,
  initProducerId,
  listOffsets,
  metadata,
  offsetCommit,
  offsetFetch,
  produce,
  type ReceivedRequest,
  receiveRequest,
} from '../../src/engine/wire/wire.ts';

interface StoredBatch {
  readonly bytes: Buffer;
  readonly baseOffset: number;
  readonly nextOffset: number;
  readonly maxTimestamp: number;
}

interface FakePartition {
  batches: StoredBatch[];
  start: number;
  end: number;
  /** Producer → next sequence. */
  sequences: Map<number, number>;
}

interface FakeTopic {
  readonly id: string;
  partitions: FakePartition[];
  configs: Map<string, string>;
}

export class FakeBroker implements AsyncDisposable {
  readonly topics = new Map<string, FakeTopic>();
  readonly groups = new Map<string, number>();
  /** Codes to answer the next Produce requests with, before anything is stored. */
  readonly produceFailures: number[] = [];
  readonly fetchFailures: number[] = [];
  /** Close the connection instead of answering this many Produce requests; what they carry is stored all the same. */
  dropAfterStoring = 0;
  produceRequests = 0;
  /** Partitions of a topic that a Metadata request may create; 0 creates none. */
  createsWithPartitions = 0;
  /** So many Metadata requests say that the new topic is not there yet. */
  createsAfterRequests = 0;
  readonly #server = createServer((socket) => this.#serve(socket));
  readonly #sockets = new Set<Socket>();
  #nextProducer = 1;

  static async start(): Promise<FakeBroker> {
    const broker = new FakeBroker();
    await new Promise<void>((resolve) => broker.#server.listen(0, '127.0.0.1', resolve));
    return broker;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  addTopic(name: string, partitions: number): FakeTopic {
    const id = `00000000-0000-4000-8000-${String(this.topics.size + 1).padStart(12, '0')}`;
    const topic = {
      id,
      partitions: Array.from({ length: partitions }, newPartition),
      configs: new Map<string, string>(),
    };
    this.topics.set(name, topic);
    return topic;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #createMissing(names: readonly string[]): void {
    if (this.createsWithPartitions === 0 || this.createsAfterRequests-- > 0) return;
    for (const name of names) if (!this.topics.has(name)) this.addTopic(name, this.createsWithPartitions);
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => this.#sockets.delete(socket));
    let pending: Buffer = Buffer.alloc(0);
    let turn: Promise<void> = Promise.resolve();
    socket.on('data', (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk]);
      while (pending.length >= 4 && pending.length >= pending.readInt32BE(0) + 4) {
        const end = pending.readInt32BE(0) + 4;
        const request = receiveRequest(Buffer.from(pending.subarray(4, end)));
        pending = pending.subarray(end);
        turn = turn.then(async () => {
          const parts = await this.#answer(request);
          if (parts === undefined) socket.destroy();
          else for (const part of parts) socket.write(part);
        });
      }
    });
  }

  async #answer(request: ReceivedRequest): Promise<Buffer[] | undefined> {
    const { apiVersion: version, correlationId } = request.header;
    switch (request.header.apiKey) {
      case apiVersions.key:
        return encodeResponse(apiVersions, version, correlationId, {
          errorCode: 0,
          apiKeys: advertisedVersions.map((entry) => ({ ...entry })),
          supportedFeatures: [],
          finalizedFeatures: [],
        });
      case metadata.key: {
        const { topics, allowAutoTopicCreation } = request.body(metadata);
        const names = topics === null ? [...this.topics.keys()] : topics.map((topic) => topic.name ?? '');
        if (allowAutoTopicCreation) this.#createMissing(names);
        return encodeResponse(metadata, version, correlationId, {
          brokers: [{ nodeId: 1, host: '127.0.0.1', port: this.port }],
          controllerId: 1,
          topics: names.map((name) => {
            const topic = this.topics.get(name);
            return {
              errorCode: topic === undefined ? 3 : 0,
              name,
              ...(topic === undefined ? {} : { topicId: topic.id }),
              isInternal: name.startsWith('__'),
              partitions: (topic?.partitions ?? []).map((_partition, partitionIndex) => ({
                errorCode: 0,
                partitionIndex,
                leaderId: 1,
                leaderEpoch: 7,
                replicaNodes: [1],
                isrNodes: [1],
              })),
            };
          }),
        });
      }
      case createTopics.key: {
        const { topics } = request.body(createTopics);
        return encodeResponse(createTopics, version, correlationId, {
          topics: topics.map(({ name, numPartitions, configs }) => {
            if (this.topics.has(name)) return { name, errorCode: 36, errorMessage: `Topic '${name}' already exists.` };
            const topic = this.addTopic(name, numPartitions === -1 ? 1 : numPartitions);
            for (const config of configs) topic.configs.set(config.name, config.value ?? '');
            return { name, errorCode: 0 };
          }),
        });
      }
      case deleteTopics.key: {
        const { topics } = request.body(deleteTopics);
        return encodeResponse(deleteTopics, version, correlationId, {
          responses: topics.map(({ name }) => ({ name, errorCode: this.topics.delete(name ?? '') ? 0 : 3 })),
        });
      }
      case createPartitions.key: {
        const { topics } = request.body(createPartitions);
        return encodeResponse(createPartitions, version, correlationId, {
          results: topics.map(({ name, count }) => {
            const topic = this.topics.get(name) as FakeTopic;
            if (count <= topic.partitions.length) return { name, errorCode: 37, errorMessage: 'fewer partitions' };
            while (topic.partitions.length < count) topic.partitions.push(newPartition());
            return { name, errorCode: 0 };
          }),
        });
      }
      case describeConfigs.key: {
        const { resources } = request.body(describeConfigs);
        return encodeResponse(describeConfigs, version, correlationId, {
          results: resources.map(({ resourceType, resourceName }) => ({
            errorCode: 0,
            resourceType,
            resourceName,
            configs: [
              {
                name: 'max.message.bytes',
                value: '1048588',
                readOnly: false,
                configSource: 5,
                isSensitive: false,
                synonyms: [],
              },
              ...[...(this.topics.get(resourceName) as FakeTopic).configs].map(([name, value]) => ({
                name,
                value,
                readOnly: false,
                configSource: 1,
                isSensitive: name.includes('password'),
                synonyms: [],
              })),
            ],
          })),
        });
      }
      case incrementalAlterConfigs.key: {
        const { resources } = request.body(incrementalAlterConfigs);
        return encodeResponse(incrementalAlterConfigs, version, correlationId, {
          responses: resources.map(({ resourceType, resourceName, configs }) => {
            if (configs.some(({ name }) => name === 'no.such.setting')) {
              return {
                errorCode: 40,
                errorMessage: 'Unknown configuration no.such.setting',
                resourceType,
                resourceName,
              };
            }
            const topic = this.topics.get(resourceName) as FakeTopic;
            for (const { name, configOperation, value } of configs) {
              if (configOperation === 0) topic.configs.set(name, value ?? '');
              else topic.configs.delete(name);
            }
            return { errorCode: 0, resourceType, resourceName };
          }),
        });
      }
      case initProducerId.key:
        return encodeResponse(initProducerId, version, correlationId, {
          errorCode: 0,
          producerId: this.#nextProducer++,
          producerEpoch: 0,
        });
      case produce.key: {
        this.produceRequests++;
        const { topicData } = request.body(produce);
        const failure = this.produceFailures.shift();
        const responses = topicData.map(({ name, partitionData }) => ({
          name,
          partitionResponses: partitionData.map(({ index, records }) => {
            const partition = this.topics.get(name)?.partitions[index];
            if (failure !== undefined && failure !== 0)
              return { index, errorCode: failure, baseOffset: -1, errorMessage: 'as the test asked' };
            if (partition === undefined) return { index, errorCode: 3, baseOffset: -1 };
            return { index, ...store(partition, records as Buffer) };
          }),
        }));
        if (this.dropAfterStoring > 0) {
          this.dropAfterStoring--;
          return undefined;
        }
        return encodeResponse(produce, version, correlationId, { responses: responses as never });
      }
      case fetch.key: {
        const { topics, maxWaitMs } = request.body(fetch);
        const failure = this.fetchFailures.shift() ?? 0;
        let found = 0;
        const responses = topics.map(({ topic: name, partitions }) => ({
          topic: name,
          partitions: partitions.map(({ partition: partitionIndex, fetchOffset, partitionMaxBytes }) => {
            const partition = this.topics.get(name)?.partitions[partitionIndex];
            const head = {
              partitionIndex,
              highWatermark: partition?.end ?? -1,
              logStartOffset: partition?.start ?? -1,
              abortedTransactions: [],
            };
            if (partition === undefined) return { ...head, errorCode: 3, records: null };
            if (failure !== 0) return { ...head, errorCode: failure, records: null };
            if (fetchOffset < partition.start || fetchOffset > partition.end)
              return { ...head, errorCode: 1, records: null };
            const records = read(partition, fetchOffset, partitionMaxBytes);
            found += records.length;
            return { ...head, errorCode: 0, records };
          }),
        }));
        if (found === 0) await new Promise((resolve) => setTimeout(resolve, Math.min(maxWaitMs, 20)));
        return encodeResponse(fetch, version, correlationId, { responses: responses as never });
      }
      case listOffsets.key: {
        const { topics } = request.body(listOffsets);
        return encodeResponse(listOffsets, version, correlationId, {
          topics: topics.map(({ name, partitions }) => ({
            name,
            partitions: partitions.map(({ partitionIndex, timestamp }) => {
              const partition = this.topics.get(name)?.partitions[partitionIndex];
              if (partition === undefined) return { partitionIndex, errorCode: 3 };
              return { partitionIndex, errorCode: 0, offset: offsetAt(partition, timestamp), timestamp: -1 };
            }),
          })),
        });
      }
      case findCoordinator.key:
        return encodeResponse(findCoordinator, version, correlationId, {
          errorCode: 0,
          nodeId: 1,
          host: '127.0.0.1',
          port: this.port,
        });
      case offsetFetch.key: {
        const { groupId, topics } = request.body(offsetFetch);
        return encodeResponse(offsetFetch, version, correlationId, {
          topics: (topics ?? []).map(({ name, partitionIndexes }) => ({
            name,
            partitions: partitionIndexes.map((partitionIndex) => ({
              partitionIndex,
              committedOffset: this.groups.get(`${groupId}/${name}/${partitionIndex}`) ?? -1,
              metadata: '',
              errorCode: 0,
            })),
          })),
        });
      }
      case offsetCommit.key: {
        const { groupId, topics } = request.body(offsetCommit);
        return encodeResponse(offsetCommit, version, correlationId, {
          topics: topics.map(({ name, partitions }) => ({
            name,
            partitions: partitions.map(({ partitionIndex, committedOffset }) => {
              this.groups.set(`${groupId}/${name}/${partitionIndex}`, committedOffset);
              return { partitionIndex, errorCode: 0 };
            }),
          })),
        });
      }
      default:
        return undefined;
    }
  }
}

function newPartition(): FakePartition {
  return { batches: [], start: 0, end: 0, sequences: new Map() };
}

function store(partition: FakePartition, records: Buffer): { errorCode: number; baseOffset: number } {
  const bytes = Buffer.from(records);
  const facts = readBatchFacts(bytes);
  const expected = partition.sequences.get(facts.producerId) ?? 0;
  const known = partition.batches.find((batch) => {
    const other = readBatchFacts(batch.bytes);
    return other.producerId === facts.producerId && other.baseSequence === facts.baseSequence;
  });
  if (known !== undefined) return { errorCode: 0, baseOffset: known.baseOffset };
  if (facts.baseSequence !== expected) return { errorCode: 45, baseOffset: -1 };
  partition.sequences.set(facts.producerId, expected + facts.count);
  patchPlace(bytes, partition.end, 7);
  const baseOffset = partition.end;
  partition.end += facts.count;
  partition.batches.push({ bytes, baseOffset, nextOffset: partition.end, maxTimestamp: facts.maxTimestamp });
  return { errorCode: 0, baseOffset };
}

function read(partition: FakePartition, from: number, bytesMax: number): Buffer[] {
  const parts: Buffer[] = [];
  let bytes = 0;
  for (const batch of partition.batches) {
    if (batch.nextOffset <= from) continue;
    if (parts.length > 0 && bytes + batch.bytes.length > bytesMax) break;
    parts.push(batch.bytes);
    bytes += batch.bytes.length;
  }
  return parts;
}

function offsetAt(partition: FakePartition, timestamp: number): number {
  if (timestamp === -1) return partition.end;
  if (timestamp === -2) return partition.start;
  return partition.batches.find((batch) => batch.maxTimestamp >= timestamp)?.baseOffset ?? -1;
}
