// Deleted topics disappear from the metastore, step by step, whatever fails, and are forgotten only when the bucket has it too.

import { describe, expect, it } from 'vitest';
import { EngineError } from '../../src/engine/base/errors.ts';
import type { TopicId } from '../../src/engine/base/ids.ts';
import { silentLogger } from '../../src/engine/base/logger.ts';
import { seededRandom } from '../../src/engine/base/random.ts';
import { VirtualClock } from '../../src/engine/base/virtual-clock.ts';
import { BrokerConfig } from '../../src/engine/cluster/broker-config.ts';
import { ControlState } from '../../src/engine/cluster/control-state.ts';
import { MetastorePurgeLoop } from '../../src/engine/metastore-purge-loop.ts';
import { MapDomain } from './cluster/map-domain.ts';

class Stage {
  readonly clock = new VirtualClock();
  readonly domain = new MapDomain();
  /** Steps that a topic still needs. */
  readonly left = new Map<TopicId, number>();
  steps = 0;
  asked = 0;
  flushed = true;
  failure: EngineError | undefined;
  control!: ControlState;
  loop!: MetastorePurgeLoop;

  static async open(): Promise<Stage> {
    const stage = new Stage();
    await stage.start();
    return stage;
  }

  async start(): Promise<void> {
    const { domain, clock } = this;
    const deps = { clock, random: seededRandom(this.steps), logger: silentLogger };
    this.control = await ControlState.open({ domain, config: new BrokerConfig(), ...deps });
    this.loop = new MetastorePurgeLoop({
      control: this.control,
      removeTopics: async (ids) => {
        this.asked++;
        if (this.failure !== undefined) throw this.failure;
        this.steps++;
        for (const id of ids) this.left.set(id, (this.left.get(id) ?? 0) - 1);
        return ids.filter((id) => (this.left.get(id) ?? 0) > 0);
      },
      flushMark: () => () => this.flushed,
      clock,
      logger: silentLogger,
    });
  }

  async createAndDelete(name: string, steps: number): Promise<TopicId> {
    const { control } = this;
    await control.createTopics([{ name, partitions: 1, replicationFactor: 1, configs: new Map() }]);
    const { id } = control.byName(name) as { id: TopicId };
    this.left.set(id, steps);
    await control.deleteTopics([{ name }]);
    return id;
  }

  get marks(): number {
    return [...this.domain.rows.keys()].filter((key) => key.startsWith('deleted-topic/')).length;
  }
}

describe('a deleted topic', () => {
  it('is removed in as many steps as it needs, soon after the deletion, and forgotten', async () => {
    const stage = await Stage.open();
    await stage.createAndDelete('t', 5);
    expect(stage.marks).toBe(1);
    await stage.clock.advance(200);
    expect([stage.steps, stage.marks]).toEqual([5, 0]);
    await stage.clock.advance(600_000);
    expect(stage.steps).toBe(5);
  });

  it('is remembered until its removal is in the bucket', async () => {
    const stage = await Stage.open();
    stage.flushed = false;
    await stage.createAndDelete('t', 1);
    await stage.clock.advance(300_000);
    expect([stage.steps, stage.marks]).toEqual([1, 1]);
    stage.flushed = true;
    await stage.clock.advance(15_000);
    expect([stage.steps, stage.marks]).toEqual([1, 0]);
  });

  it('is removed after a restart when the process died before', async () => {
    const stage = await Stage.open();
    stage.flushed = false;
    await stage.createAndDelete('t', 1_000);
    await stage.clock.advance(100);
    await stage.loop[Symbol.asyncDispose]();
    stage.flushed = true;
    await stage.start();
    await stage.clock.advance(60_000);
    expect(stage.marks).toBe(0);
    expect([...stage.left.values()]).toEqual([0]);
  });

  it('is tried again with growing pauses while the metastore refuses', async () => {
    const stage = await Stage.open();
    stage.failure = new EngineError('log-unavailable', 'full');
    await stage.createAndDelete('t', 2);
    await stage.clock.advance(120_000);
    expect(stage.marks).toBe(1);
    expect(stage.asked).toBeGreaterThan(4);
    expect(stage.asked).toBeLessThan(10);
    stage.failure = undefined;
    await stage.clock.advance(120_000);
    expect([stage.marks, stage.steps]).toEqual([0, 2]);
  });
});

it('many topics go together, those that are done before those that are large', async () => {
  const stage = await Stage.open();
  const large = await stage.createAndDelete('large', 50);
  for (let at = 0; at < 10; at++) await stage.createAndDelete(`small-${at}`, 1);
  await stage.clock.advance(100);
  expect(stage.control.deletedTopics.map(({ id }) => id)).toEqual([large]);
  const before = stage.steps;
  await stage.createAndDelete('late', 1);
  await stage.clock.advance(50);
  expect(stage.control.deletedTopics.map(({ id }) => id)).toEqual([large]);
  await stage.clock.advance(1_000);
  expect(stage.marks).toBe(0);
  expect(stage.steps).toBeGreaterThan(before);
});
