// Records that say where they lie: the value at an offset is known to everybody, so a reading of any length from any place is checked
// without keeping what was written. One producer at a time writes a partition, in order and each record once.

import { kcat } from './kcat.ts';

const filler = 'a few words that make records of different sizes'.repeat(2);

export const valueAt = (offset: number): string => `${offset} ${filler.slice(0, (offset * 7) % 61)}`;

export interface ReadRecord {
  readonly offset: number;
  readonly value: string;
}

/** Checks one reading of one partition, record by record. */
export class NumberedReading {
  readonly problems: string[] = [];
  readonly #where: string;
  /** Whether the log start may move past the reader, which goes on there then. */
  readonly #mayJump: boolean;
  next: number;
  count = 0;
  /** Where it went on behind records that are gone. */
  readonly jumpedTo: number[] = [];

  constructor(where: string, from: number, mayJump = false) {
    this.#where = where;
    this.next = from;
    this.#mayJump = mayJump;
  }

  take(offset: number, value: string): void {
    if (offset !== this.next) {
      if (this.#mayJump && offset > this.next) this.jumpedTo.push(offset);
      else this.#problem(`offset ${this.next} was expected, ${offset} came`);
    }
    if (value !== valueAt(offset)) this.#problem(`offset ${offset} is ${JSON.stringify(value.slice(0, 80))}`);
    this.next = offset + 1;
    this.count++;
  }

  #problem(text: string): void {
    if (this.problems.length < 5) this.problems.push(`${this.#where}: ${text}`);
  }
}

export interface NumberedWriting {
  readonly bootstrap: string;
  readonly topic: string;
  readonly partition: number;
  /** Where the partition ends. */
  readonly from: number;
  readonly count: number;
  readonly properties?: readonly string[];
}

/** Through kcat, which writes a few hundred thousand a second. */
export async function writeNumbered({ bootstrap, topic, partition, from, count, properties = [] }: NumberedWriting) {
  const lines: string[] = [];
  for (let offset = from; offset < from + count; offset++) lines.push(valueAt(offset));
  const settings = ['enable.idempotence=true', 'linger.ms=5', 'queue.buffering.max.messages=1000000', ...properties];
  const args = ['-P', '-t', topic, '-p', String(partition), ...settings.flatMap((one) => ['-X', one])];
  await kcat(bootstrap, args, { input: `${lines.join('\n')}\n`, timeoutMs: 170_000 });
}
