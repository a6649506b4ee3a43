import { describe, expect, it } from 'vitest';
import { readPayloads } from '../../support/record-batches.ts';
import { HistoryWorld } from '../reconciler/history-world.ts';

describe('a reader of old placeholders', () => {
  it('goes on behind a run of them although the log was trimmed there meanwhile', async () => {
    const made = new HistoryWorld();
    made.settings.enabled = false;
    made.recentExtentsMax = 1;
    await made.start();
    for (let at = 0; at < 40; at++) await made.produce({ payload: `old${at}` });
    // Up to the end of the log, out of the log.
    (await made.readFrom(0, 1))[Symbol.dispose]();
    made.settings.enabled = true;
    await made.settle();
    made.flushMetastore();
    await made.clock.advance(2000);
    expect(made.leader().logEntries).toBe(0);
    made.settings.enabled = false;
    for (let at = 0; at < 40; at++) await made.produce({ payload: `new${at}` });
    using read = await made.readFrom(40, 1);
    expect(readPayloads(read.parts)).toEqual([{ baseOffset: 40, payload: 'new0' }]);
  });
});
