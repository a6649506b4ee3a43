// An idempotent producer of one partition that speaks the wire protocol itself: five requests in flight, what was not
// acknowledged is sent again in order under the same sequences, over new connections where need be. It remembers every
// acknowledgement, and throws on an answer that no correct broker gives it.

import { encodeBatch } from '../../../src/engine/records/build-batch-format.ts';
import { initProducerId, produce } from '../../../src/engine/wire/wire.ts';
import type { AcknowledgedRecord } from '../../support/bucket-salvage.ts';
import { toldValue } from '../../support/told-value.ts';
import { RawClient } from '../broker/raw-client.ts';

export interface WireProducerOptions {
  /** Where the broker listens now. */
  readonly port: () => number;
  readonly topic: string;
  readonly partition: number;
  /** In front of every value, and of every key. */
  readonly name: string;
  readonly valueBytes?: number;
  /** So many keys, drawn by sequence; every eleventh record of a keyed producer is a tombstone. Without them records have no key. */
  readonly keys?: number;
  /** Waited between rounds of requests. */
  readonly pauseMs?: number;
}

export interface ProducedRecord {
  readonly key?: string;
  /** As `toldValue` has it. */
  readonly value: string | undefined;
}

interface Pending {
  readonly baseSequence: number;
  readonly count: number;
}

const window = 5;
/** NOT_LEADER, REQUEST_TIMED_OUT, UNKNOWN_TOPIC_OR_PARTITION, KAFKA_STORAGE_ERROR */
const retriable = new Set([6, 7, 3, 56]);
const outOfOrder = 45;

export class WireProducer {
  readonly #options: WireProducerOptions;
  readonly acknowledged: AcknowledgedRecord[] = [];
  /** How often something had to be sent again. */
  retries = 0;
  #sequence = 0;
  #producer: { producerId: number; producerEpoch: number } | undefined;
  #client: RawClient | undefined;

  constructor(options: WireProducerOptions) {
    this.#options = options;
  }

  /** The record of a sequence, if it was sent; each once. */
  sent(sequence: number): ProducedRecord | undefined {
    return sequence < this.#sequence ? this.#told(sequence) : undefined;
  }

  get partition(): number {
    return this.#options.partition;
  }

  get name(): string {
    return this.#options.name;
  }

  /** Produces until told to stop, and then until all that was sent is acknowledged. */
  async run(stopped: () => boolean): Promise<void> {
    let pending: Pending[] = [];
    while (!stopped() || pending.length > 0) {
      while (!stopped() && pending.length < window) pending.push(this.#next());
      try {
        this.#client ??= await RawClient.open(this.#options.port());
        this.#producer ??= await this.#register(this.#client);
        pending = await this.#round(this.#client, this.#producer, pending);
        const { pauseMs = 0 } = this.#options;
        if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
      } catch (error) {
        if (error instanceof BrokenPromise) throw error;
        this.#client?.destroy();
        this.#client = undefined;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
    this.#client?.destroy();
    this.#client = undefined;
  }

  #next(): Pending {
    const count = 1 + (this.#sequence % 3);
    const baseSequence = this.#sequence;
    this.#sequence += count;
    return { baseSequence, count };
  }

  #record(sequence: number): { readonly key: string | undefined; readonly value: Buffer | null } {
    const { name, valueBytes = 0, keys } = this.#options;
    const isTombstone = keys !== undefined && sequence % 11 === 10;
    return {
      key: keys === undefined ? undefined : `${name}/${(sequence * 31) % keys}`,
      value: isTombstone ? null : Buffer.from(`${name}.${sequence}.`.padEnd(valueBytes, 'x')),
    };
  }

  #told(sequence: number): ProducedRecord {
    const { key, value } = this.#record(sequence);
    return { ...(key === undefined ? {} : { key }), value: toldValue(value) };
  }

  async #register(client: RawClient) {
    const answer = await client.call(initProducerId, 4, { transactionalId: null, transactionTimeoutMs: 0 });
    if (answer.errorCode !== 0) throw new Error(`no producer id: ${answer.errorCode}`);
    return { producerId: answer.producerId, producerEpoch: answer.producerEpoch };
  }

  /** Sends all, hears all; returns what is to be sent again. */
  async #round(
    client: RawClient,
    producer: { producerId: number; producerEpoch: number },
    pending: readonly Pending[],
  ): Promise<Pending[]> {
    const { topic, partition } = this.#options;
    for (const { baseSequence, count } of pending) {
      const records = Array.from({ length: count }, (_, at) => {
        const { key, value } = this.#record(baseSequence + at);
        return { key: key === undefined ? null : Buffer.from(key), value };
      });
      const batch = encodeBatch(records, { ...producer, baseSequence, timestamp: Date.now() });
      const partitionData = [{ index: partition, records: batch }];
      const request = { acks: -1, timeoutMs: 30_000, topicData: [{ name: topic, partitionData }] };
      client.write(client.encode(produce, 9, request));
    }
    const again: Pending[] = [];
    for (const one of pending) {
      const answer = (await client.answer(produce, 9)).body.responses[0]?.partitionResponses[0];
      const code = answer?.errorCode ?? -1;
      if (answer !== undefined && code === 0) {
        for (let at = 0; at < one.count; at++) {
          this.acknowledged.push({ partition, offset: answer.baseOffset + at, ...this.#told(one.baseSequence + at) });
        }
      } else if (retriable.has(code) || (code === outOfOrder && again.length > 0)) {
        again.push(one);
      } else {
        throw new BrokenPromise(`producer ${this.#options.name}: sequence ${one.baseSequence} was answered ${code}`);
      }
    }
    this.retries += again.length;
    if (again.length > 0) await new Promise((resolve) => setTimeout(resolve, 10));
    return again;
  }
}

class BrokenPromise extends Error {}
