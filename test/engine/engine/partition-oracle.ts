// What one partition must show, by what its producers have sent and were told: judges everything that a consumer is given and every
// reading of the whole partition, over any number of deaths of the broker.
//
// - a record is where its acknowledgement said, or gone by the topic's rules: deleted below the log start, or replaced by a later one of
//   its key
// - an offset never shows two different records, whoever asked and whenever; no record shows at two offsets
// - each producer's records are in the order in which it sent them; where nothing is compacted, without a gap
// - log start and high watermark never go back

import { missingRecords } from '../../support/bucket-salvage.ts';
import type { ConsumedRecord } from './wire-consumer.ts';
import type { WireProducer } from './wire-producer.ts';

export interface WholeReading {
  readonly records: readonly ConsumedRecord[];
  /** As of the last fetch. */
  readonly logStart: number;
  readonly highWatermark: number;
  /** A tombstone may go while a reading that takes long is under way, which has seen what it deletes. */
  readonly tookMs: number;
}

export interface OracleRules {
  readonly compacted: boolean;
  readonly deleteRetentionMs: number;
}

const problemsMax = 20;

export class PartitionOracle {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly rules: OracleRules;
  readonly problems: string[] = [];
  readonly #producers: readonly WireProducer[];
  readonly #shown = new Map<number, string>();
  #logStart = 0;
  #end = 0;

  constructor(
    { topic, topicId }: { readonly topic: string; readonly topicId: string },
    producers: readonly WireProducer[],
    rules: OracleRules,
  ) {
    this.topic = topic;
    this.topicId = topicId;
    this.partition = producers[0]?.partition ?? 0;
    this.#producers = producers;
    this.rules = rules;
  }

  get acknowledged() {
    return this.#producers.flatMap((one) => one.acknowledged);
  }

  /** Records that some consumer was given. */
  shown(records: readonly ConsumedRecord[]): void {
    for (const { offset, ...record } of records) {
      const text = `${record.key}=${record.value}`;
      const before = this.#shown.get(offset);
      if (before === undefined) this.#checkSent(offset, record);
      else if (before !== text) this.#problem(`offset ${offset} was ${before}, and is ${text}`);
      this.#shown.set(offset, text);
    }
  }

  /** The highest log start and high watermark that anybody was told: to be taken before a fetch, whose answer may not lie below. */
  get bounds(): { readonly logStart: number; readonly highWatermark: number } {
    return { logStart: this.#logStart, highWatermark: this.#end };
  }

  /** What a fetch said of the partition; `before` are the bounds when it was sent. */
  told(said: PartitionOracle['bounds'], before: PartitionOracle['bounds']): void {
    const { logStart, highWatermark } = said;
    if (highWatermark < before.highWatermark) {
      this.#problem(`the high watermark went from ${before.highWatermark} to ${highWatermark}`);
    }
    if (logStart < before.logStart) this.#problem(`the log start went from ${before.logStart} to ${logStart}`);
    this.#end = Math.max(this.#end, highWatermark);
    this.#logStart = Math.max(this.#logStart, logStart);
  }

  /** `acknowledged`: what was before the reading began. */
  judge(reading: WholeReading, acknowledged = this.acknowledged): void {
    const { logStart, highWatermark, tookMs } = reading;
    const records = reading.records.filter(({ offset }) => offset >= logStart);
    this.shown(records);
    const disorder = records.find(({ offset }, at) => at > 0 && offset <= (records[at - 1] as ConsumedRecord).offset);
    if (disorder !== undefined) this.#problem(`offset ${disorder.offset} comes behind a higher one`);
    if (!this.rules.compacted) {
      const gap = records.findIndex(({ offset }, at) => offset !== logStart + at);
      if (gap >= 0) this.#problem(`offset ${logStart + gap} is missing, ${records[gap]?.offset} follows`);
      if (logStart + records.length < highWatermark) {
        this.#problem(`offsets from ${logStart + records.length} up to ${highWatermark} are missing`);
      }
    }
    for (const one of missingRecords(acknowledged, records, logStart)) {
      const mayBeGone = one.value === undefined && one.found === undefined && tookMs > this.rules.deleteRetentionMs;
      if (!mayBeGone) this.#problem(`acknowledged and not there: ${JSON.stringify(one)}`);
    }
    this.#checkOrder(records);
  }

  #checkOrder(records: readonly ConsumedRecord[]): void {
    for (const { name } of this.#producers) {
      const own = records.filter(({ value }) => value?.startsWith(`${name}.`) === true).map(sequenceOf);
      for (let at = 1; at < own.length; at++) {
        const [before, sequence] = [own[at - 1] as number, own[at] as number];
        if (this.rules.compacted ? sequence > before : sequence === before + 1) continue;
        this.#problem(`producer ${name}: ${sequence} comes behind ${before}`);
        break;
      }
    }
  }

  #checkSent(offset: number, { key, value }: Omit<ConsumedRecord, 'offset'>): void {
    if (value === undefined) return;
    const producer = this.#producers.find(({ name }) => value.startsWith(`${name}.`));
    const sent = producer?.sent(sequenceOf({ value }));
    if (sent === undefined || sent.value !== value || sent.key !== key) {
      this.#problem(`offset ${offset}: nobody sent ${key}=${value}`);
    }
  }

  #problem(text: string): void {
    if (this.problems.length < problemsMax) this.problems.push(`${this.topic}/${this.partition}: ${text}`);
  }
}

const sequenceOf = ({ value }: Pick<ConsumedRecord, 'value'>): number => Number(value?.split('.')[1]);
