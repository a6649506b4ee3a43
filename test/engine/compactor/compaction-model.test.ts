// Random lives of a compacted partition: it is written, compacted with maps far smaller than its keys, leveled, shortened, in any
// order, with compactors that are killed in any step and stores that fail. What is read is judged by Kafka's rules after every action.

import { expect, test } from 'vitest';
import { offset } from '../../../src/engine/base/ids.ts';
import { type Random, seededRandom } from '../../../src/engine/base/random.ts';
import type { WorkKind } from '../../../src/engine/compactor/compactor.ts';
import { encodeBatch } from '../../../src/engine/records/build-batch-format.ts';
import { randomFaults } from '../../../src/engine/store/fault-plan.ts';
import { CompactorStage, Killed, readRecords } from './compactor-stage.ts';
import { doubled, KeyHistory } from './key-history.ts';

class Life {
  readonly stage = new CompactorStage();
  readonly history = new KeyHistory();
  readonly #random: Random;
  readonly #keys: number;
  readonly story: string[] = [];
  compactions = 0;
  passes = 0;
  killed = 0;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    this.#keys = this.#pick([3, 20, 200]);
    const deleteRetentionMs = this.#pick([0, 500, 5000]);
    this.stage.rules = { ...this.stage.rules, deleteRetentionMs, deleted: true };
  }

  async act(): Promise<void> {
    const actions = [
      ...Array(6).fill(() => this.#write()),
      () => this.stage.reconcileNothing(this.#below(20) + 1),
      ...Array(4).fill(() => this.#run(['compaction'])),
      ...Array(2).fill(() => this.#run(['leveling'])),
      () => this.#run(['compaction', 'leveling', 'retention']),
      () => this.#retain(),
      () => this.#deleteRecords(),
      () => this.#work(['compaction', 'leveling'], { kill: true }),
      () => this.#work(['compaction', 'leveling'], { kill: true }),
      () => this.#work(['compaction', 'leveling', 'retention'], { faults: true }),
      ...Array(2).fill(() => this.stage.clock.advance(this.#below(3000))),
    ];
    await this.#pick(actions)();
    await this.check();
  }

  async check(): Promise<void> {
    const { partition, rules, clock } = this.stage;
    const read = await this.stage.readAll();
    const facts = {
      logStart: partition.logStartOffset,
      nowMs: clock.nowMs(),
      deleteRetentionMs: rules.deleteRetentionMs,
    };
    expect(this.history.judge(read, facts), this.story.join('\n')).toEqual([]);
  }

  /** Compacts all there is, and looks at every key. */
  async finish(): Promise<void> {
    await this.#run(['compaction', 'leveling', 'retention']);
    await this.check();
    expect(doubled(await this.stage.readAll())).toEqual([]);
    expect(await this.stage.anomalies()).toEqual([]);
  }

  async #write(): Promise<void> {
    const { stage } = this;
    let at = stage.nextOffset;
    const batch = () => {
      const records = Array.from({ length: this.#below(8) + 1 }, (_, index) => ({
        key: this.#chance(0.03) ? null : Buffer.from(`key-${this.#below(this.#keys)}`),
        value: this.#chance(0.15) ? null : Buffer.from(`value ${at + index} ${'x'.repeat(this.#below(60))}`),
      }));
      const bytes = encodeBatch(records, { baseOffset: at, timestamp: stage.clock.nowMs(), codec: this.#below(5) });
      for (const record of readRecords(bytes)) this.history.write(record, stage.clock.nowMs());
      at += records.length;
      return bytes;
    };
    const extents = Array.from({ length: this.#below(5) + 1 }, () => Array.from({ length: this.#below(3) + 1 }, batch));
    await stage.reconcile(extents);
    this.story.push(`wrote up to ${stage.nextOffset}`);
  }

  /** Without trouble: afterwards everything is done. */
  async #run(kinds: readonly WorkKind[]): Promise<void> {
    const before = await this.#epoch();
    await this.#work(kinds, {});
    if (!kinds.includes('compaction')) return;
    const passes = (await this.#epoch()) - before;
    this.compactions += passes > 0 ? 1 : 0;
    this.passes += passes;
    expect(doubled(await this.stage.readAll()), this.story.join('\n')).toEqual([]);
    const info = await this.stage.metastore.compactionInfo({ topicId: this.stage.partition.topicId, partition: 0 }, 0);
    expect(info?.dirtyBytes ?? 0).toBe(0);
  }

  async #work(kinds: readonly WorkKind[], trouble: { kill?: boolean; faults?: boolean }): Promise<void> {
    const { stage } = this;
    stage.settings.keysBytes = 24 * (9 + this.#below(30));
    stage.settings.objectBytes = this.#pick([1, 300, 1500, 100_000]);
    stage.settings.levelingExtentBytes = this.#pick([200, 1000, 5000]);
    stage.settings.partBytes = this.#pick([100, 1000, 100_000]);
    const limits = this.#chance(0.5)
      ? {
          groupExtents: this.#below(6) + 1,
          mappedExtents: this.#below(6) + 1,
          headExtents: this.#below(3) + 1,
          groupBytes: 1 << 30,
        }
      : { groupExtents: 500, mappedExtents: 400, headExtents: 50, groupBytes: this.#pick([500, 1 << 30]) };
    let stepsLeft = trouble.kill === true ? this.#below(25) : Infinity;
    const compactor = stage.open({
      limits,
      ...(trouble.faults === true
        ? {
            faults: randomFaults(this.#random, {
              kinds: { unavailable: 0.05, 'timeout-before': 0.02, 'timeout-after': 0.05, 'torn-read': 0.02 },
            }),
          }
        : {}),
      step: (name) => {
        stepsLeft -= 1;
        if (stepsLeft >= 0) return;
        this.story.push(`killed at ${name}`);
        this.killed += 1;
        throw new Killed(name);
      },
    });
    if (trouble.kill === true || trouble.faults === true) {
      await compactor.run({ kinds, wait: true, signal: new AbortController().signal });
    } else {
      expect(await stage.settle(compactor, kinds), this.story.join('\n')).toEqual([]);
    }
    await compactor[Symbol.asyncDispose]();
    this.story.push(`${kinds.join(', ')} ${JSON.stringify(trouble)}: ${await stage.shape()}`);
  }

  async #retain(): Promise<void> {
    const { stage } = this;
    const size = (await stage.extents()).reduce((sum, { length }) => sum + length, 0);
    stage.rules = this.#chance(0.5)
      ? { ...stage.rules, retentionBytes: Math.floor(size * (0.5 + this.#random.fraction())) }
      : { ...stage.rules, retentionMs: this.#below(20_000) };
    await this.#work(['retention'], {});
    stage.rules = { ...stage.rules, retentionBytes: -1, retentionMs: -1 };
  }

  /** The metastore follows only when retention or a wake-up comes by. */
  async #deleteRecords(): Promise<void> {
    const { logStartOffset, reconciledEnd } = this.stage.partition;
    const to = logStartOffset + this.#below((reconciledEnd - logStartOffset) / 2);
    await this.stage.partition.deleteRecords(offset(to));
    this.story.push(`deleted below ${to}`);
    if (this.#chance(0.7)) return;
    const compactor = this.stage.open();
    compactor.logStartMoved(this.stage.partition);
    await this.stage.clock.advance(600);
    await compactor[Symbol.asyncDispose]();
  }

  async #epoch(): Promise<number> {
    return (
      (await this.stage.metastore.partition({ topicId: this.stage.partition.topicId, partition: 0 }))
        ?.compactionEpoch ?? 0
    );
  }

  #below(bound: number): number {
    return Math.floor(this.#random.fraction() * bound);
  }

  #chance(rate: number): boolean {
    return this.#random.fraction() < rate;
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#below(from.length)] as T;
  }
}

test.each(Array.from({ length: 40 }, (_, at) => at + 1))('life %i', async (seed) => {
  const life = new Life(seed);
  for (let actions = 0; actions < 50; actions++) await life.act();
  await life.finish();
});

test('the lives do what they are there for', async () => {
  const sum = { compactions: 0, passes: 0, killed: 0 };
  for (let seed = 1; seed <= 5; seed++) {
    const life = new Life(seed);
    for (let actions = 0; actions < 50; actions++) await life.act();
    sum.compactions += life.compactions;
    sum.passes += life.passes;
    sum.killed += life.killed;
  }
  expect(sum.compactions).toBeGreaterThan(20);
  expect(sum.passes).toBeGreaterThan(2 * sum.compactions);
  expect(sum.killed).toBeGreaterThan(5);
});
