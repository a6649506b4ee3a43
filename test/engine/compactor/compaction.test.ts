// Key compaction of one partition, told step by step: what goes, what stays, what the metastore knows of it then.

import { beforeEach, describe, expect, it } from 'vitest';
import { offset } from '../../../src/engine/base/ids.ts';
import type { Compactor } from '../../../src/engine/compactor/compactor.ts';
import { encodeBatch } from '../../../src/engine/records/build-batch-format.ts';
import { computeBatchCrc } from '../../../src/engine/records/record-batch-format.ts';
import { CompactorStage } from './compactor-stage.ts';

let stage: CompactorStage;
let compactor: Compactor;
let at: number;

beforeEach(() => {
  stage = new CompactorStage();
  compactor = stage.open();
  at = 0;
});

/** "a=1 b=2 c= =4": c is a tombstone, the last has no key. */
function batch(text: string, more: Parameters<typeof encodeBatch>[1] = {}): Buffer {
  const records = text.split(' ').map((one) => {
    const [key, value] = one.split('=') as [string, string];
    return { key: key === '' ? null : Buffer.from(key), value: value === '' ? null : Buffer.from(value) };
  });
  const bytes = encodeBatch(records, { baseOffset: at, timestamp: stage.clock.nowMs(), ...more });
  at += records.length;
  return bytes;
}

/** An extent for each text. */
async function reconcile(...texts: string[]): Promise<void> {
  await stage.reconcile(texts.map((text) => text.split(' / ').map((one) => batch(one))));
}

async function content(): Promise<string> {
  const records = await stage.readAll();
  return records.map(({ offset: at, key, value }) => `${at}:${key ?? ''}=${value ?? ''}`).join(' ');
}

const cleaned = async () => (await stage.compaction()).dirtyRanges.map(({ baseOffset }) => baseOffset);

describe('a compaction', () => {
  it('keeps the last record of every key at its offset, across extents and batches', async () => {
    await reconcile('a=1 b=1 / a=2', 'c=1 b=2', 'd=1 c=2');
    expect(await stage.settle(compactor)).toEqual([]);
    expect(await content()).toBe('2:a=2 4:b=2 5:d=1 6:c=2');
    expect(await stage.compaction()).toMatchObject({ dirtyRanges: [], compactionEpoch: 1, dirtyBytes: 0 });
    expect(await stage.anomalies()).toEqual([]);
  });

  it('carries a batch that loses nothing byte for byte, and leaves one out that loses all', async () => {
    const first = batch('a=1 b=1');
    const second = batch('c=1 d=1', { codec: 4 });
    const third = batch('a=2 b=2', { codec: 1 });
    await stage.reconcile([[first, second, third]]);
    await stage.settle(compactor);
    const batches = await stage.batches();
    expect(batches).toEqual([second, third]);
    expect(compactor.counters()).toMatchObject({
      batchesProcessed: 3,
      batchesRemoved: 1,
      recordsRemoved: 2,
      logCompactions: 1,
    });
  });

  it('keeps records without a key, control batches, and batches that nobody can look into', async () => {
    const strange = Buffer.from(batch('a=9 b=9'));
    strange.writeInt16BE(7, 21);
    strange.writeUInt32BE(computeBatchCrc(strange), 17);
    const control = batch('x=1', { control: true });
    const keyless = batch('=1 =2 a=1');
    await stage.reconcile([
      [strange, control],
      [keyless, batch('a=2 x=2')],
    ]);
    expect(await stage.settle(compactor)).toEqual([]);
    const [one, two, ...rest] = await stage.batches();
    expect([one, two]).toEqual([strange, control]);
    expect(rest).toHaveLength(2);
    expect(await stage.compaction()).toMatchObject({ dirtyRanges: [] });
  });

  it('leaves an explicit empty range where nothing is left', async () => {
    stage.settings.objectBytes = 1;
    await reconcile('a=1', 'b=1', 'a=2', 'c=1', 'b=2 c=2');
    await stage.settle(compactor);
    expect(await content()).toBe('2:a=2 4:b=2 5:c=2');
    expect(await stage.shape()).toBe('0-2 3-5');
    expect(await stage.anomalies()).toEqual([]);
    await reconcile('a=3', 'b=3', 'c=3');
    await stage.settle(compactor);
    await reconcile('a=4 b=4 c=4');
    await stage.settle(compactor);
    expect(await content()).toBe('9:a=4 10:b=4 11:c=4');
    expect(await stage.anomalies()).toEqual([]);
  });

  it('joins old extents up to the size of an object', async () => {
    stage.settings.objectBytes = 250;
    await reconcile('a=1', 'b=1', 'c=1', 'd=1', 'e=1', 'f=1', 'g=1');
    await stage.settle(compactor);
    expect(await stage.shape()).toBe('0-3 4-6');
    expect(await content()).toBe('0:a=1 1:b=1 2:c=1 3:d=1 4:e=1 5:f=1 6:g=1');
  });

  it('goes on from where it was clean', async () => {
    await reconcile('a=1 b=1', 'a=2');
    await stage.settle(compactor);
    await reconcile('b=2', 'c=1');
    expect(await cleaned()).toEqual([3]);
    await stage.settle(compactor);
    expect(await content()).toBe('2:a=2 3:b=2 4:c=1');
    expect(await cleaned()).toEqual([]);
  });

  it('begins at the log start, inside an extent too, and leaves what lies below it out', async () => {
    await reconcile('a=1 b=1 / c=1 d=1', 'e=1 / c=2');
    stage.partition.logStartOffset = offset(3);
    await stage.metastore.setStartOffset({
      ...{ topicId: stage.partition.topicId, partition: 0 },
      startOffset: offset(3),
    });
    await stage.settle(compactor);
    expect(await content()).toBe('3:d=1 4:e=1 5:c=2');
    expect((await stage.batches()).length).toBe(3);
    expect(await stage.anomalies()).toEqual([]);
  });

  it('covers empty ranges at the log start, between extents and at the end', async () => {
    await stage.reconcileNothing(10);
    at = 10;
    await reconcile('a=1 b=1');
    await stage.reconcileNothing(5);
    at += 5;
    await reconcile('a=2');
    await stage.reconcileNothing(3);
    at += 3;
    await stage.settle(compactor);
    expect(await content()).toBe('11:b=1 17:a=2');
    expect(await stage.compaction()).toMatchObject({ dirtyRanges: [], nextOffset: 21 });
    expect(await stage.anomalies()).toEqual([]);
  });

  it('does nothing where only empty ranges are dirty', async () => {
    await stage.reconcileNothing(10);
    expect(await stage.settle(compactor)).toEqual([]);
    expect(compactor.counters().logCompactions).toBe(0);
  });
});

