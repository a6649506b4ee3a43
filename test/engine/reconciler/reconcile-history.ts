// Random histories of the write path and of history together. One seed is one history: idempotent producers, PUTs and calls of the
// reconciler that fail, time out after success or arrive late, commits that are refused or unknown, metastore writes that are lost or
// come without an answer, deleted records, flushes and trims, and crashes at any named step or between any two turns of the event loop.

import { expect } from 'vitest';
import { EngineError } from '../../../src/engine/base/errors.ts';
import { type Random, seededRandom } from '../../../src/engine/base/random.ts';
import type { FaultKind } from '../../../src/engine/store/fault-plan.ts';
import { type PutFate, topic } from '../partition/write-path-world.ts';
import { HistoryWorld } from './history-world.ts';

const partitionCount = 3;
const rounds = 14;

interface Acked {
  readonly offset: number;
  readonly payload: string;
}

/** One idempotent producer per partition that sends in order and repeats what was not acknowledged. */
class Producer {
  readonly index: number;
  readonly #world: HistoryWorld;
  #sequence = 0;
  #epoch = 0;
  readonly acked: Acked[] = [];

  constructor(world: HistoryWorld, index: number) {
    this.#world = world;
    this.index = index;
  }

  async burst(size: number, name: string, bytes: number): Promise<void> {
    for (let at = 0; at < size; at++) {
      const payload = `${name}/${this.index}/${at}/`.padEnd(bytes, '.');
      for (let tries = 0; ; tries++) {
        const code = await this.#send(payload);
        if (code === 'ok') break;
        if (tries === 2 || code === 'not-leader') {
          this.#epoch++;
          this.#sequence = 0;
          return;
        }
      }
      this.#sequence++;
    }
  }

  async #send(payload: string): Promise<string> {
    try {
      const producer = { producerId: 100 + this.index, producerEpoch: this.#epoch, baseSequence: this.#sequence };
      const { baseOffset } = await this.#world.produce({ payload, ...producer }, this.index);
      this.acked.push({ offset: baseOffset, payload });
      return 'ok';
    } catch (error) {
      if (!(error instanceof EngineError) || error.code === 'bug') throw error;
      return error.code;
    }
  }
}

/** What a history did, to see that it did something. */
export interface HistoryTold {
  readonly acked: number;
  readonly crashes: number;
  readonly objects: number;
  readonly corrections: number;
  readonly trims: number;
  readonly crashedAt: ReadonlySet<string>;
}

export async function runReconcileHistory(seed: number): Promise<HistoryTold> {
  const dice = seededRandom(seed);
  const chance = (part: number) => dice.fraction() < part;
  const below = (limit: number) => Math.floor(dice.fraction() * limit);
  const world = new HistoryWorld(seed, 1 + below(2));
  world.seal = { ...world.seal, bytesMax: chance(0.5) ? 300 : 64 * 1024 };
  if (chance(0.3)) world.recentExtentsMax = 4;
  world.settings.targetBytes = chance(0.5) ? 64 * 1024 : 1024 * 1024;
  const told = { acked: 0, objects: 0, corrections: 0, trims: 0, crashedAt: new Set<string>() };
  const count = () => {
    told.objects += world.reconciler.counters.objects;
    told.corrections += world.reconciler.counters.corrections;
    told.trims += world.reconciler.counters.trims;
  };
  await world.start(partitionCount);
  const producers = Array.from({ length: partitionCount }, (_, index) => new Producer(world, index));
  const logStarts = producers.map(() => 0);
  for (let round = 0; round < rounds; round++) {
    letThingsFail(world, dice, chance, below);
    // Dies at the n-th step from now on, wherever that is.
    let stepsLeft = chance(0.4) ? below(12) : undefined;
    world.step = (name) => {
      if (stepsLeft === undefined || world.crashed || stepsLeft-- > 0) return;
      told.crashedAt.add(name);
      world.crash();
    };
    const bytes = chance(0.2) ? 400 : 24;
    const work = Promise.all(producers.map((one) => one.burst(1 + below(8), `h${round}`, bytes)));
    for (let turn = 0; turn < 30; turn++) await world.clock.advance(below(80));
    if (!world.crashed && chance(0.15)) world.crash();
    await finished(work, world);
    if (!world.crashed && chance(0.2)) await deleteSome(world, below(partitionCount), logStarts, below);
    if (!world.crashed && chance(0.5)) world.flushMetastore();
    await world.clock.advance(1500);
    if (chance(0.3)) await world.latePuts.shift()?.();
    if (!world.crashed && !chance(0.3)) continue;
    if (!world.crashed) world.crash();
    count();
    quiet(world);
    await world.startAgain();
    await check(world, producers, logStarts);
  }
  quiet(world);
  while (world.latePuts.length > 0) await world.latePuts.shift()?.();
  await world.clock.advance(12_000);
  await world.settle();
  world.flushMetastore();
  await world.clock.advance(2000);
  await check(world, producers, logStarts);
  expect((await world.orphans()).unknown).toEqual([]);
  count();
  world.crash();
  await world.startAgain();
  await check(world, producers, logStarts);
  told.acked = producers.reduce((sum, one) => sum + one.acked.length, 0);
  return { ...told, crashes: world.crashes };
}

