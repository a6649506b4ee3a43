// Small extents become few: what is merged, what is not, and who it gives way to.

import { beforeEach, expect, test } from 'vitest';
import { offset } from '../../../src/engine/base/ids.ts';
import type { Compactor } from '../../../src/engine/compactor/compactor.ts';
import { encodeBatch } from '../../../src/engine/records/build-batch-format.ts';
import { CompactorStage, place } from './compactor-stage.ts';

let stage: CompactorStage;
let compactor: Compactor;

beforeEach(() => {
  stage = new CompactorStage();
  stage.rules = { ...stage.rules, compacted: false, deleted: true };
  stage.settings.levelingExtentBytes = 1000;
  stage.settings.objectBytes = 3000;
  compactor = stage.open();
});

/** An extent with one batch for each size. */
async function write(...sizes: number[]): Promise<void> {
  for (const size of sizes) {
    const header = encodeBatch([{ key: null, value: null }]).length;
    const value = Buffer.alloc(Math.max(0, size - header - 2), 'x');
    await stage.reconcile([
      [encodeBatch([{ key: null, value }], { baseOffset: stage.nextOffset, timestamp: stage.clock.nowMs() })],
    ]);
  }
}

const level = () => stage.settle(compactor, ['leveling']);

test('the same batches lie in fewer extents, and nothing else has changed', async () => {
  await write(200, 200, 200, 200);
  await stage.reconcileNothing(5);
  await write(200, 2000, 200);
  const before = await stage.batches();
  expect(await compactor.plan({ kinds: ['leveling'] })).toMatchObject({
    jobs: [{ kind: 'leveling', extents: 5, reason: '5 small extents become 1' }],
  });
  expect(await level()).toEqual([]);
  expect(await stage.shape()).toBe('0-9 10-10 11-11');
  expect(await stage.batches()).toEqual(before);
  expect(await stage.anomalies()).toEqual([]);
  expect(compactor.counters()).toMatchObject({ levelingRangesCompleted: 1, levelingExtentsReclaimed: 4 });
  expect((await stage.extents()).map(({ maxTimestamp }) => maxTimestamp)).toEqual(Array(3).fill(stage.clock.nowMs()));
});

test('what does not pay is left alone', async () => {
  await write(700, 100, 100, 2000, 100, 100, 100);
  expect(await compactor.plan({ kinds: ['leveling'] })).toMatchObject({
    jobs: [],
    skipped: [{ reason: 'leveling: 6 small extents, none worth merging yet' }],
  });
});

test('runs that do not pay hide none that do', async () => {
  for (let run = 0; run < 70; run++) await write(150, 150, 1200);
  await write(200, 200, 200, 200);
  const { jobs } = await compactor.plan({ kinds: ['leveling'] });
  expect(jobs).toMatchObject([{ extents: 4 }]);
});

test('clean extents of a compacted topic are not mixed with dirty ones', async () => {
  stage.rules = { ...stage.rules, compacted: true };
  stage.settings.objectBytes = 1;
  const keyed = async (name: string) => {
    const record = { key: Buffer.from(name), value: Buffer.alloc(150) };
    await stage.reconcile([[encodeBatch([record], { baseOffset: stage.nextOffset, timestamp: stage.clock.nowMs() })]]);
  };
  for (const name of 'abcd') await keyed(name);
  await stage.settle(compactor, ['compaction']);
  for (const name of 'efgh') await keyed(name);
  stage.settings.objectBytes = 3000;
  expect(await stage.settle(compactor, ['leveling'])).toEqual([]);
  expect(await stage.shape()).toBe('0-3 4-7');
  expect(await stage.compaction()).toMatchObject({ dirtyRanges: [{ baseOffset: 4 }], compactionEpoch: 1 });
});

test('it gives way to whoever comes first, and goes on with the next', async () => {
  await write(400, 400, 400, 2000, 400, 400, 400);
  let calls = 0;
  const loser = stage.open({
    step: async (name) => {
      if (name !== 'level.uploaded') return;
      calls += 1;
      if (calls === 1) await stage.metastore.setStartOffset({ ...place, startOffset: offset(3) });
    },
  });
  const errors = await stage.settle(loser, ['leveling']);
  expect(errors[0]).toMatch(/^metastore-conflict: all offsets of the replacement lie below/);
  expect(await stage.settle(loser, ['leveling'])).toEqual([]);
  expect(await stage.shape()).toBe('3-3 4-6');
  expect(await stage.anomalies()).toEqual([]);
});

test('a log start that has moved into a merge does not stop it', async () => {
  await write(400, 400, 400);
  const other = stage.open({
    step: async (name) => {
      if (name === 'level.uploaded') await stage.metastore.setStartOffset({ ...place, startOffset: offset(1) });
    },
  });
  expect(await stage.settle(other, ['leveling'])).toEqual([]);
  expect(await stage.shape()).toBe('0-2');
  expect(await stage.anomalies()).toEqual([]);
});

test('another leader ends it', async () => {
  await write(400, 400, 400);
  const other = stage.open({
    step: (name) => {
      if (name === 'level.uploaded') stage.reopenPartition();
    },
  });
  expect((await stage.settle(other, ['leveling']))[0]).toMatch(/^not-leader: /);
});