describe('tombstones', () => {
  it('are kept when first cleaned, and go once they have been clean for long enough', async () => {
    await reconcile('a=1 b=1', 'a= c=1');
    await stage.settle(compactor);
    expect(await content()).toBe('1:b=1 2:a= 3:c=1');
    await stage.clock.advance(999);
    expect(await compactor.plan({ kinds: ['compaction'] })).toMatchObject({ jobs: [] });
    await stage.clock.advance(1);
    expect(await compactor.plan({ kinds: ['compaction'] })).toMatchObject({
      jobs: [{ reason: 'tombstones to remove from 1 range' }],
    });
    await stage.settle(compactor);
    expect(await content()).toBe('1:b=1 3:c=1');
    expect((await stage.compaction(Infinity)).removableTombstoneRanges).toEqual([]);
    expect(compactor.counters().tombstonesRemoved).toBe(1);
    expect(await stage.anomalies()).toEqual([]);
  });

  it('are not removed by the job that makes them clean, even where they need not be kept at all', async () => {
    stage.rules = { ...stage.rules, deleteRetentionMs: 0 };
    stage.settings.keysBytes = 24 * 4;
    await reconcile('a=1 b=1', 'a= b=', 'c=1 d=1', 'e=1 f=1');
    await compactor.run({ kinds: ['compaction'], wait: true, signal: new AbortController().signal });
    expect(await content()).toBe('2:a= 3:b= 4:c=1 5:d=1 6:e=1 7:f=1');
    await stage.settle(compactor);
    expect(await content()).toBe('4:c=1 5:d=1 6:e=1 7:f=1');
  });

  it('that a later record replaces go at once', async () => {
    await reconcile('a=1', 'a=', 'a=2');
    await stage.settle(compactor);
    expect(await content()).toBe('2:a=2');
    expect((await stage.compaction(Infinity)).removableTombstoneRanges).toEqual([]);
  });

  it('of new dirt do not keep older ones longer', async () => {
    await reconcile('a=1 a=');
    await stage.settle(compactor);
    await stage.clock.advance(600);
    await reconcile('b=1 b=');
    await stage.settle(compactor);
    expect(await content()).toBe('1:a= 3:b=');
    await stage.clock.advance(400);
    await stage.settle(compactor);
    expect(await content()).toBe('3:b=');
    await stage.clock.advance(600);
    await stage.settle(compactor);
    expect(await content()).toBe('');
    expect(await stage.anomalies()).toEqual([]);
  });
});

