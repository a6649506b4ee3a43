// Those who look on while a history happens: readers that go through partitions, and queries by time. What they see must be one story:
// the same batch at the same offset for everybody at any time, no offset left out but where the log start has moved, and for every time
// the first record there was.

import { expect } from 'vitest';
import { sleep } from '../../../src/engine/base/clock.ts';
import { EngineError } from '../../../src/engine/base/errors.ts';
import { offset } from '../../../src/engine/base/ids.ts';
import { topic } from '../partition/write-path-world.ts';
import type { HistoryWorld } from './history-world.ts';

/** What may happen to a read while the store, the log or the leader fail. */
const troubles = new Set([
  'not-leader',
  'log-unavailable',
  'store-unavailable',
  'store-timeout',
  'offset-out-of-range',
  'cancelled',
  // A torn read of L1: what came does not match.
  'corrupt-object',
]);

export interface SeenBatch {
  readonly payload: string;
  readonly atMs: number;
  readonly term: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly sequence: number;
}

interface Asked {
  readonly atMs: number | 'greatest';
  readonly index: number;
  readonly found: number | undefined;
  readonly endBefore: number;
  readonly startAfter: number;
}

export class Followers {
  readonly #world: HistoryWorld;
  readonly #below: (limit: number) => number;
  /** By partition, what anybody has seen of each offset. */
  readonly seen: Map<number, SeenBatch>[] = [];
  readonly #asked: Asked[] = [];
  #stopped = false;
  #running: Promise<unknown>[] = [];
  reads = 0;

  constructor(world: HistoryWorld, below: (limit: number) => number) {
    this.#world = world;
    this.#below = below;
  }

  begin(): void {
    this.#running = Array.from({ length: 6 }, (_, at) => (at < 4 ? this.#readOn() : this.#ask()));
  }

  async end(): Promise<void> {
    this.#stopped = true;
    const all = Promise.all(this.#running);
    let over = false;
    void all.then(
      () => {
        over = true;
      },
      () => {
        over = true;
      },
    );
    for (let turn = 0; turn < 1000 && !over; turn++) await this.#world.clock.advance(100);
    expect(over).toBe(true);
    await all;
  }

  /** Batches of one record, from anywhere. */
  note(index: number, parts: readonly Buffer[]): number[] {
    this.seen[index] ??= new Map();
    const known = this.seen[index] as Map<number, SeenBatch>;
    const bytes = Buffer.concat(parts);
    const offsets: number[] = [];
    for (let at = 0; at < bytes.length; ) {
      const size = bytes.readInt32BE(at + 8) + 12;
      const batch: SeenBatch = {
        payload: bytes.toString('utf8', at + 61, at + size),
        atMs: Number(bytes.readBigInt64BE(at + 35)),
        term: bytes.readInt32BE(at + 12),
        producerId: Number(bytes.readBigInt64BE(at + 43)),
        producerEpoch: bytes.readInt16BE(at + 51),
        sequence: bytes.readInt32BE(at + 53),
      };
      const its = Number(bytes.readBigInt64BE(at));
      const before = known.get(its);
      if (before !== undefined) expect(batch, `partition ${index}, offset ${its}`).toEqual(before);
      known.set(its, batch);
      offsets.push(its);
      at += size;
    }
    return offsets;
  }

  async #readOn(): Promise<void> {
    let index = 0;
    let from = 0;
    while (!this.#stopped) {
      await sleep(this.#world.clock, 1 + this.#below(40));
      const leader = this.#world.partitions.get(topic, index);
      if (leader === undefined || from >= leader.highWatermark || this.#below(20) === 0) {
        index = this.#below(this.#world.partitionCount);
        const next = this.#world.partitions.get(topic, index);
        if (next === undefined) continue;
        from = next.logStartOffset + this.#below(next.highWatermark - next.logStartOffset + 1);
        continue;
      }
      try {
        using read = await leader.read({ from: offset(from), bytesMax: 1 + this.#below(2000), atLeastOne: true });
        if (this.#world.partitions.get(topic, index) !== leader) continue;
        this.reads++;
        const offsets = this.note(index, read.parts);
        const [first] = offsets;
        if (first === undefined) continue;
        // What is left out was deleted while it was read.
        for (const [at, its] of offsets.entries()) {
          const before = at === 0 ? from - 1 : (offsets[at - 1] as number);
          const what = `partition ${index} from ${from}: ${offsets.join()}`;
          if (its !== before + 1) expect(leader.logStartOffset, what).toBeGreaterThanOrEqual(its);
          expect(its, what).toBeGreaterThan(at === 0 ? -1 : before);
        }
        from = (offsets.at(-1) as number) + 1;
      } catch (error) {
        this.#tolerate(error);
        from = Math.max(from, leader.logStartOffset);
      }
    }
  }

  async #ask(): Promise<void> {
    const beganMs = this.#world.clock.nowMs();
    while (!this.#stopped) {
      const { clock } = this.#world;
      await sleep(clock, 1 + this.#below(100));
      const index = this.#below(this.#world.partitionCount);
      const leader = this.#world.partitions.get(topic, index);
      if (leader === undefined) continue;
      const endBefore = leader.highWatermark;
      const atMs = this.#below(4) === 0 ? 'greatest' : beganMs + this.#below(clock.nowMs() - beganMs + 50);
      try {
        const found = atMs === 'greatest' ? await leader.offsetOfMaxTimestamp() : await leader.offsetForTimestamp(atMs);
        // A process that is dead does not answer.
        if (this.#world.partitions.get(topic, index) !== leader) continue;
        this.#asked.push({ atMs, index, found: found?.offset, endBefore, startAfter: leader.logStartOffset });
      } catch (error) {
        this.#tolerate(error);
      }
    }
  }

  #tolerate(error: unknown): void {
    if (!(error instanceof EngineError) || !troubles.has(error.code)) throw error;
  }

  /** Once everything there is was seen: whether the answers were right. Times never go back from one offset to the next. */
  checkAnswers(): number {
    for (const { atMs, index, found, endBefore, startAfter } of this.#asked) {
      const at = (its: number) => this.seen[index]?.get(its)?.atMs;
      const last = endBefore > startAfter ? at(endBefore - 1) : undefined;
      const what = `partition ${index}, time ${atMs}, found ${found}, end ${endBefore}, start ${startAfter}`;
      if (found === undefined) {
        if (last === undefined) continue;
        expect(atMs === 'greatest', what).toBe(false);
        expect(last, what).toBeLessThan(atMs as number);
        continue;
      }
      const its = at(found);
      if (its === undefined) continue;
      if (atMs === 'greatest') {
        if (last !== undefined) expect(its, what).toBeGreaterThanOrEqual(last);
        continue;
      }
      expect(its, what).toBeGreaterThanOrEqual(atMs);
      const before = at(found - 1);
      if (found - 1 >= startAfter && before !== undefined) expect(before, what).toBeLessThan(atMs);
    }
    return this.#asked.length;
  }
}
