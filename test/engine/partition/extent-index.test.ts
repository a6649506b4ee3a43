import { describe, expect, it } from 'vitest';
import { readPayloads } from '../../support/record-batches.ts';
import { HistoryWorld } from '../reconciler/history-world.ts';

describe('a reader of old placeholders', () => {
  /** Read up to the end of the log, out of the log; an entry without batches follows, then more than is in memory. */
  async function readToTheEnd(trim: (made: HistoryWorld) => Promise<void>): Promise<HistoryWorld> {
    const made = new HistoryWorld();
    made.settings.enabled = false;
    made.recentExtentsMax = 1;
    await made.start();
    for (let at = 0; at < 40; at++) await made.produce({ payload: `old${at}` });
    (await made.readFrom(0, 1))[Symbol.dispose]();
    made.settings.enabled = true;
    await made.settle();
    made.settings.enabled = false;
    await trim(made);
    for (let at = 0; at < 40; at++) await made.produce({ payload: `new${at}` });
    return made;
  }

  async function trimmed(made: HistoryWorld): Promise<void> {
    const { trims } = made.reconciler.counters;
    made.flushMetastore();
    await made.clock.advance(2000);
    expect(made.reconciler.counters.trims).toBe(trims + 1);
  }

  it('goes on behind a run of them although the log was trimmed there meanwhile', async () => {
    const made = await readToTheEnd(trimmed);
    using read = await made.readFrom(40, 1);
    expect(readPayloads(read.parts)).toEqual([{ baseOffset: 40, payload: 'new0' }]);
  });

  it('goes on there also when the log is trimmed while it reads', async () => {
    const made = await readToTheEnd(async () => {});
    const { promise: mayRead, resolve: letRead } = Promise.withResolvers<void>();
    const readLog = made.log.read.bind(made.log);
    made.log.read = async (...wanted) => {
      await mayRead;
      return readLog(...wanted);
    };
    const reading = made.readFrom(40, 1);
    await trimmed(made);
    letRead();
    using read = await reading;
    expect(readPayloads(read.parts)).toEqual([{ baseOffset: 40, payload: 'new0' }]);
  });
});
