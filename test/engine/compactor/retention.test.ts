// Retention by time and by size, and the metastore that follows the log start.

import { beforeEach, describe, expect, it } from 'vitest';
import { offset } from '../../../src/engine/base/ids.ts';
import type { Compactor, CompactorOptions } from '../../../src/engine/compactor/compactor.ts';
import { encodeBatch } from '../../../src/engine/records/build-batch-format.ts';
import { CompactorStage, place } from './compactor-stage.ts';

let stage: CompactorStage;
let compactor: Compactor;

beforeEach(() => {
  stage = new CompactorStage();
  stage.rules = { ...stage.rules, compacted: false, deleted: true };
  compactor = stage.open();
});

/** The next ten offsets, about 1,000 bytes. */
function batch(): Buffer {
  const records = Array.from({ length: 10 }, () => ({ key: null, value: Buffer.alloc(85) }));
  return encodeBatch(records, { baseOffset: stage.nextOffset, timestamp: stage.clock.nowMs() });
}

/** Extents of a batch, an hour apart from each other. */
async function write(extents: number): Promise<void> {
  for (let extent = 0; extent < extents; extent++) {
    await stage.reconcile([[batch()]]);
    await stage.clock.advance(3_600_000);
  }
}

const expire = () => stage.settle(compactor, ['retention']);
const starts = async () => [stage.partition.logStartOffset, (await stage.compaction()).startOffset];

describe('retention', () => {
  it('by time drops extents whose newest record is too old, and the metastore follows', async () => {
    await write(5);
    stage.rules = { ...stage.rules, retentionMs: 3 * 3_600_000 };
    expect(await expire()).toEqual([]);
    expect(await starts()).toEqual([20, 20]);
    expect(await stage.shape()).toBe('20-29 30-39 40-49');
    expect(await stage.anomalies()).toEqual([]);
    expect(compactor.counters().retentionMoves).toBe(1);
  });

  it('by time drops all that is reconciled when all of it is too old, and nothing else', async () => {
    await write(3);
    stage.rules = { ...stage.rules, retentionMs: 1 };
    stage.partition.highWatermark = offset(500);
    await expire();
    expect(await starts()).toEqual([30, 30]);
  });

  it('stops at what the partition reads from L1', async () => {
    await write(3);
    stage.rules = { ...stage.rules, retentionMs: 1 };
    stage.partition.reconciledEnd = offset(15);
    await expire();
    expect(await starts()).toEqual([15, 15]);
    expect(await stage.shape()).toBe('10-19 20-29');
  });

  it('by size keeps at least so many bytes, and counts those in L0', async () => {
    await write(5);
    const length = (await stage.extents())[0]?.length as number;
    stage.rules = { ...stage.rules, retentionBytes: 4 * length };
    await expire();
    expect(await starts()).toEqual([10, 10]);
    stage.partition.pendingBytes = 2 * length;
    await expire();
    expect(await starts()).toEqual([30, 30]);
    stage.partition.pendingBytes = 40 * length;
    await expire();
    expect(await starts()).toEqual([50, 50]);
  });

  it('by size counts nothing twice that is added to the metastore and pending still', async () => {
    await write(5);
    const length = (await stage.extents())[0]?.length as number;
    stage.rules = { ...stage.rules, retentionBytes: 4 * length };
    stage.partition.reconciledEnd = offset(30);
    stage.partition.pendingBytes = 2 * length;
    await expire();
    expect(await starts()).toEqual([10, 10]);
  });

  it('by size counts nothing twice that is added while it counts', async () => {
    await write(3);
    const length = (await stage.extents())[0]?.length as number;
    stage.rules = { ...stage.rules, retentionBytes: 4 * length };
    stage.partition.pendingBytes = 2 * length;
    const { metastore } = stage;
    const ask = metastore.offsetOfSuffix.bind(metastore);
    const onItsWay = [1, 2];
    metastore.offsetOfSuffix = async (of, bytes) => {
      // Their LRO moves later.
      while (onItsWay.pop() !== undefined) await stage.reconcile([[batch()]], { visible: false });
      return ask(of, bytes);
    };
    await expire();
    expect(await starts()).toEqual([10, 10]);
  });

  it('goes by the limit that takes more', async () => {
    await write(5);
    const length = (await stage.extents())[0]?.length as number;
    stage.rules = { ...stage.rules, retentionMs: 3 * 3_600_000, retentionBytes: 2 * length };
    expect(await compactor.plan({ kinds: ['retention'] })).toMatchObject({
      jobs: [{ kind: 'retention', reason: '30 offsets are past retention.bytes' }],
    });
    await expire();
    expect(await starts()).toEqual([30, 30]);
  });

  it('leaves topics alone that are only compacted, and those without limits', async () => {
    await write(3);
    await expire();
    stage.rules = { ...stage.rules, retentionMs: 1, deleted: false };
    await expire();
    expect(await starts()).toEqual([0, 0]);
  });

  it('is looked for on a period', async () => {
    await write(2);
    stage.rules = { ...stage.rules, retentionMs: 1 };
    await stage.clock.advance(stage.settings.retentionIntervalMs);
    expect(await starts()).toEqual([20, 20]);
  });
});

