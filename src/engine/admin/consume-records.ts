// Reads records of a topic from given offsets, in the order of offsets per partition, as views into what was fetched.
// While one answer is worked on, the next is already on its way; more than that is never held. With `ends` it stops there.
//
// A partition whose start has been deleted meanwhile goes on at its log start, and says so; an offset that is out of range
// from the very beginning is an error, because somebody asked for it.

import { sleep } from '../base/clock.ts';
import { EngineError } from '../base/errors.ts';
import { fetch, type ResponseOf } from '../wire/wire.ts';
import { brokerError, checkBroker, isRetryable } from './broker-error.ts';
import { decodeBatches, type IncomingRecord } from './fetched-records.ts';
import type { KafkaClient } from './kafka-client.ts';
import { type TopicPlaces, topicPlaces } from './topics-admin.ts';

export interface ConsumeOptions {
  readonly topic: TopicPlaces;
  /** Where to begin, by partition; partitions that are not named are not read. */
  readonly starts: ReadonlyMap<number, number>;
  /** Where to stop (exclusive); a partition that is there is done. Undefined: never. */
  readonly ends?: ReadonlyMap<number, number>;
  /** Told when records were deleted before they could be read. */
  readonly onGap?: (partition: number, from: number, to: number) => void;
  /** Ends the reading, well. */
  readonly stop: AbortSignal;
}

export interface FetchedRecords {
  readonly partition: number;
  /** In offset order. Views: valid until the next handful is asked for. */
  readonly records: readonly IncomingRecord[];
  /** The offset to go on at once these records are done with. */
  readonly next: number;
}

const maxWaitMs = 500;
const answerBytesMax = 8 * 1024 * 1024;
const partitionBytesMax = 2 * 1024 * 1024;
const retryPauseMs = 200;
const outOfRange = 1;

type FetchAnswer = ResponseOf<typeof fetch>;
type PartitionAnswer = FetchAnswer['responses'][number]['partitions'][number];

export async function* consumeRecords(client: KafkaClient, options: ConsumeOptions): AsyncGenerator<FetchedRecords> {
  const run = new ConsumeRun(client, options);
  try {
    yield* run.read();
  } finally {
    run.stop();
  }
}

interface UnderWay {
  readonly leader: number;
  readonly answer: Promise<FetchAnswer>;
}

class ConsumeRun {
  readonly #client: KafkaClient;
  readonly #options: ConsumeOptions;
  readonly #positions: Map<number, number>;
  /** Partitions that have had an answer: their offsets were in range once. */
  readonly #begun = new Set<number>();
  #leaders: ReadonlyMap<number, number>;
  #failingSinceMs: number | undefined;
  #stopped = false;

  constructor(client: KafkaClient, options: ConsumeOptions) {
    this.#client = client;
    this.#options = options;
    this.#positions = new Map(options.starts);
    this.#leaders = leadersOf(options.topic);
    this.#dropFinished();
  }

  stop(): void {
    this.#stopped = true;
  }

  async *read(): AsyncGenerator<FetchedRecords> {
    const { stop } = this.#options;
    const underWay = new Map<number, UnderWay>();
    const stopped = new Promise<undefined>((resolve) => {
      stop.addEventListener('abort', () => resolve(undefined), { once: true });
    });
    while (this.#positions.size > 0 && !stop.aborted && !this.#stopped) {
      try {
        this.#ask(underWay);
        const first = await Promise.race([stopped, ...[...underWay.values()].map(settled)]);
        if (first === undefined) return;
        underWay.delete(first.leader);
        if (first.error !== undefined) throw first.error;
        const { parts, failure } = this.#takeAnswer(first.answer);
        // The next answer travels while these records are printed.
        if (failure === undefined) this.#ask(underWay);
        yield* parts;
        if (failure !== undefined) throw failure;
        this.#failingSinceMs = undefined;
      } catch (error) {
        await this.#recover(error);
      }
    }
  }

  /** One request under way per leader that has something left to read. */
  #ask(underWay: Map<number, UnderWay>): void {
    const wanted = Map.groupBy(this.#positions, ([partition]) => this.#leaders.get(partition) ?? -1);
    for (const [leader, positions] of wanted) {
      if (underWay.has(leader)) continue;
      if (leader < 0) throw new EngineError('not-leader', 'a partition has no leader just now');
      const answer = this.#fetch(leader, positions);
      answer.catch(() => {});
      underWay.set(leader, { leader, answer });
    }
  }