type Chance = (part: number) => boolean;
type Below = (limit: number) => number;

function letThingsFail(world: HistoryWorld, dice: Random, chance: Chance, below: Below): void {
  const fates: readonly PutFate[] = ['fails', 'times-out-after-success', 'appears-late'];
  world.putFate = () => (chance(0.9) ? 'ok' : (fates[below(fates.length)] as PutFate));
  world.log.setFaults((operation) => {
    if (!chance(0.06)) return undefined;
    if (operation !== 'append') return { kind: 'refused' };
    return chance(0.5) ? { kind: 'refused' } : { kind: 'unknown', effect: chance(0.5) };
  });
  const kinds: readonly FaultKind[] = ['unavailable', 'timeout-before', 'timeout-after', 'torn-read'];
  world.faults = {
    next: () => (dice.fraction() < 0.06 ? { kind: kinds[below(kinds.length)] as FaultKind } : undefined),
  };
  world.beforeMetastoreWrite = () => {
    if (chance(0.05)) throw new EngineError('log-unavailable', 'injected');
  };
}

function quiet(world: HistoryWorld): void {
  world.putFate = () => 'ok';
  world.log.setFaults(undefined);
  world.faults = { next: () => undefined };
  world.beforeMetastoreWrite = () => {};
  world.step = () => {};
}

/** Producers wait for partitions that open again, which takes time. */
async function finished(work: Promise<unknown>, world: HistoryWorld): Promise<void> {
  let done = false;
  const settled = work.finally(() => {
    done = true;
  });
  for (let turn = 0; !done && turn < 400; turn++) await world.clock.advance(50);
  await settled;
}

async function deleteSome(world: HistoryWorld, index: number, logStarts: number[], below: Below): Promise<void> {
  try {
    const leader = world.leader(index);
    const to = leader.logStartOffset + below(leader.highWatermark - leader.logStartOffset + 1);
    let done = false;
    const deleting = leader.deleteRecords(to).finally(() => {
      done = true;
    });
    deleting.catch(() => {});
    while (!done) await world.clock.advance(10);
    logStarts[index] = Math.max(logStarts[index] as number, await deleting);
  } catch (error) {
    if (!(error instanceof EngineError) || error.code === 'bug') throw error;
    // It may have happened all the same.
    logStarts[index] = Math.max(logStarts[index] as number, world.partitions.get(topic, index)?.logStartOffset ?? 0);
  }
}

async function check(world: HistoryWorld, producers: readonly Producer[], logStarts: readonly number[]): Promise<void> {
  for (const { index, acked } of producers) {
    for (let turn = 0; world.partitions.get(topic, index) === undefined && turn < 100; turn++) {
      await world.clock.advance(500);
    }
    const live = await world.fetchAll(index);
    const start = world.leader(index).logStartOffset;
    expect(start).toBeGreaterThanOrEqual(logStarts[index] as number);
    const first = live[0]?.baseOffset ?? start;
    expect(live.map((one) => one.baseOffset)).toEqual(live.map((_, at) => first + at));
    expect(first + live.length).toBe(world.leader(index).highWatermark);
    for (const one of acked) if (one.offset >= start) expect(live[one.offset - first]?.payload).toBe(one.payload);
  }
  expect(await world.findings()).toEqual([]);
}
