// Writes a stream of records to a topic: fast, in bounded memory, each exactly once (an idempotent producer), and with an
// account of what was acknowledged where. Records of one partition keep the order of the stream.

import type { Timer } from '../base/clock.ts';
import { EngineError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import { initProducerId } from '../wire/wire.ts';
import type { BrokerConnection } from './broker-connection.ts';
import { checkBroker } from './broker-error.ts';
import type { KafkaClient } from './kafka-client.ts';
import { partitionOfKey } from './partition-choice-policy.ts';
import { type PartitionReport, PartitionSender } from './partition-sender.ts';
import { type ProducerState, RecordBatchBuilder } from './record-batch-builder.ts';
import { topicToFill } from './topic-to-fill.ts';
import { topicPlaces } from './topics-admin.ts';

export interface OutgoingRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
}

export interface ProduceOptions {
  readonly topic: string;
  /** Undefined: by key, or in turn. */
  readonly partition?: number;
  /** As `encodeHeaders` makes them; on every record. */
  readonly headers: Buffer;
  /** Kafka's codec number and its function. */
  readonly codec: number;
  readonly compress: (records: Buffer) => Buffer;
  readonly batchBytes: number;
  /** Chooses the partition that gets the first batch without keys, so that many small runs spread out. */
  readonly random: Random;
  /** The topic was missing and the cluster created it, with so many partitions. */
  readonly onCreated?: (partitions: number) => void;
  /** Called now and then with what has been acknowledged. */
  readonly onProgress?: (progress: ProduceProgress) => void;
}

export interface ProduceProgress {
  readonly records: number;
  readonly bytes: number;
}

export interface ProduceReport extends ProduceProgress {
  /** Only partitions that got records, in order. */
  readonly partitions: readonly PartitionReport[];
}

/** Built batches waiting or under way, and half-built ones, all partitions together. */
const outstandingBytesMax = 32 * 1024 * 1024;
const buildingBytesMax = 32 * 1024 * 1024;
/** A slow stream's records do not wait longer than this for company. */
const lingerMs = 50;
const deliveryTimeoutFactor = 4;

interface OpenPartition {
  readonly sender: PartitionSender;
  builder: RecordBatchBuilder;
  payloadBytes: number;
  nextSequence: number;
}

/** Throws what made it fail; its context says how many records had been acknowledged by then. */
export async function produceRecords(
  client: KafkaClient,
  records: AsyncIterable<readonly OutgoingRecord[]>,
  options: ProduceOptions,
): Promise<ProduceReport> {
  const run = await ProduceRun.start(client, options);
  try {
    for await (const handful of records) await run.add(handful);
    return await run.finish();
  } catch (error) {
    throw run.explain(error);
  } finally {
    run.stop();
  }
}

class ProduceRun {
  readonly #client: KafkaClient;
  readonly #options: ProduceOptions;
  readonly #producer: Omit<ProducerState, 'baseSequence'>;
  readonly #partitions = new Map<number, OpenPartition>();
  readonly #stop = new AbortController();
  readonly #count: number;
  #current: number;
  #leaders: Promise<ReadonlyMap<number, number>> | undefined;
  #outstandingBytes = 0;
  #buildingBytes = 0;
  #failure: EngineError | undefined;
  #wake: (() => void) | undefined;
  #linger: Timer | undefined;

  private constructor(
    client: KafkaClient,
    options: ProduceOptions,
    count: number,
    producer: Omit<ProducerState, 'baseSequence'>,
  ) {
    this.#client = client;
    this.#options = options;
    this.#count = count;
    this.#current = Math.floor(options.random.fraction() * count);
    this.#producer = producer;
  }

  static async start(client: KafkaClient, options: ProduceOptions): Promise<ProduceRun> {
    const { partitions, created } = await topicToFill(client, options.topic);
    if (created) options.onCreated?.(partitions.length);
    if (options.partition !== undefined && !partitions.some(({ partition }) => partition === options.partition)) {
      throw new EngineError(
        'unknown-topic-or-partition',
        `topic ${options.topic} has no partition ${options.partition}`,
        {
          context: { topic: options.topic, partition: options.partition, partitions: partitions.length },
        },
      );
    }
    const broker = await client.anyBroker();
    const answer = await broker.send(initProducerId, { transactionalId: null, transactionTimeoutMs: 0 });
    checkBroker(answer.errorCode, 'the broker gives out no producer id');
    return new ProduceRun(client, options, partitions.length, answer);
  }

