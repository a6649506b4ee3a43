// Invariants *acked-in-bucket*, *contiguous*, *producer order* and *read-your-acks*, tried with random histories of the real
// write path: PUTs that fail, time out after success, appear late or out of order; commits that are refused or unknown;
// crashes of the process and of the log. After each history the bucket alone is read, by footers, stamps and links.

import { describe, expect, it } from 'vitest';
import { EngineError } from '../../../src/engine/base/errors.ts';
import { noStamp, offset } from '../../../src/engine/base/ids.ts';
import { seededRandom } from '../../../src/engine/base/random.ts';
import { salvageChain } from '../../../src/engine/l0/l0.ts';
import { type PutFate, WriteWorld } from './write-path-world.ts';

const partitionCount = 3;
const histories = Number(process.env['CLOUDTOPICS_HISTORIES'] ?? 40);

interface Acked {
  readonly index: number;
  readonly offset: number;
  readonly payload: string;
}

/** One idempotent producer per partition that sends in order and repeats what was not acknowledged. */
class Producer {
  readonly index: number;
  readonly #world: WriteWorld;
  #sequence = 0;
  #epoch = 0;
  readonly acked: Acked[] = [];

  constructor(world: WriteWorld, index: number) {
    this.#world = world;
    this.index = index;
  }

  /** Sends some batches without waiting in between; forgets the epoch when the order was broken, as clients do. */
  async burst(size: number, name: string): Promise<void> {
    const sent = Array.from({ length: size }, (_, at) => {
      const payload = `${name}/${this.index}/${at}`;
      const sequence = this.#sequence + at;
      const outcome = this.#send(payload, sequence);
      return { payload, sequence, outcome };
    });
    for (const one of sent) {
      for (let tries = 0; ; tries++) {
        const code = await (tries === 0 ? one.outcome : this.#send(one.payload, one.sequence));
        if (code === 'ok') break;
        // A crash, or a gap because an earlier one failed for good: start over under a higher epoch.
        if (tries === 2 || code === 'dead') {
          this.#epoch++;
          this.#sequence = 0;
          return;
        }
      }
      this.#sequence = one.sequence + 1;
    }
  }

  async #send(payload: string, baseSequence: number): Promise<string> {
    try {
      const producer = { producerId: 100 + this.index, producerEpoch: this.#epoch, baseSequence };
      const { baseOffset } = await this.#world.produce({ payload, ...producer }, this.index);
      this.acked.push({ index: this.index, offset: baseOffset, payload });
      return 'ok';
    } catch (error) {
      if (!(error instanceof EngineError) || error.code === 'bug') throw error;
      return error.code === 'not-leader' ? 'dead' : error.code;
    }
  }
}

async function runHistory(seed: number): Promise<void> {
  const dice = seededRandom(seed);
  const chance = (part: number) => dice.fraction() < part;
  const world = new WriteWorld(seed);
  world.seal = { ...world.seal, bytesMax: chance(0.5) ? 200 : 64 * 1024 };
  if (chance(0.3)) world.recentExtentsMax = 4;
  const fates: readonly PutFate[] = ['fails', 'times-out-after-success', 'appears-late'];
  world.putFate = async () => {
    for (let turns = Math.floor(dice.fraction() * 8); turns > 0; turns--)
      await new Promise((done) => setImmediate(done));
    return chance(0.85) ? 'ok' : (fates[Math.floor(dice.fraction() * fates.length)] as PutFate);
  };
  const faults = () =>
    world.log.setFaults((operation) => {
      if (operation !== 'append' || !chance(0.1)) return undefined;
      return chance(0.5) ? { kind: 'refused' } : { kind: 'unknown', effect: chance(0.5) };
    });
  await world.start(partitionCount);
  faults();
  const producers = Array.from({ length: partitionCount }, (_, index) => new Producer(world, index));
  for (let round = 0; round < 12; round++) {
    const bursts = producers.map((one) => one.burst(1 + Math.floor(dice.fraction() * 6), `h${round}`));
    if (chance(0.25)) {
      for (let turns = Math.floor(dice.fraction() * 10); turns > 0; turns--)
        await new Promise((done) => setImmediate(done));
      world.crash(Math.floor(dice.fraction() * 3));
      await Promise.all(bursts);
      await world.start(partitionCount);
      faults();
    }
    await Promise.all(bursts);
    // Leaders that gave up their term open again; late PUTs arrive at any time.
    await world.clock.advance(1000);
    if (chance(0.3)) await world.latePuts.shift()?.();
    if (chance(0.1)) await world.leader(0).saveSnapshot();
  }
  world.log.setFaults(undefined);
  while (world.latePuts.length > 0) await world.latePuts.shift()?.();
  await checkLive(world, producers);
  await checkBucket(world, producers);
}

async function checkLive(world: WriteWorld, producers: readonly Producer[]): Promise<void> {
  for (const producer of producers) {
    const live = await world.fetchAll(producer.index);
    expect(live.map((one) => one.baseOffset)).toEqual(live.map((_, at) => at));
    for (const acked of producer.acked) expect(live[acked.offset]?.payload).toBe(acked.payload);
  }
}

async function checkBucket(world: WriteWorld, producers: readonly Producer[]): Promise<void> {
  const footers = await world.footers();
  for (const { index, acked } of producers) {
    const batches = footers.flatMap(({ bytes, footer }) =>
      footer.partitions
        .filter((one) => one.index === index)
        .flatMap((one) => one.batches.map((batch) => ({ ...batch, bytes }))),
    );
    const chain = salvageChain({ nextOffset: offset(0), stamp: noStamp }, batches);
    expect(chain.length).toBeGreaterThanOrEqual(world.leader(index).highWatermark);
    for (const one of acked) {
      const batch = chain[one.offset];
      expect(batch?.baseOffset).toBe(one.offset);
      const stored = batch?.bytes.toString('utf8', batch.position + 61, batch.position + batch.length);
      expect(stored).toBe(one.payload);
    }
    const sequences = chain.map((batch) => `${batch.producerId}/${batch.producerEpoch}/${batch.baseSequence}`);
    expect(new Set(sequences).size).toBe(sequences.length);
  }
}

describe('acked-in-bucket', () => {
  it(`holds over ${histories} random histories`, { timeout: 120_000 }, async () => {
    for (let seed = 1; seed <= histories; seed++) {
      try {
        await runHistory(seed);
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
    }
  });
});
