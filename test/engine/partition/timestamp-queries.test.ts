import { describe, expect, it } from 'vitest';
import { offset } from '../../../src/engine/base/ids.ts';
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
    const { promise: mayRead, resolve: letRead } = Promise.withResolvers<void>();
    const get = made.bucket.get.bind(made.bucket);
    made.bucket.get = async (...wanted) => {
      await mayRead;
      return get(...wanted);
    };
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
});
