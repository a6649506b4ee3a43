// Random histories of a world in which everything goes on at once: partitions are added, topics come and go, log starts move and the
// metastore follows, the batch cache loses what it had, leaders are opened again, and readers and queries by time look on all the while
// (history-followers.ts). Some begin with a data directory from before there was history. One seed is one history.

import { expect } from 'vitest';
import { crc32c } from '../../../src/engine/base/checksum.ts';
import { sleep } from '../../../src/engine/base/clock.ts';
import { EngineError } from '../../../src/engine/base/errors.ts';
import { offset, topicId } from '../../../src/engine/base/ids.ts';
import { type Random, seededRandom } from '../../../src/engine/base/random.ts';
import { uuidv4 } from '../../../src/engine/base/uuid.ts';
import type { FaultKind } from '../../../src/engine/store/fault-plan.ts';
import { type PutFate, topic } from '../partition/write-path-world.ts';
import { Followers } from './history-followers.ts';
import { HistoryWorld } from './history-world.ts';

const rounds = 10;
const partitionsMax = 6;

export interface BusyHistoryTold {
  readonly acked: number;
  readonly crashes: number;
  readonly objects: number;
  readonly l0Reads: number;
  readonly trims: number;
  readonly reads: number;
  readonly answers: number;
}

export function runBusyHistory(seed: number): Promise<BusyHistoryTold> {
  return new BusyHistory(seed).run();
}

class BusyHistory {
  readonly #dice: Random;
  readonly #world: HistoryWorld;
  readonly #followers: Followers;
  readonly #told = { acked: 0, crashes: 0, objects: 0, l0Reads: 0, trims: 0, reads: 0, answers: 0 };
  #producerId = 1000;

  constructor(seed: number) {
    this.#dice = seededRandom(seed);
    this.#world = new HistoryWorld(seed, 1 + this.#below(3));
    this.#followers = new Followers(this.#world, (limit) => this.#below(limit));
  }

  #below(limit: number): number {
    return Math.floor(this.#dice.fraction() * limit);
  }