describe('the metastore', () => {
  it('follows soon after a log start has moved, in as many steps as it takes', async () => {
    stage.settings.retentionIntervalMs = 1e12;
    const batch = () => encodeBatch([{ value: null }], { baseOffset: stage.nextOffset });
    for (let extent = 0; extent < 1200; extent++) await stage.reconcile([[batch()]]);
    await stage.partition.deleteRecords(offset(1150));
    compactor.logStartMoved(stage.partition);
    expect(await starts()).toEqual([1150, 0]);
    await stage.clock.advance(500);
    expect(await starts()).toEqual([1150, 1150]);
    expect(await stage.anomalies()).toEqual([]);
  });

  it('follows up to where it has got, and again when it has got further', async () => {
    await write(2);
    stage.partition.logStartOffset = offset(25);
    compactor.logStartMoved(stage.partition);
    await stage.clock.advance(500);
    expect(await starts()).toEqual([25, 20]);
    await write(1);
    await stage.clock.advance(stage.settings.retentionIntervalMs);
    expect(await starts()).toEqual([25, 25]);
  });

  it('follows after a restart what nobody has told it of', async () => {
    await write(2);
    await compactor[Symbol.asyncDispose]();
    stage.partition.logStartOffset = offset(10);
    const next = stage.open();
    await stage.clock.advance(stage.settings.retentionIntervalMs);
    expect(await starts()).toEqual([10, 10]);
    await next[Symbol.asyncDispose]();
  });

  it('is tried again when it could not follow', async () => {
    await write(2);
    stage.settings.retentionIntervalMs = 1e12;
    stage.partition.logStartOffset = offset(10);
    stage.domain.beforeWrite = () => {
      throw new Error('no write now');
    };
    compactor.logStartMoved(stage.partition);
    await stage.clock.advance(2000);
    expect(await starts()).toEqual([10, 0]);
    stage.domain.beforeWrite = () => {};
    await stage.clock.advance(5000);
    expect(await starts()).toEqual([10, 10]);
  });

  it('has nothing to follow where nothing is reconciled, or the topic is deleted', async () => {
    const warnings: string[] = [];
    const warn: CompactorOptions['logger']['warn'] = (_, message) => void warnings.push(message);
    const logger = { debug: () => {}, info: () => {}, warn, error: warn };
    const other = stage.open({ logger });
    stage.partition.logStartOffset = offset(3);
    other.logStartMoved(stage.partition);
    await stage.clock.advance(500);
    await write(1);
    await stage.metastore.removeTopics(0, { topicIds: [place.topicId] });
    other.logStartMoved(stage.partition);
    await stage.clock.advance(stage.settings.retentionIntervalMs);
    expect(warnings).toEqual([]);
    await other[Symbol.asyncDispose]();
  });
});
