// A consumer that follows a partition over the wire, through every death of the broker: what it is given goes to the oracle. Its position
// moves by what it was given, and to the log start where its offset is gone.

import { RawClient } from '../broker/raw-client.ts';
import type { PartitionOracle } from './partition-oracle.ts';
import { type FetchedRecords, FetchRefused, fetchLogStart, fetchRecords, outOfRange } from './wire-consumer.ts';

/** Fetches that bring nothing, one after the other, of a reader that is not at the end. */
const emptyFetchesMax = 200;

export class WireFollower {
  readonly #oracle: PartitionOracle;
  readonly #port: () => number;
  /** Sizes of fetches, one after the other, from a single batch up. */
  readonly #sizes: readonly number[];
  position = 0;
  received = 0;

  constructor(oracle: PartitionOracle, port: () => number, sizes: readonly number[]) {
    this.#oracle = oracle;
    this.#port = port;
    this.#sizes = sizes;
  }

  async run(stopped: () => boolean): Promise<void> {
    let client: RawClient | undefined;
    while (!stopped()) {
      try {
        client ??= await RawClient.open(this.#port());
        await this.#fetch(client);
      } catch (error) {
        if (error instanceof FetchRefused && !error.isRetriable) this.#oracle.problems.push(error.message);
        client?.destroy();
        client = undefined;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
    client?.destroy();
  }

  #fetches = 0;

  async #fetch(client: RawClient): Promise<void> {
    const oracle = this.#oracle;
    const bytesMax = this.#sizes[this.#fetches++ % this.#sizes.length] as number;
    const { topicId, partition, bounds } = oracle;
    const found = await fetchRecords(client, topicId, partition, { from: this.position, bytesMax, waitMs: 100 });
    if (found === outOfRange) {
      const logStart = await fetchLogStart(client, oracle.topic, partition);
      if (logStart <= this.position) {
        oracle.problems.push(`${oracle.topic}/${partition}: ${this.position} is out of range, log start ${logStart}`);
      }
      this.position = logStart;
      return;
    }
    const first = found.records[0];
    if (first !== undefined && !oracle.rules.compacted && first.offset !== this.position) {
      oracle.problems.push(`${oracle.topic}/${partition}: asked for ${this.position}, was given ${first.offset}`);
    }
    oracle.shown(found.records);
    oracle.told(found, bounds);
    this.received += found.records.length;
    this.position = found.next;
  }
}

/** Reads all that is there now, and has the oracle judge it. */
export async function judgeWhole(
  oracle: PartitionOracle,
  client: RawClient,
): Promise<{
  readonly records: number;
  readonly bytes: number;
  readonly logStart: number;
  readonly highWatermark: number;
}> {
  const acknowledged = oracle.acknowledged;
  const began = performance.now();
  const records: FetchedRecords['records'][number][] = [];
  let bytes = 0;
  let end: number | undefined;
  let logStart = 0;
  let empty = 0;
  for (let from = 0; ; ) {
    const { bounds } = oracle;
    const found = await patiently(() => fetchRecords(client, oracle.topicId, oracle.partition, { from, waitMs: 100 }));
    if (found === outOfRange) {
      const start = await patiently(() => fetchLogStart(client, oracle.topic, oracle.partition));
      if (start <= from)
        throw new Error(`${oracle.topic}/${oracle.partition}: ${from} is out of range, log start ${start}`);
      from = start;
      continue;
    }
    oracle.told(found, bounds);
    records.push(...found.records);
    bytes += found.bytes;
    logStart = found.logStart;
    end ??= found.highWatermark;
    empty = found.next === from ? empty + 1 : 0;
    from = found.next;
    if (from >= end) break;
    if (empty > emptyFetchesMax)
      throw new Error(`${oracle.topic}/${oracle.partition}: nothing comes from ${from}, the end is ${end}`);
  }
  oracle.judge({ records, logStart, highWatermark: end, tookMs: performance.now() - began }, acknowledged);
  return { records: records.length, bytes, logStart, highWatermark: end };
}

/** A store that fails, and partitions that open again, are waited for. */
async function patiently<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  for (let tries = 0; ; tries++) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof FetchRefused) || !error.isRetriable || tries === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
