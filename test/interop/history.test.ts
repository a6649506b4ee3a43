// Real clients read history while it is made: records move from L0 to L1, are merged, expire and are compacted away under readers of four
// kinds. Every record says where it lies, so every reading is checked to the last offset.
//
// CLOUDTOPICS_HISTORY_RECORDS sets how many records the first test writes on each store.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Random, seededRandom } from '../../src/engine/base/random.ts';
import { busyHistory } from '../support/busy-history.ts';
import { createTopic } from '../support/create-topic.ts';
import { kcat } from '../support/kcat.ts';
import { asFlags } from '../support/metadata-kill-rounds.ts';
import { NumberedReading, writeNumbered } from '../support/numbered-records.ts';
import { type PartitionReader, partitionReaders } from '../support/partition-readers.ts';
import { startTarget, storeKinds, type TargetBroker, targetIsKafka } from '../support/target-broker.ts';

const recordsWanted = Number(process.env['CLOUDTOPICS_HISTORY_RECORDS'] ?? 1_600_000);
const seed = Number(process.env['CLOUDTOPICS_HISTORY_SEED'] ?? Math.floor(Math.random() * 1e9));
const partitions = 4;

/** What comes and goes while others read. */
class Dice {
  readonly #random: Random;

  constructor(of: number) {
    this.#random = seededRandom(of);
  }

  below(limit: number): number {
    return Math.floor(this.#random.fraction() * limit);
  }

  of<Choice>(choices: readonly Choice[]): Choice {
    return choices[this.below(choices.length)] as Choice;
  }
}

describe.skipIf(targetIsKafka).each(storeKinds)(`history on a %s store (CLOUDTOPICS_HISTORY_SEED=${seed})`, (store) => {
  let broker: TargetBroker;
  const dice = new Dice(seed);
  beforeAll(async () => {
    broker = await startTarget(store, asFlags(busyHistory));
  });
  afterAll(() => broker?.[Symbol.asyncDispose]());

  /** From anywhere to anywhere below the end, by fetches of any size. */
  async function readSomewhere(
    reader: PartitionReader,
    topic: string,
    partition: number,
    end: number,
  ): Promise<number> {
    const from = dice.of([0, Math.max(0, end - 3_000), dice.below(end), dice.below(end)]);
    const until = from + 1 + dice.below(Math.min(20_000, end - from));
    const fetchBytes = dice.of([1, 3_000, 200_000, 5_000_000]);
    const partitionBytes = dice.of([1, 1_000, 50_000, 1_048_576, 5_000_000]);
    const where = `${reader.name}, partition ${partition} from ${from} to ${until}, ${fetchBytes}/${partitionBytes} bytes`;
    const reading = new NumberedReading(where, from);
    const { bootstrap } = broker;
    await reader.read({ bootstrap, topic, partition, from, until, fetchBytes, partitionBytes }, (one) =>
      reading.take(one.offset, one.value),
    );
    expect(reading.problems).toEqual([]);
    expect(reading.next, where).toBe(until);
    return reading.count;
  }

  async function readAll(reader: PartitionReader, topic: string, partition: number, end: number): Promise<void> {
    const reading = new NumberedReading(`${reader.name}, all of partition ${partition}`, 0);
    const sizes = { fetchBytes: 52_428_800, partitionBytes: 1_048_576 };
    await reader.read({ bootstrap: broker.bootstrap, topic, partition, from: 0, until: end, ...sizes }, (one) =>
      reading.take(one.offset, one.value),
    );
    expect(reading.problems).toEqual([]);
    expect(reading.next).toBe(end);
  }

  /** By offset; of the first so many records. */
  async function timestampsOf(topic: string, partition: number, end: number): Promise<readonly number[]> {
    const output = await kcat(
      broker.bootstrap,
      ['-C', '-t', topic, '-p', String(partition), '-o', '0', '-c', String(end), '-q', '-f', '%T\n'],
      { timeoutMs: 120_000 },
    );
    const times = output.toString().split('\n').slice(0, -1).map(Number);
    expect(times.length).toBe(end);
    return times;
  }

  async function seekTimes(
    reader: PartitionReader,
    topic: string,
    partition: number,
    times: readonly number[],
    count: number,
  ) {
    for (let at = 0; at < count; at++) {
      const timestampMs = (times[dice.below(times.length)] as number) + dice.of([-1, 0, 0]);
      const expected = times.findIndex((time) => time >= timestampMs);
      const found = await reader.offsetAt({ bootstrap: broker.bootstrap, topic, partition }, timestampMs);
      expect(found, `${reader.name}, partition ${partition}: the first record from ${timestampMs} on`).toBe(expected);
    }
  }

  test('is read by every client from everywhere while it is written, and after a death', {
    timeout: 400_000,
  }, async () => {
    const topic = 'history';
    await createTopic(broker.bootstrap, topic, partitions);
    const ends = Array.from({ length: partitions }, () => 0);
    const endMax = Math.ceil(recordsWanted / partitions);
    const chunk = 40_000;
    const write = async () => {
      while (ends.some((end) => end < endMax)) {
        for (const [partition, from] of ends.entries()) {
          const count = Math.min(chunk, endMax - from);
          await writeNumbered({ bootstrap: broker.bootstrap, topic, partition, from, count });
          ends[partition] = from + count;
        }
      }
    };
    let isWritten = false;
    const written = write().finally(() => {
      isWritten = true;
    });
    // One of each reads a partition from its beginning to its end, all the while.
    const followed = partitionReaders.map((reader, partition) => readAll(reader, topic, partition, endMax));
    const somewhere = async () => {
      let readings = 0;
      for (const reader of partitionReaders.toSorted(() => dice.below(3) - 1)) {
        const partition = dice.below(partitions);
        while ((ends[partition] as number) === 0) await new Promise((resolve) => setTimeout(resolve, 20));
        await readSomewhere(reader, topic, partition, ends[partition] as number);
        readings++;
      }
      return readings;
    };
    const read = async () => {
      let readings = 0;
      while (!isWritten || readings < 8) readings += await somewhere();
      return readings;
    };
    await Promise.all([written, read(), ...followed]);

    await broker.kill();
    await broker.restart();
    for (const [at, reader] of partitionReaders.entries()) await readAll(reader, topic, (at + 1) % partitions, endMax);
    for (let at = 0; at < 2; at++) await somewhere();
    const times = await timestampsOf(topic, 1, endMax);
    for (const reader of partitionReaders) await seekTimes(reader, topic, 1, times, reader.name === 'Java' ? 2 : 10);
  });
});