  async #fetch(leader: number, positions: readonly (readonly [number, number])[]): Promise<FetchAnswer> {
    const broker = await this.#client.broker(leader);
    return broker.send(fetch, {
      maxWaitMs: Math.min(maxWaitMs, this.#client.timeoutMs / 2),
      minBytes: 1,
      maxBytes: answerBytesMax,
      topics: [
        {
          topic: this.#options.topic.name,
          partitions: positions.map(([partition, fetchOffset]) => ({
            partition,
            fetchOffset,
            partitionMaxBytes: partitionBytesMax,
          })),
        },
      ],
    });
  }

  /** Decodes an answer and moves the positions behind it. One partition's failure does not cost the others' records. */
  #takeAnswer(answer: FetchAnswer): { parts: FetchedRecords[]; failure: unknown } {
    checkBroker(answer.errorCode, 'records could not be fetched');
    const parts: FetchedRecords[] = [];
    let failure: unknown;
    for (const partition of answer.responses.flatMap((topic) => topic.partitions)) {
      try {
        parts.push(...this.#takePartition(partition));
      } catch (error) {
        failure ??= error;
      }
    }
    return { parts, failure };
  }

  #takePartition(answer: PartitionAnswer): FetchedRecords[] {
    const partition = answer.partitionIndex;
    const position = this.#positions.get(partition);
    if (position === undefined) return [];
    if (answer.errorCode === outOfRange) return this.#restart(partition, position, answer);
    const { name } = this.#options.topic;
    checkBroker(answer.errorCode, `records of ${name}-${partition}`, undefined, {
      topic: name,
      partition,
      offset: position,
    });
    this.#begun.add(partition);
    if (answer.records === null || answer.records.length === 0) {
      this.#dropFinished();
      return [];
    }
    const end = this.#options.ends?.get(partition) ?? Number.POSITIVE_INFINITY;
    const { records, next } = decodeBatches(answer.records, { topic: name, partition, from: position, until: end });
    this.#positions.set(partition, next);
    this.#dropFinished();
    return [{ partition, records, next }];
  }

  #restart(partition: number, position: number, answer: PartitionAnswer): FetchedRecords[] {
    const { name } = this.#options.topic;
    const start = answer.logStartOffset;
    if (!this.#begun.has(partition) || start <= position) {
      throw brokerError(outOfRange, `offset ${position} of ${name}-${partition}`, undefined, {
        topic: name,
        partition,
        offset: position,
        ...(start < 0 ? {} : { logStartOffset: start }),
      });
    }
    this.#options.onGap?.(partition, position, start);
    this.#positions.set(partition, start);
    this.#dropFinished();
    return [];
  }

  #dropFinished(): void {
    const { ends } = this.#options;
    if (ends === undefined) return;
    for (const [partition, position] of this.#positions) {
      if (position >= (ends.get(partition) ?? Number.POSITIVE_INFINITY)) this.#positions.delete(partition);
    }
  }

  /** Waits a moment and looks for leaders again; throws what does not pass, or does not pass in time. */
  async #recover(error: unknown): Promise<void> {
    const { clock, timeoutMs } = this.#client;
    if (!isRetryable(error)) throw error;
    const now = clock.monotonicMs();
    this.#failingSinceMs ??= now;
    if (now - this.#failingSinceMs > timeoutMs) throw error;
    await sleep(clock, retryPauseMs, this.#options.stop).catch(() => {});
    if (this.#options.stop.aborted) return;
    try {
      this.#leaders = leadersOf(await topicPlaces(this.#client, this.#options.topic.name));
    } catch (again) {
      if (!isRetryable(again)) throw again;
    }
  }
}

const leadersOf = (topic: TopicPlaces): ReadonlyMap<number, number> =>
  new Map(topic.partitions.map(({ partition, leader }) => [partition, leader]));

type Settled =
  | { readonly leader: number; readonly answer: FetchAnswer; readonly error?: undefined }
  | { readonly leader: number; readonly error: Error };

function settled({ leader, answer }: UnderWay): Promise<Settled> {
  return answer.then(
    (value) => ({ leader, answer: value }),
    (error: Error) => ({ leader, error }),
  );
}