describe('what stays out', () => {
  it('is what the partition does not read from L1 yet', async () => {
    await reconcile('a=1', 'a=2');
    await stage.reconcile([[batch('a=3')], [batch('a=4')]], { visible: false });
    await stage.settle(compactor);
    expect(await content()).toBe('1:a=2 2:a=3 3:a=4');
    expect(await cleaned()).toEqual([2]);
    stage.partition.reconciledEnd = offset(3);
    await stage.settle(compactor);
    expect(await content()).toBe('2:a=3 3:a=4');
  });

  it('is an extent that the end of what is reconciled cuts', async () => {
    await reconcile('a=1', 'a=2 a=3');
    stage.partition.reconciledEnd = offset(2);
    await stage.settle(compactor);
    expect(await content()).toBe('0:a=1 1:a=2 2:a=3');
    expect(await stage.shape()).toBe('0-0 1-2');
  });

  it('is what is younger than the lag, and everything behind it', async () => {
    stage.rules = { ...stage.rules, minCompactionLagMs: 5000 };
    await reconcile('a=1', 'a=2');
    await stage.clock.advance(4000);
    const past = stage.clock.nowMs() - 4000;
    await reconcile('a=3');
    await stage.reconcile([[batch('a=4', { timestamp: past })]]);
    await stage.clock.advance(1000);
    await stage.settle(compactor);
    expect(await content()).toBe('1:a=2 2:a=3 3:a=4');
    await stage.clock.advance(4000);
    await stage.settle(compactor);
    expect(await content()).toBe('3:a=4');
  });

  it('does not count for the dirty ratio', async () => {
    stage.rules = { ...stage.rules, minCompactionLagMs: 5000, minCleanableDirtyRatio: 0.5 };
    await reconcile('a=1', 'b=1', 'c=1');
    await stage.clock.advance(5000);
    await stage.settle(compactor);
    await reconcile('d=1');
    await stage.clock.advance(5000);
    await reconcile('a=2', 'b=2', 'c=2', 'd=2');
    expect(await compactor.plan({ kinds: ['compaction'] })).toMatchObject({
      jobs: [],
      skipped: [{ reason: 'compaction: dirty ratio 0.25, due at 0.5' }],
    });
  });
});

describe('a map of keys that is too small for all of them', () => {
  it('takes several passes, each cleaning what it has mapped', async () => {
    stage.settings.keysBytes = 24 * 4; // three keys
    await reconcile('a=1 b=1 / c=1 / d=1', 'e=1 f=1', 'a=2 b=2', 'c=2 / d=2 e=2', 'f=2');
    const drainedAtFirst: number[] = [];
    stage.partition.whileDraining = async () => void drainedAtFirst.push((await cleaned())[0] as number);
    expect(await stage.settle(compactor)).toEqual([]);
    expect(await content()).toBe('6:a=2 7:b=2 8:c=2 9:d=2 10:e=2 11:f=2');
    expect(drainedAtFirst).toEqual([0, 3, 6, 9]);
    expect(await stage.compaction()).toMatchObject({ dirtyRanges: [], compactionEpoch: 4 });
    expect(compactor.counters().logCompactions).toBe(1);
    expect(await stage.anomalies()).toEqual([]);
  });

  it('counts a key once, however often a batch has it', async () => {
    stage.settings.keysBytes = 24 * 4;
    await reconcile('a=1 a=2 a=3 a=4 b=1 c=1 b=2');
    expect(await stage.settle(compactor)).toEqual([]);
    expect(await content()).toBe('3:a=4 5:c=1 6:b=2');
  });

  it('fails, and says which setting, where not even one batch fits', async () => {
    stage.settings.keysBytes = 24 * 4;
    await reconcile('a=1 b=1', 'a=2 b=2 c=2 d=2');
    expect(await stage.settle(compactor)).toEqual([
      `key-map-too-small: ${stage.partition.topicId}/0: the keys of the batch at offset 2 do not fit cloudtopics.memory.compaction.keys.bytes=96`,
    ]);
    expect(await content()).toBe('0:a=1 1:b=1 2:a=2 3:b=2 4:c=2 5:d=2');
  });
});

