import { describe, expect, it } from 'vitest';
import { offset } from '../../../src/engine/base/ids.ts';
import { encodeBatch } from '../../../src/engine/records/build-batch-format.ts';
import { HistoryWorld } from '../reconciler/history-world.ts';

describe('a query by time', () => {
  it.each([
    ['for the first record at or after a time', (made: HistoryWorld) => made.offsetAt(1), 0],
    ['for the greatest time', async (made: HistoryWorld) => (await made.leader().offsetOfMaxTimestamp())?.offset, 4],
  ])('%s is a reader of L0 until it is answered', async (_, ask, expected) => {
    const made = new HistoryWorld();
    made.settings.enabled = false;
    made.rules.logAppendTime = true;
    await made.start();
    for (let at = 0; at < 5; at++) {
      await made.clock.advance(10);
      await made.produce({ payload: `r${at}` });
    }
    made.forgetBatchCache();
    const letRead = made.holdReads();
    const asked = ask(made);
    let isFree = false;
    const free = made
      .leader()
      .noL0ReaderBelow(offset(5))
      .then(() => {
        isFree = true;
      });
    await made.clock.advance(10);
    expect(isFree).toBe(false);
    letRead();
    expect(await asked).toBe(expected);
    await free;
  });

  it.each(['in L0', 'in L1'])('for the greatest one, %s, leaves out what lies below the log start', async (place) => {
    const made = new HistoryWorld();
    made.settings.enabled = place === 'in L1';
    await made.start();
    await append(made, [10, 90, 30, 50, 40]);
    await append(made, [20, 50]);
    if (place === 'in L1') await made.settle();
    expect(made.leader().reconciledEnd).toBe(place === 'in L1' ? 7 : 0);
    const greatest = async () => {
      const found = await made.leader().offsetOfMaxTimestamp();
      return [found?.offset, found?.timestamp];
    };
    expect(await greatest()).toEqual([1, 90]);
    await made.leader().deleteRecords(2);
    expect(await greatest()).toEqual([3, 50]);
    await made.leader().deleteRecords(4);
    expect(await greatest()).toEqual([6, 50]);
    await made.leader().deleteRecords(7);
    expect(await greatest()).toEqual([undefined, undefined]);
  });
});

async function append(made: HistoryWorld, timestamps: readonly number[]): Promise<void> {
  const records = timestamps.map((timestamp) => ({ key: null, value: Buffer.from('v'), timestamp }));
  const batch = encodeBatch(records);
  const range = made.slabs.allocate(batch.length) as NonNullable<ReturnType<typeof made.slabs.allocate>>;
  range.bytes.set(batch);
  await made.leader().append(range);
  range.unpin();
}