  async add(handful: readonly OutgoingRecord[]): Promise<void> {
    const now = this.#client.clock.nowMs();
    const { batchBytes, headers } = this.#options;
    for (const { key, value } of handful) {
      const target = this.#target(key);
      const size = RecordBatchBuilder.recordBytesMax(key, value, headers);
      if (target.builder.count > 0 && target.builder.sizeBytes + size > batchBytes) {
        this.#close(target);
        if (key === null && this.#options.partition === undefined) this.#current = (this.#current + 1) % this.#count;
      }
      const open = this.#target(key);
      const before = open.builder.count === 0 ? 0 : open.builder.sizeBytes;
      open.builder.add(key, value, headers, now);
      open.payloadBytes += (key?.length ?? 0) + (value?.length ?? 0);
      this.#buildingBytes += open.builder.sizeBytes - before;
      if (this.#buildingBytes > buildingBytesMax) this.#closeLargest();
      if (this.#outstandingBytes > outstandingBytesMax) await this.#room(outstandingBytesMax / 2);
    }
    if (this.#failure !== undefined) throw this.#failure;
    this.#linger ??= this.#client.clock.after(lingerMs, () => {
      this.#linger = undefined;
      this.#closeAll();
    });
  }

  async finish(): Promise<ProduceReport> {
    this.#closeAll();
    await this.#room(0);
    return this.#report();
  }

  stop(): void {
    this.#linger?.cancel();
    this.#stop.abort();
  }

  explain(error: unknown): unknown {
    if (!(error instanceof EngineError)) return error;
    const { records } = this.#report();
    return new EngineError(error.code, error.message, {
      cause: error,
      context: { ...error.context, recordsAcknowledged: records },
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    });
  }

  #report(): ProduceReport {
    const partitions = [...this.#partitions.values()]
      .map(({ sender }) => sender.report)
      .filter(({ records }) => records > 0)
      .sort((a, b) => a.partition - b.partition);
    return {
      records: partitions.reduce((sum, { records }) => sum + records, 0),
      bytes: partitions.reduce((sum, { bytes }) => sum + bytes, 0),
      partitions,
    };
  }

  #target(key: Buffer | null): OpenPartition {
    const index = this.#options.partition ?? (key === null ? this.#current : partitionOfKey(key, this.#count));
    let open = this.#partitions.get(index);
    if (open === undefined) {
      open = { sender: this.#sender(index), builder: new RecordBatchBuilder(), payloadBytes: 0, nextSequence: 0 };
      this.#partitions.set(index, open);
    }
    return open;
  }

  #sender(partition: number): PartitionSender {
    return new PartitionSender({
      topic: this.#options.topic,
      partition,
      clock: this.#client.clock,
      leader: (index, refresh) => this.#leader(index, refresh),
      requestTimeoutMs: this.#client.timeoutMs,
      deliveryTimeoutMs: this.#client.timeoutMs * deliveryTimeoutFactor,
      signal: this.#stop.signal,
      onSettled: (bytes) => {
        this.#outstandingBytes -= bytes;
        this.#options.onProgress?.(this.#report());
        this.#wake?.();
      },
      onFailed: (error) => {
        this.#failure ??= error;
        this.#stop.abort();
        this.#wake?.();
      },
    });
  }

  async #leader(partition: number, refresh: boolean): Promise<BrokerConnection> {
    if (refresh || this.#leaders === undefined) {
      this.#leaders = topicPlaces(this.#client, this.#options.topic).then(
        (topic) => new Map(topic.partitions.map((place) => [place.partition, place.leader])),
      );
    }
    const nodeId = (await this.#leaders).get(partition) ?? -1;
    if (nodeId < 0) throw new EngineError('not-leader', `partition ${partition} has no leader just now`);
    return this.#client.broker(nodeId);
  }

  #close(open: OpenPartition): void {
    if (open.builder.count === 0) return;
    const { codec, compress } = this.#options;
    const built = open.builder.build(codec, compress, { ...this.#producer, baseSequence: open.nextSequence });
    // Sequences are 31 bits and begin again at 0.
    open.nextSequence = (open.nextSequence + built.count) % 0x8000_0000;
    this.#buildingBytes -= open.builder.sizeBytes;
    this.#outstandingBytes += built.bytes.length;
    open.sender.enqueue({ ...built, payloadBytes: open.payloadBytes });
    open.builder = new RecordBatchBuilder();
    open.payloadBytes = 0;
  }

  #closeAll(): void {
    for (const open of this.#partitions.values()) this.#close(open);
  }

  #closeLargest(): void {
    let largest: OpenPartition | undefined;
    for (const open of this.#partitions.values()) {
      if (largest === undefined || open.builder.sizeBytes > largest.builder.sizeBytes) largest = open;
    }
    if (largest !== undefined) this.#close(largest);
  }

  /** Waits until at most so many bytes are outstanding. */
  async #room(bytes: number): Promise<void> {
    while (this.#outstandingBytes > bytes && this.#failure === undefined) {
      this.#client.signal?.throwIfAborted();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#wake = undefined;
    if (this.#failure !== undefined) throw this.#failure;
  }
}
