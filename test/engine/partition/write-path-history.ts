// Random histories of the write path, and what must hold after them: *acked-in-bucket*, *contiguous*, *producer order* and
// *read-your-acks*. One seed is one history: PUTs that fail, time out after success, appear late or out of order; commits that
// are refused or unknown; crashes between any two turns of the event loop, and with the file store between any two operations
// of the file system, which drop what was not flushed in store and log at the same instant.

import { expect } from 'vitest';
import { EngineError, hasCode } from '../../../src/engine/base/errors.ts';
import { seededRandom } from '../../../src/engine/base/random.ts';
import { type PutFate, topic, type WorldOptions, WriteWorld } from './write-path-world.ts';

const partitionCount = 3;
const rounds = 12;

interface Acked {
  readonly offset: number;
  readonly payload: string;
}

/** What a history did, to see that it did something. */
export interface HistoryTold {
  readonly acked: number;
  readonly crashes: number;
  readonly operations: number;
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
      this.acked.push({ offset: baseOffset, payload });
      return 'ok';
    } catch (error) {
      if (!(error instanceof EngineError) || error.code === 'bug') throw error;
      return error.code === 'not-leader' ? 'dead' : error.code;
    }
  }
}

/** Throws where an invariant does not hold. */
export async function runHistory(seed: number, options: WorldOptions = {}): Promise<HistoryTold> {
  const dice = seededRandom(seed);
  const chance = (part: number) => dice.fraction() < part;
  const below = (limit: number) => Math.floor(dice.fraction() * limit);
  const turns = async (limit: number) => {
    for (let left = below(limit); left > 0; left--) await new Promise((done) => setImmediate(done));
  };
  const world = new WriteWorld(seed, options);
  world.seal = { ...world.seal, bytesMax: chance(0.5) ? 200 : 64 * 1024 };
  if (chance(0.3)) world.recentExtentsMax = 4;
  const luck = chance(0.5) ? 0 : dice.fraction();
  world.survivesCrash = () => chance(luck);
  const fates: readonly PutFate[] = ['fails', 'times-out-after-success', 'appears-late'];
  world.putFate = async () => {
    await turns(8);
    return chance(0.85) ? 'ok' : (fates[below(fates.length)] as PutFate);
  };
  await startAgain(world);
  const producers = Array.from({ length: partitionCount }, (_, index) => new Producer(world, index));
  for (let round = 0; round < rounds; round++) {
    world.log.setFaults((operation) => {
      if (operation !== 'append' || !chance(0.1)) return undefined;
      return chance(0.5) ? { kind: 'refused' } : { kind: 'unknown', effect: chance(0.5) };
    });
    if (options.store === 'files' && chance(0.4)) world.operationsUntilCrash = below(80);
    const bursts = producers.map((one) => one.burst(1 + below(6), `h${round}`));
    if (chance(0.25)) {
      await turns(10);
      world.crash();
    }
    await Promise.all(bursts);
    if (world.crashed) {
      await startAgain(world);
      await check(world, producers);
    }
    // Leaders that gave up their term open again; late PUTs arrive at any time.
    await world.clock.advance(1000);
    if (chance(0.3)) await arrive(world.latePuts.shift());
    if (!world.crashed && chance(0.1)) await world.leader(0).saveSnapshot();
    if (world.crashed) await startAgain(world);
  }
  world.operationsUntilCrash = undefined;
  world.log.setFaults(undefined);
  while (world.latePuts.length > 0) await arrive(world.latePuts.shift());
  await check(world, producers);
  world.crash();
  await startAgain(world);
  await check(world, producers);
  const acked = producers.reduce((sum, one) => sum + one.acked.length, 0);
  return { acked, crashes: world.crashes, operations: world.operations };
}

/** A start may be hit by the next crash. */
async function startAgain(world: WriteWorld): Promise<void> {
  for (;;) {
    try {
      await world.start(partitionCount);
      if (!world.crashed) return;
    } catch (error) {
      if (!world.crashed) throw error;
    }
  }
}

/** The late PUT of a process whose file system is gone arrives nowhere. */
async function arrive(latePut: (() => Promise<unknown>) | undefined): Promise<void> {
  await latePut?.().catch((error: unknown) => {
    if (!hasCode(error, 'store-unavailable', 'store-timeout')) throw error;
  });
}

async function check(world: WriteWorld, producers: readonly Producer[]): Promise<void> {
  const pending = world.operationsUntilCrash;
  world.operationsUntilCrash = undefined;
  const bucket = await world.salvage();
  for (const { index, acked } of producers) {
    if (world.partitions.get(topic, index) === undefined) await world.clock.advance(1000);
    const live = await world.fetchAll(index);
    expect(live.map((one) => one.baseOffset)).toEqual(live.map((_, at) => at));
    const chain = bucket.partition(topic, index)?.batches ?? [];
    expect(chain.length).toBeGreaterThanOrEqual(world.leader(index).highWatermark);
    for (const one of acked) {
      expect(live[one.offset]?.payload).toBe(one.payload);
      expect(chain[one.offset]?.baseOffset).toBe(one.offset);
      expect(chain[one.offset]?.bytes.toString('utf8', 61)).toBe(one.payload);
    }
    const sequences = chain.map((batch) => `${batch.producerId}/${batch.producerEpoch}/${batch.baseSequence}`);
    expect(new Set(sequences).size).toBe(sequences.length);
  }
  world.operationsUntilCrash = pending;
}