describe('a history that no single request replaces', () => {
  it('is replaced in several, the clean stretch first', async () => {
    const limits = { groupExtents: 3, mappedExtents: 2, headExtents: 1, groupBytes: 1 << 30 };
    compactor = stage.open({ limits });
    stage.settings.objectBytes = 1;
    const keys = 'abcdefghijklm'.split('');
    await reconcile(...keys.map((key) => `${key}=1`));
    await stage.settle(compactor);
    expect((await stage.extents()).length).toBe(13);
    const { compactionEpoch } = await stage.compaction();
    await reconcile('c=2 k=2', 'a=2 m=2', 'b=2');
    const { outcomes } = await compactor.run({
      kinds: ['compaction'],
      wait: true,
      signal: new AbortController().signal,
    });
    expect(outcomes).toMatchObject([{ error: null, recordsRemoved: 5 }]);
    expect((await stage.readAll()).map(({ key }) => key).join('')).toBe('defghijlckamb');
    expect(await stage.compaction()).toMatchObject({ dirtyRanges: [] });
    expect((await stage.compaction()).compactionEpoch).toBeGreaterThan(compactionEpoch + 4);
    expect(await stage.anomalies()).toEqual([]);
  });

  it('has the tombstones of a long clean stretch removed in several requests too', async () => {
    compactor = stage.open({ limits: { groupExtents: 2, mappedExtents: 100, headExtents: 1, groupBytes: 1 << 30 } });
    stage.settings.objectBytes = 1;
    await reconcile('a=', 'b=1', 'c=', 'd=1', 'e=', 'f=1', 'g=');
    await stage.settle(compactor);
    await stage.clock.advance(1000);
    expect(await stage.settle(compactor)).toEqual([]);
    expect(await content()).toBe('1:b=1 3:d=1 5:f=1');
    expect((await stage.compaction(Infinity)).removableTombstoneRanges).toEqual([]);
    expect(await stage.anomalies()).toEqual([]);
  });
});

describe('before a compaction becomes visible', () => {
  it('nobody may read L0 below it any more', async () => {
    stage.rules = { ...stage.rules, minCompactionLagMs: 1000 };
    await reconcile('a=1', 'a=2');
    await stage.clock.advance(1000);
    await reconcile('b=1');
    let seen = '';
    stage.partition.whileDraining = async () => {
      seen = await content();
    };
    await stage.settle(compactor);
    expect(stage.partition.drained).toEqual([2]);
    expect(seen).toBe('0:a=1 1:a=2 2:b=1');
  });

  it.each<[string, () => void | Promise<void>, string]>([
    ['the leader has changed', () => stage.reopenPartition(), 'not-leader'],
    [
      'another has compacted',
      () =>
        stage
          .open()
          .run({ kinds: ['compaction'], wait: true, signal: new AbortController().signal })
          .then(() => {}),
      'metastore-conflict',
    ],
    [
      'retention has taken all of it',
      async () =>
        void (await stage.metastore.setStartOffset({
          topicId: stage.partition.topicId,
          partition: 0,
          startOffset: offset(2),
        })),
      'metastore-conflict',
    ],
    [
      'the topic is deleted',
      async () => void (await stage.metastore.removeTopics(0, { topicIds: [stage.partition.topicId] })),
      'unknown-topic-id',
    ],
  ])('it gives up politely where %s', async (_, change, code) => {
    await reconcile('a=1', 'a=2');
    let calls = 0;
    stage.partition.whileDraining = async () => {
      calls += 1;
      if (calls === 1) await change();
    };
    const [error] = await stage.settle(compactor);
    expect(error).toMatch(new RegExp(`^${code}: `));
    const { outcomes } = await compactor.status({});
    expect(outcomes).toMatchObject([{ kind: 'compaction', error }]);
  });

  it('it accepts that the log start has moved into it', async () => {
    await reconcile('a=1 b=1', 'c=1 / d=1', 'a=2');
    stage.partition.whileDraining = async () => {
      stage.partition.logStartOffset = offset(3);
      const of = { topicId: stage.partition.topicId, partition: 0 };
      await stage.metastore.setStartOffset({ ...of, startOffset: offset(3) });
    };
    expect(await stage.settle(compactor)).toEqual([]);
    expect(await content()).toBe('3:d=1 4:a=2');
    expect(await stage.compaction()).toMatchObject({ dirtyRanges: [], startOffset: 3 });
    expect(await stage.anomalies()).toEqual([]);
  });
});
