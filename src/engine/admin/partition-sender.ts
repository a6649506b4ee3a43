// Sends the batches of one partition, at most five under way, in sequence. When one fails for a reason that may pass, all
// that are behind it fail too; once every answer is there, they are sent again in the same order with the same sequences,
// so the broker recognises what it has already taken. Nothing is lost, doubled or reordered.

import type { Clock } from '../base/clock.ts';
import { sleep } from '../base/clock.ts';
import { errorTable } from '../base/error-table.ts';
import { EngineError, hasCode, toEngineError } from '../base/errors.ts';
import { produce } from '../wire/wire.ts';
import type { BrokerConnection } from './broker-connection.ts';
import { brokerError, isRetryable } from './broker-error.ts';

export interface SequencedBatch {
  readonly bytes: Buffer;
  readonly count: number;
  /** Bytes of keys and values, for the report. */
  readonly payloadBytes: number;
}

export interface PartitionReport {
  readonly partition: number;
  records: number;
  bytes: number;
  /** Offsets of the first and last record acknowledged; other producers' records may lie between. */
  firstOffset: number | undefined;
  lastOffset: number | undefined;
}

export interface SenderOptions {
  readonly topic: string;
  readonly partition: number;
  readonly clock: Clock;
  /** A connection to the present leader; looked up again after a failure. */
  readonly leader: (partition: number, refresh: boolean) => Promise<BrokerConnection>;
  readonly requestTimeoutMs: number;
  /** How long a batch may be tried. */
  readonly deliveryTimeoutMs: number;
  readonly onSettled: (bytes: number) => void;
  readonly onFailed: (error: EngineError) => void;
  readonly signal: AbortSignal;
}

const underWayMax = 5;
const firstPauseMs = 50;
const pauseMsMax = 1_000;
const duplicateSequence = errorTable['duplicate-sequence'].kafkaCode;

export class PartitionSender {
  readonly report: PartitionReport;
  readonly #options: SenderOptions;
  #queue: SequencedBatch[] = [];
  #underWay = 0;
  /** Batches to send again, in the order in which they were sent. */
  #again: SequencedBatch[] = [];
  #failingSinceMs: number | undefined;
  #pauseMs = firstPauseMs;
  #lookingUp = false;
  #connection: BrokerConnection | undefined;

  constructor(options: SenderOptions) {
    this.#options = options;
    this.report = { partition: options.partition, records: 0, bytes: 0, firstOffset: undefined, lastOffset: undefined };
  }

  enqueue(batch: SequencedBatch): void {
    this.#queue.push(batch);
    this.#pump();
  }

  #pump(): void {
    if (this.#options.signal.aborted || this.#lookingUp || this.#again.length > 0) return;
    if (this.#queue.length === 0 || this.#underWay >= underWayMax) return;
    if (this.#connection?.usable) {
      while (this.#queue.length > 0 && this.#underWay < underWayMax) {
        this.#send(this.#queue.shift() as SequencedBatch, this.#connection);
      }
      return;
    }
    if (this.#underWay === 0) this.#lookUp(false);
  }

  #lookUp(refresh: boolean): void {
    this.#lookingUp = true;
    this.#options.leader(this.#options.partition, refresh).then(
      (connection) => {
        this.#connection = connection;
        this.#lookingUp = false;
        this.#pump();
      },
      (error: unknown) => {
        this.#lookingUp = false;
        this.#retryLater(toEngineError(error));
      },
    );
  }

  #send(batch: SequencedBatch, connection: BrokerConnection): void {
    const { topic, partition, requestTimeoutMs } = this.#options;
    this.#underWay++;
    connection
      .send(produce, {
        acks: -1,
        timeoutMs: requestTimeoutMs,
        topicData: [{ name: topic, partitionData: [{ index: partition, records: [batch.bytes] }] }],
      })
      .then((answer) => {
        const response = answer.responses[0]?.partitionResponses[0];
        if (response === undefined)
          throw new EngineError('invalid-request', 'the broker answered Produce without the partition');
        const { errorCode, errorMessage, baseOffset } = response;
        if (errorCode !== 0 && errorCode !== duplicateSequence) {
          throw brokerError(errorCode, `records were not accepted by ${topic}-${partition}`, errorMessage, {
            topic,
            partition,
          });
        }
        this.#acknowledged(batch, errorCode === 0 ? baseOffset : undefined);
      })
      .catch((error: unknown) => this.#failed(batch, toEngineError(error)))
      .finally(() => {
        this.#underWay--;
        if (this.#underWay === 0 && this.#again.length > 0) this.#startAgain();
        else this.#pump();
      });
  }

  #acknowledged(batch: SequencedBatch, baseOffset: number | undefined): void {
    this.#failingSinceMs = undefined;
    this.#pauseMs = firstPauseMs;
    const { report } = this;
    report.records += batch.count;
    report.bytes += batch.payloadBytes;
    if (baseOffset !== undefined && baseOffset >= 0) {
      report.firstOffset ??= baseOffset;
      report.lastOffset = baseOffset + batch.count - 1;
    }
    this.#options.onSettled(batch.bytes.length);
  }

  #failed(batch: SequencedBatch, error: EngineError): void {
    // Behind a batch that failed, "out of order" only says that the one before is missing.
    const behind = this.#again.length > 0 && hasCode(error, 'out-of-order-sequence');
    this.#again.push(batch);
    if ((!behind && !isRetryable(error)) || this.#tooLate()) this.#giveUp(error);
  }

  #tooLate(): boolean {
    const now = this.#options.clock.monotonicMs();
    this.#failingSinceMs ??= now;
    return now - this.#failingSinceMs > this.#options.deliveryTimeoutMs;
  }

  #startAgain(): void {
    this.#queue = [...this.#again, ...this.#queue];
    this.#again = [];
    this.#connection = undefined;
    this.#pause();
  }

  #retryLater(error: EngineError): void {
    if (!isRetryable(error) || this.#tooLate()) this.#giveUp(error);
    else this.#pause();
  }

  #pause(): void {
    if (this.#options.signal.aborted) return;
    this.#lookingUp = true;
    const pauseMs = this.#pauseMs;
    this.#pauseMs = Math.min(pauseMs * 2, pauseMsMax);
    sleep(this.#options.clock, pauseMs, this.#options.signal).then(
      () => this.#lookUp(true),
      () => {},
    );
  }

  #giveUp(error: EngineError): void {
    this.#options.onFailed(error);
  }
}
