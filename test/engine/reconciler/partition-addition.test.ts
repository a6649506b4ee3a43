import { describe, expect, it } from 'vitest';
import { topic } from '../partition/write-path-world.ts';
import { HistoryWorld } from './history-world.ts';

describe('producers that a partition has forgotten', () => {
  const producersOf = async (made: HistoryWorld) =>
    (await made.metastore.producers({ topicId: topic, partition: 0 }, { limit: 10_000 })).map((one) => one.producerId);

  async function produceAs(made: HistoryWorld, first: number, count: number): Promise<void> {
    for (let producerId = first; producerId < first + count; producerId++)
      await made.produce({ payload: 'p', producerId, producerEpoch: 0, baseSequence: 0 });
  }

  it('leave the metastore, however many it still knows that have lower ids; a plan that is only looked at takes nothing from that', async () => {
    const made = new HistoryWorld();
    made.producersMax = 1100;
    await made.start();
    // The first 1,050 stay in use, so those that are forgotten come behind more of them than one look takes.
    await produceAs(made, 0, 1050);
    await produceAs(made, 5000, 50);
    await made.settle();
    for (let producerId = 0; producerId < 1050; producerId++)
      await made.produce({ payload: 'p', producerId, producerEpoch: 0, baseSequence: 1 });
    await produceAs(made, 6000, 50);
    await made.settle();
    await made.clock.advance(600_000);
    await made.produce({ payload: 'later' });
    await made.reconciler.plan(topic);
    await made.settle();
    await made.produce({ payload: 'later' });
    await made.settle();
    const known = await producersOf(made);
    expect(known.filter((id) => id >= 5000)).toEqual(Array.from({ length: 50 }, (_, at) => 6000 + at));
    expect(known.length).toBe(1100);
  });
});
