// The process ends at each named step of a compaction and of leveling, and another goes on: a consumer sees nothing of it, and what is
// left over is found by its preregistration.

import { describe, expect, it } from 'vitest';
import { l1Prefix, parseL1Key } from '../../../src/engine/l1/l1-key-format.ts';
import { encodeBatch } from '../../../src/engine/records/build-batch-format.ts';
import { CompactorStage, clusterId, Killed, readRecords } from './compactor-stage.ts';
import { doubled, KeyHistory } from './key-history.ts';

const limits = { groupExtents: 3, mappedExtents: 4, headExtents: 1, groupBytes: 1 << 30 };

/** Forty extents, three quarters of them clean, so that a compaction takes several passes of several requests. */
async function story(): Promise<{ stage: CompactorStage; history: KeyHistory }> {
  const stage = new CompactorStage();
  const history = new KeyHistory();
  stage.settings.objectBytes = 400;
  stage.settings.partBytes = 150;
  const write = async (extents: number) => {
    for (let extent = 0; extent < extents; extent++) {
      const at = stage.nextOffset;
      const records = Array.from({ length: 5 }, (_, index) => ({
        key: Buffer.from(`key-${(at * 7 + index * 3) % 61}`),
        value: index === 4 ? null : Buffer.from(`value ${at + index}`),
      }));
      const batch = encodeBatch(records, { baseOffset: at, timestamp: stage.clock.nowMs(), codec: extent % 5 });
      for (const record of readRecords(batch)) history.write(record, stage.clock.nowMs());
      await stage.reconcile([[batch]]);
    }
  };
  await write(30);
  const compactor = stage.open({ limits });
  expect(await stage.settle(compactor)).toEqual([]);
  await compactor[Symbol.asyncDispose]();
  await write(10);
  return { stage, history };
}

function judge(stage: CompactorStage, history: KeyHistory, read: Awaited<ReturnType<CompactorStage['readAll']>>) {
  return history.judge(read, { logStart: 0, nowMs: stage.clock.nowMs(), deleteRetentionMs: 1000 });
}

/** Objects in the bucket that nothing uses and nothing has used. */
async function orphans(stage: CompactorStage): Promise<string[]> {
  const used = new Set((await stage.extents()).map(({ objectId }) => objectId));
  const found: string[] = [];
  for await (const { key } of stage.store.list({ prefix: l1Prefix(clusterId) })) {
    const objectId = parseL1Key(clusterId, key);
    const row = await stage.metastore.object(0, objectId);
    if (!used.has(objectId) && row?.state !== 'complete') found.push(row?.state ?? 'unknown');
  }
  return found;
}

const run = { wait: true, signal: new AbortController().signal } as const;

describe.each([
  ['compaction', ['mapped', 'preregistered', 'part', 'complete', 'uploaded', 'drained', 'replaced'], 'compact'],
  ['leveling', ['preregistered', 'part', 'complete', 'uploaded', 'replaced'], 'level'],
] as const)('%s that is killed', (kind, steps, prefix) => {
  it.each(steps.flatMap((step) => [1, 2, 5].map((time) => [step, time] as const)))(
    'at %s, time %i',
    async (step, time) => {
      const { stage, history } = await story();
      let seen = 0;
      const doomed = stage.open({
        limits,
        step: (name) => {
          if (name === `${prefix}.${step}`) seen += 1;
          if (seen >= time) throw new Killed(name);
        },
      });
      const { outcomes } = await doomed.run({ kinds: [kind], ...run });
      // Some steps come less often than that: then the job was done.
      expect(outcomes[0]?.error === null).toBe(seen < time);
      expect(seen > 0, 'the step exists').toBe(true);
      await doomed[Symbol.asyncDispose]();
      expect(judge(stage, history, await stage.readAll())).toEqual([]);
      expect(await stage.anomalies()).toEqual([]);

      const heir = stage.open({ limits });
      expect(await stage.settle(heir, ['compaction', 'leveling'])).toEqual([]);
      const read = await stage.readAll();
      expect(judge(stage, history, read)).toEqual([]);
      expect(doubled(read)).toEqual([]);
      expect(await stage.anomalies()).toEqual([]);
      for (const state of await orphans(stage)) expect(state).toBe('preregistered');
      await heir[Symbol.asyncDispose]();
    },
  );
});