  #chance(part: number): boolean {
    return this.#dice.fraction() < part;
  }

  async run(): Promise<BusyHistoryTold> {
    const world = this.#world;
    world.rules.logAppendTime = true;
    world.seal = { ...world.seal, bytesMax: this.#chance(0.5) ? 300 : 64 * 1024 };
    if (this.#chance(0.5)) world.recentExtentsMax = 1;
    world.settings.targetBytes = this.#chance(0.5) ? 64 * 1024 : 1024 * 1024;
    world.settings.memoryBytes = this.#chance(0.5) ? 1500 : 64 * 1024;
    for (const domain of world.domains) this.#loseAnswers(domain);
    this.#slowStore();
    this.#slowLog();
    await world.start(2);
    if (this.#chance(0.3)) await this.#beforeHistory();
    this.#followers.begin();
    for (let round = 0; round < rounds; round++) await this.#round(round);
    this.#quiet();
    world.settings.enabled = true;
    while (world.latePuts.length > 0) await world.latePuts.shift()?.();
    await world.clock.advance(12_000);
    this.#isSlow = false;
    await world.settle();
    world.flushMetastore();
    await world.clock.advance(2000);
    await this.#followers.end();
    // What began while reads took long may be waited for by those that come now.
    await world.clock.advance(4000);
    await this.#seeAll();
    this.#told.answers = this.#followers.checkAnswers();
    await this.#checkRows();
    expect(await world.findings()).toEqual([]);
    expect((await world.orphans()).unknown).toEqual([]);
    this.#count();
    this.#told.crashes = world.crashes;
    this.#told.reads = this.#followers.reads;
    return this.#told;
  }

  async #round(round: number): Promise<void> {
    const world = this.#world;
    this.#letThingsFail();
    let stepsLeft = this.#chance(0.3) ? this.#below(12) : undefined;
    world.step = () => {
      if (stepsLeft !== undefined && !world.crashed && stepsLeft-- <= 0) world.crash();
    };
    const work = [
      ...Array.from({ length: 1 + this.#below(6) }, () => this.#produce(round)),
      this.#deleteRecords(),
      ...(this.#chance(0.3) && world.partitionCount < partitionsMax ? [world.addPartition()] : []),
      ...(this.#chance(0.4) ? [this.#briefTopic()] : []),
    ].map((one) => one.catch(tolerate));
    for (let turn = 0; turn < 25; turn++) {
      await world.clock.advance(this.#below(160));
      // A backlog builds up, of which not all is in memory.
      if (this.#chance(0.2)) world.settings.enabled = this.#chance(0.5);
      if (this.#chance(0.1)) world.forgetBatchCache();
      if (this.#chance(0.3)) world.flushMetastore();
      if (this.#chance(0.1)) await this.#followLogStart().catch(tolerate);
      if (this.#chance(0.05)) this.#leaveCache();
      if (!world.crashed && this.#chance(0.01)) world.crash();
    }
    await this.#over(Promise.all(work));
    if (this.#chance(0.3)) await world.latePuts.shift()?.();
    if (!world.crashed && this.#chance(0.7)) return;
    world.crash();
    this.#count();
    this.#quiet();
    this.#slowLog();
    await this.#over(world.startAgain());
  }

  /** Much can happen while a read is under way. */
  async #mayTakeLong(): Promise<void> {
    if (!this.#isSlow || this.#chance(0.6)) return;
    await sleep(this.#world.clock, this.#below(this.#chance(0.3) ? 3000 : 300));
  }

  #isSlow = true;

  #slowStore(): void {
    const { bucket } = this.#world;
    const get = bucket.get.bind(bucket);
    bucket.get = async (...wanted) => {
      await this.#mayTakeLong();
      return get(...wanted);
    };
  }

  #slowLog(): void {
    const { log } = this.#world;
    const read = log.read.bind(log);
    log.read = async (...wanted) => {
      await this.#mayTakeLong();
      return read(...wanted);
    };
  }

  async #over(work: Promise<unknown>): Promise<void> {
    let over = false;
    void work.then(() => {
      over = true;
    });
    for (let turn = 0; !over && turn < 400; turn++) await this.#world.clock.advance(50);
    expect(over).toBe(true);
  }

  /** A new idempotent producer, each batch once: what is not acknowledged may be there all the same. */
  async #produce(round: number): Promise<void> {
    const world = this.#world;
    const producerId = this.#producerId++;
    const count = 1 + this.#below(20);
    const bytes = this.#chance(0.2) ? 400 : 24;
    const index = this.#below(world.partitionCount);
    for (let baseSequence = 0; baseSequence < count; baseSequence++) {
      const payload = `${round}/${producerId}/${baseSequence}/`.padEnd(bytes, '.');
      const { baseOffset, logAppendTimeMs } = await world.produce(
        { payload, producerId, producerEpoch: 0, baseSequence },
        index,
      );
      this.#told.acked++;
      const seen = this.#followers.seen[index]?.get(baseOffset);
      if (seen !== undefined) expect(seen.payload).toBe(payload);
      this.#acked.push({ index, offset: baseOffset, payload, atMs: logAppendTimeMs });
    }
  }

  readonly #acked: { index: number; offset: number; payload: string; atMs: number }[] = [];

  async #deleteRecords(): Promise<void> {
    if (this.#chance(0.5)) return;
    await sleep(this.#world.clock, this.#below(800));
    const leader = this.#world.leader(this.#below(this.#world.partitionCount));
    await leader.deleteRecords(leader.logStartOffset + this.#below(leader.highWatermark - leader.logStartOffset + 1));
  }

  /** As retention has the metastore follow a log start. */
  async #followLogStart(): Promise<void> {
    const { metastore, partitions } = this.#world;
    for (const { index, logStartOffset } of [...partitions.all()].filter(({ topicId }) => topicId === topic)) {
      const of = { topicId: topic, partition: index };
      const row = await metastore.partition(of);
      if (row === undefined) continue;
      await metastore.setStartOffset({ ...of, startOffset: offset(Math.min(logStartOffset, row.nextOffset)) });
    }
  }

  /** As a compaction does before it becomes visible. */
  #leaveCache(): void {
    for (const leader of this.#world.partitions.all()) void leader.noL0ReaderBelow(leader.reconciledEnd);
  }

  /** A topic that is created, written to, and deleted, whatever is under way for it. */
  async #briefTopic(): Promise<void> {
    const world = this.#world;
    const id = topicId(uuidv4(this.#dice));
    const removed = async () => {
      for (let tries = 0; ; tries++) {
        try {
          return await world.removeTopic(id, 1);
        } catch (error) {
          if (tries > 50) throw error;
          await sleep(world.clock, 100);
        }
      }
    };
    try {
      await world.openPartition(id, 0);
      for (let at = 0; at < 1 + this.#below(6); at++) {
        const leader = world.partitions.get(id, 0);
        if (leader === undefined) break;
        await world.produceTo(leader, { payload: `brief${at}` });
      }
      await sleep(world.clock, this.#below(1500));
    } catch (error) {
      tolerate(error);
    }
    await removed();
    for (const domain of world.domains.keys()) {
      expect(await world.metastore.partitions({ topicId: id, limit: 10 }), `domain ${domain}`).toEqual([]);
    }
  }

  /** Written by a version that had no reconciler: its snapshots are of version 1. */
  async #beforeHistory(): Promise<void> {
    const world = this.#world;
    world.settings.enabled = false;
    const work = Array.from({ length: 5 }, () => this.#produce(-1));
    await this.#over(Promise.all(work));
    for (const leader of world.partitions.all()) {
      const saved = leader.saveSnapshot();
      await world.clock.advance(1);
      await saved;
    }
    await this.#over(Promise.all([this.#produce(-1)]));
    world.crash();
    for (const group of world.disk.groups.values()) {
      if (group.snapshot !== undefined)
        group.snapshot = { index: group.snapshot.index, bytes: version1Of(group.snapshot.bytes) };
    }
    world.settings.enabled = true;
    this.#slowLog();
    await this.#over(world.startAgain());
  }

  #letThingsFail(): void {
    const world = this.#world;
    const fates: readonly PutFate[] = ['fails', 'times-out-after-success', 'appears-late'];
    world.putFate = () => (this.#chance(0.9) ? 'ok' : (fates[this.#below(fates.length)] as PutFate));
    world.log.setFaults((operation) => {
      if (!this.#chance(0.05)) return undefined;
      if (operation !== 'append') return { kind: 'refused' };
      return this.#chance(0.5) ? { kind: 'refused' } : { kind: 'unknown', effect: this.#chance(0.5) };
    });
    const kinds: readonly FaultKind[] = ['unavailable', 'timeout-before', 'timeout-after', 'torn-read'];
    world.faults = {
      next: () => (this.#chance(0.05) ? { kind: kinds[this.#below(kinds.length)] as FaultKind } : undefined),
    };
    world.beforeMetastoreWrite = () => {
      if (this.#chance(0.04)) throw new EngineError('log-unavailable', 'injected');
    };
    this.#answersLost = 0.04;
  }

  #answersLost = 0;

  /** A write that happened, and whose answer never came. */
  #loseAnswers(domain: HistoryWorld['domains'][number]): void {
    const write = domain.write.bind(domain);
    domain.write = async (changes) => {
      await write(changes);
      if (this.#chance(this.#answersLost)) throw new EngineError('outcome-unknown', 'injected');
    };
  }

  #quiet(): void {
    const world = this.#world;
    world.putFate = () => 'ok';
    world.log.setFaults(undefined);
    world.faults = { next: () => undefined };
    world.beforeMetastoreWrite = () => {};
    this.#answersLost = 0;
    world.step = () => {};
  }

  #count(): void {
    const { objects, l0Reads, trims } = this.#world.reconciler.counters;
    this.#told.objects += objects;
    this.#told.l0Reads += l0Reads;
    this.#told.trims += trims;
  }

  /** Everything that is there now: whole, and what was acknowledged. */
  async #seeAll(): Promise<void> {
    const world = this.#world;
    for (let index = 0; index < world.partitionCount; index++) {
      const leader = world.leader(index);
      for (let from = leader.logStartOffset; from < leader.highWatermark; ) {
        using read = await leader.read({ from, bytesMax: 4096, atLeastOne: true });
        const offsets = this.#followers.note(index, read.parts);
        expect(offsets).toEqual(offsets.map((_, at) => from + at));
        from = offset((offsets.at(-1) as number) + 1);
      }
    }
    for (const { index, offset: at, payload, atMs } of this.#acked) {
      if (at < world.leader(index).logStartOffset) continue;
      const seen = this.#followers.seen[index]?.get(at);
      expect([seen?.payload, seen?.atMs]).toEqual([payload, atMs]);
    }
  }

  /** What the metastore keeps for a restore agrees with the batches themselves. */
  async #checkRows(): Promise<void> {
    const world = this.#world;
    for (let index = 0; index < world.partitionCount; index++) {
      const of = { topicId: topic, partition: index };
      const row = await world.metastore.partition(of);
      const { logStartOffset, highWatermark } = world.leader(index);
      expect(row?.nextOffset ?? 0).toBe(highWatermark);
      const terms = await world.metastore.terms(of);
      const last = new Map<number, { sequence: number; offset: number }[]>();
      for (let at: number = logStartOffset; at < highWatermark; at++) {
        const seen = this.#followers.seen[index]?.get(at);
        if (seen === undefined) throw new Error(`partition ${index} has no offset ${at}`);
        const { term, producerId, sequence } = seen;
        expect(terms.findLast(({ startOffset }) => startOffset <= at)?.term).toBe(term);
        last.set(producerId, [...(last.get(producerId) ?? []), { sequence, offset: at }]);
      }
      for (const [producerId, batches] of last) {
        const known = await world.metastore.producer(of, producerId);
        expect(
          known?.batches
            .filter(({ baseOffset }) => baseOffset >= logStartOffset)
            .map(({ firstSequence, baseOffset }) => ({ sequence: firstSequence, offset: baseOffset })),
        ).toEqual(batches.slice(-5));
      }
    }
  }
}

function tolerate(error: unknown): void {
  if (!(error instanceof EngineError) || error.code === 'bug' || error.code === 'corrupt-log') throw error;
}

/** Without reconciledEnd and previousEpoch, which came with version 2. */
function version1Of(bytes: Buffer): Buffer {
  const stampEnd = 1 + 3 * 8 + 12;
  expect(bytes[0]).toBe(2);
  expect(bytes.readBigInt64BE(17)).toBe(0n);
  const body = Buffer.concat([
    Buffer.from([1]),
    bytes.subarray(1, 17),
    bytes.subarray(25, stampEnd + 8),
    bytes.subarray(stampEnd + 16, bytes.length - 4),
  ]);
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE(crc32c(body));
  return Buffer.concat([body, crc]);
}
